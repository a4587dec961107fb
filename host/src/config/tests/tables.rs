//! Streams, targets, and a trigger that would feed itself.

use expect_test::expect;

use super::*;

#[test]
fn streams() {
    check_trigger(
        "[streams.a]\n[streams.b]\ntable = 'x'\narn = 'y'\n[streams.c]\ntable = 'arn:aws:dynamodb'\n[streams.d]\ntable = 'a/b'",
        expect![[r#"
            tripline.toml:6:10: streams.a.table: is missing
              remedy: write table = "NAME", or arn = "…"
            error: tripline.toml:8:1: streams.b.table: `table` and `arn` both name the table
              remedy: remove one of them
            error: tripline.toml:9:1: streams.b.arn: "y" is no ARN of a table or a stream
              remedy: write it as "arn:aws:dynamodb:eu-west-1:123456789012:table/NAME"
            error: tripline.toml:11:1: streams.c.table: is an ARN
              remedy: write the table's name; a stream's table can be given as `arn` instead
            error: tripline.toml:13:1: streams.d.table: "a/b" is no table name
              remedy: a table's name is 3 to 255 letters, digits, underscores, hyphens and dots
            5 faults in tripline.toml"#]],
    );
    check_trigger(
        "[streams.a]\narn = 'arn:aws:s3:::bucket'\n\
         [streams.b]\narn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/index/x'\n\
         [streams.c]\narn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/orders/stream/2024-01-01T00:00:00.000'\nregion = 'us-east-1'",
        expect![[r#"
            tripline.toml:7:1: streams.a.arn: "arn:aws:s3:::bucket" is no ARN of a table or a stream
              remedy: write it as "arn:aws:dynamodb:eu-west-1:123456789012:table/NAME"
            error: tripline.toml:9:1: streams.b.arn: "arn:aws:dynamodb:eu-west-1:123456789012:table/orders/index/x" is no ARN of a table or a stream
              remedy: write it as "arn:aws:dynamodb:eu-west-1:123456789012:table/NAME"
            error: tripline.toml:11:1: streams.c.arn: is of region eu-west-1, and `region` says us-east-1
              remedy: remove `region`, or correct one of them
            3 faults in tripline.toml"#]],
    );
    check_trigger(
        "[streams.a]\ntable = 'abc'\nendpoint = 'http://127.0.0.1:8000'\n\
         [streams.b]\ntable = 'abd'\nregion = 'EU west'\nendpoint = 'http://user:hunter2@host'\nstreams_endpoint = 'host'\nrole_arn = 'role'\nprofile = ''\nwindow = '1KiB'",
        expect![[r#"
            tripline.toml:6:10: streams.a.region: is missing
              remedy: write the region that the endpoint stands for; for an emulator any will do, as region = "eu-west-1"
            error: tripline.toml:11:1: streams.b.region: "EU west" is no region
              remedy: write it as AWS does, as "eu-west-1"
            error: tripline.toml:12:1: streams.b.endpoint: an endpoint has no user and no password
              remedy: write it as "http://127.0.0.1:8000" or "https://host"
            error: tripline.toml:13:1: streams.b.streams_endpoint: an endpoint begins with http:// or https://
              remedy: write it as "http://127.0.0.1:8000" or "https://host"
            error: tripline.toml:14:1: streams.b.role_arn: "role" is no ARN of a role
              remedy: write it as "arn:aws:iam::123456789012:role/NAME"
            error: tripline.toml:15:1: streams.b.profile: is empty
              remedy: write a value, or remove the key
            error: tripline.toml:16:1: streams.b.window: 1KiB is out of range
              remedy: write bytes, or a whole number with a unit (KiB, MiB, GiB, KB, MB, GB) in quotes, from 1MiB to 4GiB
            7 faults in tripline.toml"#]],
    );
}

#[test]
fn one_stream_for_each_table() {
    let two = |a: &str, b: &str| in_trigger(&format!("[streams.a]\n{a}\n[streams.b]\n{b}"));
    check(
        &two("table = 'abc'\nregion = 'eu-west-1'", "arn = 'arn:aws:dynamodb:eu-west-1:123456789012:table/abc'"),
        expect![[r#"
        tripline.toml:9:10: streams.b: follows the same table as streams.a, as far as this file tells
          remedy: let all triggers of this table follow streams.a, or set `region` on both if they are two tables
        1 fault in tripline.toml"#]],
    );
    check(
        &two("table = 'abc'\nregion = 'eu-west-1'", "table = 'abc'\nregion = 'us-east-1'"),
        expect![[r#"
        no fault; warnings: [
            "tripline.toml:6:10: streams.a: no trigger follows this stream: it is not read",
            "tripline.toml:9:10: streams.b: no trigger follows this stream: it is not read",
        ]"#]],
    );
    check(
        &two(
            "table = 'abc'\nregion = 'eu-west-1'\nrole_arn = 'arn:aws:iam::111111111111:role/r'",
            "table = 'abc'\nregion = 'eu-west-1'\nrole_arn = 'arn:aws:iam::222222222222:role/r'",
        ),
        expect![[r#"
            no fault; warnings: [
                "tripline.toml:6:10: streams.a: no trigger follows this stream: it is not read",
                "tripline.toml:10:10: streams.b: no trigger follows this stream: it is not read",
            ]"#]],
    );
}

#[test]
fn a_grant_on_the_table_that_is_followed_is_a_loop() {
    let region = "table = 'abc', region = 'eu-west-1'";
    check_loop(
        region,
        region,
        expect![[r#"
        tripline.toml:7:18: triggers.t.grants.tables: is, as far as this file tells, the very table that the trigger follows: each write would be a change again
          remedy: grant another table, set `region` on both if they are two tables, or set allow_loop = true if the plugin ends the loop itself
        1 fault in tripline.toml"#]],
    );
    check_loop(
        region,
        "table = 'abc'",
        expect![[r#"
        tripline.toml:7:18: triggers.t.grants.tables: is, as far as this file tells, the very table that the trigger follows: each write would be a change again
          remedy: grant another table, set `region` on both if they are two tables, or set allow_loop = true if the plugin ends the loop itself
        1 fault in tripline.toml"#]],
    );
    check_loop(
        &format!("{region}, endpoint = 'http://localhost:8000'"),
        &format!("{region}, endpoint = 'http://127.0.0.1:8000/'"),
        expect![[r#"
            tripline.toml:7:18: triggers.t.grants.tables: is, as far as this file tells, the very table that the trigger follows: each write would be a change again
              remedy: grant another table, set `region` on both if they are two tables, or set allow_loop = true if the plugin ends the loop itself
            1 fault in tripline.toml"#]],
    );
    check_loop(region, "table = 'abd', region = 'eu-west-1'", expect!["no fault; warnings: []"]);
    check_loop(region, "table = 'abc', region = 'us-east-1'", expect!["no fault; warnings: []"]);
    check_loop(region, &format!("{region}, endpoint = 'http://127.0.0.1:8000'"), expect!["no fault; warnings: []"]);
    let allowed = format!("{}allow_loop = true\ngrants.tables = ['t']\n[targets.t]\ntable = 'users'", in_trigger(""));
    assert!(config(&allowed).triggers[&TriggerName::from("t")].allow_loop);
}
