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
    let mistakes = said
        .lines()
        .filter(|line| line.starts_with("  error (changes 1-25): Traceback") && line.contains("/1/misuse.py"));
    assert_eq!(mistakes.count(), 22, "{said}");
    let told: Vec<&str> = said.lines().filter(|line| !line.starts_with("  error")).collect();
    expect![[r#"
        1 INSERT {"id":{"S":"sound"}}: ok
          info (changes 1-25): ab
          info (changes 1-25): half: ?
          counter sound{by="its neighbours"} +1
        2 INSERT {"id":{"S":"label that is a number"}}: dead letter after 1 attempt: counter `n`: label `year` is a Decimal: write str(…)
        3 INSERT {"id":{"S":"label that is none"}}: dead letter after 1 attempt: counter `n`: label `year` is None: write a str
        4 INSERT {"id":{"S":"name that is a number"}}: dead letter after 1 attempt: the name of a counter is an int: write str(…)
        5 INSERT {"id":{"S":"delta that is no number"}}: dead letter after 1 attempt: `delta of n`: `` is no number that DynamoDB could hold: write it as 1, -19.99 or 1E+3
        6 INSERT {"id":{"S":"subject"}}: dead letter after 1 attempt: mail: `subject` is an int: write str(…)
        7 INSERT {"id":{"S":"recipients"}}: dead letter after 1 attempt: mail: `to` is an int: write str(…)
        8 INSERT {"id":{"S":"key of a mail"}}: dead letter after 1 attempt: mail: `key` is an int: write str(…)
        9 INSERT {"id":{"S":"bytearray"}}: ok
          state k = "ab"
        10 INSERT {"id":{"S":"value that is a number"}}: dead letter after 1 attempt: state `k`: the value is an int: write bytes or a str
        11 INSERT {"id":{"S":"key that is a number"}}: dead letter after 1 attempt: a key of the state is an int: write str(…)
        12 INSERT {"id":{"S":"half of a pair as key"}}: dead letter after 1 attempt: a key of the state has half of a surrogate pair, which no UTF-8 has
        13 INSERT {"id":{"S":"before 1970"}}: dead letter after 1 attempt: state `k`: `expires`, in milliseconds since 1970, is -31536000000: write an int from 0
        14 INSERT {"id":{"S":"count below 0"}}: dead letter after 1 attempt: metric `n`: `delta` is -1: write an int from 0
        15 INSERT {"id":{"S":"count of a half"}}: dead letter after 1 attempt: metric `n`: `delta` is a float: write an int
        16 INSERT {"id":{"S":"gauge of a text"}}: dead letter after 1 attempt: metric `g`: `value` is a str: write a float
        17 INSERT {"id":{"S":"timeout below 0"}}: dead letter after 1 attempt: http: `answer_timeout` is -1.0: write seconds from 0
        18 INSERT {"id":{"S":"header that is a number"}}: dead letter after 1 attempt: http: header `X` is an int: write bytes or a str
        19 INSERT {"id":{"S":"setting"}}: dead letter after 1 attempt: the name of a setting is an int: write str(…)
        20 INSERT {"id":{"S":"table"}}: dead letter after 1 attempt: the name of a table is an int: write str(…)
        21 INSERT {"id":{"S":"placeholder"}}: dead letter after 1 attempt: an update: name `#a` is an int: write str(…)
        22 INSERT {"id":{"S":"check in a write"}}: dead letter after 1 attempt: a Check writes nothing: it belongs into a transaction, `tables.transact`
        23 INSERT {"id":{"S":"half of a pair in a log"}}: ok
        24 INSERT {"id":{"S":"half of a pair in an item"}}: dead letter after 1 attempt: `id` has half of a surrogate pair, which no UTF-8 has
        25 INSERT {"id":{"S":"half of a pair in a reason"}}: dead letter after 1 attempt: ValueError: half: ?
        25 changes: 3 ok, 22 dead letters"#]]
    .assert_eq(&told.join("\n"));
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
