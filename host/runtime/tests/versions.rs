//! One host, three versions of the contract: each plugin is called in its own, and all come to the same kinds of report.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::Path;

use support::wat_plugin::{OK, plugin};
use support::{NOW, Recorder, batch, context, engine, failure};
use tripline_core::delivery::{FailedChange, Failure, Outcome, Report};
use tripline_core::effect::Mutation;
use tripline_core::time::Timestamp;
use tripline_runtime::{Capability, LoadError, Plugin, TriggerContext};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const REALLOC: &str = r#"
  (memory (export "memory") 1)
  (global $free (mut i32) (i32.const 8192))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $at) (local.get 3)))
    (local.get $at))"#;

/// A core module of this text, as a component of the contract of tests/wit/VERSION.
fn component(version: &str, text: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wit").join(version);
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(folder).unwrap();
    let world = resolve.select_world(&[package], Some("plugin")).unwrap();
    let mut core = wat::parse_str(format!("(module {text} {REALLOC})")).unwrap();
    embed_component_metadata(&mut core, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&core).unwrap().encode().unwrap()
}

/// 0.0.9: adds 7 to `seen` of each change, and fails where the host refuses that; with three changes it fails by itself.
fn older() -> Vec<u8> {
    component(
        "0.0.9",
        r#"
  (import "tripline:trigger/counters@0.0.9" "add" (func $add (param i32 i32 i32 i64 i32)))
  (data (i32.const 100) "seen")
  (data (i32.const 200) "three are too many")
  (data (i32.const 32) "\01\00\00\00\c8\00\00\00\12\00\00\00")
  ;; trigger, changes; returns where the result is
  (func (export "tripline:trigger/handler@0.0.9#handle") (param i32 i32 i32 $len i32) (result i32) (local $n i32)
    (if (i32.eq (local.get $len) (i32.const 3)) (then (return (i32.const 32))))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $n) (local.get $len)))
      (call $add (local.get $n) (i32.const 100) (i32.const 4) (i64.const 7) (i32.const 64))
      (if (i32.load8_u (i32.const 64)) (then (return (i32.const 64))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br $next)))
    (i32.const 16))"#
            .replace("(param i32 i32 i32 $len i32)", "(param i32 i32 i32) (param $len i32)")
            .as_str(),
    )
}

/// 0.1.1: counts each change with `increment`, refuses the second, and postpones a batch that is a minute behind.
fn newer() -> Vec<u8> {
    component(
        "0.1.1",
        r#"
  (import "tripline:trigger/counters@0.1.1" "increment" (func $increment (param i32 i32 i32 i32)))
  (data (i32.const 100) "seen")
  (data (i32.const 200) "too late")
  (data (i32.const 220) "second")
  ;; Err(postpone("too late"))
  (data (i32.const 32) "\01\00\00\00\02\00\00\00\c8\00\00\00\08\00\00\00")
  ;; Ok([{ 1, reject("second") }])
  (data (i32.const 48) "\00\00\00\00\50\00\00\00\01\00\00\00")
  (data (i32.const 80) "\01\00\00\00\01\00\00\00\dc\00\00\00\06\00\00\00")
  ;; trigger, attempt, changes, behind-ms
  (func (export "tripline:trigger/handler@0.1.1#handle") (param i32 i32 i32 i32) (param $len i32) (param $behind i64) (result i32)
    (local $n i32)
    (if (i64.ge_u (local.get $behind) (i64.const 60000)) (then (return (i32.const 32))))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $n) (local.get $len)))
      (call $increment (local.get $n) (i32.const 100) (i32.const 4) (i32.const 160))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br $next)))
    (if (i32.ge_u (local.get $len) (i32.const 2)) (then (return (i32.const 48))))
    (i32.const 16))"#,
    )
}

async fn report(plugin: &Plugin, changes: usize, change: impl FnOnce(&mut TriggerContext)) -> Report {
    let signals = Recorder::default().into();
    let mut context = context(&signals, &[]);
    context.grants.counters = true;
    change(&mut context);
    plugin.handle(&batch(changes), &context).await
}

/// Change and amount of what was added to `seen`.
fn added(report: &Report) -> Vec<(u32, String)> {
    let added = |mutation: &Mutation| match mutation {
        Mutation::AddCounter { counter, delta } if &*counter.name == "seen" => delta.to_string(),
        other => panic!("{other:?}"),
    };
    report.effects.iter().map(|effect| (effect.change, added(&effect.mutation))).collect()
}

#[tokio::test]
async fn an_older_one_has_less() {
    let plugin = engine().load(older()).await.unwrap();
    assert_eq!(plugin.contract_version(), "0.0.9");
    assert_eq!(plugin.asks_for(), [Capability::Counters]);
    let done = report(&plugin, 2, |_| ()).await;
    assert_eq!(done.outcome, Outcome::Handled(Vec::new()));
    assert_eq!(added(&done), [(0, "7".to_owned()), (1, "7".to_owned())]);
    let failed = report(&plugin, 3, |_| ()).await;
    assert_eq!(*failure(&failed), Failure::retry("three are too many"));
    let denied = report(&plugin, 1, |context| context.grants.counters = false).await;
    assert!(failure(&denied).reason.contains("grants = { counters = true }"), "{denied:?}");
}

#[tokio::test]
async fn a_newer_one_has_more() {
    let plugin = engine().load(newer()).await.unwrap();
    assert_eq!(plugin.contract_version(), "0.1.1");
    let done = report(&plugin, 1, |_| ()).await;
    assert_eq!((&done.outcome, added(&done)), (&Outcome::Handled(Vec::new()), vec![(0, "1".to_owned())]));
    let partial = report(&plugin, 2, |_| ()).await;
    let rejected = FailedChange { index: 1, failure: Failure::reject("second") };
    assert_eq!(partial.outcome, Outcome::Handled(vec![rejected]));
    let late = Timestamp::from_ms(NOW.as_ms() + 60_000);
    let postponed = report(&plugin, 2, |context| context.clock = std::sync::Arc::new(move || late)).await;
    assert_eq!(*failure(&postponed), Failure::retry("postponed: too late"));
}

#[tokio::test]
async fn one_host_runs_all_of_them_at_once() {
    let engine = engine();
    let mut versions = Vec::new();
    for bytes in [older(), plugin("middle", OK), newer()] {
        let plugin = engine.load(bytes).await.unwrap();
        assert_eq!(report(&plugin, 1, |_| ()).await.outcome, Outcome::Handled(Vec::new()));
        versions.push(plugin.contract_version());
    }
    assert_eq!(versions, ["0.0.9", "0.1.0", "0.1.1"]);
}

#[test]
fn a_plugin_is_linked_with_its_own_version_alone() {
    let (from, to) = (b"tripline:trigger/counters@0.1.1", b"tripline:trigger/counters@0.1.0");
    let mut mixed = newer();
    let places: Vec<usize> = (0..mixed.len() - from.len()).filter(|at| mixed[*at..].starts_with(from)).collect();
    places.iter().for_each(|at| mixed[*at..*at + to.len()].copy_from_slice(to));
    let error = engine().load_blocking(&mixed).unwrap_err();
    assert!(matches!(error, LoadError::UnknownImports { .. }), "{error:?}");
    assert!(error.to_string().contains("`tripline:trigger/counters@0.1.0`"), "{error}");
}
