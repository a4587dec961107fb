//! Components, and shards that get on or do not, by a clock that the tests move.

use std::sync::atomic::{AtomicU64, Ordering};

use tripline_core::gap::Cause;

use super::*;

const LIMIT_S: u64 = 300;

struct Bench {
    now: Arc<AtomicU64>,
    health: Arc<Health>,
}

impl Bench {
    fn new(components: &[Component]) -> Self {
        let now = Arc::new(AtomicU64::new(1_000_000));
        let read = Arc::clone(&now);
        let clock: Clock = Arc::new(move || Timestamp::from_ms(read.load(Ordering::Relaxed)));
        let health = Health::new(clock, Duration::from_secs(LIMIT_S));
        components.iter().for_each(|component| health.expect(component.clone()));
        Self { now, health }
    }

    /// Stream `orders` is found and trigger `mail` serves.
    fn ready() -> Self {
        let bench = Self::new(&[]);
        for component in [Component::Stream(orders()), Component::Trigger(mail())] {
            bench.health.set(component, State::Ready);
        }
        bench.health.follows(&mail(), &orders());
        bench
    }

    fn pass(&self, seconds: u64) {
        self.now.fetch_add(seconds * 1000, Ordering::Relaxed);
    }

    /// What happens, one word each: `open`, `finish`, `polled`, `failed`, `full`, `waits` (changes wait, the oldest of this moment), `tip`,
    /// `waits0` (the oldest is as old as the clock), `acked`, `acked0`, `unhandled`, `given-up`, `stops`, and `+n` for so many seconds. `word:shard` names another shard than `a`.
    fn play(&self, script: &str) {
        for word in script.split_whitespace() {
            if let Some(seconds) = word.strip_prefix('+') {
                self.pass(seconds.parse().unwrap());
                continue;
            }
            let (word, shard) = word.split_once(':').unwrap_or((word, "a"));
            let (stream, trigger, shard, now) = (&orders(), &mail(), &ShardId::from(shard), (self.health.clock)());
            let gap = Gap { shard: Some(shard.clone()), after: None, since: None, until: now, cause: Cause::Trimmed };
            let oldest = |created| Signal::Oldest { trigger, shard, created };
            let polled = Signal::Polled { stream, shard, result: PollResult::Empty, changes: 0, bytes: 0, took: Duration::ZERO };
            self.health.observe(&match word {
                "open" => Signal::ShardOpened { stream, shard },
                "finish" => Signal::ShardFinished { stream, shard },
                "polled" => polled,
                "failed" => Signal::PollFailed { stream, shard, result: PollResult::Unavailable, reason: "connection refused" },
                "full" => Signal::WindowFull { stream, shard, bytes: 1 },
                "waits" => oldest(Some(now)),
                "waits0" => oldest(Some(Timestamp::from_ms(1_000_000))),
                "tip" => oldest(None),
                "acked" => Signal::Acknowledged { trigger, shard, changes: 1 },
                "acked0" => Signal::Acknowledged { trigger, shard, changes: 0 },
                "unhandled" => Signal::ChangesFailed { trigger, shard, changes: 1, reason: "trap", backtrace: None },
                "given-up" => Signal::DeadLettered { trigger, event_id: "e", attempts: 5, reason: "r" },
                "stops" => Signal::Gap { stream, trigger, gap: &gap, stops: true },
                other => panic!("{other}"),
            });
        }
    }

    #[track_caller]
    fn check(&self, problems: &[&str]) {
        let line = |problem: Problem| {
            let shard = problem.shard.map(|shard| format!(" {shard}")).unwrap_or_default();
            format!("{}{shard}: {}", problem.component, problem.reason)
        };
        let shown: Vec<_> = self.health.problems().into_iter().map(line).collect();
        assert_eq!(shown, problems);
    }
}

fn orders() -> StreamName {
    "orders".into()
}

fn mail() -> TriggerName {
    "mail".into()
}

#[track_caller]
fn check(script: &str, problems: &[&str]) {
    let bench = Bench::ready();
    bench.play(script);
    bench.check(problems);
}

