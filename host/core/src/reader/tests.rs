use std::sync::Arc;

use expect_test::{Expect, expect};

use super::*;
use crate::slice::slice_page;

/// A page with changes of these sequence numbers; `open`: another may follow.
fn page(numbers: &[u32], open: bool) -> Page {
    let record =
        |n: &u32| format!(r#"{{"eventID":"e{n}","eventName":"INSERT","dynamodb":{{"SequenceNumber":"{n}","Keys":{{"pk":{{"S":"k"}}}}}}}}"#);
    let records: Vec<_> = numbers.iter().map(record).collect();
    let next = if open { r#""it""# } else { "null" };
    slice_page(Arc::new(format!(r#"{{"Records":[{}],"NextShardIterator":{next}}}"#, records.join(",")))).unwrap()
}

fn error(name: &str) -> ReadError {
    let text = || "told so".to_owned();
    match name {
        "expired" => ReadError::IteratorExpired,
        "trimmed" => ReadError::Trimmed(text()),
        "gone" => ReadError::Gone(text()),
        "throttled" => ReadError::Throttled(text()),
        "unavailable" => ReadError::Unavailable(text()),
        "refused" => ReadError::Refused(text()),
        _ => panic!("{name}"),
    }
}

/// Plays the answers in turn, each as soon as the reader asks, and shows what it did: `open horizon`, `open 3`, `poll`, each with what it
/// handed on or noted; then what it would do next.
#[track_caller]
fn check(start: Option<u32>, answers: &[&str], expected: Expect) {
    let start = start.map_or(Position::TrimHorizon, |n| Position::After(SequenceNumber::parse(&n.to_string()).unwrap()));
    let budget = Budget::new(1);
    let mut reader = Reader::new(start, Pace::aws(), 1, &budget);
    let mut now = Timestamp::from_ms(0);
    let mut lines = Vec::new();
    for answer in answers {
        let step = next_call(&mut reader, &mut now);
        let outcome = play(&mut reader, now, &step, answer);
        lines.push(format!("{}: {answer}{outcome}", show(&step)));
    }
    lines.push(show(&next_call(&mut reader, &mut now)));
    expected.assert_eq(&lines.join("\n"));
}

fn next_call(reader: &mut Reader, now: &mut Timestamp) -> Step {
    loop {
        match reader.next(*now) {
            Step::WaitUntil(time) => *now = time,
            step => return step,
        }
    }
}

fn show(step: &Step) -> String {
    match step {
        Step::Open(Position::TrimHorizon) => "open horizon".into(),
        Step::Open(Position::After(number)) => format!("open after {number}"),
        Step::Poll(_) => "poll".into(),
        Step::Ended => "ended".into(),
        Step::Busy | Step::WaitUntil(_) => panic!("{step:?}"),
    }
}

/// An answer is `ok` (an iterator), an error's name, or a page: `1,2`, empty as `-`, closing with a `.`.
fn play(reader: &mut Reader, now: Timestamp, step: &Step, answer: &str) -> String {
    let mut handed_on = String::new();
    let note = match (step, answer) {
        (Step::Open(_), "ok") => reader.opened(now, Ok("it".into())),
        (Step::Open(_), name) => reader.opened(now, Err(error(name))),
        (_, name) if name.starts_with(|c: char| c.is_ascii_alphabetic()) => reader.polled(now, now, Err(error(name))),
        (_, numbers) => {
            let list: Vec<u32> = numbers.trim_end_matches('.').split(',').filter_map(|n| n.parse().ok()).collect();
            let mut page = page(&list, !numbers.ends_with('.'));
            let note = reader.polled(now, now, Ok(&mut page));
            let kept: Vec<_> = page.changes.iter().map(|change| change.sequence_number.to_string()).collect();
            handed_on = format!(" => {}", kept.join(","));
            note
        }
    };
    match note {
        None => handed_on,
        Some(Note { result, .. }) => format!(" ({})", result.as_str()),
    }
}

#[test]
fn reads_to_the_end_and_hands_on_the_last_page() {
    check(
        None,
        &["ok", "1,2", "-", "3."],
        expect![[r#"
        open horizon: ok
        poll: 1,2 => 1,2
        poll: - => 
        poll: 3. => 3
        ended"#]],
    );
}

#[test]
fn an_expired_iterator_is_reopened_where_reading_stood() {
    check(
        None,
        &["ok", "expired", "ok", "1", "expired"],
        expect![[r#"
        open horizon: ok
        poll: expired (expired)
        open horizon: ok
        poll: 1 => 1
        poll: expired (expired)
        open after 1"#]],
    );
    check(
        Some(7),
        &["ok", "expired"],
        expect![[r#"
        open after 7: ok
        poll: expired (expired)
        open after 7"#]],
    );
}

#[test]
fn a_trim_goes_on_at_the_horizon_and_hands_on_nothing_twice() {
    check(
        Some(7),
        &["trimmed", "ok", "6,7,8", "trimmed", "ok", "9"],
        expect![[r#"
            open after 7: trimmed (trimmed)
            open horizon: ok
            poll: 6,7,8 => 8
            poll: trimmed (trimmed)
            open horizon: ok
            poll: 9 => 9
            poll"#]],
    );
}

#[test]
fn a_throttle_keeps_the_iterator_and_a_failure_does_not() {
    check(
        None,
        &["ok", "1", "throttled", "throttled", "unavailable", "ok", "2", "refused"],
        expect![[r#"
        open horizon: ok
        poll: 1 => 1
        poll: throttled (throttled)
        poll: throttled (throttled)
        poll: unavailable (unavailable)
        open after 1: ok
        poll: 2 => 2
        poll: refused (refused)
        open after 2"#]],
    );
}

#[test]
fn a_shard_that_is_gone_ends_with_a_gap_once_it_is_believed() {
    check(
        Some(3),
        &["ok", "gone", "gone", "gone", "gone", "gone", "gone", "gone"],
        expect![[r#"
            open after 3: ok
            poll: gone (gone)
            open after 3: gone (gone)
            open after 3: gone (gone)
            open after 3: gone (gone)
            open after 3: gone (gone)
            open after 3: gone (gone)
            open after 3: gone (gone)
            ended"#]],
    );
}

#[test]
fn an_iterator_or_another_reader_shows_that_a_shard_is_there() {
    let answers = ["ok", "gone", "gone", "gone", "gone", "ok", "gone", "gone", "gone", "gone"];
    check(
        Some(3),
        &answers,
        expect![[r#"
            open after 3: ok
            poll: gone (gone)
            open after 3: gone (gone)
            open after 3: gone (gone)
            open after 3: gone (gone)
            open after 3: ok
            poll: gone (gone)
            open after 3: gone (gone)
            open after 3: gone (gone)
            open after 3: gone (gone)
            open after 3"#]],
    );
    let mut reader = Reader::new(Position::TrimHorizon, Pace::aws(), 1, &Budget::new(1));
    let mut now = Timestamp::from_ms(0);
    for _ in 0..20 {
        next_call(&mut reader, &mut now);
        reader.opened(now, Err(error("gone")));
        reader.is_there();
    }
    assert!(!reader.has_ended());
}

#[test]
fn pages_alone_that_say_gone_are_believed_in_the_end() {
    let mut reader = Reader::new(Position::TrimHorizon, Pace::aws(), 1, &Budget::new(1));
    let mut now = Timestamp::from_ms(0);
    let mut polls = 0;
    while !reader.has_ended() && polls < 100 {
        match next_call(&mut reader, &mut now) {
            Step::Open(_) => reader.opened(now, Ok("it".into())),
            _ => {
                polls += 1;
                reader.polled(now, now, Err(error("gone")))
            }
        };
    }
    assert_eq!(polls, DENIED_MIN);
}

#[test]
fn the_tip_is_where_the_first_of_the_last_empty_pages_was_asked_for() {
    let mut reader = Reader::new(Position::TrimHorizon, Pace::aws(), 1, &Budget::new(1));
    let mut now = Timestamp::from_ms(0);
    next_call(&mut reader, &mut now);
    reader.opened(now, Ok("it".into()));
    let mut tips = Vec::new();
    let last = TIP_MIN as u64 + 3;
    for asked in 1..=last {
        next_call(&mut reader, &mut now);
        let numbers: &[u32] = if asked == last - 1 { &[1] } else { &[] };
        reader.polled(now, Timestamp::from_ms(asked), Ok(&mut page(numbers, true)));
        tips.push(reader.tip().map(Timestamp::as_ms));
    }
    assert_eq!(tips[TIP_MIN - 2..], [None, Some(1), Some(2), None, None]);
}

#[test]
fn waits_longer_while_idle_and_is_fast_again_with_data() {
    let mut reader = Reader::new(Position::TrimHorizon, Pace::aws(), 1, &Budget::new(1));
    let mut now = Timestamp::from_ms(0);
    reader.next(now);
    reader.opened(now, Ok("it".into()));
    let mut waits = Vec::new();
    for numbers in [&[][..], &[], &[], &[], &[], &[1], &[]] {
        let before = now;
        next_call(&mut reader, &mut now);
        waits.push(now.since(before).as_millis());
        reader.polled(now, now, Ok(&mut page(numbers, true)));
    }
    // Spread by up to a quarter, and never faster than five a second.
    for (wait, longest) in waits.iter().zip([0, 200, 400, 800, 1000, 1000, 200]) {
        assert!(*wait <= longest && *wait >= (longest * 3 / 4).max(longest.min(200)), "{waits:?}");
    }
}

#[test]
fn never_polls_a_shard_more_than_five_times_a_second() {
    let mut reader = Reader::new(Position::TrimHorizon, Pace::aws(), 1, &Budget::new(1));
    let mut now = Timestamp::from_ms(0);
    reader.next(now);
    reader.opened(now, Ok("it".into()));
    for n in 0..50 {
        next_call(&mut reader, &mut now);
        reader.polled(now, now, Ok(&mut page(&[n], true)));
    }
    assert!(now >= Timestamp::from_ms(49 * 200), "{now}");
}
