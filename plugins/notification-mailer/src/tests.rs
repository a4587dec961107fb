//! The plugin as the host calls it, over the SDK's recorder.

use tripline_sdk::testing::{self, Capability, ChangeBuilder, Host, Mail};
use tripline_sdk::{Failures, View};

use super::{on_batch, probe};

const KEYS: &str = r#"{"id":{"S":"u1"}}"#;
const ANN: &str = r#"{"id":{"S":"u1"},"email":{"S":"Ann <ann@example.com>"},"name":{"S":"Ann & Co"},"plan":{"S":"pro"}}"#;
const TRIAL: &str = r#"{"id":{"S":"u1"},"email":{"S":"Ann <ann@example.com>"},"name":{"S":"Ann & Co"},"plan":{"S":"trial"}}"#;
const NOBODY: &str = r#"{"id":{"S":"u1"},"name":{"S":"Ann"}}"#;
const LEAST: [(&str, &str); 3] = [("subject", "Hi {{ new.name }}"), ("text", "Hello {{ new.name }}"), ("to", "email")];

/// `settings` over those of [`LEAST`]; an empty text unsets one.
fn host(settings: &[(&str, &str)]) -> Host {
    let host = Host::new();
    for (key, text) in LEAST.iter().filter(|(key, _)| !settings.iter().any(|(set, text)| set == key && text.is_empty())) {
        host.set_setting(key, *text);
    }
    for (key, text) in settings.iter().filter(|(_, text)| !text.is_empty()) {
        host.set_setting(key, *text);
    }
    host
}

fn run(settings: &[(&str, &str)], changes: impl IntoIterator<Item = ChangeBuilder>) -> (Vec<Mail>, Failures) {
    let host = host(settings);
    let failures = testing::run_batch(on_batch, testing::batch(changes)).unwrap();
    (host.mails(), failures)
}

/// `expected`: the mails, as `change recipient subject`.
#[track_caller]
fn check(settings: &[(&str, &str)], changes: impl IntoIterator<Item = ChangeBuilder>, expected: &[&str]) {
    let (mails, failures) = run(settings, changes);
    assert!(failures.is_empty(), "{failures:?}");
    let mails: Vec<_> = mails
        .iter()
        .map(|mail| format!("{} {} {}", mail.change, mail.message.to.join(","), mail.message.subject))
        .collect();
    assert_eq!(mails, expected);
}

/// The first change is rejected for `why`, and no mail is sent.
#[track_caller]
fn check_rejected(settings: &[(&str, &str)], change: ChangeBuilder, why: &str) {
    let (mails, failures) = run(settings, [change]);
    let failure = failures.get(0_u32).unwrap();
    assert!(!failure.is_retry() && failure.reason().contains(why), "{failure}");
    assert!(mails.is_empty());
}

#[test]
fn an_insert_becomes_a_mail() {
    let settings = [("html", "<p>{{ new.name }}</p>"), ("reply_to", "help+{{ keys.id }}@example.com"), ("mailer", "office")];
    let (mails, failures) = run(&settings, [testing::insert(KEYS, ANN)]);
    assert!(failures.is_empty(), "{failures:?}");
    let [mail] = &*mails else { panic!("{mails:?}") };
    assert_eq!(mail.mailer.as_deref(), Some("office"));
    assert_eq!(mail.key, "ann@example.com");
    assert_eq!(mail.message.to, ["Ann <ann@example.com>"]);
    assert_eq!(mail.message.reply_to.as_deref(), Some("help+u1@example.com"));
    assert_eq!(mail.message.subject, "Hi Ann & Co");
    assert_eq!(mail.message.text.as_deref(), Some("Hello Ann & Co"));
    assert_eq!(mail.message.html.as_deref(), Some("<p>Ann &amp; Co</p>"));
}

#[test]
fn the_least_that_the_config_shows() {
    let settings = [("subject", ""), ("text", ""), ("template", "<title>Welcome, {{ new.name }}</title>\n<p>Hi</p>")];
    check(&settings, [testing::insert(KEYS, ANN)], &["0 Ann <ann@example.com> Welcome, Ann & Co"]);
}

