//! Mail as files: what is in them, and that there is one for each mail.

use std::path::Path;

use base64::Engine;
use tripline_capability::mail::Transport;
use tripline_core::port::{MailDraft, MailOutcome};

use crate::outbox::{Memory, accepted, draft, mailer};

/// Header and body of a part; headers unfolded.
fn split(part: &str) -> (Vec<(String, String)>, String) {
    let (head, body) = part.split_once("\r\n\r\n").unwrap();
    let head = head.replace("\r\n ", " ");
    let headers = head
        .lines()
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    (headers.collect(), body.to_owned())
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> &'a str {
    let mut found = headers.iter().filter(|(header, _)| header == name);
    let value = found.next().map_or("", |(_, value)| value);
    assert!(found.next().is_none(), "two headers {name}");
    value
}

/// RFC 2047, as far as it is used here: words in base64, the space between two of them is none.
fn decoded(value: &str) -> String {
    let words = value.replace("?= =?", "?==?");
    let mut text = String::new();
    for word in words.split("=?utf-8?b?") {
        match word.split_once("?=") {
            Some((base64, rest)) => {
                text.push_str(&String::from_utf8(base64::prelude::BASE64_STANDARD.decode(base64).unwrap()).unwrap());
                text.push_str(rest);
            }
            None => text.push_str(word),
        }
    }
    text
}

/// The text of a part, whatever its transfer encoding.
fn body(part: &str) -> String {
    let (headers, body) = split(part);
    match header(&headers, "Content-Transfer-Encoding") {
        "7bit" => body,
        "base64" => String::from_utf8(base64::prelude::BASE64_STANDARD.decode(body.replace("\r\n", "")).unwrap()).unwrap(),
        "quoted-printable" => {
            let body = body.replace("=\r\n", "");
            let mut bytes = Vec::new();
            let mut rest = body.as_bytes();
            while let [first, tail @ ..] = rest {
                rest = tail;
                if *first == b'=' {
                    bytes.push(u8::from_str_radix(std::str::from_utf8(&rest[..2]).unwrap(), 16).unwrap());
                    rest = &rest[2..];
                } else {
                    bytes.push(*first);
                }
            }
            String::from_utf8(bytes).unwrap()
        }
        other => panic!("{other}"),
    }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Sends the draft into a directory and returns the file's text.
async fn sent(draft: MailDraft) -> String {
    let dir = tempfile::tempdir().unwrap();
    let files = mailer("files", Transport::File { dir: dir.path().join("deep") });
    let memory = Memory::new();
    let mail = accepted(&files, draft, "k");
    memory.accept(mail.clone());
    memory.send(vec![files], memory.settled(1)).await;
    let name = mail.message_id.split('@').next().unwrap();
    assert_eq!(names(&dir.path().join("deep")), [format!("{name}.eml")]);
    let text = std::fs::read_to_string(dir.path().join("deep").join(format!("{name}.eml"))).unwrap();
    assert_eq!(header(&split(&text).0, "Message-ID"), format!("<{}>", mail.message_id));
    text
}

#[tokio::test]
async fn both_bodies_and_a_subject_beyond_ascii() {
    let subject = "Grüße aus Zürich: „Ihre Bestellung“ ist da – bitte bis übermorgen abholen 📦📦📦";
    let text = "Hallo Zoë,\n\nzwei Zeilen.\n.\n";
    let html = "<p>Hallo <b>Zoë</b></p>";
    let mail = sent(MailDraft {
        to: vec!["Zoë Müller <zoe@b.example>".to_owned(), "\"Last, First\" <c@d.example>".to_owned()],
        reply_to: Some("Hilfe <help@example.com>".to_owned()),
        subject: subject.to_owned(),
        text: Some(text.to_owned()),
        html: Some(html.to_owned()),
    })
    .await;
    let (headers, _) = split(&mail);
    assert!(mail.is_ascii());
    assert_eq!(decoded(header(&headers, "Subject")), subject);
    assert_eq!(decoded(header(&headers, "From")), "\"Der Laden\" <shop@example.com>");
    assert_eq!(decoded(header(&headers, "To")), "Zoë Müller <zoe@b.example>, Last, First <c@d.example>");
    // The comma stands in an encoded word: not between two addresses.
    assert_eq!(header(&headers, "To").matches(", ").count(), 1);
    assert_eq!(header(&headers, "Reply-To"), "Hilfe <help@example.com>");
    assert_eq!(header(&headers, "Date"), "Tue, 14 Nov 2023 22:13:20 +0000");
    assert_eq!(header(&headers, "Auto-Submitted"), "auto-generated");
    assert_eq!(header(&headers, "MIME-Version"), "1.0");
    let content = header(&headers, "Content-Type");
    assert!(content.starts_with("multipart/alternative;"), "{content}");
    let boundary = content.split("boundary=\"").nth(1).unwrap().trim_end_matches('"');
    let parts: Vec<_> = mail.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.len(), 4);
    for (part, kind, expected) in [(parts[1], "text/plain; charset=utf-8", text), (parts[2], "text/html; charset=utf-8", html)] {
        let part = part.trim_start_matches("\r\n");
        assert_eq!(header(&split(part).0, "Content-Type"), kind);
        assert_eq!(body(part).trim_end(), expected.replace('\n', "\r\n").trim_end());
    }
}

#[tokio::test]
async fn one_body_alone() {
    let text = sent(draft("a@b.example")).await;
    assert_eq!(header(&split(&text).0, "Content-Type"), "text/plain; charset=utf-8");
    assert_eq!(body(&text).trim_end(), "text");
    let html = sent(MailDraft { text: None, html: Some("<p>é</p>".to_owned()), ..draft("a@b.example") }).await;
    assert_eq!(header(&split(&html).0, "Content-Type"), "text/html; charset=utf-8");
    assert_eq!(body(&html).trim_end(), "<p>é</p>");
}

#[tokio::test]
async fn one_file_for_each_mail_however_often_it_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let files = || mailer("files", Transport::File { dir: dir.path().to_owned() });
    let mails: Vec<_> = (0..5).map(|n| accepted(&files(), draft("a@b.example"), &n.to_string())).collect();
    // What a crash between the file and the outbox's note of it looks like: a half-written draft, and all of it again.
    std::fs::write(dir.path().join(format!(".{}.tmp", mails[0].message_id.split('@').next().unwrap())), "half").unwrap();
    for _ in 0..2 {
        let memory = Memory::new();
        for mail in &mails {
            memory.accept(mail.clone());
        }
        memory.send(vec![files()], memory.settled(5)).await;
    }
    let mut expected: Vec<_> = mails.iter().map(|mail| format!("{}.eml", mail.message_id.split('@').next().unwrap())).collect();
    expected.sort();
    assert_eq!(names(dir.path()), expected);
}

#[tokio::test]
async fn a_directory_that_is_gone_puts_mail_off() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("inner");
    let files = mailer("files", Transport::File { dir: inner.clone() });
    std::fs::remove_dir(&inner).unwrap();
    let memory = Memory::new();
    memory.accept(accepted(&files, draft("a@b.example"), "k"));
    memory.send(vec![files], memory.settled(1)).await;
    let last = memory.entries().remove(0).last;
    assert!(matches!(&last, Some(MailOutcome::Waits { reason }) if reason.contains("inner")), "{last:?}");
}
