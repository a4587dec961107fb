//! The examples: each is built as its README says, and does on its recorded changes what its `expected.txt` says; and the tests of the SDKs' own.
//!
//! A component is kept under the tools' folder, by the hash of all that it is made of: a second run builds nothing. With UPDATE_EXPECT=1 what is
//! expected is written anew, and so are the files that are generated from the contract.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use crate::go;
use crate::harness::{tool, tools, tripline};

mod c;
pub(crate) mod generated;
mod python;
mod python_functions;
mod search;
mod totals;
mod web;
mod webhook;

/// One at a time is made, or compiled by the host: each takes all processors and half a gigabyte, and other tests run meanwhile.
pub(crate) static ONE: Mutex<()> = Mutex::new(());

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// What was installed for Node.
pub(crate) fn node_tools() -> PathBuf {
    let folder = tools().join("npm");
    assert!(folder.join("stamp").exists(), "{} is missing: `cargo xtask test` sets it up", folder.display());
    folder
}

/// Runs to its end; what it says is what a failure shows.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{said}");
    said
}

fn javascript(source: &Path, output: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new("node");
    command.arg("sdk/javascript/bin/tripline-js.js").arg("build").arg(source);
    command.arg("--output").arg(output).arg("--tools").arg(node_tools()).args(flags);
    command
}

fn python(source: &Path, output: &Path, flags: &[&str]) -> Command {
    let mut command = Command::new(tool("python"));
    command.args(["-m", "tripline_sdk", "build"]).arg(source).arg("--output").arg(output).args(flags);
    command.env("PYTHONPATH", "sdk/python").env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// With the workspace's own cargo, where the bundled plugins are built too. A crate of one's own has `--release` for `--profile plugin`.
fn rust(source: &Path, output: &Path, _: &[&str]) -> Command {
    let package = source.parent().and_then(Path::file_name).unwrap().to_str().unwrap();
    let made = target().join("plugins/wasm32-wasip2/plugin").join(package.replace('-', "_")).with_extension("wasm");
    let mut command = Command::new("sh");
    let script = "cargo build --quiet --locked --target wasm32-wasip2 --profile plugin --target-dir \"$1\" -p \"$2\" && cp \"$3\" \"$4\"";
    command.args(["-c", script, "sh"]).arg(target().join("plugins")).arg(package).arg(made).arg(output);
    // As the bundled plugins are built: what they share is built already.
    for variable in ["RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"] {
        command.env_remove(variable);
    }
    command.env("CARGO_ENCODED_RUSTFLAGS", "-Clink-arg=--initial-memory=2097152");
    command
}

/// Cargo's own, above the test's binary.
fn target() -> PathBuf {
    let binary = std::env::current_exe().unwrap();
    binary.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists()).unwrap().to_owned()
}

/// All files below, in an order that is always the same, but for what tools leave behind.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !["__pycache__", "node_modules", "test", "tests"].contains(&name.as_str()) {
            files(&path, found);
        } else if path.is_file() && name != "plugin.wasm" {
            found.push(path);
        }
    }
}

