//! The sample and the tables of docs/config.md, defaults, paths, warnings.

use expect_test::expect;

use super::*;

#[test]
fn paths_are_relative_to_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tripline.toml");
    std::fs::write(&path, in_trigger("")).unwrap();
    assert_eq!(Config::load(&path, &env).unwrap().host.data_dir, dir.path().join("tripline-data"));
    std::fs::write(&path, in_trigger("[host]\ndata_dir = '/var/lib/tripline'")).unwrap();
    assert_eq!(Config::load(&path, &env).unwrap().host.data_dir, Path::new("/var/lib/tripline"));
}

#[test]
fn the_sample_of_the_docs_is_a_config() {
    let config = config(sample());
    let lines = [
        config.streams.values().map(|stream| format!("{stream:?}")).collect::<Vec<_>>(),
        config.targets.values().map(|target| format!("{target:?}")).collect(),
        config.mailers.values().map(|mailer| format!("{mailer:?}")).collect(),
        config.triggers.values().map(|trigger| format!("{trigger:?}")).collect(),
    ];
    expect![[r#"
        StreamConfig { name: "orders", table: "orders", connection: Connection { region: Some("eu-west-1"), endpoint: None, profile: None, role_arn: Some("arn:aws:iam::123456789012:role/tripline") }, streams_endpoint: None, window_bytes_max: 16777216, start: TrimHorizon, on_gap: Continue }
        StreamConfig { name: "users", table: "users", connection: Connection { region: Some("eu-west-1"), endpoint: None, profile: None, role_arn: None }, streams_endpoint: None, window_bytes_max: 16777216, start: TrimHorizon, on_gap: Continue }
        TargetConfig { name: "orders-us", table: "orders", connection: Connection { region: Some("us-east-1"), endpoint: None, profile: None, role_arn: None } }
        MailerConfig { name: "office", transport: Smtp { host: "mail.example.com", port: 587, tls: StartTls, ca: None, username: Some("shop"), password: Some(***) }, from: "Shop <shop@example.com>", rate_max: None }
        TriggerConfig { name: "audit", stream: "orders", start: TrimHorizon, paused: false, plugin: File("src/config/testdata/plugins/audit.wasm"), sha256: None, view: View { kind: KeysOnly, attributes: None }, filters: [], policy: Policy { records_max: 100, bytes_max: 1048576, window: 0ns, parallelism: 1, attempts_max: Some(5), age_max: 86400s, backoff: Backoff { first: 100ms, max: 30s }, bisect: true, then: DeadLetter, delivers_ahead: false }, limits: Limits { memory_bytes_max: 67108864, time_max: 10s }, instances: None, grants: GrantsConfig { counters: false, state: true, metrics: false, tables: [], reads: [], mailers: [], http: [] }, settings: ["days", "levels"], allow_loop: false }
        TriggerConfig { name: "copy-orders", stream: "orders", start: TrimHorizon, paused: false, plugin: Bundled("cross-region-writer"), sha256: None, view: View { kind: NewAndOldImages, attributes: None }, filters: [], policy: Policy { records_max: 100, bytes_max: 1048576, window: 0ns, parallelism: 1, attempts_max: None, age_max: 86400s, backoff: Backoff { first: 100ms, max: 30s }, bisect: true, then: DeadLetter, delivers_ahead: false }, limits: Limits { memory_bytes_max: 67108864, time_max: 10s }, instances: None, grants: GrantsConfig { counters: false, state: true, metrics: false, tables: ["orders-us"], reads: [], mailers: [], http: [] }, settings: ["table"], allow_loop: false }
        TriggerConfig { name: "welcome", stream: "users", start: TrimHorizon, paused: false, plugin: Bundled("notification-mailer"), sha256: None, view: View { kind: NewImage, attributes: Some(["email", "plan"]) }, filters: [Pattern({"eventName":["INSERT"],"dynamodb":{"NewImage":{"plan":{"S":["pro"]}}}})], policy: Policy { records_max: 100, bytes_max: 1048576, window: 0ns, parallelism: 1, attempts_max: Some(5), age_max: 86400s, backoff: Backoff { first: 100ms, max: 30s }, bisect: true, then: DeadLetter, delivers_ahead: true }, limits: Limits { memory_bytes_max: 67108864, time_max: 10s }, instances: None, grants: GrantsConfig { counters: true, state: false, metrics: false, tables: [], reads: [], mailers: ["office"], http: [] }, settings: ["template", "to"], allow_loop: false }"#]].assert_eq(&lines.concat().join("\n"));
    assert_eq!(config.warnings, [""; 0]);
    assert_eq!(config.triggers[&TriggerName::from("welcome")].settings["template"], "<p>Welcome</p>\n");
}

#[test]
fn what_is_left_out_has_the_default_of_the_docs() {
    let config = config(&in_trigger(""));
    expect![[r#"
        HostConfig {
            data_dir: "src/config/testdata/tripline-data",
            listen: 127.0.0.1:9464,
            drain_max: 30s,
            instances_max: 64,
            counter_series_max: 1000,
            dead_letters: Bounds {
                age_max: 2592000s,
                bytes_max: 1073741824,
            },
            compile: CompileConfig {
                time_max: 300s,
                memory_bytes_max: 4294967296,
                cache_bytes_max: 1073741824,
            },
        }
        {
            "users": StreamConfig {
                name: "users",
                table: "users",
                connection: Connection {
                    region: None,
                    endpoint: None,
                    profile: None,
                    role_arn: None,
                },
                streams_endpoint: None,
                window_bytes_max: 16777216,
                start: TrimHorizon,
                on_gap: Continue,
            },
        }"#]]
    .assert_eq(&format!("{:#?}\n{:#?}", config.host, config.streams));
    let trigger = &config.triggers[&TriggerName::from("t")];
    expect![[r#"
        Policy {
            records_max: 100,
            bytes_max: 1048576,
            window: 0ns,
            parallelism: 1,
            attempts_max: Some(
                5,
            ),
            age_max: 86400s,
            backoff: Backoff {
                first: 100ms,
                max: 30s,
            },
            bisect: true,
            then: DeadLetter,
            delivers_ahead: true,
        }
        Limits {
            memory_bytes_max: 67108864,
            time_max: 10s,
        }
        GrantsConfig {
            counters: false,
            state: false,
            metrics: false,
            tables: [],
            reads: [],
            mailers: [],
            http: [],
        }"#]]
    .assert_eq(&format!("{:#?}\n{:#?}\n{:#?}", trigger.policy, trigger.limits, trigger.grants));
}

#[test]
fn what_is_of_no_use_is_a_warning() {
    check(
        "[streams.a]\ntable = 'abc'\n[streams.b]\ntable = 'abd'\n[targets.t]\ntable = 'abe'\n[mailers.m]\nurl = 'sendmail:'\nfrom = 'a@b'\n\
         [triggers.t]\nstream = 'a'\nplugin = 'plugins/audit.wasm'\nview = 'keys-only'\nattributes = ['x']",
        expect![[r#"
            no fault; warnings: [
                "tripline.toml:14:1: triggers.t.attributes: is of no use with view = \"keys-only\": the keys are always there, and nothing else is",
                "tripline.toml:3:10: streams.b: no trigger follows this stream: it is not read",
                "tripline.toml:5:10: targets.t: no trigger is granted this table",
                "tripline.toml:7:10: mailers.m: no trigger is granted this mailer",
            ]"#]],
    );
}

/// Each section of the docs has a row for each key of its schema, and for no other.
#[test]
fn every_key_is_in_the_docs() {
    for schema in schema::ALL {
        let heading = match schema.title {
            "the file" => "\n## Keys of the file\n".to_owned(),
            title => format!("\n## `{title}`\n"),
        };
        let (_, section) = DOCS.split_once(&heading).unwrap_or_else(|| panic!("docs/config.md has no heading {heading:?}"));
        let section = section.split("\n## ").next().unwrap_or(section);
        let table = section
            .split("|---|---|---|---|\n")
            .nth(1)
            .unwrap_or_default()
            .split("\n\n")
            .next()
            .unwrap_or_default();
        let rows = table.lines().filter_map(|row| row.strip_prefix("| `")?.split_once("` |"));
        let mut documented: Vec<(&str, bool)> = rows.map(|(key, rest)| (key, rest.starts_with(" *planned* |"))).collect();
        let built = schema.built.iter().map(|key| (*key, false));
        let mut known: Vec<(&str, bool)> = built.chain(schema.planned.iter().map(|(key, _)| (*key, true))).collect();
        documented.sort_unstable();
        known.sort_unstable();
        assert_eq!(documented, known, "{}: keys in docs/config.md, and in schema.rs", schema.title);
    }
}
