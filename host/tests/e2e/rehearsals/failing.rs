//! The fixture, in its modes, on three changes: failures, limits, grants, state, and surroundings that are the same in every run.

use expect_test::{Expect, expect};

use super::{fixture, told};

#[track_caller]
fn check_fixture(mode: &str, args: &[&str], expected: Expect) {
    let (dir, mode) = (fixture(), format!("mode={mode}"));
    let all = [&["fixture.wasm", "--events", "events.jsonl", "--setting", &mode][..], args].concat();
    let told = told(dir.path(), &all, "");
    // A panic's place moves with every line of the fixture.
    let cut = told.lines().map(|line| line.split("; on stderr: ").next().unwrap_or(line));
    let still: Vec<&str> = cut.filter(|line| !line.contains("panicked at ")).collect();
    expected.assert_eq(&(still.join("\n") + "\n"));
}

#[test]
fn a_partial_failure_holds_back_its_item_and_heals() {
    check_fixture(
        "picky",
        &["--grant", "counters"],
        expect![[r#"
        1 INSERT {"id":{"S":"a"}}: ok
          counter seen{name="insert"} +1
        2 INSERT {"id":{"S":"b"}}: dead letter after 5 attempts: its flaw: retry
        3 MODIFY {"id":{"S":"b"}}: ok
          counter seen{name="modify"} +1
        3 changes: 2 ok, 1 dead letter
        exit 1
    "#]],
    );
    check_fixture(
        "picky",
        &["--grant", "counters", "--batch", "3", "--setting", "heals_after=2"],
        expect![[r#"
        1 INSERT {"id":{"S":"a"}}: ok
          counter seen{name="insert"} +1
        2 INSERT {"id":{"S":"b"}}: ok
          failed (attempts 1-2): its flaw: retry
          counter seen{name="insert"} +1
        3 MODIFY {"id":{"S":"b"}}: ok
          counter seen{name="modify"} +1
        3 changes: 3 ok
        exit 0
    "#]],
    );
}

#[test]
fn a_batch_that_fails_as_a_whole_is_halved_down_to_the_culprit() {
    check_fixture(
        "trap",
        &["--batch", "3"],
        expect![[r#"
            1 INSERT {"id":{"S":"a"}}: dead letter after 5 attempts: wasm trap: wasm `unreachable` instruction executed
              failed (attempt 1 with changes 1-3): wasm trap: wasm `unreachable` instruction executed
              warn (changes 1-3): stderr: the fixture panics
              warn (changes 1-3): stderr: note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
              warn (attempts 1-5): stderr: the fixture panics
              warn (attempts 1-5): stderr: note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
            2 INSERT {"id":{"S":"b"}}: dead letter after 5 attempts: wasm trap: wasm `unreachable` instruction executed
              failed (attempt 1 with changes 1-3): wasm trap: wasm `unreachable` instruction executed
              failed (attempt 1 with changes 2-3): wasm trap: wasm `unreachable` instruction executed
              warn (changes 2-3): stderr: the fixture panics
              warn (changes 2-3): stderr: note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
              warn (attempts 1-5): stderr: the fixture panics
              warn (attempts 1-5): stderr: note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
            3 MODIFY {"id":{"S":"b"}}: dead letter after 5 attempts: wasm trap: wasm `unreachable` instruction executed
              failed (attempt 1 with changes 1-3): wasm trap: wasm `unreachable` instruction executed
              failed (attempt 1 with changes 2-3): wasm trap: wasm `unreachable` instruction executed
              warn (attempts 1-5): stderr: the fixture panics
              warn (attempts 1-5): stderr: note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
            3 changes: 0 ok, 3 dead letters
            exit 1
        "#]],
    );
    check_fixture(
        "partial",
        &["--batch", "3", "--setting", "indices=[0,9]"],
        expect![[r#"
        1 INSERT {"id":{"S":"a"}}: dead letter after 5 attempts: the plugin says that change 9 failed, and this batch has 1 changes: their positions count from 0
          failed (attempt 1 with changes 1-3): the plugin says that change 9 failed, and this batch has 3 changes: their positions count from 0
        2 INSERT {"id":{"S":"b"}}: dead letter after 5 attempts: the plugin says that change 9 failed, and this batch has 1 changes: their positions count from 0
          failed (attempt 1 with changes 1-3): the plugin says that change 9 failed, and this batch has 3 changes: their positions count from 0
          failed (attempt 1 with changes 2-3): the plugin says that change 9 failed, and this batch has 2 changes: their positions count from 0
        3 MODIFY {"id":{"S":"b"}}: dead letter after 5 attempts: the plugin says that change 9 failed, and this batch has 1 changes: their positions count from 0
          failed (attempt 1 with changes 1-3): the plugin says that change 9 failed, and this batch has 3 changes: their positions count from 0
          failed (attempt 1 with changes 2-3): the plugin says that change 9 failed, and this batch has 2 changes: their positions count from 0
        3 changes: 0 ok, 3 dead letters
        exit 1
    "#]],
    );
}

#[test]
fn limits_hold() {
    check_fixture(
        "loop",
        &["--time", "500ms", "--batch", "3", "--filter", r#"{"dynamodb":{"NewImage":{"flaw":{"S":[{"exists":true}]}}}}"#],
        expect![[r#"
            1 INSERT {"id":{"S":"a"}}: filtered
            2 INSERT {"id":{"S":"b"}}: dead letter after 5 attempts: time limit: not done after 500ms
            3 MODIFY {"id":{"S":"b"}}: filtered
            3 changes: 0 ok, 2 filtered, 1 dead letter
            exit 1
        "#]],
    );
    check_fixture(
        "hog",
        &["--memory", "2MiB", "--filter", r#"{"eventName":["MODIFY"]}"#],
        expect![[r#"
            1 INSERT {"id":{"S":"a"}}: filtered
            2 INSERT {"id":{"S":"b"}}: filtered
            3 MODIFY {"id":{"S":"b"}}: dead letter after 5 attempts: out of memory: wanted 3211264 of 2097152 bytes, its `limits.memory` (`--memory` of `tripline test`)
              warn (attempts 1-5): stderr: memory allocation of 1048576 bytes failed
              warn (attempts 1-5): stderr: note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace
            3 changes: 0 ok, 2 filtered, 1 dead letter
            exit 1
        "#]],
    );
}

#[test]
fn what_is_not_granted_is_denied() {
    check_fixture(
        "state",
        &["--filter", r#"{"eventName":["MODIFY"]}"#],
        expect![[r#"
        1 INSERT {"id":{"S":"a"}}: filtered
        2 INSERT {"id":{"S":"b"}}: filtered
        3 MODIFY {"id":{"S":"b"}}: dead letter after 1 attempt: trigger `test` is not granted state: add `grants = { state = true }` to [triggers.test]
        3 changes: 0 ok, 2 filtered, 1 dead letter
        exit 1
    "#]],
    );
    check_fixture(
        "mail",
        &["--grant", "mailers=office", "--filter", r#"{"eventName":["MODIFY"]}"#],
        expect![[r#"
        1 INSERT {"id":{"S":"a"}}: filtered
        2 INSERT {"id":{"S":"b"}}: filtered
        3 MODIFY {"id":{"S":"b"}}: ok
          mail office to a@example.com: hi
            text | 3
        3 changes: 1 ok, 2 filtered; 1 mail
        exit 0
    "#]],
    );
}

#[test]
fn later_changes_read_the_state_of_earlier_ones() {
    check_fixture(
        "state",
        &["--grant", "state"],
        expect![[r#"
        1 INSERT {"id":{"S":"a"}}: ok
          info: fixture: k is not set
          state k = "1"
        2 INSERT {"id":{"S":"b"}}: ok
          info: fixture: k is 1
          state k = "2"
        3 MODIFY {"id":{"S":"b"}}: ok
          info: fixture: k is 2
          state k = "3"
        3 changes: 3 ok
        exit 0
    "#]],
    );
    check_fixture(
        "state",
        &["--grant", "state", "--batch", "3", "--json"],
        expect![[r#"
        {"change":1,"event_name":"INSERT","keys":{"id":{"S":"a"}},"result":"ok","deliveries":1,"logs":[{"level":"info","context":"fixture","message":"k is not set","changes":[1,2,3]},{"level":"info","context":"fixture","message":"k is 1","changes":[1,2,3]},{"level":"info","context":"fixture","message":"k is 2","changes":[1,2,3]}],"effects":[{"effect":"state-set","key":"k","value":"1"}]}
        {"change":2,"event_name":"INSERT","keys":{"id":{"S":"b"}},"result":"ok","deliveries":1,"effects":[{"effect":"state-set","key":"k","value":"2"}]}
        {"change":3,"event_name":"MODIFY","keys":{"id":{"S":"b"}},"result":"ok","deliveries":1,"effects":[{"effect":"state-set","key":"k","value":"3"}]}
        {"summary":{"blocked":0,"changes":3,"dead_letters":0,"filtered":0,"given_up":0,"mails":0,"ok":3,"skipped":0,"waiting":0,"writes":0}}
        exit 0
    "#]],
    );
}

#[test]
fn an_item_of_a_file_from_several_shards_keeps_its_order() {
    let dir = fixture();
    let events = [("b", 30), ("a", 4), ("b", 200)].map(|(id, number)| {
        format!(
            r#"{{"eventID":"{id}{number}","eventName":"INSERT","dynamodb":{{"Keys":{{"id":{{"S":"{id}"}}}},"SequenceNumber":"{number}"}}}}"#
        )
    });
    let args = ["fixture.wasm", "--events", "-", "--setting", "mode=state", "--grant", "state"];
    expect![[r#"
        1 INSERT {"id":{"S":"b"}}: ok
          info: fixture: k is a4
          state k = "b30"
        2 INSERT {"id":{"S":"a"}}: ok
          info: fixture: k is not set
          state k = "a4"
        3 INSERT {"id":{"S":"b"}}: ok
          info: fixture: k is b30
          state k = "b200"
        3 changes: 3 ok
        exit 0
    "#]]
    .assert_eq(&told(dir.path(), &args, &events.join("\n")));
}

#[test]
fn a_mail_of_one_change_and_key_is_sent_once() {
    let dir = fixture();
    let event = r#"{"eventID":"e","eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"}}}}"#;
    let args = ["fixture.wasm", "--events", "-", "--setting", "mode=mail", "--grant", "mailers=office"];
    expect![[r#"
        1 INSERT {"id":{"S":"a"}}: ok
          mail office to a@example.com: hi
            text | e
        2 INSERT {"id":{"S":"a"}}: ok
          mail office to a@example.com: hi
            not sent: the outbox has a mail of this change and key
        2 changes: 2 ok; 1 mail
        exit 0
    "#]]
    .assert_eq(&told(dir.path(), &args, &format!("{event}\n{event}\n")));
}

#[test]
fn time_is_the_changes_and_randomness_differs_with_them() {
    check_fixture(
        "surroundings",
        &[],
        expect![[r#"
        1 INSERT {"id":{"S":"a"}}: ok
          info: fixture: 1: 1767225600000 ms, 1µs later, [61, a7, b5, 82, 92, 5e, 03, de], 6c26a85d1197fe73
        2 INSERT {"id":{"S":"b"}}: ok
          info: fixture: 2: 1767225600000 ms, 1µs later, [06, d0, a0, 54, 9e, 7a, 62, 20], 0eafc6d1af334b5b
        3 MODIFY {"id":{"S":"b"}}: ok
          info: fixture: 3: 1767225600000 ms, 1µs later, [0f, 88, 3b, f2, 08, 35, cc, c1], b7713d6b3153bb54
        3 changes: 3 ok
        exit 0
    "#]],
    );
}

/// Whatever the plugin asks for, and wherever it is stopped.
#[test]
fn the_same_input_prints_the_same_bytes() {
    let dir = fixture();
    for mode in ["surroundings", "hog", "trap", "flood"] {
        let mode = format!("mode={mode}");
        let args = ["fixture.wasm", "--events", "events.jsonl", "--setting", &mode, "--batch", "2", "--json"];
        let first = told(dir.path(), &args, "");
        assert!(first.contains("\"summary\""), "{mode}: {first}");
        assert_eq!(told(dir.path(), &args, ""), first, "{mode}");
    }
}
