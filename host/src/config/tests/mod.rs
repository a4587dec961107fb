//! Configs and what is said of them. Files that they name are in `testdata`.

use expect_test::Expect;

mod dev;
mod file;
mod http;
mod mail;
mod sample;
mod settings;
mod tables;
mod triggers;

use super::*;

const TESTDATA: &str = "src/config/testdata";
const DOCS: &str = include_str!("../../../../docs/config.md");
const SECRET: &str = "hunter2";

fn env(name: &str) -> Option<String> {
    match name {
        "SMTP_PASSWORD" => Some(SECRET.to_owned()),
        "API_KEY" => Some("k3y-of-the-api".to_owned()),
        "BAD_KEY" => Some("k3y-of-the-api\nx".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    }
}

fn parse(text: &str) -> Result<Config, Faults> {
    Config::parse(text, "tripline.toml", Path::new(TESTDATA), &env)
}

/// `text` alone is the file.
#[track_caller]
fn check(text: &str, expected: Expect) {
    let found = match parse(text) {
        Ok(config) => format!("no fault; warnings: {:#?}", config.warnings),
        Err(faults) => faults.to_string(),
    };
    expected.assert_eq(&found);
}

/// A trigger that is whole comes before `text`, which goes on in its table.
#[track_caller]
fn check_trigger(text: &str, expected: Expect) {
    check(&in_trigger(text), expected);
}

fn in_trigger(text: &str) -> String {
    format!(
        "streams.users = {{ table = 'users' }}\n\
         [triggers.t]\nstream = 'users'\nplugin = 'bundled:analytics-counter'\nview = 'new-image'\n{text}"
    )
}

/// A mailer of `keys`.
#[track_caller]
fn check_mailer(keys: &str, expected: Expect) {
    check(&in_trigger(&format!("grants.mailers = ['m']\n[mailers.m]\n{keys}")), expected);
}

/// A stream and a target, one line each; the trigger on the stream is granted the target.
#[track_caller]
fn check_loop(stream: &str, target: &str, expected: Expect) {
    let trigger = "plugin = 'bundled:cross-region-writer'\nview = 'new-image'\ngrants.tables = ['t']";
    check(&format!("streams.s = {{ {stream} }}\ntargets.t = {{ {target} }}\n[triggers.t]\nstream = 's'\n{trigger}"), expected);
}

#[track_caller]
fn config(text: &str) -> Config {
    parse(text).unwrap_or_else(|faults| panic!("{faults}"))
}

#[track_caller]
fn trigger(text: &str) -> TriggerConfig {
    config(&in_trigger(text)).triggers[&TriggerName::from("t")].clone()
}

fn sample() -> &'static str {
    DOCS.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0
}
