//! What a plugin may put into a mail, and what becomes of Message-IDs.

use std::path::PathBuf;

use super::super::transport::{Tls, Transport};
use super::*;
use crate::secret::Secret;

fn smtp(tls: Tls, username: Option<&str>, password: Option<&str>) -> Transport {
    let (username, password) = (username.map(str::to_owned), password.map(Secret::new));
    Transport::Smtp { host: "127.0.0.1".to_owned(), port: 25, tls, ca: None, username, password }
}

fn mailer(from: &str) -> Result<Mailer, MailerError> {
    Mailer::build(MailerConfig { name: "office".to_owned(), transport: smtp(Tls::None, None, None), from: from.to_owned(), rate_max: None })
}

fn draft() -> MailDraft {
    MailDraft { to: vec!["a@b.example".to_owned()], subject: "Hi".to_owned(), text: Some("text".to_owned()), ..MailDraft::default() }
}

fn accept(draft: MailDraft) -> Result<Mail, String> {
    let origin = MailOrigin { trigger: &"welcome".into(), event_id: "e1", key: "k" };
    mailer("Shop <shop@example.com>").unwrap().accept(draft, &origin)
}

#[track_caller]
fn check_refused(draft: MailDraft, expected: &str) {
    let reason = accept(draft).unwrap_err();
    assert!(reason.contains(expected), "{reason}");
}

#[test]
fn addresses() {
    for to in [
        "a@b.example",
        "Name <a@b.example>",
        "\"Last, First\" <a@b.example>",
        "Zoë <zoe@b.example>",
        "a+tag@b.example",
        "o'neill@b.example",
    ] {
        assert_eq!(*accept(MailDraft { to: vec![to.to_owned()], ..draft() }).unwrap().to[0], *to);
    }
    for to in [
        "",
        " ",
        "a",
        "@b.example",
        "a@",
        "a b@c.example",
        "a@b.example, c@d.example",
        "a@b.example; c@d.example",
        "a@b.example c@d.example",
        "<a@b.example> <c@d.example>",
        "a@b.example>",
        "Name <a@b.example",
        "a@b@c.example",
        "a@b..example",
        "a@b.example RCPT TO:<c@d.example>",
    ] {
        check_refused(MailDraft { to: vec![to.to_owned()], ..draft() }, "to: not an address");
        check_refused(MailDraft { reply_to: Some(to.to_owned()), ..draft() }, "reply-to: not an address");
    }
}

#[test]
fn no_header_can_hold_a_second_line() {
    let attacks = [
        "\r\nBcc: evil@x.example",
        "\nBcc: evil@x.example",
        "\rBcc: evil@x.example",
        "\r\n\r\nbody",
        "\r\n .",
        "\0",
        "\u{b}",
        "\u{c}",
        "\u{7f}",
        "\u{85}Bcc: evil@x.example",
        "\t",
    ];
    for attack in attacks {
        for to in [
            format!("a@b.example{attack}"),
            format!("{attack}a@b.example"),
            format!("Na{attack}me <a@b.example>"),
            format!("\"Na{attack}me\" <a@b.example>"),
        ] {
            check_refused(MailDraft { to: vec!["fine@b.example".to_owned(), to.clone()], ..draft() }, "to: holds the control character");
            check_refused(MailDraft { reply_to: Some(to), ..draft() }, "reply-to: holds the control character");
        }
        check_refused(MailDraft { subject: format!("Hi{attack}"), ..draft() }, "subject: holds the control character");
        assert!(mailer(&format!("shop@example.com{attack}")).is_err(), "{attack:?}");
    }
}

#[test]
fn limits() {
    let many = |n| vec!["a@b.example".to_owned(); n];
    check_refused(MailDraft { to: vec![], ..draft() }, "0 recipients");
    check_refused(MailDraft { to: many(MAIL_RECIPIENTS_MAX + 1), ..draft() }, "51 recipients");
    check_refused(MailDraft { to: vec![format!("{} <a@b.example>", "x".repeat(1000))], ..draft() }, "at most 998");
    check_refused(MailDraft { subject: "x".repeat(MAIL_SUBJECT_BYTES_MAX + 1), ..draft() }, "subject: 999 bytes");
    check_refused(MailDraft { text: None, ..draft() }, "no body");
    check_refused(MailDraft { text: Some("x".repeat(MAIL_BODY_BYTES_MAX + 1)), ..draft() }, "text: 1048577 bytes");
    check_refused(MailDraft { html: Some("x".repeat(MAIL_BODY_BYTES_MAX + 1)), ..draft() }, "html: 1048577 bytes");
    let largest = MailDraft {
        to: many(MAIL_RECIPIENTS_MAX),
        subject: "x".repeat(MAIL_SUBJECT_BYTES_MAX),
        text: None,
        html: Some("x".repeat(MAIL_BODY_BYTES_MAX)),
        ..draft()
    };
    assert_eq!(accept(largest).unwrap().to.len(), MAIL_RECIPIENTS_MAX);
}

#[test]
fn message_ids_are_stable_and_tell_every_origin_apart() {
    let mailer = mailer("Shop <shop@example.com>").unwrap();
    let id = |trigger: &str, event_id: &str, key: &str| {
        let origin = MailOrigin { trigger: &trigger.into(), event_id, key };
        mailer.accept(draft(), &origin).unwrap().message_id
    };
    // sha256 of three lengths (eight bytes, big-endian), each before its text; computed with Python's hashlib.
    assert_eq!(&*id("welcome", "e1", "k"), "8f7a73ec99c046b76a880c6645fbe00bc59194a76a2e1a8a6e57772e796e2831@example.com");
    let ids: std::collections::BTreeSet<_> =
        [id("welcome", "e1", "k"), id("welcom", "ee1", "k"), id("welcome", "e", "1k"), id("welcome", "e1k", ""), id("", "welcomee1", "k")]
            .into();
    assert_eq!(ids.len(), 5);
}

#[test]
fn a_mailer_that_cannot_work_is_refused_with_the_remedy() {
    for from in ["", "shop", "a@b.example, c@d.example"] {
        let error = mailer(from).unwrap_err().to_string();
        assert!(error.contains("correct [mailers.office]"), "{error}");
    }
    for (username, password) in [(Some("u"), None), (None, Some("p"))] {
        let transport = smtp(Tls::None, username, password);
        let config = MailerConfig { name: "office".to_owned(), transport, from: "shop@example.com".to_owned(), rate_max: None };
        assert!(matches!(Mailer::build(config), Err(MailerError::Credentials { .. })));
    }
    let transport = Transport::File { dir: PathBuf::from("/dev/null/mails") };
    let error = Mailer::build(MailerConfig { name: "office".to_owned(), transport, from: "shop@example.com".to_owned(), rate_max: None })
        .unwrap_err();
    assert!(error.to_string().contains("/dev/null/mails"), "{error}");
}

#[test]
fn passwords_are_in_no_debug_output() {
    let transport = smtp(Tls::StartTls, Some("user"), Some("hunter2"));
    let config = MailerConfig { name: "office".to_owned(), transport, from: "shop@example.com".to_owned(), rate_max: None };
    assert!(format!("{config:?}").contains("***"));
    let shown = format!("{config:?} {:?}", Mailer::build(config.clone()).unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
}
