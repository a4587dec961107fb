//! What is expected and differs, and what is wrong with the input: what is said.

use expect_test::expect;

use super::{config, fixture, run_in, text, told};

#[test]
fn what_is_expected_is_compared_and_written() {
    let dir = fixture();
    let run = |args: &[&str]| {
        told(dir.path(), &[&["fixture.wasm", "--events", "events.jsonl", "--setting", "mode=print"][..], args].concat(), "")
    };
    let expected = dir.path().join("expected.txt");
    let to = ["--expect", "expected.txt"];
    let mut steps = run(&to);
    steps += &run(&["--expect", "expected.txt", "--update"]);
    steps += &run(&["--expect", "expected.txt", "--update"]);
    steps += &run(&to);
    let written = std::fs::read_to_string(&expected).unwrap();
    std::fs::write(&expected, written.replace("prints", "sings").replace('\n', "\r\n")).unwrap();
    steps += &run(&to);
    steps += &run(&["--expect", "expected.txt", "--update"]);
    steps += &run(&["--expect", "nowhere/expected.txt", "--update"]);
    expect![[r#"
        error: expected.txt cannot be read: name what a run should show, or write it with --update: No such file or directory (os error 2)
        exit 1
        expected.txt is new: look at what it says before you keep it
        exit 0
        expected.txt is as it was
        exit 0
        as expected: 3 changes
        exit 0
        --- expected.txt
        +++ this run
        @@ -1,10 +1,10 @@
         1 INSERT {"id":{"S":"a"}}: ok
        -  info: stdout: the fixture sings
        +  info: stdout: the fixture prints
           warn: stderr: the fixture complains
         2 INSERT {"id":{"S":"b"}}: ok
        -  info: stdout: the fixture sings
        +  info: stdout: the fixture prints
           warn: stderr: the fixture complains
         3 MODIFY {"id":{"S":"b"}}: ok
        -  info: stdout: the fixture sings
        +  info: stdout: the fixture prints
           warn: stderr: the fixture complains
         3 changes: 3 ok
        error: not as expected.txt expects: mend the plugin or, where the lines with + are right, run again with --update
        exit 1
        expected.txt has changed: look at what it says before you keep it
        exit 0
        error: nowhere/expected.txt cannot be written: choose a place that this user can write to: there is no folder nowhere
        exit 1
    "#]]
    .assert_eq(&steps);
    assert_eq!(std::fs::read_to_string(&expected).unwrap(), written);
}

/// What is wrong, the arguments, and what is said.
#[test]
fn what_is_wrong_is_said_with_a_remedy() {
    let dir = config();
    for (name, text) in [("cut.jsonl", "{\"eventName\":\"INSERT\"\n"), ("no.wasm", "no component"), ("keys.jsonl", KEYS_ONLY)] {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let mut all = String::new();
    for args in [
        &["fixture.wasm", "--events", "nothing.jsonl"][..],
        &["fixture.wasm", "--events", "cut.jsonl"],
        &["nothing.wasm", "--events", "events.jsonl"],
        &["no.wasm", "--events", "events.jsonl"],
        &["bundled:nothing", "--events", "events.jsonl"],
        &["fixture.wasm", "--events", "keys.jsonl", "--view", "new-image"],
        &["fixture.wasm", "--events", "events.jsonl", "--setting", "mode=probe-fail"],
        &["fixture.wasm", "--events", "events.jsonl", "--setting", "mode=@nothing"],
        &["--trigger", "welcom", "--events", "events.jsonl"],
        &["--trigger", "welcome", "-c", "nothing.toml", "--events", "events.jsonl"],
        &["fixture.wasm", "--events", "events.jsonl", "--expect", "nothing.txt"],
    ] {
        all += &format!("{}\n{}", args.join(" "), told(dir.path(), args, ""));
    }
    expect![[r#"
        fixture.wasm --events nothing.jsonl
        error: nothing.jsonl cannot be read: name a file of recorded changes, such as `tripline streams tail --json` prints: No such file or directory (os error 2)
        exit 1
        fixture.wasm --events cut.jsonl
        error: cut.jsonl:1: the JSON that begins here has no end: close its brackets and quotes
        exit 1
        nothing.wasm --events events.jsonl
        error: triggers.test: plugin `nothing.wasm`: cannot be read: No such file or directory (os error 2): check the path, and that this user may read it
        exit 1
        no.wasm --events events.jsonl
        error: triggers.test: plugin `no.wasm`: not WebAssembly: a plugin is a binary component, which begins with `\0asm`: name the file that the build makes
        exit 1
        bundled:nothing --events events.jsonl
        error: triggers.test: plugin `bundled:nothing`: this host comes without a plugin `nothing`
        exit 1
        fixture.wasm --events keys.jsonl --view new-image
        error: view `new-image` is more than the recorded stream had, which is `keys-only`: choose --view keys-only, or record a stream that has more
        exit 1
        fixture.wasm --events events.jsonl --setting mode=probe-fail
        error: triggers.test: plugin `fixture.wasm`: its probe failed: told to fail the probe
        exit 1
        fixture.wasm --events events.jsonl --setting mode=@nothing
        error: --setting mode: nothing cannot be read as UTF-8 text: No such file or directory (os error 2)
        exit 1
        --trigger welcom --events events.jsonl
        error: tripline.toml has no trigger `welcom`: it has replicate, stats, welcome
        exit 1
        --trigger welcome -c nothing.toml --events events.jsonl
        error: nothing.toml: cannot be read: No such file or directory (os error 2)
          remedy: write one, or name another with -c; docs/config.md has a sample
        1 fault in nothing.toml
        exit 1
        fixture.wasm --events events.jsonl --expect nothing.txt
        error: nothing.txt cannot be read: name what a run should show, or write it with --update: No such file or directory (os error 2)
        exit 1
    "#]].assert_eq(&all);
}

/// The first line of each.
#[test]
fn what_is_wrong_with_the_command_line_is_said() {
    let (dir, events) = (fixture(), ["--events", "events.jsonl"]);
    let mut all = String::new();
    for args in [
        &[][..],
        &["fixture.wasm", "--view", "both"],
        &["fixture.wasm", "--grant", "table"],
        &["fixture.wasm", "--setting", "mode"],
        &["fixture.wasm", "--filter", "{\"eventName\":[\"INSERT\""],
        &["fixture.wasm", "--time", "1h"],
        &["fixture.wasm", "--update"],
        &["fixture.wasm", "--trigger", "welcome", "--grant", "state"],
    ] {
        let output = run_in(dir.path(), &[args, &events].concat(), "");
        let said = text(&output.stderr);
        all += &format!("{} {}\n", output.status.code().unwrap(), said.lines().next().unwrap());
    }
    expect![[r#"
        2 error: the following required arguments were not provided:
        2 error: invalid value 'both' for '--view <VIEW>': a view is one of keys-only, new-image, old-image, new-and-old-images
        2 error: invalid value 'table' for '--grant <GRANT>': write counters, state, metrics, tables=NAME, reads=NAME, mailers=NAME or http=URL
        2 error: invalid value 'mode' for '--setting <KEY=VALUE>': write KEY=VALUE, or KEY=@FILE
        2 error: invalid value '{"eventName":["INSERT"' for '--filter <PATTERN>': column 23: not JSON: there is no `,` or `]`; a pattern is one JSON object
        2 error: invalid value '1h' for '--time <DURATION>': write a duration from 10ms to 15m
        2 error: the following required arguments were not provided:
        2 error: the argument '--trigger <NAME>' cannot be used with '--grant <GRANT>'
    "#]].assert_eq(&all);
}

const KEYS_ONLY: &str = r#"{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"}},"StreamViewType":"KEYS_ONLY"}}"#;
