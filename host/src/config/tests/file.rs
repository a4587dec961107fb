//! Faults of the file, its syntax, the host.

use expect_test::expect;

use super::*;

#[test]
fn what_is_no_toml_is_reported_with_its_place_and_what_follows_from_it_is_not() {
    check(
        "[host\nlisten = '127.0.0.1:1'\n",
        expect![[r#"
            tripline.toml:1:6: not TOML: unclosed table, expected `]`
              remedy: correct the line; other faults may show when the file is TOML again
            1 fault in tripline.toml"#]],
    );
    check(
        "[host]\nlisten = 127.0.0.1\ndrain_max = \n[streams.s]\nregoin = 'x'",
        expect![[r#"
            tripline.toml:2:15: not TOML: invalid float, expected nothing
              remedy: correct the line; other faults may show when the file is TOML again
            error: tripline.toml:3:13: not TOML: string values must be quoted, expected literal string
              remedy: correct the line; other faults may show when the file is TOML again
            error: tripline.toml:5:1: streams.s.regoin: unknown key
              remedy: did you mean `region`?
            3 faults in tripline.toml"#]],
    );
    check(
        "[host]\nlisten = '127.0.0.1:1'\nlisten = '127.0.0.1:2'\n",
        expect![[r#"
        tripline.toml:3:1: not TOML: duplicate key
          remedy: correct the line; other faults may show when the file is TOML again
        1 fault in tripline.toml"#]],
    );
}

#[test]
fn an_empty_file_has_no_trigger() {
    check(
        "",
        expect![[r#"
        tripline.toml:1:1: triggers: there is no trigger: the host would do nothing
          remedy: add [triggers.NAME]
        1 fault in tripline.toml"#]],
    );
    check(
        "host = 1\nstreams = []\n[[triggers]]",
        expect![[r#"
            tripline.toml:1:1: host: a table is needed, this is an integer
              remedy: write [host] with its keys below it, or { key = … }
            error: tripline.toml:2:1: streams: a table is needed, this is an array
              remedy: write [streams] with its keys below it, or { key = … }
            error: tripline.toml:3:3: triggers: a table is needed, this is an array
              remedy: write [triggers] with its keys below it, or { key = … }
            3 faults in tripline.toml"#]],
    );
}

#[test]
fn all_faults_come_in_one_go_by_place() {
    check(
        r#"
[host]
listen = "localhost:9464"
drain_max = 30
colour = "red"

[streams.users]
tabel = "users"

[triggers.welcome]
stream = "user"
plugin = "bundled:notification-mailr"
view = "new"
retry = { attempts_max = 0, them = "skip" }
grants = { mailers = ["office"] }
"#,
        expect![[r#"
            tripline.toml:3:1: host.listen: "localhost:9464" is no address with a port
              remedy: write "127.0.0.1:9464"; a name such as localhost is no address
            error: tripline.toml:4:1: host.drain_max: a duration is needed, this is an integer
              remedy: write a whole number with a unit (ms, s, m, h) in quotes, from "1s" to "15m"
            error: tripline.toml:5:1: host.colour: unknown key
              remedy: remove it; [host] has: data_dir, listen, drain_max, instances_max, counter_series_max, dead_letters, compile
            error: tripline.toml:7:10: streams.users.table: is missing
              remedy: write table = "NAME", or arn = "…"
            error: tripline.toml:8:1: streams.users.tabel: unknown key
              remedy: did you mean `table`?
            error: tripline.toml:11:1: triggers.welcome.stream: there is no "user" in [streams]
              remedy: did you mean "users"?
            error: tripline.toml:12:1: triggers.welcome.plugin: no plugin "notification-mailr" is bundled
              remedy: did you mean "bundled:notification-mailer"?
            error: tripline.toml:13:1: triggers.welcome.view: "new" is not known here
              remedy: write "keys-only" or "new-image" or "old-image" or "new-and-old-images"
            error: tripline.toml:14:11: triggers.welcome.retry.attempts_max: 0 is out of range
              remedy: write a whole number from 1 to 10000
            error: tripline.toml:14:29: triggers.welcome.retry.them: unknown key
              remedy: did you mean `then`?
            error: tripline.toml:15:23: triggers.welcome.grants.mailers: there is no "office" in [mailers]
              remedy: add [mailers.office], or name one that is there
            11 faults in tripline.toml"#]],
    );
}

#[test]
fn the_host() {
    check_trigger(
        "[host]\ndata_dir = ''\nlisten = 9464\ndrain_max = '1d'\ninstances_max = 1001\ncounter_series_max = '9'",
        expect![[r#"
            tripline.toml:7:1: host.data_dir: is empty
              remedy: write a value, or remove the key
            error: tripline.toml:8:1: host.listen: a string is needed, this is an integer
              remedy: put it in quotes
            error: tripline.toml:9:1: host.drain_max: "1d" is no duration
              remedy: write a whole number with a unit (ms, s, m, h) in quotes, from "1s" to "15m"
            error: tripline.toml:10:1: host.instances_max: 1001 is out of range
              remedy: write a whole number from 1 to 1000
            error: tripline.toml:11:1: host.counter_series_max: a number is needed, this is a string
              remedy: write a whole number from 1 to 100000
            5 faults in tripline.toml"#]],
    );
}

#[test]
fn names() {
    check_trigger(
        "[streams.Users]\ntable = 'abc'\n[targets.1]\ntable = 'abc'\n[mailers.a_b]\nurl = 'sendmail:'\nfrom = 'a@b'",
        expect![[r#"
            tripline.toml:6:10: streams.Users: "Users" is no name
              remedy: a name is 1 to 64 lower-case letters, digits and hyphens, and begins with a letter
            error: tripline.toml:8:10: targets.1: "1" is no name
              remedy: a name is 1 to 64 lower-case letters, digits and hyphens, and begins with a letter
            error: tripline.toml:10:10: mailers.a_b: "a_b" is no name
              remedy: a name is 1 to 64 lower-case letters, digits and hyphens, and begins with a letter
            3 faults in tripline.toml"#]],
    );
}

#[test]
fn a_file_that_cannot_be_read_is_one_fault() {
    let load = |name: &str| Config::load(&Path::new(TESTDATA).join(name), &env).unwrap_err().to_string();
    expect![[r#"
        src/config/testdata/none.toml: cannot be read: No such file or directory (os error 2)
          remedy: write one, or name another with -c; docs/config.md has a sample
        1 fault in src/config/testdata/none.toml"#]]
    .assert_eq(&load("none.toml"));
    expect![[r#"
        src/config/testdata/latin1.txt: byte 4 is not UTF-8
          remedy: save the file as UTF-8
        1 fault in src/config/testdata/latin1.txt"#]]
    .assert_eq(&load("latin1.txt"));
}
