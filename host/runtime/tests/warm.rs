//! Warm instances: what a trigger keeps of one batch for the next, and what it never does.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use support::wat_plugin::{self, OK};
use support::{FakeState, FakeTable, Recorder, batch, context, engine, engine_of, origin};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tripline_core::delivery::{Outcome, Report};
use tripline_core::limits::LOG_LINES_PER_BATCH_MAX;
use tripline_core::reuse::Reuse;
use tripline_core::view::{View, ViewType};
use tripline_runtime::{Plugin, PluginFile, PluginUse, Slot, TriggerContext};

const REUSE: Reuse = Reuse { batches_max: 1000, age_max: Duration::from_secs(600), memory_bytes_max: 48 << 20, idle_max: 8 };

/// Compiled once for all tests of this file.
async fn fixture() -> Plugin {
    static FIXTURE: OnceCell<Plugin> = OnceCell::const_new();
    FIXTURE.get_or_init(async || engine().load(tripline_bundled::FIXTURE).await.unwrap()).await.clone()
}

/// One trigger.
struct Trigger {
    slot: Slot,
    context: TriggerContext,
    signals: Arc<Recorder>,
}

impl Trigger {
    async fn new(reuse: Option<Reuse>) -> Self {
        Self::of(fixture().await, reuse)
    }

    fn of(plugin: Plugin, reuse: Option<Reuse>) -> Self {
        let signals = Arc::<Recorder>::default();
        let mut context = context(&signals, &[]);
        context.grants.counters = true;
        Self { slot: Slot::of(plugin, reuse), context, signals }
    }

    fn with(&self, settings: &[(&str, &str)]) -> TriggerContext {
        let settings = settings.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        TriggerContext { settings: Arc::new(settings), ..self.context.clone() }
    }

    async fn run(&self, settings: &[(&str, &str)]) -> Report {
        self.slot.handle(&batch(1), &self.with(settings)).await.0
    }

    /// What the fixture says of a batch: how many its instance has had.
    async fn live(&self, settings: &[(&str, &str)]) -> String {
        let report = self.run(&[&[("mode", "live")], settings].concat()).await;
        assert_eq!(report.outcome, Outcome::Handled(Vec::new()));
        assert_eq!(report.effects.len(), 1, "the batch's own alone");
        self.said().into_iter().rfind(|line| line.starts_with("call ")).unwrap()
    }

    /// What the fixture has logged, wherever in it.
    fn said(&self) -> Vec<String> {
        let lines = self.signals.with("log info ").into_iter();
        lines.filter_map(|line| Some(line.split_once(": ")?.1.to_owned())).collect()
    }

    fn ended(&self) -> Vec<String> {
        self.signals.with("instance welcome ended: ")
    }
}

#[tokio::test]
async fn a_global_lives_on_where_the_trigger_asks_for_it_alone() {
    let (fresh, warm) = (Trigger::new(None).await, Trigger::new(Some(REUSE)).await);
    for call in ["call 1", "call 2", "call 3"] {
        assert_eq!(fresh.live(&[]).await, "call 1");
        assert_eq!(warm.live(&[]).await, call);
    }
    assert_eq!(fresh.signals.with("instance "), [""; 0]);
    assert_eq!(warm.signals.with("instance "), ["welcome made", "welcome reused", "welcome reused"]);
    // Each line is told with the batch that wrote it, though it has no end.
    assert_eq!(warm.signals.with("log info stdout: "), ["half a line"; 3]);
}

#[tokio::test]
async fn triggers_of_one_plugin_share_no_instance() {
    let (one, other) = (Trigger::new(Some(REUSE)).await, Trigger::new(Some(REUSE)).await);
    for call in ["call 1", "call 2"] {
        assert_eq!(one.live(&[]).await, call);
        assert_eq!(other.live(&[]).await, call);
    }
}

#[tokio::test]
async fn a_batch_that_does_not_end_well_ends_its_instance() {
    for mode in ["trap", "loop", "hog", "retry", "reject", "lie", "no such mode"] {
        let mut trigger = Trigger::new(Some(REUSE)).await;
        assert_eq!(trigger.live(&[]).await, "call 1");
        let time_max = std::mem::replace(&mut trigger.context.limits.time_max, Duration::from_millis(500));
        let report = trigger.run(&[("mode", mode)]).await;
        assert!(matches!(report.outcome, Outcome::Failed(_)), "{mode}: {report:?}");
        trigger.context.limits.time_max = time_max;
        assert_eq!(trigger.ended(), ["failed"], "{mode}");
        assert_eq!(trigger.live(&[]).await, "call 1", "{mode}");
        assert_eq!(trigger.signals.with("instance "), ["welcome made", "welcome reused", "welcome ended: failed", "welcome made"]);
    }
}

#[tokio::test]
async fn changes_that_fail_by_themselves_do_not() {
    let trigger = Trigger::new(Some(REUSE)).await;
    assert_eq!(trigger.live(&[]).await, "call 1");
    let report = trigger.run(&[("mode", "partial"), ("indices", "[0]")]).await;
    assert!(matches!(report.outcome, Outcome::Handled(failed) if failed.len() == 1));
    assert_eq!(trigger.live(&[]).await, "call 2");
}