#[test]
fn only_chosen_changes_become_mail() {
    let changes = || [testing::insert(KEYS, TRIAL), testing::modify(KEYS, TRIAL, ANN), testing::remove(KEYS, ANN).ttl()];
    check(&[("subject", "{{ event_name }}")], changes(), &["0 Ann <ann@example.com> INSERT"]);
    check(
        &[("subject", "{{ event_name }} {{ old.plan }}"), ("text", "t"), ("on", r#"["modify","remove"]"#)],
        changes(),
        &["1 Ann <ann@example.com> MODIFY trial", "2 Ann <ann@example.com> REMOVE pro"],
    );
    check(
        &[("on", r#"["insert","modify"]"#), ("when", "old and old.plan == 'trial' and new.plan != 'trial'")],
        changes(),
        &["1 Ann <ann@example.com> Hi Ann & Co"],
    );
}

#[test]
fn the_whole_scope() {
    let subject = "{{ event_id }} {{ created_ms }} {{ table }} {{ region }} {{ trigger }} {{ keys.id }}";
    check(
        &[("subject", subject)],
        [testing::insert(KEYS, ANN)],
        &["0 Ann <ann@example.com> event-0 1700000000000 table eu-west-1 test u1"],
    );
}

#[test]
fn each_recipient_has_a_mail_of_their_own() {
    let team = r#"{"name":{"S":"x"},"email":{"SS":["b@x.de","a@x.de","ops@x.de"]}}"#;
    check(
        &[("to_fixed", r#"["Ops <OPS@x.de>"]"#), ("subject", "s")],
        [testing::insert(KEYS, team)],
        &["0 Ops <OPS@x.de> s", "0 a@x.de s", "0 b@x.de s"],
    );
    let (mails, _) = run(&[("to_fixed", r#"["Ops <OPS@x.de>"]"#)], [testing::insert(KEYS, team)]);
    assert_eq!(mails.iter().map(|mail| &*mail.key).collect::<Vec<_>>(), ["ops@x.de", "a@x.de", "b@x.de"]);
}

#[test]
fn without_a_recipient() {
    check_rejected(&[], testing::insert(KEYS, NOBODY), "no recipient: attribute `email` is missing, NULL or empty");
    check(&[("skip_without_recipient", "true")], [testing::insert(KEYS, NOBODY)], &[]);
    check(&[("to_fixed", "ops@x.de")], [testing::insert(KEYS, NOBODY)], &["0 ops@x.de Hi Ann"]);
    let many = (0..101).map(|n| format!(r#""u{n}@x.de""#)).collect::<Vec<_>>().join(",");
    let many = format!(r#"{{"name":{{"S":"x"}},"email":{{"SS":[{many}]}}}}"#);
    check_rejected(&[], testing::insert(KEYS, &many), "101 recipients, the most is 100");
}

#[test]
fn headers_cannot_be_injected() {
    let item = |name: &str, email: &str| testing::insert(KEYS, &format!(r#"{{"name":{{"S":"{name}"}},"email":{{"S":"{email}"}}}}"#));
    for line_break in [r"\r\n", r"\n", r"\r", r"\u0000", r"\u000b", r"\u0085", r"\u2028"] {
        check(&[], [item(&format!("x{line_break}Bcc: all@x.de"), "a@x.de")], &["0 a@x.de Hi x Bcc: all@x.de"]);
    }
    for line_break in [r"\r\n", r"\n", r"\r", r"\u0000", r"\u000b", r"\u0085"] {
        let injection = format!("a@x.de{line_break}Bcc: all@x.de");
        check_rejected(&[], item("x", &injection), "another control character");
        check_rejected(&[("reply_to", "{{ new.name }}")], item(&injection, "a@x.de"), "`reply_to`: ");
    }
}

#[test]
fn a_change_makes_all_of_its_mails_or_none() {
    let half = r#"{"name":{"S":"x"},"email":{"L":[{"S":"a@x.de"},{"S":"nobody"}]}}"#;
    check_rejected(&[], testing::insert(KEYS, half), "\"nobody\" is no mail address");
    let (mails, failures) = run(&[], [testing::insert(KEYS, half), testing::insert(KEYS, ANN)]);
    assert_eq!((mails.len(), failures.len()), (1, 1));
}

#[test]
fn what_is_missing_is_rejected() {
    check_rejected(&[("text", "a\n{{ new.nmae }}")], testing::insert(KEYS, ANN), "template `text`, line 2: undefined value: `new.nmae`");
    check_rejected(&[("when", "new.vip")], testing::insert(KEYS, ANN), "`when` is undefined");
    check_rejected(&[], testing::insert(KEYS, "[]"), "the new image is no DynamoDB item");
    let host = host(&[]);
    host.deny(Capability::Mailers);
    let failures = testing::run_batch(on_batch, testing::batch([testing::insert(KEYS, ANN)])).unwrap();
    assert!(failures.get(0_u32).is_some_and(|failure| !failure.is_retry()));
}

#[track_caller]
fn check_probe(settings: &[(&str, &str)], view: View, expected: Result<(), &str>) {
    let _host = host(settings);
    match (probe(&testing::probe(view)), expected) {
        (Ok(()), Ok(())) => {}
        (Err(failure), Err(why)) => assert!(failure.reason().contains(why), "{failure}"),
        (result, _) => panic!("{result:?}"),
    }
}

#[test]
fn the_probe_checks_settings_templates_and_view() {
    check_probe(&[], View::NewImage, Ok(()));
    check_probe(&[], View::KeysOnly, Err("settings `subject`, `text`, `to` read the new image"));
    check_probe(&[("to", "")], View::NewImage, Err("no recipient"));
    check_probe(&[("text", "\n{{ new.name")], View::NewImage, Err("template `text`, line 2: syntax error"));
    check_probe(&[("when", "new.plan ==")], View::NewImage, Err("expression `when`, line 1: syntax error"));
    check_probe(&[("text", "{{ email }}")], View::NewImage, Err("`email` is unknown; an attribute is written `new.email`"));
    let keys_only = [("subject", "{{ keys.id }}"), ("text", "t"), ("to", ""), ("to_fixed", "a@x.de"), ("on", "modify")];
    check_probe(&keys_only, View::KeysOnly, Ok(()));
}

#[test]
fn with_faulty_settings_changes_wait() {
    for settings in [[("text", "{{ x")], [("on", "never")], [("when", "(")]] {
        let _host = host(&settings);
        let failure = testing::run_batch(on_batch, testing::batch([testing::insert(KEYS, ANN)])).unwrap_err();
        assert!(failure.is_retry(), "{failure}");
    }
}
