//! `tripline componentize` and `inspect`, on modules that a compiler and an assembler made.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::harness::tripline;

/// A plugin in Rust without a line of its bindings: what any language's compiler can make.
const SOURCE: &str = r#"
#![no_std]
use core::sync::atomic::{AtomicUsize, Ordering};

static HEAP: [u64; 8192] = [0; 8192];
static USED: AtomicUsize = AtomicUsize::new(0);
/// Ok, of an empty list.
static DONE: [u32; 3] = [0; 3];

#[link(wasm_import_module = "tripline:trigger/counters@0.1.0")]
unsafe extern "C" {
    #[link_name = "add"]
    fn add(change: u32, name: *const u8, len: usize, labels: usize, labels_len: usize, delta: *const u8, delta_len: usize, answer: *mut u32);
}

#[unsafe(no_mangle)]
extern "C" fn cabi_realloc(_: usize, _: usize, align: usize, size: usize) -> usize {
    let at = USED.fetch_add(size + align, Ordering::Relaxed);
    (HEAP.as_ptr() as usize + at + align - 1) & !(align - 1)
}

#[unsafe(export_name = "tripline:trigger/handler@0.1.0#handle")]
extern "C" fn handle(a: usize, b: usize, c: usize, d: usize, e: usize, f: usize, g: usize, h: usize, i: usize, j: usize, k: usize, l: usize, m: usize, len: u32) -> *const u32 {
    let _ = (a, b, c, d, e, f, g, h, i, j, k, l, m);
    let mut answer = [0u32; 4];
    for change in 0..len {
        unsafe { add(change, b"seen".as_ptr(), 4, 0, 0, b"1".as_ptr(), 1, answer.as_mut_ptr()) };
    }
    DONE.as_ptr()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
"#;

fn output(args: &[&str]) -> Output {
    tripline().args(args).output().unwrap()
}

#[track_caller]
fn done(args: &[&str]) -> String {
    let output = output(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn fails(args: &[&str], parts: &[&str]) {
    let output = output(args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
    for part in parts {
        assert!(said.contains(part), "{args:?}: no `{part}` in:\n{said}");
    }
}

fn inspected(path: &Path, more: &[&str]) -> Value {
    serde_json::from_str(&done(&[&["inspect", "--json", path.to_str().unwrap()], more].concat())).unwrap()
}

/// A core module of Rust: the linker of the target makes a component of it only where it may.
fn rust_module(folder: &Path) -> PathBuf {
    let (source, core) = (folder.join("plugin.rs"), folder.join("core.wasm"));
    std::fs::write(&source, SOURCE).unwrap();
    let built = Command::new("rustc")
        .args(["--edition", "2024", "--target", "wasm32-wasip2", "--crate-type", "cdylib", "-Copt-level=2", "-Cpanic=abort"])
        .args(["-Clink-arg=--skip-wit-component", "-o"])
        .args([&core, &source])
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    core
}

#[test]
fn what_a_compiler_made_becomes_a_plugin() {
    let dir = tempfile::tempdir().unwrap();
    let (core, out) = (rust_module(dir.path()), dir.path().join("plugin.wasm"));
    fails(&["inspect", core.to_str().unwrap()], &["a core WebAssembly module, not a component", "tripline componentize"]);
    let said = done(&["componentize", core.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    assert!(said.contains("plugin.wasm: a component of "), "{said}");
    let component = std::fs::read(&out).unwrap();
    for place in ["-", "/dev/stdout"] {
        let output = output(&["componentize", core.to_str().unwrap(), "-o", place]);
        assert_eq!(output.stdout, component, "{place}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let link = dir.path().join("link.wasm");
    std::os::unix::fs::symlink("plugin.wasm", &link).unwrap();
    std::fs::write(&out, "another").unwrap();
    done(&["componentize", core.to_str().unwrap(), "-o", link.to_str().unwrap()]);
    assert!(link.is_symlink() && std::fs::read(&out).unwrap() == component);
    let report = inspected(&out, &[]);
    assert_eq!(report["contract"], "tripline:trigger@0.1.0");
    assert_eq!(report["asks_for"], serde_json::json!(["counters"]));
    fails(&["componentize", out.to_str().unwrap(), "-o", core.to_str().unwrap()], &["is a component already"]);
    fails(&["componentize", "/nonexistent.wasm", "-o", out.to_str().unwrap()], &["/nonexistent.wasm: cannot be read: check the path"]);
    fails(&["componentize", core.to_str().unwrap(), "-o", "/nonexistent/plugin.wasm"], &["/nonexistent/plugin.wasm: cannot be written"]);
}

#[test]
fn inspect_tells_the_version_and_whether_it_was_compiled_before() {
    let dir = tempfile::tempdir().unwrap();
    for (version, params) in [("0.0.9", "i32 i32 i32 i32"), ("0.1.1", "i32 i32 i32 i32 i32 i64")] {
        let (core, out) = (dir.path().join("core.wasm"), dir.path().join(format!("{version}.wasm")));
        // Its name makes it a component that no cache has.
        let text = format!(
            r#"(module (memory (export "memory") 1) (data (i32.const 64) "{}")
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "tripline:trigger/handler@{version}#handle") (param {params}) (result i32) (i32.const 16)))"#,
            dir.path().display()
        );
        std::fs::write(&core, wat::parse_str(text).unwrap()).unwrap();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("runtime/tests/wit").join(version);
        done(&["componentize", core.to_str().unwrap(), "-o", out.to_str().unwrap(), "--wit", wit.to_str().unwrap()]);
        let first = inspected(&out, &[]);
        assert_eq!(first["contract"], format!("tripline:trigger@{version}"), "{first}");
        assert_eq!(first["cached"], false);
        assert_eq!(inspected(&out, &[])["cached"], true);
        assert_eq!(inspected(&out, &["--no-cache"])["cached"], false);
        assert!(done(&["inspect", out.to_str().unwrap()]).contains("compiled earlier"));
    }
}
