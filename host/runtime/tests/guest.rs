//! The fixture does as it is told, and the host does as the contract says: outcomes, limits, grants, views, logs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "guest/reach.rs"]
mod reach;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use support::wat_plugin::{self, HOG, LIE, LOOP, OK, RETRY, TRAP};
use support::{FakeMailbox, FakeState, FakeTable, NOW, Recorder, batch, batch_of, context, engine, engine_of, failure};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;
use tripline_core::delivery::{Batch, FailedChange, Failure, FailureKind, Outcome, ReadFrom, Report, Seen};
use tripline_core::effect::Mutation;
use tripline_core::limits::{LOG_LINES_PER_BATCH_MAX, REASON_BYTES_MAX};
use tripline_core::view::{View, ViewType};
use tripline_runtime::{Plugin, TriggerContext};

/// Compiled once for all tests of this file.
async fn fixture() -> Plugin {
    static FIXTURE: OnceCell<Plugin> = OnceCell::const_new();
    FIXTURE.get_or_init(async || engine().load(tripline_bundled::FIXTURE).await.unwrap()).await.clone()
}

struct Ran {
    report: Report,
    signals: Arc<Recorder>,
}

impl Ran {
    /// The one signal of how the handler ended.
    fn result(&self) -> String {
        let handled = self.signals.with("handled welcome ");
        assert_eq!(handled.len(), 1, "{:#?}", self.signals.lines());
        handled[0].clone()
    }
}

async fn run(settings: &[(&str, &str)], batch: &Batch, adjust: impl FnOnce(&mut TriggerContext)) -> Ran {
    run_plugin(&fixture().await, settings, batch, adjust).await
}

async fn run_plugin(plugin: &Plugin, settings: &[(&str, &str)], batch: &Batch, adjust: impl FnOnce(&mut TriggerContext)) -> Ran {
    let signals = Arc::<Recorder>::default();
    let mut context = context(&signals, settings);
    adjust(&mut context);
    Ran { report: plugin.handle(batch, &context).await, signals }
}

async fn run_wat(body: &str, changes: usize, adjust: impl FnOnce(&mut TriggerContext)) -> Ran {
    let plugin = engine().load(wat_plugin::plugin("wat", body)).await.unwrap();
    run_plugin(&plugin, &[], &batch(changes), adjust).await
}

fn failed(index: u32, failure: Failure) -> FailedChange {
    FailedChange { index, failure }
}

// ---- Surroundings ----

#[tokio::test]
async fn what_a_guest_finds_around_it_is_its_own_unless_it_is_seeded() {
    let logs = async |seed: Option<u64>| {
        run(&[("mode", "surroundings")], &batch(1), |context| context.seed = seed)
            .await
            .signals
            .with("log info ")
    };
    assert_eq!(logs(Some(7)).await, logs(Some(7)).await);
    assert_ne!(logs(Some(7)).await, logs(Some(8)).await);
    let (one, other) = (logs(None).await, logs(None).await);
    assert_ne!(one, other);
    assert_eq!(one.len(), 1);
}

// ---- Outcomes ----

#[tokio::test]
async fn ok() {
    let ran = run(&[("mode", "ok")], &batch(3), |_| {}).await;
    assert_eq!(ran.report.outcome, Outcome::Handled(Vec::new()));
    assert_eq!(ran.result(), "ok");
}

#[tokio::test]
async fn whole_batches_fail_as_the_plugin_says() {
    for (mode, kind) in [("retry", FailureKind::Retry), ("reject", FailureKind::Reject)] {
        let ran = run(&[("mode", mode)], &batch(3), |_| {}).await;
        let failure = failure(&ran.report);
        assert_eq!((failure.kind, &*failure.reason), (kind, &*format!("told to {mode}")));
        assert_eq!(ran.result(), mode);
    }
}

#[tokio::test]
async fn single_changes_fail() {
    let ran = run(&[("mode", "partial"), ("indices", "[2, 0]")], &batch(3), |_| {}).await;
    let told = || Failure::retry("told to");
    assert_eq!(ran.report.outcome, Outcome::Handled(vec![failed(0, told()), failed(2, told())]));
    assert_eq!(ran.result(), "partial");
}

