//! Modules as compilers make them, right and wrong.

use tripline_runtime::{Engine, EngineConfig};

use super::*;

const BUNDLED: Target<'_> = Target { wit: None, world: None, adapter: Adapter::Reactor };
const HANDLE: &str = r#"(func (export "tripline:trigger/handler@0.1.0#handle")
    (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 16))"#;
const MEMORY: &str = r#"(memory (export "memory") 1)"#;
const REALLOC: &str = r#"(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))"#;
const COUNTS: &str = r#"(import "tripline:trigger/counters@0.1.0" "add" (func (param i32 i32 i32 i32 i32 i32 i32 i32)))"#;
const WRITES: &str = r#"(import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#;

fn core(parts: &[&str]) -> Vec<u8> {
    wat::parse_str(format!("(module {})", parts.join("\n"))).unwrap()
}

/// A plugin of these imports.
#[track_caller]
fn check(parts: &[&str], target: Target<'_>, imports: &[&str]) {
    let component = componentize(&core(parts), target).unwrap();
    let engine = Engine::new(EngineConfig { instances_max: 1 }).unwrap();
    let plugin = engine.load_blocking(&component).unwrap();
    assert_eq!(plugin.contract_version(), "0.1.0");
    for import in imports {
        assert!(plugin.imports().iter().any(|found| found.starts_with(import)), "no {import} in {:?}", plugin.imports());
    }
    let wasi = plugin.imports().iter().any(|found| found.starts_with("wasi:cli") || found.starts_with("wasi:io"));
    assert_eq!(wasi, imports.iter().any(|import| import.starts_with("wasi:")), "{:?}", plugin.imports());
}

#[track_caller]
fn check_refused(bytes: &[u8], target: Target<'_>, says: &[&str]) {
    let error = componentize(bytes, target).unwrap_err().to_string();
    for part in says {
        assert!(error.contains(part), "no `{part}` in: {error}");
    }
}

#[test]
fn a_module_becomes_a_plugin() {
    check(&[MEMORY, REALLOC, HANDLE], BUNDLED, &["tripline:trigger/types@0.1.0"]);
    check(&[COUNTS, MEMORY, REALLOC, HANDLE], BUNDLED, &["tripline:trigger/counters@0.1.0"]);
}

#[test]
fn preview_1_is_adapted_where_it_is_imported() {
    check(&[WRITES, MEMORY, REALLOC, HANDLE], BUNDLED, &["wasi:io/streams@0.2."]);
    let none = Target { adapter: Adapter::None, ..BUNDLED };
    check(&[MEMORY, REALLOC, HANDLE], none, &[]);
    check_refused(&core(&[WRITES, MEMORY, REALLOC, HANDLE]), none, &["`wasi_snapshot_preview1.fd_write`", "leave out `--adapter none`"]);
}

#[test]
fn a_folder_of_ones_own() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let ours = Target { wit: Some(&root.join("wit")), ..BUNDLED };
    check(&[COUNTS, MEMORY, REALLOC, HANDLE], Target { world: Some("plugin"), ..ours }, &["tripline:trigger/counters@0.1.0"]);
    check(&[MEMORY, REALLOC, HANDLE], ours, &[]);
    check_refused(
        &core(&[MEMORY, REALLOC, HANDLE]),
        Target { world: Some("plug"), ..ours },
        &["contract cannot be read", "it has these worlds: ", "plugin-with-http"],
    );
    let other = root.join("host/runtime/tests/wit/0.0.9");
    check_refused(&core(&[MEMORY, REALLOC, HANDLE]), Target { wit: Some(&other), ..ours }, &["`tripline:trigger/handler@0.0.9#handle`"]);
    check_refused(&core(&[]), Target { wit: Some(Path::new("/nonexistent")), ..ours }, &["/nonexistent"]);
}

#[test]
fn what_is_no_core_module() {
    check_refused(b"", BUNDLED, &["is not WebAssembly"]);
    check_refused(b"(module)", BUNDLED, &["text (.wat) must be assembled"]);
    let component = tripline_bundled::plugin("analytics-counter").unwrap().bytes;
    check_refused(component, BUNDLED, &["is a component already", "tripline inspect"]);
    let whole = core(&[MEMORY, REALLOC, HANDLE]);
    check_refused(&whole[..whole.len() - 3], BUNDLED, &["is damaged", "build it again"]);
}

#[test]
fn what_the_module_lacks_by_name() {
    check_refused(&core(&[MEMORY, REALLOC]), BUNDLED, &["does not export `tripline:trigger/handler@0.1.0#handle`", "bindings"]);
    let newer = HANDLE.replace("@0.1.0", "@0.2.0");
    check_refused(&core(&[MEMORY, REALLOC, &newer]), BUNDLED, &[", and has `tripline:trigger/handler@0.2.0#handle` of another version"]);
    let program = r#"(func (export "_start"))"#;
    check_refused(&core(&[MEMORY, REALLOC, program]), BUNDLED, &["`_start` and is a program", "-buildmode=c-shared"]);
    check_refused(&core(&[MEMORY, HANDLE]), BUNDLED, &["no `cabi_realloc`"]);
    check_refused(&core(&[REALLOC, HANDLE]), BUNDLED, &["no memory"]);
}

#[test]
fn what_the_contract_lacks_by_name() {
    let imports = r#"(import "env" "puts" (func)) (import "tripline:trigger/counters@0.0.1" "add" (func))"#;
    check_refused(
        &core(&[imports, MEMORY, REALLOC, HANDLE]),
        BUNDLED,
        &["`env.puts`, `tripline:trigger/counters@0.0.1.add`", "link what provides it"],
    );
    let shape = HANDLE.replace("(result i32) (i32.const 16)", "");
    check_refused(&core(&[MEMORY, REALLOC, &shape]), BUNDLED, &["cannot be made a component", "handle"]);
}

/// What is frozen never changes: plugins were built against it. A new version of the contract is a package of its own, which the host speaks beside
/// this one. Comments may be mended; nothing writes this file anew.
#[test]
fn the_contract_is_as_it_was_frozen() {
    let frozen = include_str!("frozen/tripline-trigger-0.1.0.wit");
    let Contract { resolve, world } = Contract::of_files(bundled::WIT, wit::WORLD).unwrap();
    let package = resolve.worlds[world].package.unwrap();
    let mut printer = wit_component::WitPrinter::default();
    printer.emit_docs(false).print(&resolve, package, &[]).unwrap();
    let found = printer.output.to_string();
    assert!(found == frozen, "the contract 0.1.0 is frozen, and wit/ has become another:\n{found}");
}
