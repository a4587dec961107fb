//! Lambda functions in Python where only a component shows it: their own modules, their environment, and what a component has not.

use std::fs;
use std::path::PathBuf;

use expect_test::expect;

use super::{PYTHON, made_of, repository};
use crate::harness::{tools, tripline};

fn folder() -> PathBuf {
    repository().join("host/tests/e2e/examples/python-functions")
}

/// What the host says of all records, with this `HANDLER` in the function's environment; the traces that it logs end in the SDK, whose lines are of no interest.
fn told(command: &[&str], handler: &str) -> String {
    let component = made_of(&folder(), "python-functions", ".", PYTHON, &["--lambda", "src.app.lambda_handler"]);
    let dir = tempfile::tempdir().unwrap();
    let config = fs::read_to_string(folder().join("tripline.toml")).unwrap();
    let changed = config.replace("HANDLER = \"\"", &format!("HANDLER = \"{handler}\""));
    assert!(changed != config || handler.is_empty(), "{config}");
    fs::write(dir.path().join("tripline.toml"), changed).unwrap();
    fs::copy(folder().join("events.jsonl"), dir.path().join("events.jsonl")).unwrap();
    fs::copy(component, dir.path().join("plugin.wasm")).unwrap();
    let mut tripline = tripline();
    tripline
        .args(command)
        .current_dir(dir.path())
        .env("TRIPLINE_LOG", "warn")
        .env("XDG_CACHE_HOME", tools().join("examples"));
    let output = tripline.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    said.lines().filter(|line| !line.starts_with("  error: Traceback")).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_function_in_a_package_runs_as_it_is() {
    expect![""].assert_eq(&told(&["test", "--trigger", "functions", "--events", "events.jsonl"], ""));
}

/// Before a record is lost to it.
#[test]
fn what_is_no_function_is_refused_by_the_probe() {
    for (handler, reason) in [
        ("number", "its probe failed: TypeError: `src.app.lambda_handler` is an int, and no function"),
        ("gone", "its probe failed: AttributeError: `src.app` has no `lambda_handler`: it has own_modules, gathered, "),
    ] {
        let said = told(&["check", "--offline"], handler);
        assert!(said.contains(reason), "{said}");
    }
}