#[tokio::test]
async fn a_position_that_is_not_there_fails_the_batch() {
    let fixture = run(&[("mode", "lie")], &batch(3), |_| {}).await;
    let wat = run_wat(LIE, 3, |_| {}).await;
    for ran in [fixture, wat] {
        let failure = failure(&ran.report);
        assert_eq!(failure.kind, FailureKind::Retry);
        assert!(failure.reason.contains("change 9999"), "{}", failure.reason);
        assert_eq!(ran.result(), "bad_result");
    }
}

// ---- Limits ----

#[tokio::test]
async fn a_panic_is_a_retry_with_its_message_and_backtrace() {
    let ran = run(&[("mode", "trap")], &batch(1), |_| {}).await;
    let failure = failure(&ran.report);
    assert_eq!(failure.kind, FailureKind::Retry);
    assert!(failure.reason.starts_with("wasm trap: wasm `unreachable` instruction executed; on stderr: "), "{}", failure.reason);
    assert!(failure.reason.contains("the fixture panics"), "{}", failure.reason);
    let backtrace = failure.backtrace.as_deref().expect("no backtrace");
    assert!(backtrace.contains("fixture"), "{backtrace}");
    let logged = ran.signals.with("log warn stderr: ");
    assert!(logged.iter().any(|line| line.contains("the fixture panics")), "{logged:#?}");
    assert_eq!(ran.result(), "trap");
}

#[tokio::test]
async fn a_backtrace_names_functions() {
    let ran = run_wat(TRAP, 1, |_| {}).await;
    let failure = failure(&ran.report);
    assert_eq!(&*failure.reason, "wasm trap: wasm `unreachable` instruction executed");
    assert!(failure.backtrace.as_deref().is_some_and(|backtrace| backtrace.contains("inner")), "{:?}", failure.backtrace);
}

#[tokio::test]
async fn an_endless_loop_ends_at_the_time_limit() {
    let short = |context: &mut TriggerContext| context.limits.time_max = Duration::from_secs(1);
    for ran in [run(&[("mode", "loop")], &batch(1), short).await, run_wat(LOOP, 1, short).await] {
        let failure = failure(&ran.report);
        assert_eq!((failure.kind, &*failure.reason), (FailureKind::Retry, "time limit: not done after 1s"));
        assert!(failure.backtrace.is_some(), "a busy guest has one");
        assert_eq!(ran.result(), "timeout");
    }
}

#[tokio::test]
async fn waiting_in_a_host_call_is_time_too() {
    let table = FakeTable::shut();
    let ran = run(&[("mode", "tables"), ("table", "copy")], &batch(1), |context| {
        context.limits.time_max = Duration::from_secs(1);
        context.grants.tables.insert("copy".into(), table.clone());
    })
    .await;
    assert_eq!(&*failure(&ran.report).reason, "time limit: not done after 1s, waiting in tables.write");
    assert_eq!(ran.result(), "timeout");
    assert!(table.writes.lock().unwrap().is_empty());
}

/// Loops on all workers, and another trigger's batches on the same runtime.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_loops_do_not_starve_other_triggers() {
    const LOOPS: usize = 4;
    let engine = engine_of(8);
    let looping = engine.load(wat_plugin::plugin("looping", LOOP)).await.unwrap();
    let quick = engine.load(wat_plugin::plugin("quick", OK)).await.unwrap();
    let signals = Arc::<Recorder>::default();
    let mut loops = JoinSet::new();
    for _ in 0..LOOPS {
        let mut context = context(&signals, &[]);
        context.limits.time_max = Duration::from_secs(3);
        let looping = looping.clone();
        loops.spawn(async move { looping.handle(&batch(1), &context).await });
    }
    let loops_done = Arc::new(AtomicBool::new(false));
    let mut others = JoinSet::new();
    let (done, quiet) = (loops_done.clone(), context(&Arc::default(), &[]));
    others.spawn(async move {
        let mut slowest = Duration::ZERO;
        let mut timer = tokio::time::interval(Duration::from_millis(1));
        while !done.load(Ordering::Relaxed) {
            let started = Instant::now();
            let report = quick.handle(&batch(1), &quiet).await;
            slowest = slowest.max(started.elapsed());
            assert_eq!(report.outcome, Outcome::Handled(Vec::new()));
            // As a lane that waits for its next batch: the timer must fire too.
            timer.tick().await;
            slowest = slowest.max(started.elapsed());
        }
        slowest
    });
    let ended = loops.join_all().await;
    loops_done.store(true, Ordering::Relaxed);
    let slowest = others.join_all().await[0];
    assert_eq!(ended.len(), LOOPS);
    assert_eq!(signals.with("handled welcome timeout").len(), LOOPS);
    assert!(slowest < Duration::from_secs(1), "a batch of another trigger took {slowest:?}");
}

