//! `tripline filter`: what matches, what does not and why, what is refused. UPDATE_EXPECT=1 writes the texts anew.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use expect_test::{Expect, expect};

use crate::harness::tripline;

/// Changes of users, kept for the notification mailer.
const EVENTS: &str = "plugins/notification-mailer/tests/events.jsonl";
const CONFIG: &str = r#"
[streams.users]
table = "users"
region = "eu-west-1"

[triggers.welcome]
stream = "users"
plugin = "bundled:notification-mailer"
view = "keys-only"
filters = ['{"eventName":["INSERT"],"dynamodb":{"NewImage":{"plan":{"S":["pro"]}}}}', '{"userIdentity":{"type":["Service"]}}']

[triggers.all]
stream = "users"
plugin = "bundled:notification-mailer"
view = "keys-only"
"#;

/// Runs where the repository begins, with `input` on stdin.
#[track_caller]
fn check(args: &[&str], input: &str, expected: Expect) {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = tripline();
    command.arg("filter").args(args).current_dir(repository).env("TRIPLINE_LOG", "warn");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may have ended without a look at its input.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    expected.assert_eq(&format!("{}{}exit {}\n", text(output.stdout), text(output.stderr), output.status.code().unwrap()));
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn each_record_matches_or_says_why_not() {
    check(
        &[r#"{"eventName":["INSERT"],"dynamodb":{"NewImage":{"plan":{"S":["pro"]},"email":{"S":[{"exists":true}]}}}}"#, "--events", EVENTS],
        "",
        expect![[r#"
            1  INSERT  {"id":{"S":"u-1"}}  matches
            2  INSERT  {"id":{"S":"u-2"}}  no match
                 dynamodb.NewImage.email.S must be [{"exists":true}], and is nothing: there is no dynamodb.NewImage.email
            3  INSERT  {"id":{"S":"u-3"}}  no match
                 dynamodb.NewImage.plan.S must be ["pro"], and is "free"
            4  MODIFY  {"id":{"S":"u-1"}}  no match
                 eventName must be ["INSERT"], and is "MODIFY"
                 dynamodb.NewImage.plan.S must be ["pro"], and is "team"
            5  INSERT  {"id":{"S":"u-4"}}  no match
                 dynamodb.NewImage.plan.S must be ["pro"], and is "free"
            6  REMOVE  {"id":{"S":"u-2"}}  no match
                 eventName must be ["INSERT"], and is "REMOVE"
                 dynamodb.NewImage.plan.S must be ["pro"], and is nothing: there is no dynamodb.NewImage
                 dynamodb.NewImage.email.S must be [{"exists":true}], and is nothing: there is no dynamodb.NewImage
            7  REMOVE  {"id":{"S":"u-1"}}  no match
                 eventName must be ["INSERT"], and is "REMOVE"
                 dynamodb.NewImage.plan.S must be ["pro"], and is nothing: there is no dynamodb.NewImage
                 dynamodb.NewImage.email.S must be [{"exists":true}], and is nothing: there is no dynamodb.NewImage
            1 of 7 records match
            exit 0
        "#]],
    );
}

#[test]
fn of_several_patterns_one_must_match_and_what_never_does_is_said_first() {
    let never = r#"{"$or":[{"dynamodb":{"NewImage":{"plan":["pro"]}}},{"eventName":["delete"]}]}"#;
    check(
        &[never, r#"{"dynamodb":{"OldImage":{"plan":{"S":[{"prefix":"p"}]}}}}"#, "--events", EVENTS],
        "",
        expect![[r#"
        warning: pattern 1, column 34: the value of "plan" stands in an object, with its type: it never matches; write "plan":{"S":["pro"]}
        warning: pattern 1, column 66: "eventName" is never so: it is one of INSERT, MODIFY, REMOVE: it never matches; did you mean "REMOVE"?
        1  INSERT  {"id":{"S":"u-1"}}  no match
             pattern 1: choice 1 of 2: dynamodb.NewImage.plan must be ["pro"], and is {"S":"pro"}
             pattern 1: choice 2 of 2: eventName must be ["delete"], and is "INSERT"
             pattern 2: dynamodb.OldImage.plan.S must be [{"prefix":"p"}], and is nothing: there is no dynamodb.OldImage
        2  INSERT  {"id":{"S":"u-2"}}  no match
             pattern 1: choice 1 of 2: dynamodb.NewImage.plan must be ["pro"], and is {"S":"pro"}
             pattern 1: choice 2 of 2: eventName must be ["delete"], and is "INSERT"
             pattern 2: dynamodb.OldImage.plan.S must be [{"prefix":"p"}], and is nothing: there is no dynamodb.OldImage
        3  INSERT  {"id":{"S":"u-3"}}  no match
             pattern 1: choice 1 of 2: dynamodb.NewImage.plan must be ["pro"], and is {"S":"free"}
             pattern 1: choice 2 of 2: eventName must be ["delete"], and is "INSERT"
             pattern 2: dynamodb.OldImage.plan.S must be [{"prefix":"p"}], and is nothing: there is no dynamodb.OldImage
        4  MODIFY  {"id":{"S":"u-1"}}  matches pattern 2
        5  INSERT  {"id":{"S":"u-4"}}  no match
             pattern 1: choice 1 of 2: dynamodb.NewImage.plan must be ["pro"], and is {"S":"free"}
             pattern 1: choice 2 of 2: eventName must be ["delete"], and is "INSERT"
             pattern 2: dynamodb.OldImage.plan.S must be [{"prefix":"p"}], and is nothing: there is no dynamodb.OldImage
        6  REMOVE  {"id":{"S":"u-2"}}  matches pattern 2
        7  REMOVE  {"id":{"S":"u-1"}}  matches pattern 2
        3 of 7 records match
        exit 0
    "#]],
    );
}

#[test]
fn a_script_gets_a_line_for_each_change_and_one_for_all() {
    let events = r#"{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"}},"NewImage":{"id":{"S":"a"},"n":{"N":"1E2"}},"StreamViewType":"NEW_IMAGE"}}
        {"eventName":"REMOVE","dynamodb":{"Keys":{"id":{"S":"b"}},"StreamViewType":"NEW_IMAGE"}}"#;
    let pattern = r#"{"$or":[{"dynamodb":{"NewImage":{"n":{"N":[100]}}}},{"dynamodb":{"OldImage":{"n":{"N":[100]}}}}]}"#;
    check(
        &[pattern, "--json", "--events", "-"],
        events,
        expect![[r#"
        {"record":1,"event_name":"INSERT","event_id":"1","keys":{"id":{"S":"a"}},"matches":true,"pattern":1}
        {"record":2,"event_name":"REMOVE","event_id":"2","keys":{"id":{"S":"b"}},"matches":false,"failed":[{"pattern":1,"path":"dynamodb.NewImage.n.N","choice":"choice 1 of 2","wants":"[100]","found":"nothing: there is no dynamodb.NewImage"},{"pattern":1,"path":"dynamodb.OldImage.n.N","choice":"choice 2 of 2","wants":"[100]","found":"nothing: there is no dynamodb.OldImage"}]}
        {"records":2,"matched":1,"warnings":[{"pattern":1,"line":1,"column":66,"what":"the stream holds NEW_IMAGE: its records have no OldImage","remedy":"enable it with OLD_IMAGE or NEW_AND_OLD_IMAGES, or test Keys instead","never_matches":false}]}
        exit 0
    "#]],
    );
}

#[test]
fn a_triggers_own_filters_are_tried() {
    let config = file(CONFIG);
    let config = config.path().to_str().unwrap();
    check(
        &["--trigger", "welcome", "-c", config, "--events", EVENTS],
        "",
        expect![[r#"
        1  INSERT  {"id":{"S":"u-1"}}  matches pattern 1
        2  INSERT  {"id":{"S":"u-2"}}  matches pattern 1
        3  INSERT  {"id":{"S":"u-3"}}  no match
             pattern 1: dynamodb.NewImage.plan.S must be ["pro"], and is "free"
             pattern 2: userIdentity.type must be ["Service"], and is nothing: there is no userIdentity
        4  MODIFY  {"id":{"S":"u-1"}}  no match
             pattern 1: eventName must be ["INSERT"], and is "MODIFY"
             pattern 1: dynamodb.NewImage.plan.S must be ["pro"], and is "team"
             pattern 2: userIdentity.type must be ["Service"], and is nothing: there is no userIdentity
        5  INSERT  {"id":{"S":"u-4"}}  no match
             pattern 1: dynamodb.NewImage.plan.S must be ["pro"], and is "free"
             pattern 2: userIdentity.type must be ["Service"], and is nothing: there is no userIdentity
        6  REMOVE  {"id":{"S":"u-2"}}  no match
             pattern 1: eventName must be ["INSERT"], and is "REMOVE"
             pattern 1: dynamodb.NewImage.plan.S must be ["pro"], and is nothing: there is no dynamodb.NewImage
             pattern 2: userIdentity.type must be ["Service"], and is nothing: there is no userIdentity
        7  REMOVE  {"id":{"S":"u-1"}}  matches pattern 2
        3 of 7 records match
        exit 0
    "#]],
    );
    for trigger in ["all", "none"] {
        let mut command = tripline();
        let output = command.args(["filter", "--trigger", trigger, "-c", config, "--events", EVENTS]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let expected = if trigger == "all" { "has no filters: it gets every change" } else { "has no trigger `none`: it has all, welcome" };
        assert!(!output.status.success() && said.contains(expected), "{said}");
    }
}

#[test]
fn what_is_refused_is_shown_with_its_place() {
    check(
        &[r#"{"eventName":"INSERT"}"#, "--events", EVENTS],
        "",
        expect![[r#"
        error: pattern, column 14: "eventName" is neither a list nor an object; write ["INSERT"]
          {"eventName":"INSERT"}
                       ^
        exit 1
    "#]],
    );
    check(
        &[r#"{"eventName":["INSERT"]}"#, r#"{"dynamodb":{"Keys":{"é":{"S":[{"wildcrd":"a*"}]}}}}"#, "--events", EVENTS],
        "",
        expect![[r#"
        error: pattern 2, column 33: there is no operator "wildcrd"; did you mean "wildcard"?
          {"dynamodb":{"Keys":{"é":{"S":[{"wildcrd":"a*"}]}}}}
                                          ^
        exit 1
    "#]],
    );
    let long = format!(r#"{{"eventName":[{}INSERT]}}"#, r#""MODIFY","#.repeat(30));
    check(
        &[&long, "--events", EVENTS],
        "",
        expect![[r#"
        error: pattern, column 285: not JSON: there is no value; a pattern is one JSON object
          …DIFY","MODIFY","MODIFY","MODIFY","MODIFY","MODIFY","MODIFY",INSERT]}
                                                                       ^
        exit 1
    "#]],
    );
    let pattern = file("{\"eventName\":[\"INSERT\"],\n  \"dynamodb\":{}}");
    let output = tripline()
        .args(["filter", &format!("@{}", pattern.path().display()), "--events", EVENTS])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap().replace(&pattern.path().display().to_string(), "FILE");
    expect![[r#"
        error: FILE, line 2, column 14: an empty object says nothing; leave it out, or say what must be in it
            "dynamodb":{}}
                       ^
    "#]]
    .assert_eq(&said);
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    check(
        &[r#"{"eventName":["INSERT"]}"#, "--events", "no such file"],
        "",
        expect![[r#"
        error: no such file cannot be read: name a file of recorded changes, such as `tripline streams tail --json` prints: No such file or directory (os error 2)
        exit 1
    "#]],
    );
    check(
        &["@no such file", "--events", EVENTS],
        "",
        expect![[r#"
        error: no such file cannot be read: name a file that holds a pattern: No such file or directory (os error 2)
        exit 1
    "#]],
    );
    check(
        &[r#"{"eventName":["INSERT"]}"#, "--events", "-"],
        "{\"eventName\":",
        expect![[r#"
        error: standard input:1: the JSON that begins here has no end: close its brackets and quotes
        exit 1
    "#]],
    );
    check(
        &["--events", EVENTS],
        "",
        expect![[r#"
        error: the following required arguments were not provided:
          <PATTERN>...

        Usage: tripline filter --events <FILE> --log <FILTER> <PATTERN>...

        For more information, try '--help'.
        exit 2
    "#]],
    );
}
