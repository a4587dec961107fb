//! Triggers: references, policies, limits, grants, what is planned.

use expect_test::expect;

use std::time::Duration;

use tripline_core::reuse::Reuse;
use tripline_core::time::Timestamp;

use tripline_core::view::ViewType;

use super::*;

#[test]
fn triggers() {
    check(
        "[triggers.t]",
        expect![[r#"
            tripline.toml:1:11: triggers.t.plugin: is missing
              remedy: write a path, or "bundled:NAME"
            error: tripline.toml:1:11: triggers.t.stream: is missing
              remedy: write the name of one of [streams]
            error: tripline.toml:1:11: triggers.t.view: is missing
              remedy: write "keys-only", "new-image", "old-image" or "new-and-old-images": what the plugin may see
            3 faults in tripline.toml"#]],
    );
    check(
        "[streams.s]\ntable = 'abc'\n[triggers.t]\nstream = 'x'\nplugin = 'none.wasm'\nview = 'all'\nsha256 = 'abc'\nallow_loop = 1\n\
         [triggers.u]\nstream = 's'\nplugin = 'bundled:x'\nview = 'keys_only'\nattributes = 'a'",
        expect![[r#"
            tripline.toml:4:1: triggers.t.stream: there is no "x" in [streams]
              remedy: add [streams.x], or name one that is there
            error: tripline.toml:5:1: triggers.t.plugin: there is no file src/config/testdata/none.wasm
              remedy: correct the path; it is relative to the folder of this file
            error: tripline.toml:6:1: triggers.t.view: "all" is not known here
              remedy: write "keys-only" or "new-image" or "old-image" or "new-and-old-images"
            error: tripline.toml:7:1: triggers.t.sha256: is no SHA-256
              remedy: write the 64 hexadecimal digits that `sha256sum PLUGIN` or `tripline inspect PLUGIN` prints
            error: tripline.toml:8:1: triggers.t.allow_loop: true or false is needed, this is an integer
              remedy: write true or false, without quotes
            error: tripline.toml:11:1: triggers.u.plugin: no plugin "x" is bundled
              remedy: these are bundled: cross-region-writer, analytics-counter, notification-mailer
            error: tripline.toml:12:1: triggers.u.view: "keys_only" is not known here
              remedy: did you mean "keys-only"?
            error: tripline.toml:13:1: triggers.u.attributes: a list is needed, this is a string
              remedy: write a list, as ["one", "two"]
            8 faults in tripline.toml"#]],
    );
    check_trigger(
        "parallelism = 65\npaused = 'no'\ninstances = 'hot'\nstart = 'oldest'\nlimits = 3",
        expect![[r#"
            tripline.toml:6:1: triggers.t.parallelism: 65 is out of range
              remedy: write a whole number from 1 to 64
            error: tripline.toml:7:1: triggers.t.paused: true or false is needed, this is a string
              remedy: write true or false, without quotes
            error: tripline.toml:8:1: triggers.t.instances: "hot" is not known here
              remedy: write "fresh" or "warm"
            error: tripline.toml:9:1: triggers.t.start: "oldest" is not known here
              remedy: write "trim-horizon", "latest", or a time as "2026-11-22T19:00:00Z"
            error: tripline.toml:10:1: triggers.t.limits: a table is needed, this is an integer
              remedy: write [triggers.t.limits] with its keys below it, or { key = … }
            5 faults in tripline.toml"#]],
    );
}

#[test]
fn batch_retry_and_limits() {
    check_trigger(
        "batch = { records_max = 10001, bytes_max = '1B', window = '301s' }",
        expect![[r#"
            tripline.toml:6:11: triggers.t.batch.records_max: 10001 is out of range
              remedy: write a whole number from 1 to 10000
            error: tripline.toml:6:32: triggers.t.batch.bytes_max: 1B is out of range
              remedy: write bytes, or a whole number with a unit (KiB, MiB, GiB, KB, MB, GB) in quotes, from 1KiB to 16MiB
            error: tripline.toml:6:50: triggers.t.batch.window: 301s is out of range
              remedy: write a whole number with a unit (ms, s, m, h) in quotes, from "0s" to "5m"
            3 faults in tripline.toml"#]],
    );
    check_trigger(
        "retry = { attempts_max = 'forever', age_max = '59s', backoff = '30s..1s', bisect = 'yes', then = 'drop' }",
        expect![[r#"
            tripline.toml:6:11: triggers.t.retry.attempts_max: "forever" is not known here
              remedy: write "unlimited"
            error: tripline.toml:6:37: triggers.t.retry.age_max: 59s is out of range
              remedy: write a whole number with a unit (ms, s, m, h) in quotes, from "1m" to "24h"
            error: tripline.toml:6:54: triggers.t.retry.backoff: "30s..1s" is no back-off
              remedy: write the first and the longest wait, from "1ms" to "1h", as "100ms..30s"
            error: tripline.toml:6:75: triggers.t.retry.bisect: true or false is needed, this is a string
              remedy: write true or false, without quotes
            error: tripline.toml:6:91: triggers.t.retry.then: "drop" is not known here
              remedy: write "dead-letter" or "block" or "skip"
            5 faults in tripline.toml"#]],
    );
    check_trigger(
        "limits = { memory = '5GiB', time = '0s' }",
        expect![[r#"
            tripline.toml:6:12: triggers.t.limits.memory: 5GiB is out of range
              remedy: write bytes, or a whole number with a unit (KiB, MiB, GiB, KB, MB, GB) in quotes, from 1MiB to 4GiB
            error: tripline.toml:6:29: triggers.t.limits.time: 0s is out of range
              remedy: write a whole number with a unit (ms, s, m, h) in quotes, from "10ms" to "15m"
            2 faults in tripline.toml"#]],
    );
    check_trigger(
        "limits = { memory = '64MB ', time = 1.5 }\nretry = { attempts_max = -1, backoff = '1s' }",
        expect![[r#"
            tripline.toml:6:12: triggers.t.limits.memory: "64MB " is no size
              remedy: write bytes, or a whole number with a unit (KiB, MiB, GiB, KB, MB, GB) in quotes, from 1MiB to 4GiB
            error: tripline.toml:6:30: triggers.t.limits.time: a duration is needed, this is a float
              remedy: write a whole number with a unit (ms, s, m, h) in quotes, from "10ms" to "15m"
            error: tripline.toml:7:11: triggers.t.retry.attempts_max: -1 is out of range
              remedy: write a whole number from 1 to 10000
            error: tripline.toml:7:30: triggers.t.retry.backoff: "1s" is no back-off
              remedy: write the first and the longest wait, from "1ms" to "1h", as "100ms..30s"
            4 faults in tripline.toml"#]],
    );
}

#[test]
fn grants() {
    check_trigger(
        "grants = { counters = 'yes', tables = ['copy', 'copy', 'copi', 3], mailers = 'office', state = 1, sms = true }\n[targets.copy]\ntable = 'copy'",
        expect![[r#"
            tripline.toml:6:12: triggers.t.grants.counters: true or false is needed, this is a string
              remedy: write true or false, without quotes
            error: tripline.toml:6:48: triggers.t.grants.tables: "copy" is named twice
              remedy: remove one
            error: tripline.toml:6:56: triggers.t.grants.tables: there is no "copi" in [targets]
              remedy: did you mean "copy"?
            error: tripline.toml:6:64: triggers.t.grants.tables: a string is needed, this is an integer
              remedy: put it in quotes
            error: tripline.toml:6:68: triggers.t.grants.mailers: a list is needed, this is a string
              remedy: write a list, as ["one", "two"]
            error: tripline.toml:6:88: triggers.t.grants.state: true or false is needed, this is an integer
              remedy: write true or false, without quotes
            error: tripline.toml:6:99: triggers.t.grants.sms: unknown key
              remedy: remove it; [triggers.NAME.grants] has: counters, state, tables, reads, mailers, metrics, http
            7 faults in tripline.toml"#]],
    );
}

#[test]
fn instances() {
    check_trigger(
        "instances = { batches_max = 0, age_max = '25h', memory_max = '65MiB', idle_max = 65, reuse = true }",
        expect![[r#"
            tripline.toml:6:15: triggers.t.instances.batches_max: 0 is out of range
              remedy: write a whole number from 1 to 1000000
            error: tripline.toml:6:32: triggers.t.instances.age_max: 25h is out of range
              remedy: write a whole number with a unit (ms, s, m, h) in quotes, from "1s" to "24h"
            error: tripline.toml:6:49: triggers.t.instances.memory_max: is more than limits.memory, 64MiB, which no instance goes beyond
              remedy: write less than 64MiB, or raise limits.memory
            error: tripline.toml:6:71: triggers.t.instances.idle_max: 65 is out of range
              remedy: write a whole number from 1 to 64
            error: tripline.toml:6:86: triggers.t.instances.reuse: unknown key
              remedy: remove it; [triggers.NAME.instances] has: batches_max, age_max, memory_max, idle_max
            5 faults in tripline.toml"#]],
    );
    check_trigger(
        "instances = 3",
        expect![[r#"
            tripline.toml:6:1: triggers.t.instances: a table is needed, this is an integer
              remedy: write [triggers.t.instances] with its keys below it, or { key = … }
            1 fault in tripline.toml"#]],
    );
    let reuse = |batches_max, age_s, memory_bytes_max, idle_max| {
        Some(Reuse { batches_max, age_max: Duration::from_secs(age_s), memory_bytes_max, idle_max })
    };
    for (text, expected) in [
        ("", None),
        ("instances = 'fresh'", None),
        ("instances = 'warm'", reuse(1000, 600, 48 << 20, 1)),
        ("instances = {}", reuse(1000, 600, 48 << 20, 1)),
        ("instances = 'warm'\nparallelism = 7\nlimits.memory = '8MiB'", reuse(1000, 600, 6 << 20, 7)),
        ("instances = { batches_max = 9, age_max = '1h', memory_max = '64MiB', idle_max = 3 }", reuse(9, 3600, 64 << 20, 3)),
    ] {
        assert_eq!(trigger(text).instances, expected, "{text}");
    }
}

#[test]
fn what_is_planned_is_known_and_refused() {
    check_trigger(
        "start = 'snapshot'\ninstances = 'warm'\non_gap = 'stop'\n\
         grants = { http = ['x'] }\n\
         [streams.c]\ntable = 'abe'\nstart = 'snapshot'\n\
         [groups.g]\nmode = 'active-active'\n[store]\nkind = 'dynamodb'",
        expect![[r#"
            tripline.toml:6:1: triggers.t.start: "snapshot" is planned, not built yet
              remedy: remove it, or set "trim-horizon" or "latest"
            error: tripline.toml:8:1: triggers.t.on_gap: planned, not built yet
              remedy: remove it, and set on_gap in [streams.NAME], for all triggers of the stream
            error: tripline.toml:9:20: triggers.t.grants.http: has no scheme
              remedy: write "https://HOST", "https://HOST:PORT/PATH/" or "https://*.DOMAIN"
            error: tripline.toml:12:1: streams.c.start: "snapshot" is planned, not built yet
              remedy: remove it, or set "trim-horizon" or "latest"
            error: tripline.toml:13:2: groups: planned, not built yet
              remedy: remove it; a trigger with the plugin "bundled:cross-region-writer" copies one table to another
            error: tripline.toml:15:2: store: planned, not built yet
              remedy: remove it; state is kept in SQLite under host.data_dir
            6 faults in tripline.toml"#]],
    );
}

#[test]
fn a_sha256_is_lower_case_whatever_the_file_has() {
    assert_eq!(trigger(&format!("sha256 = '{}'", "AB".repeat(32))).sha256, Some("ab".repeat(32)));
}

#[test]
fn values_that_are_no_defaults_arrive() {
    let trigger = trigger(
        "start = 'trim-horizon'\nparallelism = 1\npaused = true\ninstances = 'fresh'\n\
         batch = { records_max = 7, bytes_max = 2048, window = '0s' }\n\
         retry = { attempts_max = 9, age_max = '1h', backoff = '1s..2s', bisect = false, then = 'skip' }\n\
         limits = { memory = '128MiB', time = '1m' }\ngrants = { counters = true, state = true }",
    );
    expect![[r#"
        Policy {
            records_max: 7,
            bytes_max: 2048,
            window: 0ns,
            parallelism: 1,
            attempts_max: Some(
                9,
            ),
            age_max: 3600s,
            backoff: Backoff {
                first: 1s,
                max: 2s,
            },
            bisect: false,
            then: Skip,
            delivers_ahead: false,
        }
        Limits {
            memory_bytes_max: 134217728,
            time_max: 60s,
        }
        GrantsConfig {
            counters: true,
            state: true,
            metrics: false,
            tables: [],
            reads: [],
            mailers: [],
            http: [],
        }"#]]
    .assert_eq(&format!("{:#?}\n{:#?}\n{:#?}", trigger.policy, trigger.limits, trigger.grants));
}

/// The `start` of a trigger, with that of its stream first and its own second; an empty one is left out.
#[track_caller]
fn check_start(stream: &str, own: &str, expected: Start) {
    let key = |start: &str| if start.is_empty() { String::new() } else { format!("start = {start}") };
    let text = in_trigger(&key(own)).replace("table = 'users'", &format!("table = 'users', {}", key(stream)));
    let text = text.replace(", }", " }");
    assert_eq!(config(&text).triggers[&TriggerName::from("t")].start, expected, "{text}");
}

#[test]
fn a_start_is_the_triggers_or_its_streams() {
    let at = |ms| Start::At(Timestamp::from_ms(ms));
    check_start("", "", Start::TrimHorizon);
    check_start("'latest'", "", Start::Latest);
    check_start("'latest'", "'trim-horizon'", Start::TrimHorizon);
    check_start("'trim-horizon'", "'latest'", Start::Latest);
    check_start("", "'2024-01-01T00:00:00Z'", at(1_704_067_200_000));
    check_start("", "2024-01-01T00:00:00Z", at(1_704_067_200_000));
    check_start("'latest'", "2024-01-01T01:00:00.25+01:00", at(1_704_067_200_250));
    check_start("2024-01-01 00:00:00Z", "", at(1_704_067_200_000));
    check_start("", "'1969-01-01T00:00:00Z'", at(0));
}

#[test]
fn a_start_that_is_no_time() {
    check_trigger(
        "start = '2024-01-01'\n[streams.a]\ntable = 'abc'\nstart = 2024-01-01T00:00:00\non_gap = 'halt'\n\
         [streams.b]\ntable = 'abd'\nstart = '2999-01-01T00:00:00Z'\non_gap = true\n\
         [streams.c]\ntable = 'abe'\nstart = 'latst'\n[streams.d]\ntable = 'abf'\nstart = 7",
        expect![[r#"
            tripline.toml:6:1: triggers.t.start: 2024-01-01 is no time of RFC 3339
              remedy: write it with its offset from UTC, as "2026-11-22T19:00:00Z" or "2026-11-22T20:00:00+01:00"
            error: tripline.toml:9:1: streams.a.start: 2024-01-01T00:00:00 is no time of RFC 3339
              remedy: write it with its offset from UTC, as "2026-11-22T19:00:00Z" or "2026-11-22T20:00:00+01:00"
            error: tripline.toml:10:1: streams.a.on_gap: "halt" is not known here
              remedy: write "continue" or "stop"
            error: tripline.toml:13:1: streams.b.start: 2999-01-01T00:00:00Z is to come
              remedy: write a time that is over; to begin with what is written from now on, write "latest"
            error: tripline.toml:14:1: streams.b.on_gap: a string is needed, this is a boolean
              remedy: put it in quotes
            error: tripline.toml:17:1: streams.c.start: "latst" is not known here
              remedy: did you mean "latest"?
            error: tripline.toml:20:1: streams.d.start: a string is needed, this is an integer
              remedy: put it in quotes
            7 faults in tripline.toml"#]],
    );
    check_trigger(
        "start = '2024-01-01T00:00:00Z'",
        expect![[r#"
            no fault; warnings: [
                "tripline.toml:6:1: triggers.t.start: is more than 24 hours ago, and no stream remembers that: a trigger that has never run begins with the oldest change that there is",
            ]"#]],
    );
}

#[test]
fn what_a_stream_does_at_a_gap() {
    for (text, expected) in [("", OnGap::Continue), ("on_gap = 'continue'", OnGap::Continue), ("on_gap = 'stop'", OnGap::Stop)] {
        let config = config(&format!(
            "[streams.s]\ntable = 'abc'\n{text}\n[triggers.t]\nstream = 's'\nplugin = 'bundled:analytics-counter'\nview = 'new-image'"
        ));
        assert_eq!(config.streams[&StreamName::from("s")].on_gap, expected, "{text}");
    }
}

#[test]
fn attributes_are_paths() {
    check_trigger(
        r"attributes = ['a', 1, '', 'a', 'a..b', 'b.', 'lines[0].sku', 'c\']",
        expect![[r#"
            tripline.toml:6:20: triggers.t.attributes: a string is needed, this is an integer
              remedy: put it in quotes
            error: tripline.toml:6:23: triggers.t.attributes: is no attribute name
              remedy: write 1 to 255 bytes, as `email`, or `address.city` for an attribute of a map
            error: tripline.toml:6:27: triggers.t.attributes: "a" is named twice
              remedy: remove one
            error: tripline.toml:6:32: triggers.t.attributes: "a..b" has a name that is empty
              remedy: write 1 to 255 bytes, as `email`, or `address.city` for an attribute of a map
            error: tripline.toml:6:40: triggers.t.attributes: "b." has a name that is empty
              remedy: write 1 to 255 bytes, as `email`, or `address.city` for an attribute of a map
            error: tripline.toml:6:46: triggers.t.attributes: "lines[0].sku" names an element of a list
              remedy: name the list, which is taken whole; write `\[` where the bracket is part of a name
            error: tripline.toml:6:62: triggers.t.attributes: "c\\" ends with a backslash
              remedy: write `\\` for a backslash
            7 faults in tripline.toml"#]],
    );
    check_trigger(
        r"attributes = ['address.city', 'odd\.name', 'address.geo.lat', 'address', 'address.zip']",
        expect![[r#"
        no fault; warnings: [
            "tripline.toml:6:63: triggers.t.attributes: address.city and address are named: the one is in the other, which is taken whole",
            "tripline.toml:6:74: triggers.t.attributes: address and address.zip are named: the one is in the other, which is taken whole",
        ]"#]],
    );
}

#[test]
fn patterns_are_refused_with_their_places() {
    check_trigger(
        "filters = ['{\"eventName\":[\"INSERT\"]}', '{\"eventName\":\"INSERT\"}', 3, { files = 'x' }, { file = 'x.json' },\n\
         '{\"dynamodb\":{\"NewImage\":{\"total\":{\"N\":[{\"numeric\":[\">\"]}]}}}}', { file = 'templates/welcome.html' }, '', '{', '[]']",
        expect![[r#"
            tripline.toml:6:40: triggers.t.filters[1]: column 14 of the pattern: "eventName" is neither a list nor an object
              remedy: write ["INSERT"]
            error: tripline.toml:6:66: triggers.t.filters[2]: a string is needed, this is an integer
              remedy: put it in quotes
            error: tripline.toml:6:69: triggers.t.filters[3]: a pattern is needed, or { file = "PATH" }
              remedy: write the pattern in quotes, or name a file that holds it
            error: tripline.toml:6:88: triggers.t.filters[4].file: there is no file src/config/testdata/x.json
              remedy: correct the path; it is relative to the folder of this file
            error: tripline.toml:7:1: triggers.t.filters[5]: column 51 of the pattern: a number must follow ">"
              remedy: write such as ["=",5], ["<",5] or [">=",0,"<",5]: the lower bound first
            error: tripline.toml:7:66: triggers.t.filters[6]: column 1 of src/config/testdata/templates/welcome.html: a pattern is a JSON object
              remedy: write one such as {"eventName":["INSERT"]}
            error: tripline.toml:7:103: triggers.t.filters[7]: column 1 of the pattern: a pattern is a JSON object
              remedy: write one such as {"eventName":["INSERT"]}
            error: tripline.toml:7:107: triggers.t.filters[8]: column 2 of the pattern: not JSON: there is no string
              remedy: a pattern is one JSON object
            error: tripline.toml:7:112: triggers.t.filters[9]: column 1 of the pattern: a pattern is a JSON object
              remedy: write one such as {"eventName":["INSERT"]}
            9 faults in tripline.toml"#]],
    );
    check_trigger(
        "filters = []",
        expect![[r#"
        tripline.toml:6:1: triggers.t.filters: is empty: no change would match
          remedy: remove the key, and the trigger gets every change; or write a pattern
        1 fault in tripline.toml"#]],
    );
    check_trigger(
        "filters = '{\"eventName\":[\"INSERT\"]}'",
        expect![[r#"
        tripline.toml:6:1: triggers.t.filters: a list is needed, this is a string
          remedy: write a list, as ["one", "two"]
        1 fault in tripline.toml"#]],
    );
    check_trigger(
        &format!("filters = [{}]", "'{\"eventName\":[\"INSERT\"]}',".repeat(11)),
        expect![[r#"
        tripline.toml:6:1: triggers.t.filters: has 11 patterns, and 10 is the most
          remedy: put more values into one list, as {"plan":{"S":["pro","team"]}}, or more patterns into one "$or"
        1 fault in tripline.toml"#]],
    );
}

#[test]
fn a_pattern_may_have_a_file_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let text = in_trigger("filters = [{ file = 'new.json' }, '{\"eventName\":[\"REMOVE\"]}']");
    std::fs::write(dir.path().join("new.json"), "{\n  \"eventName\": [\"INSERT\"]\n}\n").unwrap();
    let config = Config::parse(&text, "tripline.toml", dir.path(), &env).unwrap();
    let patterns: Vec<&str> = config.triggers[&TriggerName::from("t")].filters.iter().map(|pattern| pattern.as_str()).collect();
    assert_eq!(patterns, ["{\n  \"eventName\": [\"INSERT\"]\n}\n", "{\"eventName\":[\"REMOVE\"]}"]);

    std::fs::write(dir.path().join("new.json"), "{\n  \"eventName\": [\"INSERT\"],\n  \"detail\": 3\n}\n").unwrap();
    let fault = Config::parse(&text, "tripline.toml", dir.path(), &env).unwrap_err().to_string();
    assert!(fault.contains("triggers.t.filters[0]: line 3, column 13 of "), "{fault}");
    assert!(fault.contains("new.json: \"detail\" is neither a list nor an object\n  remedy: write [3]"), "{fault}");
}

#[test]
fn patterns_that_can_never_match_are_warnings() {
    check_trigger(
        "filters = ['{\"eventName\":[\"insert\"]}', '{\"dynamodb\":{\"Keys\":{\"id\":{\"S\":[\"a\",7]}}}}', '{\"eventName\":[\"INSERT\"]}']",
        expect![[r#"
            no fault; warnings: [
                "tripline.toml:6:12: triggers.t.filters[0]: no change can match the pattern: column 15: \"eventName\" is never so: it is one of INSERT, MODIFY, REMOVE; did you mean \"INSERT\"?",
                "tripline.toml:6:40: triggers.t.filters[1]: column 37 of the pattern: \"S\" holds strings, and no string is a number; write \"7\", or test \"N\"",
            ]"#]],
    );
}

#[test]
fn filters_ask_for_a_view_where_it_decides() {
    for (pattern, depends) in [
        (r#"{"eventName":["INSERT"],"dynamodb":{"Keys":{"id":{"S":["a"]}}}}"#, false),
        (r#"{"dynamodb":{"NewImage":{"id":{"S":["a"]}}}}"#, true),
        (r#"{"$or":[{"eventName":["INSERT"]},{"dynamodb":{"OldImage":{"id":{"S":["a"]}}}}]}"#, true),
        (r#"{"dynamodb":{"StreamViewType":["KEYS_ONLY"]}}"#, true),
        // What never matches, whatever the stream holds, was said before.
        (r#"{"eventName":["insert"]}"#, false),
    ] {
        let trigger = trigger(&format!("filters = ['{pattern}']"));
        assert_eq!(trigger.filters_depend_on_view(), depends, "{pattern}");
    }
    let trigger = trigger("filters = ['{\"eventName\":[\"INSERT\"]}', '{\"dynamodb\":{\"OldImage\":{\"id\":{\"S\":[\"a\"]}}}}']");
    let views = [ViewType::NewAndOldImages, ViewType::OldImage].map(|view| trigger.filter_warnings(view));
    assert_eq!(views.concat(), [""; 0]);
    expect!["triggers.t.filters[1]: no change can match the pattern: column 14: the stream holds NEW_IMAGE: its records have no OldImage; enable it with OLD_IMAGE or NEW_AND_OLD_IMAGES, or test Keys instead"].assert_eq(&trigger.filter_warnings(ViewType::NewImage).join("\n"));
}