#[tokio::test]
async fn who_ends_its_process_is_told_so() {
    let ran = run(&[("mode", "exit")], &batch(1), |_| ()).await;
    let expected = "the plugin ended its process (exit status 0) in the midst of a call: return from the handler";
    assert_eq!(&*failure(&ran.report).reason, expected);
    assert_eq!(ran.result(), "trap");
}

#[tokio::test]
async fn a_hog_ends_at_the_memory_limit() {
    let little = |context: &mut TriggerContext| context.limits.memory_bytes_max = 8 * 1024 * 1024;
    for ran in [run(&[("mode", "hog")], &batch(1), little).await, run_wat(HOG, 1, little).await] {
        let failure = failure(&ran.report);
        assert_eq!(failure.kind, FailureKind::Retry);
        assert!(failure.reason.starts_with("out of memory: wanted "), "{}", failure.reason);
        assert!(failure.reason.contains(" of 8388608 bytes"), "{}", failure.reason);
        assert!(failure.backtrace.is_some());
        assert_eq!(ran.result(), "out_of_memory");
    }
}

#[tokio::test]
async fn a_plugin_that_needs_more_memory_than_it_may_have_costs_an_attempt() {
    let ran = run_wat(OK, 1, |context| context.limits.memory_bytes_max = 1024).await;
    assert_eq!(
        &*failure(&ran.report).reason,
        "out of memory: wanted 65536 of 1024 bytes, its `limits.memory` (`--memory` of `tripline test`)"
    );
    assert_eq!(ran.result(), "out_of_memory");
}

#[tokio::test]
async fn a_flood_of_logs_is_cut_and_counted() {
    let ran = run(&[("mode", "flood")], &batch(1), |_| {}).await;
    assert_eq!(ran.report.outcome, Outcome::Handled(Vec::new()));
    let logged = ran.signals.with("log ");
    assert_eq!(logged.len(), LOG_LINES_PER_BATCH_MAX as usize);
    assert!(logged[0].contains("line 0"), "{}", logged[0]);
    assert_eq!(ran.signals.with("dropped "), ["99000"]);
}

#[tokio::test]
async fn more_calls_than_instances_wait_their_turn() {
    let engine = engine_of(1);
    let plugin = engine.load(wat_plugin::plugin("one", OK)).await.unwrap();
    let signals = Arc::<Recorder>::default();
    let (context, batch) = (context(&signals, &[]), batch(1));
    let reports = futures_util::future::join_all((0..20).map(|_| plugin.handle(&batch, &context))).await;
    assert!(reports.iter().all(|report| report.outcome == Outcome::Handled(Vec::new())), "{reports:#?}");
    assert_eq!(signals.with("handled welcome ok").len(), 20);
}

#[tokio::test]
async fn a_call_may_be_dropped_midway() {
    let engine = engine_of(1);
    let plugin = engine.load(tripline_bundled::FIXTURE).await.unwrap();
    let (signals, table) = (Arc::<Recorder>::default(), FakeTable::shut());
    let mut context = context(&signals, &[("mode", "tables"), ("table", "copy")]);
    context.grants.tables.insert("copy".into(), table.clone());
    let one = batch(1);
    tokio::select! {
        report = plugin.handle(&one, &context) => panic!("{report:?}"),
        () = table.arrived.notified() => {}
    }
    table.open.add_permits(1);
    // The only instance is free again.
    let report = plugin.handle(&one, &context).await;
    assert_eq!(report.outcome, Outcome::Handled(Vec::new()));
    assert_eq!(table.writes.lock().unwrap().len(), 1);
}

// ---- Grants ----