/// Of the example's sources, its SDK with the contract, the pinned tools and how they are called.
fn hash(example: &Path, sdk: &str, called: &str) -> String {
    let repository = repository();
    let mut all = Vec::new();
    files(&repository.join(sdk), &mut all);
    files(example, &mut all);
    let pins = if sdk == RUST.0 { &["Cargo.lock"][..] } else { &["host/xtask/requirements.txt", "host/xtask/npm/package-lock.json"] };
    all.extend(pins.iter().map(|name| repository.join(name)));
    let mut hasher = Sha256::new();
    hasher.update(called);
    for path in all.iter().filter(|path| !path.ends_with("expected.txt") && !path.ends_with("README.md")) {
        let bytes = fs::read(path).unwrap();
        hasher.update(format!("{} {}\n", path.strip_prefix(&repository).unwrap().display(), bytes.len()));
        hasher.update(bytes);
    }
    hasher.finalize().iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

type Build = fn(&Path, &Path, &[&str]) -> Command;

/// The component, made unless it is there.
fn component(name: &str, source: &str, (sdk, build): (&str, Build), flags: &[&str]) -> PathBuf {
    made_of(&repository().join("examples").join(name), name, source, (sdk, build), flags)
}

/// The same of a folder that is anywhere.
fn made_of(example: &Path, name: &str, source: &str, (sdk, build): (&str, Build), flags: &[&str]) -> PathBuf {
    let kept = tools().join("examples");
    let path = kept.join(format!("{name}-{}.wasm", hash(example, sdk, &format!("{source} {flags:?}"))));
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    if !path.exists() {
        fs::create_dir_all(&kept).unwrap();
        let made = kept.join(format!("{name}-{}.new.wasm", std::process::id()));
        run(build(&example.join(source), &made, flags).current_dir(repository()));
        // What an older source has left.
        for old in fs::read_dir(&kept).unwrap().map(|entry| entry.unwrap().path()) {
            if old != made && old.file_name().unwrap().to_string_lossy().starts_with(&format!("{name}-")) {
                fs::remove_file(old).unwrap();
            }
        }
        fs::rename(made, &path).unwrap();
    }
    path
}

/// Where its config looks for the plugin, there is the component.
#[track_caller]
fn check(name: &str, trigger: &str, component: &Path) {
    check_in(&repository().join("examples").join(name), trigger, component);
}

/// The same of a folder that is anywhere.
#[track_caller]
fn check_in(example: &Path, trigger: &str, component: &Path) {
    let dir = tempfile::tempdir().unwrap();
    for file in ["tripline.toml", "events.jsonl", "http.json", "webhook.secret"] {
        // The first two every example has: without them the command fails.
        if example.join(file).exists() {
            fs::copy(example.join(file), dir.path().join(file)).unwrap();
        }
    }
    fs::copy(component, dir.path().join("plugin.wasm")).unwrap();
    let mut command = tripline();
    command.args(["test", "--trigger", trigger, "--events", "events.jsonl", "--expect"]);
    command.arg(example.join("expected.txt")).current_dir(dir.path()).env("TRIPLINE_LOG", "warn");
    if dir.path().join("http.json").exists() {
        command.args(["--http", "http.json"]);
    }
    // The machine code of a component that is as it was: seconds for each.
    command.env("XDG_CACHE_HOME", tools().join("examples"));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        command.arg("--update");
    }
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    run(&mut command);
}

const JAVASCRIPT: (&str, Build) = ("sdk/javascript", javascript);
const PYTHON: (&str, Build) = ("sdk/python", python);
const GO: (&str, Build) = ("sdk/go", |source, output, _| go::build(source, output));

const RUST: (&str, Build) = ("sdk/rust", rust);

#[test]
fn audit_log_typescript() {
    check("audit-log-typescript", "audit", &component("audit-log-typescript", "plugin.ts", JAVASCRIPT, &[]));
}

#[test]
fn fraud_alert_python() {
    check("fraud-alert-python", "fraud", &component("fraud-alert-python", "plugin.py", PYTHON, &[]));
}

#[test]
fn lambda_javascript() {
    check("lambda-javascript", "worth", &component("lambda-javascript", "index.mjs", JAVASCRIPT, &["--lambda"]));
}

/// Each style that Lambda has had, by the key of a change.
#[test]
fn lambda_styles_in_javascript() {
    let folder = repository().join("host/tests/e2e/examples/functions");
    let flags = ["--lambda", "--fetch", "--handler", "app.lambdaHandler"];
    check_in(&folder, "styles", &made_of(&folder, "functions", "app.cjs", JAVASCRIPT, &flags));
}

#[test]
fn lambda_python() {
    let flags = ["--lambda", "lambda_handler"];
    check("lambda-python", "worth", &component("lambda-python", "lambda_function.py", PYTHON, &flags));
}

#[test]
fn webhook_go() {
    check("webhook-go", "webhook", &component("webhook-go", ".", GO, &[]));
    let said = run(go::go().args(["test", "-C"]).arg(repository().join("examples/webhook-go")).args(["-count=1", "."]));
    assert!(said.starts_with("ok"), "{said}");
}

#[test]
fn search_index_rust() {
    check("search-index-rust", "search", &component("search-index-rust", "src", RUST, &[]));
}
