//! What the loader takes and refuses, and that every refusal says what to do.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::time::Duration;

use support::wat_plugin::{OK, component, plugin};
use support::{Recorder, batch, context, engine};
use tripline_core::delivery::Outcome;
use tripline_runtime::{Compiler, CompilerConfig, CompilerProcess, Engine, EngineConfig, LoadError};

const HANDLER: &str = "tripline:trigger/handler@0.1.0";

#[track_caller]
fn check_refused(bytes: &[u8], is_it: fn(&LoadError) -> bool, texts: &[&str]) {
    let error = engine().load_blocking(bytes).expect_err("loaded");
    assert!(is_it(&error), "{error:?}");
    for text in texts {
        assert!(error.to_string().contains(text), "no `{text}` in: {error}");
    }
}

#[test]
fn what_is_no_webassembly() {
    for bytes in [&b""[..], b"\0as", b"#!/bin/sh\n", b"(component)"] {
        check_refused(bytes, |error| matches!(error, LoadError::NotWasm), &["\\0asm"]);
    }
}

#[test]
fn a_core_module() {
    let module = wat::parse_str("(module (func (export \"handle\")))").unwrap();
    check_refused(&module, |error| matches!(error, LoadError::CoreModule), &["wasm32-wasip2", "tripline componentize"]);
}

#[test]
fn a_damaged_component() {
    let whole = plugin("whole", OK);
    for len in [8 + 1, whole.len() / 2, whole.len() - 1] {
        let texts = [&format!("its {len} bytes end in the midst"), "still being written?"];
        check_refused(&whole[..len], |error| matches!(error, LoadError::CutOff(_)), &texts);
    }
    // Whole by its sections, and nothing of a component in them.
    let mut damaged = whole.clone();
    damaged[12..40].fill(0xff);
    check_refused(&damaged, |error| matches!(error, LoadError::Compile(_)), &["does not compile", "build it again"]);
}

#[test]
fn a_component_without_a_handler() {
    let empty = wat::parse_str("(component)").unwrap();
    check_refused(&empty, |error| matches!(error, LoadError::NoHandler { .. }), &[HANDLER, "exports nothing"]);
    let other = component("other", OK, "example:other/run@1.0.0", "");
    check_refused(&other, |error| matches!(error, LoadError::NoHandler { .. }), &[HANDLER, "`example:other/run@1.0.0`"]);
}

#[test]
fn another_version_of_the_contract_names_both() {
    for found in ["tripline:trigger/handler@0.1.2", "tripline:trigger/handler@0.2.0", "tripline:trigger/handler@1.0.0"] {
        let other = component("other", OK, found, "");
        check_refused(
            &other,
            |error| matches!(error, LoadError::OtherVersion { .. }),
            &[found, HANDLER, "`tripline:trigger/handler@0.0.9`"],
        );
    }
}