#[tokio::test]
async fn what_is_not_granted_denies_and_says_how_to_grant_it() {
    let cases = [
        ("counters", "counters", "counters = true"),
        ("state", "state", "state = true"),
        ("tables", "the table `copy`", "tables = [\"copy\"]"),
        ("mail", "a mailer", "mailers = ["),
        ("update", "the table `copy`", "tables = [\"copy\"]"),
        ("transact", "the table `copy`", "tables = [\"copy\"]"),
        ("look", "to read the table `copy`", "reads = [\"copy\"]"),
        ("measure", "metrics", "metrics = true"),
    ];
    for (mode, what, remedy) in cases {
        let ran = run(&[("mode", mode), ("table", "copy"), ("max", "3"), ("key", "pk")], &batch(2), |_| {}).await;
        let reason = match &ran.report.outcome {
            Outcome::Failed(failure) => failure.reason.clone(),
            Outcome::Handled(failed) => failed[0].failure.reason.clone(),
            Outcome::NotRun(reason) => panic!("{reason}"),
        };
        assert!(reason.contains(&format!("trigger `welcome` is not granted {what}")), "{reason}");
        assert!(reason.contains(&format!("grants = {{ {remedy}")), "{reason}");
        assert!(reason.contains("[triggers.welcome]"), "{reason}");
        assert!(ran.report.effects.is_empty(), "{:?}", ran.report.effects);
    }
}

