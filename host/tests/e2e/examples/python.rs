//! The SDK for Python where only a component shows it: what the bindings would trap on, whose function is the plugin, and a Lambda function's output.

use std::fs;
use std::path::PathBuf;

use expect_test::expect;

use super::{PYTHON, check_in, made_of, python, repository};
use crate::harness::{tools, tripline};

fn folder(name: &str) -> PathBuf {
    repository().join("host/tests/e2e/examples").join(name)
}

/// All of them in one batch: who makes no mistake does not pay for those who do.
#[test]
fn what_has_the_wrong_type_rejects_its_change_alone() {
    let component = made_of(&folder("python"), "python-misuse", "plugin.py", PYTHON, &[]);
    let dir = tempfile::tempdir().unwrap();
    for file in ["tripline.toml", "events.jsonl"] {
        fs::copy(folder("python").join(file), dir.path().join(file)).unwrap();
    }
    fs::copy(component, dir.path().join("plugin.wasm")).unwrap();
    let mut command = tripline();
    command
        .args(["test", "--trigger", "misuse", "--events", "events.jsonl"])
        .current_dir(dir.path())
        .env("TRIPLINE_LOG", "warn")
        .env("XDG_CACHE_HOME", tools().join("examples"));
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    // Where each mistake was made stands in the log; the SDK's own lines in it are of no interest.
    assert_eq!(said.matches("error (changes 1-25): Traceback").count(), 22, "{said}");
    assert_eq!(said.matches("/1/misuse.py").count(), 44, "{said}");
    let told: Vec<&str> = said.lines().filter(|line| !line.starts_with("  error")).collect();
    expect![""].assert_eq(&told.join("\n"));
}

#[test]
fn a_lambda_functions_output_is_a_file_of_text() {
    let flags = ["--lambda", "lambda_handler"];
    let component = made_of(&folder("python-lambda"), "python-lambda-output", "lambda_function.py", PYTHON, &flags);
    check_in(&folder("python-lambda"), "output", &component);
}

/// Where the component is made, and without the tool's own stack.
#[test]
fn a_handler_that_nobody_would_await_makes_no_component() {
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("plugin.py");
    fs::write(&source, "from tripline_sdk import on_change\n\n@on_change\nasync def handle(change):\n    pass\n").unwrap();
    let made = dir.path().join("plugin.wasm");
    let _one = super::ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let output = python(&source, &made, &[]).current_dir(repository()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && !made.exists(), "{said}");
    assert!(said.contains("TypeError: `handle` is async or a generator: a handler is a plain function"), "{said}");
    assert!(!said.contains("Stack backtrace"), "{said}");
}