/// The settings of a batch after which the instance ends of `cause`.
async fn check_bound(reuse: Reuse, settings: &[(&str, &str)], cause: &str) {
    let trigger = Trigger::new(Some(reuse)).await;
    assert_eq!(trigger.live(&[]).await, "call 1");
    assert_eq!(trigger.live(settings).await, "call 2");
    assert_eq!(trigger.ended(), [cause]);
    assert_eq!(trigger.live(&[]).await, "call 1");
}

#[tokio::test]
async fn bounds() {
    check_bound(Reuse { batches_max: 2, ..REUSE }, &[], "batches").await;
    check_bound(Reuse { memory_bytes_max: 8 << 20, ..REUSE }, &[("mib", "9")], "memory").await;
    check_bound(REUSE, &[("handles", "1001")], "handles").await;
    check_bound(REUSE, &[("body", "true")], "http").await;
}

#[tokio::test]
async fn an_instance_is_no_older_than_it_may_be() {
    let age_max = Duration::from_millis(300);
    let trigger = Trigger::new(Some(Reuse { age_max, ..REUSE })).await;
    assert_eq!(trigger.live(&[]).await, "call 1");
    tokio::time::sleep(age_max).await;
    assert_eq!(trigger.live(&[]).await, "call 1");
    assert_eq!(trigger.ended()[0], "age");
}

#[tokio::test]
async fn an_idle_instance_ends_without_another_batch() {
    let engine = engine_of(1);
    let plugin = engine.load(wat_plugin::plugin("idle", OK)).await.unwrap();
    let trigger = Trigger::of(plugin, Some(Reuse { age_max: Duration::from_millis(300), ..REUSE }));
    let stop = CancellationToken::new();
    let mut sweeping = JoinSet::new();
    sweeping.spawn(engine.sweep_instances(stop.clone()));
    for ended in 1..=2 {
        trigger.run(&[]).await;
        let causes = trigger.signals.wait_for("instance welcome ended: ", ended).await;
        assert_eq!(causes, vec!["age"; ended]);
    }
    stop.cancel();
    sweeping.join_next().await.unwrap().unwrap();
}

#[tokio::test]
async fn each_batch_has_the_whole_of_what_a_batch_may_have() {
    let mut trigger = Trigger::new(Some(REUSE)).await;
    for _ in 0..2 {
        trigger.run(&[("mode", "flood")]).await;
    }
    assert_eq!(trigger.signals.with("log ").len(), 2 * LOG_LINES_PER_BATCH_MAX as usize);
    assert_eq!(trigger.signals.with("dropped "), ["99000"; 2]);

    // Its time begins anew: together they take more than one may have.
    trigger.context.limits.time_max = Duration::from_millis(2500);
    for _ in 0..3 {
        let report = trigger.run(&[("mode", "slow"), ("takes_ms", "1300")]).await;
        assert_eq!(report.outcome, Outcome::Handled(Vec::new()));
    }
    assert_eq!(trigger.signals.with("instance welcome made").len(), 1);
}

#[tokio::test]
async fn what_the_host_remembers_of_a_batch_ends_with_it() {
    let mut trigger = Trigger::new(Some(REUSE)).await;
    let state = Arc::new(FakeState { stored: [("k".to_owned(), b"v".to_vec())].into(), restless: true, ..FakeState::default() });
    trigger.context.grants.state = Some(state.clone());
    for version in 1..=3 {
        let report = trigger.run(&[("mode", "state")]).await;
        assert_eq!(report.outcome, Outcome::Handled(Vec::new()));
        // What it wrote to `k` before is not committed: it finds what is, and its commit is judged by this read alone.
        assert_eq!(report.seen.iter().map(|seen| seen.version).collect::<Vec<_>>(), [Some(version)]);
        assert_eq!(report.effects.len(), 1);
    }
    assert_eq!(trigger.said(), ["k is v1", "k is v2", "k is v3"]);
    // Neither randomness is the batch's before; the last words of a panic are its own.
    for _ in 0..2 {
        trigger.run(&[("mode", "surroundings")]).await;
    }
    let random: Vec<String> = trigger.said().into_iter().filter(|line| line.starts_with("event-0: ")).collect();
    let (one, other) = (random[0].split(", ").collect::<Vec<_>>(), random[1].split(", ").collect::<Vec<_>>());
    assert_ne!(one[1..9], other[1..9], "{random:?}");
    trigger.run(&[("mode", "print")]).await;
    assert_eq!(trigger.signals.with("instance welcome made").len(), 1);
    let Outcome::Failed(failure) = trigger.run(&[("mode", "trap")]).await.outcome else { panic!("no trap") };
    assert!(failure.reason.contains("the fixture panics") && !failure.reason.contains("complains"), "{}", failure.reason);
}