#[tokio::test]
async fn counters_add_per_change() {
    let ran = run(&[("mode", "counters")], &batch(2), |context| context.grants.counters = true).await;
    assert_eq!(ran.report.outcome, Outcome::Handled(Vec::new()));
    let added: Vec<String> = ran
        .report
        .effects
        .iter()
        .map(|effect| match &effect.mutation {
            Mutation::AddCounter { counter, delta } => format!("{}: {counter} {delta}", effect.change),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(added, [r#"0: seen{name="modify"} 1"#, r#"1: seen{name="modify"} 1"#]);
}

#[tokio::test]
async fn what_a_call_saw_of_the_store_stays_so_and_is_told_even_when_it_fails() {
    let stored = [("k".to_owned(), b"v".to_vec())].into();
    let state = Arc::new(FakeState { stored, restless: true, ..FakeState::default() });
    let ran = run(&[("mode", "reread")], &batch(3), |context| context.grants.state = Some(state.clone())).await;
    assert_eq!(ran.signals.with("log info "), ["fixture: k is v1, none is none: true"; 3]);
    assert_eq!(*state.reads.lock().unwrap(), [["k"], ["none"]]);
    let expected = [Seen { key: "k".into(), version: Some(1), at: NOW }, Seen { key: "none".into(), version: None, at: NOW }];
    assert_eq!(ran.report.seen, expected);
    assert!(matches!(ran.report.outcome, Outcome::Failed(_)));
}

#[tokio::test]
async fn state_reads_the_store_once_and_then_the_batchs_own_writes() {
    let mut state = FakeState::default();
    state.stored.insert("k".into(), b"stored".to_vec());
    let state = Arc::new(state);
    let ran = run(&[("mode", "state")], &batch(3), |context| context.grants.state = Some(state.clone())).await;
    assert_eq!(ran.report.outcome, Outcome::Handled(Vec::new()));
    assert_eq!(ran.signals.with("log info "), ["fixture: k is stored", "fixture: k is event-0", "fixture: k is event-1"]);
    assert_eq!(*state.reads.lock().unwrap(), [["k"]]);
    assert_eq!(ran.report.seen, [Seen { key: "k".into(), version: Some(1), at: NOW }]);
    assert_eq!(ran.report.reads, [ReadFrom { reader: 1, writer: 0 }, ReadFrom { reader: 2, writer: 1 }]);
    let written: Vec<(u32, Vec<u8>)> = ran
        .report
        .effects
        .iter()
        .map(|effect| match &effect.mutation {
            Mutation::SetState { key, value, expires_ms: None } if &**key == "k" => (effect.change, value.clone()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(written, [(0, b"event-0".to_vec()), (1, b"event-1".to_vec()), (2, b"event-2".to_vec())]);
}

#[tokio::test]
async fn tables_answer_each_write() {
    let table = FakeTable::open();
    let ran = run(&[("mode", "tables"), ("table", "copy")], &batch(3), |context| {
        context.grants.tables.insert("copy".into(), table.clone());
    })
    .await;
    let Outcome::Handled(failed) = &ran.report.outcome else { panic!("{:?}", ran.report) };
    assert_eq!(failed.iter().map(|failed| failed.index).collect::<Vec<_>>(), [1]);
    assert!(failed[0].failure.reason.contains("no such thing"), "{:?}", failed[0]);
    assert_eq!(table.writes.lock().unwrap().len(), 3);
}

#[tokio::test]
async fn mail_goes_to_the_only_mailer_and_names_its_change() {
    let ran = run(&[("mode", "mail")], &batch(2), |context| {
        context.grants.mailers.insert("office".into(), Arc::new(FakeMailbox("office")));
    })
    .await;
    let ids: Vec<String> = ran
        .report
        .effects
        .iter()
        .map(|effect| match &effect.mutation {
            Mutation::SendMail(mail) => format!("{} {}", effect.change, mail.message_id),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids, ["0 welcome/event-0/k", "1 welcome/event-1/k"]);
}

#[tokio::test]
async fn mail_must_name_one_of_several_mailers() {
    let ran = run(&[("mode", "mail")], &batch(1), |context| {
        for name in ["office", "shop"] {
            context.grants.mailers.insert(name.into(), Arc::new(FakeMailbox(name)));
        }
    })
    .await;
    let reason = &failure(&ran.report).reason;
    assert!(reason.contains("must name one: office, shop"), "{reason}");
}

// ---- Views and logs ----

#[tokio::test]
async fn the_guest_sees_its_view_and_no_more() {
    let new = r#"{"pk":{"S":"user#0"},"age":{"S":"new"},"secret":{"S":"hidden"}}"#;
    let old = r#"{"pk":{"S":"user#0"},"age":{"S":"old"},"secret":{"S":"hidden"}}"#;
    let cut_new = r#"{"pk":{"S":"user#0"},"age":{"S":"new"}}"#;
    let cut_old = r#"{"pk":{"S":"user#0"},"age":{"S":"old"}}"#;
    let cases = [
        (ViewType::NewAndOldImages, None, new, old),
        (ViewType::NewImage, None, new, "none"),
        (ViewType::OldImage, None, "none", old),
        (ViewType::KeysOnly, None, "none", "none"),
        (ViewType::NewAndOldImages, Some(["age"].into_iter().collect()), cut_new, cut_old),
    ];
    for (kind, attributes, new, old) in cases {
        let ran = run(&[("mode", "echo")], &batch_of(1, View { kind, attributes }), |_| {}).await;
        let expected = format!(r#"fixture: keys {{"pk":{{"S":"user#0"}}}} new {new} old {old}"#);
        assert_eq!(ran.signals.with("log info "), [expected]);
    }
}

#[tokio::test]
async fn what_it_prints_is_logged() {
    let ran = run(&[("mode", "print")], &batch(1), |_| {}).await;
    assert_eq!(ran.signals.with("log "), ["info stdout: the fixture prints", "warn stderr: the fixture complains"]);
}

// ---- Probe ----

#[tokio::test]
async fn a_probe_passes_or_says_why_not() {
    let signals = Arc::<Recorder>::default();
    let origin = batch(0).origin;
    let fixture = fixture().await;
    let probe = async |plugin: &Plugin, settings: &[(&str, &str)], time_max| {
        let mut context = context(&signals, settings);
        context.limits.time_max = time_max;
        plugin.probe(&origin, &context).await
    };
    let long = Duration::from_secs(20);
    assert_eq!(probe(&fixture, &[("mode", "ok")], long).await, Ok(()));
    let told = probe(&fixture, &[("mode", "probe-fail")], long).await.unwrap_err();
    assert_eq!((told.reason.as_str(), told.may_pass), ("told to fail the probe", false));
    let wats = [(RETRY, "nope", true), (TRAP, "unreachable", false), (LIE, "change 9999", false), (LOOP, "time limit", true)];
    for (body, reason, may_pass) in wats {
        let plugin = engine().load(wat_plugin::unconditional("probed", body)).await.unwrap();
        let refused = probe(&plugin, &[], Duration::from_secs(1)).await.expect_err(body);
        assert!(refused.reason.contains(reason) && refused.may_pass == may_pass, "{refused:?}");
    }
    assert_eq!(signals.with("handled"), Vec::<String>::new(), "a probe is no delivery");
}

#[tokio::test]
async fn reasons_are_bounded() {
    // The guest's own text is all that a reason may be made of: see src/text.rs for what is escaped.
    let ran = run(&[("mode", &"x".repeat(3 * REASON_BYTES_MAX))], &batch(1), |_| {}).await;
    let failure = failure(&ran.report);
    assert_eq!(failure.kind, FailureKind::Reject);
    assert!(failure.reason.len() <= REASON_BYTES_MAX && failure.reason.ends_with('…'), "{} bytes", failure.reason.len());
}
