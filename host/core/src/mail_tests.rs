//! Mailers in virtual time.

use super::*;

const START: Timestamp = Timestamp::from_ms(1_700_000_000_000);
const SECOND: Duration = Duration::from_secs(1);

fn random() -> fastrand::Rng {
    fastrand::Rng::with_seed(7)
}

/// Begins all that may begin, for so long, as a clock of milliseconds lets it: when each try began, in ms after the start.
fn begun(rate: Option<Rate>, time: Duration, wanted: usize) -> Vec<u64> {
    let mut dispatch = Dispatch::new(rate);
    let (mut now, mut begun) = (START, Vec::new());
    while now < START + time && begun.len() < wanted {
        match dispatch.permit(now) {
            Permit::Begin(tries) => {
                let tries = tries.min(wanted - begun.len());
                dispatch.begin(now, tries);
                begun.extend(std::iter::repeat_n(now.since(START).as_millis() as u64, tries));
            }
            Permit::Wait(until) => {
                assert!(until > now, "{until} is not after {now}");
                now = until;
            }
        }
    }
    begun
}

/// `count` begin within `time`, and never more than `most` in any window of `window`.
#[track_caller]
fn check_rate((mails, per): (u32, Duration), time: Duration, count: usize, (window, most): (Duration, usize)) {
    let begun = begun(Rate::new(mails, per), time, usize::MAX);
    assert_eq!(begun.len(), count, "{mails} in {per:?}, over {time:?}");
    for (first, at) in begun.iter().enumerate() {
        let within = begun[first..].iter().take_while(|other| **other < at + window.as_millis() as u64).count();
        assert!(within <= most, "{mails} in {per:?}: {within} of at most {most} within {window:?} from {at} ms on");
    }
}

#[test]
fn mails_are_spread_evenly_and_never_faster_than_the_rate() {
    check_rate((10, SECOND), 10 * SECOND, 100, (SECOND, 10));
    // 71.4 ms apart are 72 on a clock of milliseconds.
    check_rate((14, SECOND), 60 * SECOND, 834, (SECOND, 14));
    check_rate((100, 3600 * SECOND), 3600 * SECOND, 100, (36 * SECOND, 1));
    check_rate((1, SECOND), 10 * SECOND, 10, (SECOND, 1));
    // Faster than the clock ticks: a tenth of a second's worth at once, no more.
    check_rate((5000, SECOND), SECOND, 5495, (SECOND, 5500));
    assert_eq!(begun(None, SECOND, 1_000).len(), 1_000, "no rate, no wait");
}

#[test]
fn rest_saves_up_no_more_than_a_tenth_of_a_second() {
    let mut dispatch = Dispatch::new(Rate::new(100, SECOND));
    assert_eq!(dispatch.permit(START), Permit::Begin(10));
    dispatch.begin(START, 10);
    assert_eq!(dispatch.permit(START), Permit::Wait(START + Duration::from_millis(10)));
    assert_eq!(dispatch.permit(START + 3600 * SECOND), Permit::Begin(10));
}

#[test]
fn a_rate_that_is_none_cannot_be_built() {
    assert_eq!(Rate::new(0, SECOND), None);
    assert_eq!(Rate::new(1, Duration::ZERO), None);
    assert_eq!(Rate::new(u32::MAX, SECOND), None);
}

fn away() -> Result<(), TryError> {
    Err(TryError::Away("refused".to_owned()))
}

fn barred() -> Result<(), TryError> {
    Err(TryError::Barred("535".to_owned()))
}

/// Until when nothing is tried; the mail keeps its attempts and its turn.
#[track_caller]
fn until(tried: Tried) -> Timestamp {
    assert!(matches!(tried.outcome, MailOutcome::Waits { .. }), "{tried:?}");
    let Some(News::Away { until, .. }) = tried.news else { panic!("{tried:?}") };
    until
}

#[test]
fn a_server_that_is_away_is_asked_by_one_mail_at_a_time_more_and_more_seldom() {
    for (fault, first_ms) in [(away as fn() -> _, 1000), (barred, 30_000)] {
        let (mut dispatch, mut random, mut now) = (Dispatch::new(None), random(), START);
        for failures in 0..20 {
            let next = until(dispatch.tried(now, 3, fault(), &mut random));
            let ceiling = Duration::from_millis(first_ms << failures).min(Duration::from_secs(15 * 60));
            let pause = next.since(now);
            assert!(pause <= ceiling && pause + Duration::from_millis(1) >= ceiling / 2, "{failures}: {pause:?} of {ceiling:?}");
            assert_eq!(dispatch.permit(now), Permit::Wait(next));
            now = next;
            assert_eq!(dispatch.permit(now), Permit::Begin(1));
        }
        let back = dispatch.tried(now, 3, Ok(()), &mut random);
        assert_eq!(back, Tried { outcome: MailOutcome::Sent { at: now }, news: Some(News::Back) });
        assert_eq!(dispatch.permit(now), Permit::Begin(usize::MAX));
        assert_eq!(dispatch.tried(now, 0, Ok(()), &mut random).news, None);
    }
}

#[test]
fn tries_that_fail_together_are_one_failure() {
    let (mut dispatch, mut random) = (Dispatch::new(None), random());
    let first = until(dispatch.tried(START, 0, away(), &mut random));
    for _ in 0..3 {
        let tried = dispatch.tried(START + Duration::from_millis(1), 0, away(), &mut random);
        assert_eq!((tried.news, dispatch.permit(START)), (None, Permit::Wait(first)));
    }
    let second = until(dispatch.tried(first, 0, away(), &mut random));
    assert!(second.since(first) <= 2 * SECOND && second.since(first) >= SECOND, "{:?}", second.since(first));
}

#[test]
fn what_the_server_says_of_a_mail_is_that_mails_alone() {
    let (mut dispatch, mut random) = (Dispatch::new(None), random());
    let later = || Err(TryError::Later("451".to_owned()));
    let tried = dispatch.tried(START, 0, later(), &mut random);
    let MailOutcome::Later { not_before, reason } = tried.outcome else { panic!("{tried:?}") };
    assert!(not_before > START && not_before <= START + SECOND && &*reason == "451");
    assert_eq!(dispatch.permit(START), Permit::Begin(usize::MAX));
    let refused = dispatch.tried(START, 0, Err(TryError::Refused("550".to_owned())), &mut random);
    assert_eq!(refused.outcome, MailOutcome::Failed { at: START, reason: "550".into() });
    let last = dispatch.tried(START, ATTEMPTS_MAX - 1, later(), &mut random);
    assert_eq!(last.outcome, MailOutcome::Failed { at: START, reason: "given up after 500 tries: 451".into() });
    // A server that looks at a mail and refuses it is not away any more.
    let _ = dispatch.tried(START, 0, away(), &mut random);
    assert_eq!(dispatch.tried(START, 0, later(), &mut random).news, Some(News::Back));
}

#[test]
fn a_mail_is_tried_for_about_five_days() {
    let (mut dispatch, mut random, mut now) = (Dispatch::new(None), random(), START);
    for attempts in 0..ATTEMPTS_MAX {
        match dispatch.tried(now, attempts, Err(TryError::Later("451".to_owned())), &mut random).outcome {
            MailOutcome::Later { not_before, .. } => now = not_before,
            MailOutcome::Failed { .. } => assert_eq!(attempts, ATTEMPTS_MAX - 1),
            outcome => panic!("{outcome:?}"),
        }
    }
    let days = now.since(START).as_secs_f64() / 86400.0;
    assert!((3.5..5.5).contains(&days), "{days}");
}