#[tokio::test]
async fn what_speaks_no_contract_is_refused_before_it_is_compiled() {
    // Whatever was compiled would fail.
    let process = CompilerProcess { program: "/nowhere/tripline".into(), time_max: Duration::from_secs(1), memory_bytes_max: 1 };
    let compiler = Compiler::new(CompilerConfig { cache: None, process: Some(process) });
    let engine = Engine::compiling(EngineConfig { instances_max: 1 }, compiler).unwrap();
    let unknown = r#"(import "wasi:http/incoming-handler@0.2.0" (instance))"#;
    // A handler of a component within is nobody's.
    let nested =
        wat::parse_str(r#"(component (component (component (core module)) (import "tripline:trigger/handler@0.1.0" (instance)) ))"#);
    for (bytes, refused) in [
        (component("other", OK, "tripline:trigger/handler@0.2.0", ""), "speaks `tripline:trigger/handler@0.2.0`"),
        (component("other", OK, "example:other/run@1.0.0", ""), "has no handler"),
        (nested.unwrap(), "has no handler"),
        (component("other", OK, HANDLER, unknown), "imports what no version of the contract has: `wasi:http/incoming-handler@0.2.0`"),
        (component("good", OK, HANDLER, ""), "cannot be started (/nowhere/tripline"),
    ] {
        let error = engine.load(bytes).await.expect_err("loaded").to_string();
        assert!(error.contains(refused), "no `{refused}` in: {error}");
    }
}

#[test]
fn unknown_imports_by_name() {
    let imports = r#"(import "wasi:http/incoming-handler@0.2.0" (instance))
        (import "tripline:trigger/counters@0.1.7" (instance))
        (import "wasi:clocks/wall-clock@0.2.3" (instance))"#;
    let bytes = component("imports", OK, HANDLER, imports);
    let names = ["`wasi:http/incoming-handler@0.2.0`", "`tripline:trigger/counters@0.1.7`"];
    check_refused(&bytes, |error| matches!(error, LoadError::UnknownImports { .. }), &names);
    let error = engine().load_blocking(&bytes).unwrap_err().to_string();
    assert!(!error.contains("wall-clock"), "{error}");
}

#[test]
fn known_imports_of_another_shape() {
    let imports = r#"(import "tripline:trigger/counters@0.1.0" (instance (export "subtract" (func))))"#;
    let bytes = component("imports", OK, HANDLER, imports);
    check_refused(&bytes, |error| matches!(error, LoadError::Link(_)), &["does not fit the contract", "subtract"]);
}

#[track_caller]
fn check_beyond(module: &str, instances: usize, told: &str) {
    let instances = "(core instance (instantiate $more))".repeat(instances);
    let bytes = component("more", OK, HANDLER, &format!("(core module $more {module}) {instances}"));
    check_refused(&bytes, |error| matches!(error, LoadError::Beyond(_)), &[told, "build it with less"]);
}

#[test]
fn what_no_engine_has_room_for_is_told_with_its_bound() {
    check_beyond("", 128, "it has 129 core instances, and there may be 128:");
    check_beyond("(memory 1)", 4, "it has 5 memories, and there may be 4:");
    check_beyond(&"(memory 1)".repeat(5), 1, "it has 5 memories, and there may be 4:");
    check_beyond("(memory i64 65537)", 1, "it has 4295032832 bytes in a memory, and there may be 4294967296:");
    check_beyond("(table 1 funcref)", 17, "it has 17 tables, and there may be 16:");
    check_beyond(&"(table 1 funcref)".repeat(17), 1, "it has 17 tables, and there may be 16:");
    check_beyond("(table 100001 funcref)", 1, "it has 100001 elements in a table, and there may be 100000:");
}

/// How much memory a plugin may have, its trigger says; so it loads in any engine, and `inspect` can describe it.
#[tokio::test]
async fn a_plugin_of_any_memory_loads() {
    let bytes = component("large", OK, HANDLER, "(core module $more (memory 65535)) (core instance (instantiate $more))");
    let plugin = engine().load(bytes).await.unwrap();
    let signals = Recorder::default().into();
    let report = plugin.handle(&batch(1), &context(&signals, &[])).await;
    let Outcome::Failed(failure) = report.outcome else { panic!("{:?}", report.outcome) };
    assert_eq!(&*failure.reason, "out of memory: wanted 4294901760 of 67108864 bytes, its `limits.memory` (`--memory` of `tripline test`)");
}

/// A handler that takes nothing and gives `result`.
fn handler_of(result: &str, handle: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
  (core module $m (func (export "handle") {result}))
  (core instance $i (instantiate $m))
  (func $handle {result_of} (canon lift (core func $i "handle")))
  (instance $h (export "{handle}" (func $handle)))
  (export "{HANDLER}" (instance $h)))"#,
        result_of = if result.is_empty() { "" } else { "(result u32)" },
    );
    wat::parse_str(text).unwrap()
}

#[test]
fn a_handler_of_another_type() {
    let number = handler_of("(result i32) i32.const 0", "handle");
    let found =
        ["does not fit the contract: the type of its `handle` has `) -> u32`, where the contract has `record{trigger: string,", "SDK"];
    check_refused(&number, |error| matches!(error, LoadError::Link(_)), &found);
    let other = handler_of("", "run");
    check_refused(&other, |error| matches!(error, LoadError::Link(_)), &["has no function `handle`", "build it with the SDK"]);
}

#[tokio::test]
async fn a_plugin_tells_what_it_is_and_runs() {
    let bytes = component("extra", OK, HANDLER, r#"(import "tripline:trigger/state@0.1.0" (instance))"#);
    let plugin = engine().load(bytes.clone()).await.unwrap();
    assert_eq!(plugin.size_bytes(), bytes.len());
    assert_eq!(plugin.version().as_str().len(), 64);
    assert_eq!(plugin.contract_version(), "0.1.0");
    assert_eq!(plugin.imports(), ["tripline:trigger/state@0.1.0", "tripline:trigger/types@0.1.0"]);
    assert_eq!(plugin.exports(), [HANDLER]);
    assert_eq!(plugin.asks_for(), [tripline_runtime::Capability::State]);
    let signals = Recorder::default().into();
    let report = plugin.handle(&batch(3), &context(&signals, &[])).await;
    assert_eq!(report.outcome, Outcome::Handled(Vec::new()));
    assert_eq!(signals.lines(), ["handled welcome ok"]);
}
