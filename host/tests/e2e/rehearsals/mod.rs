//! `tripline test`: the bundled plugins on recorded changes, plugins that fail in every way, what is expected, and what is wrong with the input.
//!
//! What the bundled plugins are expected to do lies with them, in `plugins/*/tests`. With UPDATE_EXPECT=1 it is written anew, as are the texts in here.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use expect_test::expect;
use tempfile::TempDir;
use tripline::workload;

use crate::harness::tripline;

mod failing;
mod faults;
mod web;

/// Runs where the repository begins, as its users do.
fn run_in(dir: &Path, args: &[&str], input: &str) -> Output {
    let mut command = tripline();
    command
        .arg("test")
        .args(args)
        .current_dir(dir)
        .env("TRIPLINE_LOG", "warn")
        .env("MAIL_PASSWORD", SECRET);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may have ended without a look at its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

const SECRET: &str = "swordfish-in-the-environment";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a run says and how it ends, whatever directory it ran in.
fn told(dir: &Path, args: &[&str], input: &str) -> String {
    let output = run_in(dir, args, input);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(!out.contains(SECRET) && !err.contains(SECRET), "{out}{err}");
    // What the binary makes of an error without its logs.
    format!("{out}{err}exit {}\n", output.status.code().unwrap()).replace(&dir.display().to_string(), "DIR")
}

#[track_caller]
fn check_bundled(plugin: &str, expected: &str, args: &[&str]) {
    let folder = format!("plugins/{plugin}/tests");
    let (plugin, events, expected) = (format!("bundled:{plugin}"), format!("{folder}/events.jsonl"), format!("{folder}/{expected}"));
    let mut all = vec![plugin.as_str(), "--events", &events, "--expect", &expected];
    all.extend(args);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        all.push("--update");
    }
    let output = run_in(&repository(), &all, "");
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn bundled_plugins_do_on_recorded_changes_what_is_expected() {
    let writer = ["--view", "new-image", "--grant", "tables=orders-us", "--grant", "state", "--setting", "table=orders-us"];
    check_bundled("cross-region-writer", "expected.txt", &writer);
    check_bundled("cross-region-writer", "expected.jsonl", &writer);
    check_bundled("cross-region-writer", "batches.txt", &[&writer[..], &["--batch", "4"]].concat());

    let counters = r#"counters=[{"name":"orders","by":["status"]},{"name":"revenue","by":["status","address.city"],"sum":"total"}]"#;
    let counter = ["--attributes", "status,total,address.city", "--grant", "counters", "--setting", counters];
    check_bundled("analytics-counter", "expected.txt", &counter);
    let lyon = r#"{"dynamodb":{"NewImage":{"address":{"M":{"city":{"S":["Lyon"]}}}}}}"#;
    let removed = r#"{"eventName":["REMOVE"],"userIdentity":{"type":[{"exists":false}]}}"#;
    check_bundled("analytics-counter", "filtered.txt", &[&counter[..], &["--filter", lyon, "--filter", removed]].concat());

    let subject = "subject=Welcome, {{ new.name }}";
    let text = "text=Hello {{ new.name }},\n\nyour {{ new.plan }} plan is ready.\n";
    let html = "html=@plugins/notification-mailer/tests/welcome.html";
    let mailer = [
        "--view",
        "new-image",
        "--grant",
        "mailers=office",
        "--setting",
        "to=email",
        "--setting",
        subject,
        "--setting",
        text,
        "--setting",
        html,
    ];
    check_bundled("notification-mailer", "expected.txt", &mailer);
    check_bundled("notification-mailer", "expected.jsonl", &mailer);
}

/// The fixture's component and three changes, in a directory of their own.
fn fixture() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("fixture.wasm"), tripline_bundled::FIXTURE).unwrap();
    std::fs::write(dir.path().join("events.jsonl"), EVENTS).unwrap();
    dir
}

const EVENTS: &str = r#"{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"}},"NewImage":{"id":{"S":"a"}}}}
{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"b"}},"NewImage":{"id":{"S":"b"},"flaw":{"S":"retry"}}}}
{"eventName":"MODIFY","dynamodb":{"Keys":{"id":{"S":"b"}},"OldImage":{"id":{"S":"b"}},"NewImage":{"id":{"S":"b"},"n":{"N":"1"}}}}
"#;

