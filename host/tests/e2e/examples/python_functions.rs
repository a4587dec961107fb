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
    expect![[r#"
        1 INSERT {"id":{"S":"own_modules"}}: ok
          info: None src.app.lambda_handler ('copy', 'steps of copy', 'found by its name', 'src.app', True)
        2 INSERT {"id":{"S":"gathered"}}: ok
          info: None src.app.lambda_handler ([0, 1, 2], 3)
        3 INSERT {"id":{"S":"older_asyncio"}}: ok
          info: None src.app.lambda_handler done
        4 INSERT {"id":{"S":"waits_for_ever"}}: dead letter after 1 attempt: RuntimeError: the event loop waits for what cannot come: no timer is set, and a component has no sockets, threads or signals
        5 INSERT {"id":{"S":"threads"}}: ok
          info: None src.app.lambda_handler (['A', 'B', 'C'], "can't start new thread")
        6 INSERT {"id":{"S":"sockets"}}: ok
          info: None src.app.lambda_handler [False, True, True, True, True]
        7 INSERT {"id":{"S":"what_python_loads_late"}}: ok
          info: None src.app.lambda_handler ('2026-01-02', 'x�', '€', 'b')
        8 INSERT {"id":{"S":"files_and_zones"}}: ok
          info: None src.app.lambda_handler ['FileNotFoundError', 'ZoneInfoNotFoundError']
        9 INSERT {"id":{"S":"exits"}}: dead letter after 1 attempt: SystemExit: 3
          info: last words
        10 INSERT {"id":{"S":"ends"}}: dead letter after 1 attempt: KeyboardInterrupt: 
        11 INSERT {"id":{"S":"no_json"}}: dead letter after 1 attempt: TypeError: Unable to marshal response: Object of type datetime is not JSON serializable
        11 changes: 7 ok, 4 dead letters"#]].assert_eq(&told(&["test", "--trigger", "functions", "--events", "events.jsonl"], ""));
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