#[test]
fn every_component_that_is_expected_must_speak() {
    let bench = Bench::new(&[]);
    bench.check(&["store: starting"]);
    let bench = Bench::new(&[Component::Trigger(mail()), Component::Stream(orders()), Component::Store]);
    bench.check(&["store: starting", "stream orders: starting", "trigger mail: starting"]);
    bench.health.set(Component::Store, State::Ready);
    bench.health.observe(&Signal::StreamFound { stream: &orders(), arn: &"arn".into() });
    bench.check(&["trigger mail: starting"]);
    let version = "ab".into();
    bench
        .health
        .observe(&Signal::PluginServes { trigger: &mail(), plugin: "mailer.wasm", version: &version, reload: false });
    bench.check(&[]);
    bench.health.observe(&Signal::StreamUnavailable { stream: &orders(), reason: "the table is gone" });
    bench.check(&["stream orders: the table is gone"]);
    bench.health.remove(&Component::Stream(orders()));
    bench.health.observe(&Signal::StreamUnavailable { stream: &orders(), reason: "late" });
    bench.check(&[]);
}

#[test]
fn an_answered_poll_ends_a_lapse_of_discovery() {
    let bench = Bench::new(&[Component::Stream(orders())]);
    bench.health.observe(&Signal::StreamUnavailable { stream: &orders(), reason: "throttled" });
    bench.check(&["stream orders: throttled"]);
    bench.play("polled");
    bench.check(&[]);
}

#[test]
fn a_shard_that_is_not_read_is_named() {
    check("open +300", &[]);
    check("open +301", &["stream orders a: no poll was answered for 301 s"]);
    check("open polled +300 polled +300", &[]);
    check("open +100 failed +201 failed", &["stream orders a: no poll was answered for 301 s: connection refused"]);
    check("open +301 failed polled", &[]);
    // Another shard's polls are no comfort.
    check("open open:b +200 polled:b +101", &["stream orders a: no poll was answered for 301 s"]);
    // The longest first.
    check("open +10 open:b +301", &["stream orders a: no poll was answered for 311 s", "stream orders b: no poll was answered for 301 s"]);
}

#[test]
fn a_shard_that_is_over_is_forgotten() {
    check("open finish +999", &[]);
    check("open finish polled +999", &[]);
    check("polled +999", &[]);
    check("open failed finish +999", &[]);
}

#[test]
fn a_reader_that_waits_for_its_triggers_is_not_to_blame() {
    check("open full +301", &[]);
    check("open full failed +301", &["stream orders a: no poll was answered for 301 s: connection refused"]);
    // It may have read the shard to its end: that is not told before the triggers are there.
    check("open waits +200 acked +101", &[]);
    check("open waits +200 acked +101 tip", &["stream orders a: no poll was answered for 301 s"]);
    check("open waits failed +200 acked +101", &["stream orders a: no poll was answered for 301 s: connection refused"]);
}

#[test]
fn a_trigger_that_acknowledges_nothing_of_a_shard_is_named_with_it() {
    let waits = "trigger mail a: nothing was acknowledged for 301 s; the oldest change waiting is 301 s old";
    check("waits +300", &[]);
    check("waits +301", &[waits]);
    check("waits +301 acked0", &[waits]);
    check("waits +301 acked", &[]);
    check("waits +301 tip +999", &[]);
    // What is acknowledged of another shard does not help.
    check("waits waits:b +301 acked:b", &[waits]);
    check("waits unhandled +301", &[&format!("{waits}: trap")]);
    check("waits unhandled acked +301", &[waits]);
    // A later change is the oldest now; or it is of the same second, and the one before was given up on.
    check("waits +200 waits +101", &[]);
    check("waits0 +200 waits0 +101", &[waits]);
    check("waits0 +200 given-up waits0 +101", &[]);
}

#[test]
fn a_trigger_that_stopped_at_a_gap_says_so_until_the_end() {
    let stopped = "trigger mail a: stopped at a gap: changes of shard a, from its start, nobody knows since when and until 1970-01-01T00:16:40Z; \
                   set on_gap = \"continue\" in [streams.orders] and restart the host to go on without them";
    check("open stops", &[stopped]);
    // Neither it nor the reader stalls there: perhaps nobody needs it.
    check("open waits failed stops +999", &[stopped]);
    check("open stops acked tip finish +999", &[stopped]);
    let others = stopped.replace("at a gap:", "at a gap, and at 1 other gaps:");
    check("open open:b stops stops:b polled polled:b", &[&others]);
    let bench = Bench::ready();
    bench.play("stops");
    bench.health.set(Component::Trigger(mail()), State::Ready);
    bench.check(&[stopped]);
    bench.health.remove(&Component::Trigger(mail()));
    bench.check(&[]);
    bench.health.set(Component::Trigger(mail()), State::Ready);
    bench.check(&[stopped]);
}

