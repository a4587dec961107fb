//! The SDK of C, C++ and Zig: its examples, built by the commands of their own READMEs; and that what is generated is what the contract makes now.
//!
//! Always holds: a README's first block of commands is what is run, with `zig` and `tripline` on PATH and nothing else of ours.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

use super::{Build, check, component, repository, run};
use crate::harness::{tool, tools, tripline};

const C: (&str, Build) = ("sdk/c", by_readme);
/// What is made of these sources has some 40 KB.
const SIZE_MAX: u64 = 64 * 1024;

/// The compiler itself: Python's package is a folder around it.
fn zig() -> PathBuf {
    let place = run(Command::new(tool("python")).args(["-c", "import os, ziglang; print(os.path.dirname(ziglang.__file__))"]));
    Path::new(place.trim()).join("zig")
}

/// The first block of a kind.
fn block<'a>(readme: &'a str, kind: &str) -> &'a str {
    let fence = format!("```{kind}\n");
    let found = readme.split(&fence).nth(1).and_then(|rest| rest.split("```").next());
    found.unwrap_or_else(|| panic!("no block of {kind} in:\n{readme}"))
}

/// The commands of a README that make the component: its first block, but for what tries it.
fn commands(folder: &Path) -> String {
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    // A command may have several lines.
    let commands = block(&readme, "sh").replace("\\\n", " ");
    let build: Vec<&str> = commands.lines().filter(|line| !line.starts_with("tripline test")).collect();
    assert!(build.iter().any(|line| line.starts_with("tripline componentize")), "no build in:\n{readme}");
    build.join("\n")
}

/// In a copy of the source's folder, with the SDK where a README says: two folders up, or in `sdk`.
fn by_readme(source: &Path, output: &Path, _: &[&str]) -> Command {
    let folder = source.parent().unwrap();
    let copy = tempfile::tempdir_in(tools()).unwrap().keep();
    for folder in ["bin", "sdk", "examples/it"] {
        fs::create_dir_all(copy.join(folder)).unwrap();
    }
    for place in ["sdk/c", "examples/it/sdk"] {
        symlink(repository().join("sdk/c"), copy.join(place)).unwrap();
    }
    symlink(zig(), copy.join("bin/zig")).unwrap();
    symlink(tripline().get_program(), copy.join("bin/tripline")).unwrap();
    for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        fs::copy(&file, copy.join("examples/it").join(file.file_name().unwrap())).unwrap();
    }
    let script = r#"cd "$1/examples/it" && PATH="$1/bin:$PATH" sh -ec "$2" && mv plugin.wasm "$3" && rm -r "$1""#;
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(&copy).arg(commands(folder)).arg(output);
    // What it has made of C's library is kept beside the tools: half a minute of work.
    command.env("ZIG_GLOBAL_CACHE_DIR", tools().join("zig"));
    command
}

fn made(name: &str, source: &str) -> PathBuf {
    component(name, source, C, &[&commands(&repository().join("examples").join(name))])
}

pub(super) fn order_totals() -> PathBuf {
    made("order-totals-zig", "plugin.zig")
}

#[track_caller]
fn check_example(name: &str, source: &str, trigger: &str) {
    let made = made(name, source);
    let size = fs::metadata(&made).unwrap().len();
    assert!(size < SIZE_MAX, "{name} has {size} bytes");
    check(name, trigger, &made);
}

#[test]
fn expired_sessions_c() {
    check_example("expired-sessions-c", "plugin.c", "expired");
}

#[test]
fn order_totals_zig() {
    check_example("order-totals-zig", "plugin.zig", "totals");
}

#[test]
fn low_stock_cpp() {
    check_example("low-stock-cpp", "plugin.cpp", "low-stock");
}