#[tokio::test]
async fn idle_instances_give_way_to_whoever_waits() {
    let engine = engine_of(2);
    let plugin = engine.load(wat_plugin::plugin("room", OK)).await.unwrap();
    let others: Vec<Trigger> = (0..3).map(|_| Trigger::of(plugin.clone(), Some(REUSE))).collect();
    for trigger in &others {
        trigger.run(&[]).await;
    }
    // The one that rested longest.
    assert_eq!(others.iter().map(|trigger| trigger.ended().len()).collect::<Vec<_>>(), [1, 0, 0]);
    let fresh = Trigger::of(plugin.clone(), None);
    // One after the other: they need room for one.
    for _ in 0..20 {
        assert_eq!(fresh.run(&[]).await.outcome, Outcome::Handled(Vec::new()));
    }
    assert_eq!(others.iter().map(|trigger| trigger.ended().len()).collect::<Vec<_>>(), [1, 1, 0]);
    assert_eq!(others[1].ended(), ["room"]);
}

#[tokio::test]
async fn nobody_waits_for_an_instance_that_is_kept() {
    let engine = engine_of(1);
    let plugin = engine.load(wat_plugin::plugin("busy", OK)).await.unwrap();
    let triggers: Vec<Trigger> = (0..4).map(|_| Trigger::of(plugin.clone(), Some(REUSE))).collect();
    let calls = (0..200).map(|n| triggers[n % triggers.len()].run(&[]));
    let all = tokio::time::timeout(Duration::from_secs(60), futures_util::future::join_all(calls)).await.unwrap();
    assert!(all.iter().all(|report| report.outcome == Outcome::Handled(Vec::new())), "{all:?}");
}

/// Two batches at once, held up in a table until both are there.
#[tokio::test]
async fn no_more_are_kept_than_may_be_idle() {
    let mut trigger = Trigger::new(Some(Reuse { idle_max: 1, ..REUSE })).await;
    let table = FakeTable::shut();
    trigger.context.grants.tables.insert("copy".into(), table.clone());
    let settings = [("mode", "tables"), ("table", "copy")];
    let opened = async {
        table.arrived.notified().await;
        table.open.add_permits(1);
    };
    tokio::join!(trigger.run(&settings), trigger.run(&settings), opened);
    assert_eq!(trigger.ended(), ["surplus"]);
}

#[tokio::test]
async fn a_batch_that_is_dropped_takes_its_instance_along() {
    let mut trigger = Trigger::new(Some(REUSE)).await;
    let table = FakeTable::shut();
    trigger.context.grants.tables.insert("copy".into(), table.clone());
    assert_eq!(trigger.live(&[]).await, "call 1");
    tokio::select! {
        report = trigger.run(&[("mode", "tables"), ("table", "copy")]) => panic!("{report:?}"),
        () = table.arrived.notified() => {}
    }
    assert_eq!(trigger.ended(), ["cut_off"]);
    assert_eq!(trigger.live(&[]).await, "call 1");
}

#[tokio::test]
async fn a_reload_ends_all_instances() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plugin.wasm");
    std::fs::write(&path, tripline_bundled::FIXTURE).unwrap();
    let mut trigger = Trigger::new(Some(REUSE)).await;
    let table = FakeTable::shut();
    trigger.context.grants.tables.insert("copy".into(), table.clone());
    trigger.context.limits.time_max = Duration::from_secs(60);
    assert_eq!(trigger.live(&[]).await, "call 1");
    // One at work, one idle.
    let (slot, context) = (trigger.slot.clone(), trigger.with(&[("mode", "tables"), ("table", "copy")]));
    let mut under_way = JoinSet::new();
    under_way.spawn(async move { slot.handle(&batch(1), &context).await.0 });
    table.arrived.notified().await;
    assert_eq!(trigger.live(&[]).await, "call 1");

    let uses = vec![PluginUse {
        slot: trigger.slot.clone(),
        origin: origin("welcome", View::of(ViewType::NewImage)),
        context: trigger.with(&[("mode", "live")]),
    }];
    let (before, stop) = (trigger.slot.current(), CancellationToken::new());
    let mut watching = JoinSet::new();
    watching.spawn(PluginFile::new(path.clone(), &before, uses, trigger.signals.clone()).run(stop.clone()));
    // The same code, and another version: a custom section without a name behind it.
    let beside = path.with_extension("tmp");
    std::fs::write(&beside, [tripline_bundled::FIXTURE, b"\0\x02\x01v"].concat()).unwrap();
    std::fs::rename(&beside, &path).unwrap();
    trigger.signals.wait_for("serves welcome ", 1).await;
    assert_eq!(trigger.signals.wait_for("instance welcome ended: ", 1).await, ["reload"]);
    // Neither the probe's instance nor that of the old version.
    assert_eq!(trigger.live(&[]).await, "call 1");

    table.open.add_permits(1);
    let report = under_way.join_next().await.unwrap().unwrap();
    assert_eq!(report.outcome, Outcome::Handled(Vec::new()));
    assert_eq!(trigger.ended(), ["reload", "reload"]);
    assert_eq!(trigger.live(&[]).await, "call 2");
    stop.cancel();
    watching.join_next().await.unwrap().unwrap();
}