#[test]
fn events_come_from_standard_input_too() {
    let dir = fixture();
    let args = ["fixture.wasm", "--events", "-", "--setting", "mode=echo", "--view", "keys-only"];
    let whole = format!("{{ \"Records\": [\n{}\n] }}\n", EVENTS.trim_end().replace('\n', ",\n"));
    let of_lines = told(dir.path(), &args, EVENTS);
    assert_eq!(told(dir.path(), &args, &whole), of_lines);
    expect![[r#"
        1 INSERT {"id":{"S":"a"}}: ok
          info: fixture: keys {"id":{"S":"a"}} new none old none
        2 INSERT {"id":{"S":"b"}}: ok
          info: fixture: keys {"id":{"S":"b"}} new none old none
        3 MODIFY {"id":{"S":"b"}}: ok
          info: fixture: keys {"id":{"S":"b"}} new none old none
        3 changes: 3 ok
        exit 0
    "#]]
    .assert_eq(&of_lines);
}

/// A config whose mail server wants a password, with the workload's triggers.
fn config() -> TempDir {
    let dir = fixture();
    for (name, text) in workload::config_files("127.0.0.1:0", "http://127.0.0.1:1", "http://127.0.0.1:1") {
        let mailer = "url = \"smtps://mail.example.com\"\nusername = \"shop\"\npassword = { env = \"MAIL_PASSWORD\" }";
        std::fs::write(dir.path().join(name), text.replace("url = \"file:mail\"", mailer)).unwrap();
    }
    dir
}

fn edit(dir: &TempDir, from: &str, to: &str) {
    let path = dir.path().join("tripline.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "the config has no `{from}`");
    std::fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn a_trigger_of_a_config_is_tried_without_secrets_and_network() {
    let dir = config();
    let events = repository().join("plugins/notification-mailer/tests/events.jsonl");
    let args = ["--trigger", "welcome", "--events", events.to_str().unwrap()];
    let shown = told(dir.path(), &args, "");
    assert!(
        shown.contains("mail office to ann@example.com: Welcome, Ann") && shown.ends_with("2 dead letters; 2 mails\nexit 1\n"),
        "{shown}"
    );
    // Neither a variable that is not set nor a file that is not there is asked for.
    for password in ["{ env = \"NOBODY_HAS_SET_THIS\" }", "{ file = \"/nowhere/password\" }"] {
        let dir = config();
        edit(&dir, "{ env = \"MAIL_PASSWORD\" }", password);
        assert_eq!(told(dir.path(), &args, ""), shown, "{password}");
    }
    assert!(!dir.path().join("mail").exists() && !dir.path().join("data").exists());
    // Another plugin in its place, with the trigger's policy.
    edit(&dir, "[triggers.welcome]\n", "[triggers.welcome]\nretry = { attempts_max = 2, then = \"block\" }\n");
    edit(&dir, "[triggers.welcome.settings]\n", "[triggers.welcome.settings]\nmode = \"picky\"\n");
    edit(&dir, "grants = { mailers", "grants = { counters = true, mailers");
    edit(&dir, "attributes = [\"name\", \"email\", \"plan\"]\n", "");
    let args = ["fixture.wasm", "--trigger", "welcome", "--events", "events.jsonl", "--batch", "1"];
    expect![[r#"
        1 INSERT {"id":{"S":"a"}}: ok
          counter seen{name="insert"} +1
        2 INSERT {"id":{"S":"b"}}: blocked after 2 attempts: its flaw: retry
        3 MODIFY {"id":{"S":"b"}}: waits behind change 2, which is blocked
        3 changes: 1 ok, 1 blocked, 1 waits
        exit 1
    "#]]
    .assert_eq(&told(dir.path(), &args, ""));
    edit(&dir, "then = \"block\"", "then = \"skip\"");
    expect![[r#"
        1 INSERT {"id":{"S":"a"}}: ok
          counter seen{name="insert"} +1
        2 INSERT {"id":{"S":"b"}}: skipped after 2 attempts: its flaw: retry
        3 MODIFY {"id":{"S":"b"}}: ok
          counter seen{name="modify"} +1
        3 changes: 2 ok, 1 skipped
        exit 1
    "#]]
    .assert_eq(&told(dir.path(), &args, ""));
    edit(&dir, "[triggers.welcome]\n", "[triggers.welcome]\nfilters = ['{\"eventName\":[\"MODIFY\"]}']\n");
    expect![[r#"
        1 INSERT {"id":{"S":"a"}}: filtered
        2 INSERT {"id":{"S":"b"}}: filtered
        3 MODIFY {"id":{"S":"b"}}: ok
          counter seen{name="modify"} +1
        3 changes: 1 ok, 2 filtered
        exit 0
    "#]]
    .assert_eq(&told(dir.path(), &args, ""));
    edit(&dir, "filters = ['{\"eventName\":[\"MODIFY\"]}']\n", "");
    edit(&dir, "attempts_max = 2", "attempts_max = \"unlimited\"");
    expect![[r#"
        1 INSERT {"id":{"S":"a"}}: ok
          counter seen{name="insert"} +1
        2 INSERT {"id":{"S":"b"}}: given up after 25 attempts, where the policy allows more: its flaw: retry
        3 MODIFY {"id":{"S":"b"}}: ok
          counter seen{name="modify"} +1
        3 changes: 2 ok, 1 given up
        exit 1
    "#]]
    .assert_eq(&told(dir.path(), &args, ""));
}