/// From nothing, as the SDK's README tells it: its plugin, its commands.
#[test]
fn the_readme_of_the_c_sdk() {
    let (folder, readme) = (tempfile::tempdir().unwrap(), repository().join("sdk/c/README.md"));
    fs::copy(&readme, folder.path().join("README.md")).unwrap();
    fs::write(folder.path().join("plugin.c"), block(&fs::read_to_string(&readme).unwrap(), "c")).unwrap();
    let plugin = folder.path().join("made.wasm");
    run(&mut by_readme(&folder.path().join("plugin.c"), &plugin, &[]));
    let orders = [("paid", "19.99"), ("new", "-1")].map(|(status, total)| {
        serde_json::json!({ "eventName": "INSERT", "dynamodb": { "Keys": { "id": { "S": status } },
            "NewImage": { "id": { "S": status }, "status": { "S": status }, "total": { "N": total } } } })
        .to_string()
    });
    let events = folder.path().join("events.jsonl");
    fs::write(&events, orders.join("\n")).unwrap();
    let output = tripline()
        .arg("test")
        .arg(&plugin)
        .arg("--events")
        .arg(&events)
        .args(["--grant", "counters"])
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    for part in [r#"counter orders{status="paid"} +1"#, "counter revenue +19.99", "dead letter after 1 attempt: a negative total: -1"] {
        assert!(said.contains(part), "no `{part}` in:\n{said}");
    }
}

/// What it reads and writes, row by row, against a host of its own: by this machine's compiler, with its sanitizers.
#[test]
fn c_sdk_natively() {
    let made = tempfile::tempdir().unwrap();
    let test = made.path().join("sdk_test");
    let mut build = Command::new("cc");
    build.args(["-std=c11", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-attributes", "-fsanitize=address,undefined", "-o"]);
    run(build.arg(&test).arg(repository().join("sdk/c/tests/sdk_test.c")));
    assert_eq!(run(&mut Command::new(&test)), "all is well\n");
}

fn updates() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some()
}

/// `world.wit`'s `plugin`: header, source, and the object that carries the contract into a module.
#[test]
fn c_bindings_are_fresh() {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(repository().join("wit")).unwrap();
    let world = resolve.select_world(&[package], Some("plugin")).unwrap();
    let mut files = Files::default();
    wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files).unwrap();
    let made: BTreeMap<&str, &[u8]> = files.iter().collect();
    assert!(["plugin.c", "plugin.h", "plugin_component_type.o"].iter().all(|name| made.contains_key(name)), "{:?}", made.keys());
    let folder = repository().join("sdk/c/generated");
    let stale: Vec<&str> = made
        .iter()
        .filter(|(name, bytes)| fs::read(folder.join(name)).is_ok_and(|old| old == **bytes).eq(&false))
        .map(|(name, _)| *name)
        .collect();
    if updates() {
        for (name, bytes) in &made {
            fs::write(folder.join(name), bytes).unwrap();
        }
    } else {
        assert!(
            stale.is_empty(),
            "{stale:?} are older than the contract. `UPDATE_EXPECT=1 cargo test --workspace --test e2e c_bindings` makes them anew"
        );
    }
}

/// Zig's translator has to be built before it runs, which takes minutes: so the translation names the header that it is of, and is made only for another.
#[test]
fn zig_bindings_are_of_the_header() {
    let sdk = repository().join("sdk/c");
    let header = fs::read(sdk.join("tripline.h")).unwrap();
    let hash: String = Sha256::digest(&header).iter().map(|byte| format!("{byte:02x}")).collect();
    let first = format!("//! tripline.h for Zig, by `zig translate-c`. Of the header with the SHA-256\n//! {hash}.\n");
    let committed = fs::read_to_string(sdk.join("tripline.zig")).unwrap_or_default();
    if committed.starts_with(&first) {
        return;
    }
    assert!(
        updates(),
        "sdk/c/tripline.zig is of another tripline.h. `UPDATE_EXPECT=1 cargo test --workspace --test e2e zig_bindings` makes it anew"
    );
    let mut translate = Command::new(zig());
    translate.args(["translate-c", "-target", "wasm32-freestanding", "tripline.h"]).current_dir(&sdk);
    translate.env("ZIG_GLOBAL_CACHE_DIR", tools().join("zig"));
    let output = translate.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Behind the first empty line are macros, which compilers predefine: not the header's.
    let text = String::from_utf8(output.stdout).unwrap();
    let declarations = text.split("\n\n").next().unwrap();
    fs::write(sdk.join("tripline.zig"), format!("{first}{declarations}\n")).unwrap();
}