#[test]
fn what_is_wrong_as_a_whole_comes_before_its_shards() {
    let bench = Bench::ready();
    bench.play("open +301");
    bench.health.observe(&Signal::StreamUnavailable { stream: &orders(), reason: "the table is gone" });
    bench.check(&["stream orders: the table is gone", "stream orders a: no poll was answered for 301 s"]);
    bench.health.remove(&Component::Stream(orders()));
    bench.check(&[]);
}

#[test]
fn of_many_problems_some_are_named_and_all_are_counted() {
    let bench = Bench::ready();
    (0..2000).for_each(|shard| bench.play(&format!("open:{shard:04}")));
    bench.pass(301);
    let (readiness, stalls) = bench.health.look();
    assert_eq!((readiness.problems.len(), readiness.others, stalls.len()), (LISTED_MAX, 2000 - LISTED_MAX, 2000));
    assert_eq!(readiness.problems[0].shard, Some("0000".into()));
    (0..1999).for_each(|shard| bench.play(&format!("polled:{shard:04}")));
    let (readiness, stalls) = bench.health.look();
    assert_eq!((readiness.problems.len(), readiness.others, stalls.len()), (1, 0, 1));
}

/// Looks after each of the scripts, and shows what began (`+place`) and ended (`-place`).
#[track_caller]
fn check_turns(scripts: &[&str], expected: &[&str]) {
    let bench = Bench::ready();
    let looks = scripts.iter().map(|script| {
        bench.play(script);
        let mut inner = bench.health.inner();
        let now = (bench.health.clock)();
        let stalls = inner.progress.stalls(now, bench.health.stalled_after);
        let place =
            |place: &Place| format!("{}{}", place.shard, place.trigger.as_ref().map(|trigger| format!("/{trigger}")).unwrap_or_default());
        let show = |turn: &Turn| match turn {
            Turn::Began(stall) => format!("+{}", place(&stall.place)),
            Turn::Ended(ended) => format!("-{}", place(ended)),
        };
        inner.turns(&stalls, now).iter().map(show).collect::<Vec<_>>().join(" ")
    });
    assert_eq!(looks.collect::<Vec<_>>(), expected);
}

#[test]
fn a_stall_is_told_when_it_begins_and_when_it_ends() {
    // Signals look too, now and then: what is to be seen is whatever the last signal left to see.
    check_turns(&["open", "+301", "+301", "polled", "+301"], &["", "+a", "", "-a", "+a"]);
    check_turns(&["open waits", "+301", "+1"], &["", "+a/mail", ""]);
    check_turns(&["open", "+301", "finish"], &["", "+a", "-a"]);
}

#[test]
fn signals_alone_find_a_stall() {
    let bench = Bench::ready();
    bench.play("open open:b +301 polled:b");
    assert_eq!(bench.health.inner().stalled.len(), 1);
}

#[test]
fn the_stream_of_a_shard_is_known_or_found() {
    let bench = Bench::new(&[]);
    bench.health.set(Component::Trigger(mail()), State::Ready);
    bench.play("waits waits:b open:b +301");
    let streams = |bench: &Bench| {
        bench
            .health
            .look()
            .1
            .into_iter()
            .filter(|stall| stall.place.trigger.is_some())
            .map(|stall| stall.place.stream)
            .collect::<Vec<_>>()
    };
    assert_eq!(streams(&bench), [None, Some(orders())]);
    bench.health.follows(&mail(), &"users".into());
    assert_eq!(streams(&bench), [Some("users".into()), Some("users".into())]);
}

#[test]
fn iterator_age_is_that_of_the_worst_shard_and_zero_at_the_tip() {
    let trigger = mail();
    let bench = Bench::new(&[]);
    let start = (bench.health.clock)();
    let oldest = |shard: &str, created| bench.health.observe(&Signal::Oldest { trigger: &trigger, shard: &shard.into(), created });
    let ages = || bench.health.iterator_ages().into_iter().map(|(_, age)| age.as_secs()).collect::<Vec<_>>();
    assert_eq!(ages(), Vec::<u64>::new());
    oldest("a", None);
    assert_eq!(ages(), [0]);
    oldest("a", Some(start));
    oldest("b", Some(start + Duration::from_secs(5)));
    bench.pass(10);
    assert_eq!(ages(), [10]);
    oldest("a", None);
    assert_eq!(ages(), [5]);
    // A clock behind the stream's.
    oldest("b", Some(start + Duration::from_secs(50)));
    assert_eq!(ages(), [0]);
}
