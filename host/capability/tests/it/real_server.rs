//! The sender against a real mail server: TLS, logins, replies of every kind, and what the server makes of hostile fields.

use std::collections::BTreeSet;

use tripline_capability::Secret;
use tripline_capability::mail::{CaCertificates, Mailer, Tls, Transport};
use tripline_core::port::MailDraft;

use crate::mail_server::{MailServer, Options};
use crate::outbox::{Memory, accepted, draft, mailer};

const LOGIN: Option<(&str, &str)> = Some(("shop", "hunter2-ü"));
const HOUR: std::time::Duration = std::time::Duration::from_secs(3600);

/// As an operator writes it: the server's authority trusted, its login known.
struct Client {
    host: &'static str,
    tls: Tls,
    trusts: bool,
    login: Option<(&'static str, &'static str)>,
}

impl Client {
    fn new(tls: Tls) -> Self {
        Self { host: "127.0.0.1", tls, trusts: true, login: LOGIN }
    }

    fn mailer(&self, server: &MailServer) -> Mailer {
        let ca = self
            .trusts
            .then(|| CaCertificates::from_pem(&std::fs::read_to_string(server.ca()).unwrap()).unwrap());
        let (username, password) = self.login.unzip();
        let transport = Transport::Smtp {
            host: self.host.to_owned(),
            port: server.port,
            tls: self.tls,
            ca: ca.filter(|_| self.tls != Tls::None),
            username: username.map(str::to_owned),
            password: password.map(Secret::new),
        };
        mailer("office", transport)
    }
}

fn options(tls: &'static str) -> Options {
    Options { tls, login: LOGIN, ..Options::default() }
}

/// Mails to these users, sent until so many outcomes are known.
async fn send(server: &MailServer, client: &Client, users: &[&str], outcomes: usize) -> std::sync::Arc<Memory> {
    let memory = Memory::new();
    let office = client.mailer(server);
    for user in users {
        memory.accept(accepted(&office, draft(&format!("{user}@b.example")), user));
    }
    memory.send(vec![office], memory.settled(outcomes)).await;
    memory
}

#[tokio::test]
async fn mail_arrives_encrypted_and_logged_in_whatever_the_server_offers() {
    for (tls, ours) in [("starttls", Tls::StartTls), ("implicit", Tls::Implicit)] {
        for mechanisms in [vec!["PLAIN", "LOGIN"], vec!["PLAIN"], vec!["LOGIN"]] {
            let server = MailServer::start(&Options { mechanisms: mechanisms.clone(), ..options(tls) });
            let memory = send(&server, &Client::new(ours), &["a"], 1).await;
            assert_eq!(memory.shown(), "a:sent", "{tls} {mechanisms:?}");
            let (login, mail) = (server.events("login").remove(0), server.events("mail").remove(0));
            assert_eq!((&login["mechanism"], &login["encrypted"]), (&mechanisms[0].into(), &true.into()));
            assert_eq!((&mail["login"], &mail["encrypted"]), (&"shop".into(), &true.into()));
        }
    }
    let server = MailServer::start(&Options::default());
    let memory = send(&server, &Client { login: None, ..Client::new(Tls::None) }, &["a"], 1).await;
    assert_eq!((memory.shown(), &server.events("mail")[0]["encrypted"]), ("a:sent".to_owned(), &false.into()));
}

/// The mail waits, for this reason with this remedy; it costs no attempt, nothing was said in the clear, and no secret is told.
#[track_caller]
fn check_waits(memory: &Memory, server: &MailServer, heard: &str, parts: &[&str]) {
    let reason = memory.reason();
    assert_eq!((memory.shown(), memory.heard()), ("a:waits".to_owned(), format!("{heard}=1")), "{reason}");
    assert_eq!(memory.entries()[0].attempts, 0);
    for part in parts {
        assert!(reason.contains(part), "no `{part}` in: {reason}");
    }
    assert!(!reason.contains("hunter2"), "{reason}");
    assert_eq!((server.count("mail"), server.count("recipient")), (0, 0));
    assert!(server.events("login").iter().all(|login| login["encrypted"] == true));
}

#[tokio::test]
async fn a_server_that_cannot_be_trusted_gets_neither_password_nor_mail() {
    let plain = Options { login: None, ..options("none") };
    let (other_name, expired) =
        (Options { names: vec!["mail.other.example"], ..options("starttls") }, Options { expired: true, ..options("starttls") });
    let client = Client::new;
    let untrusting = |tls| Client { trusts: false, ..Client::new(tls) };
    let by_name = Client { host: "localhost", ..Client::new(Tls::StartTls) };
    let by_address_alone = Options { names: vec!["127.0.0.1"], ..options("starttls") };
    let cases: [(Options, Client, &[&str]); 8] = [
        (plain.clone(), client(Tls::StartTls), &["STARTTLS is not supported", "use smtps:"]),
        (plain.clone(), Client { login: None, ..client(Tls::StartTls) }, &["STARTTLS is not supported"]),
        (plain, client(Tls::Implicit), &["what came is no TLS", "the scheme of `url`"]),
        (options("starttls"), untrusting(Tls::StartTls), &["UnknownIssuer", "name the one that has with `ca`"]),
        (options("implicit"), untrusting(Tls::Implicit), &["UnknownIssuer", "name the one that has with `ca`"]),
        (other_name, client(Tls::StartTls), &["mail.other.example", "correct the host in `url`"]),
        (by_address_alone, by_name, &["correct the host in `url`"]),
        (expired, client(Tls::StartTls), &["has expired"]),
    ];
    for (options, client, parts) in cases {
        let server = MailServer::start(&options);
        let memory = send(&server, &client, &["a"], 1).await;
        check_waits(&memory, &server, "barred", parts);
        assert_eq!(server.count("login"), 0);
    }
}

#[tokio::test]
async fn a_login_that_does_not_work_is_no_mails_fault_and_told_without_the_password() {
    let server = MailServer::start(&options("starttls"));
    // The server repeats it in its answer.
    let wrong = Client { login: Some(("shop", "hunter2-wrong")), ..Client::new(Tls::StartTls) };
    let memory = send(&server, &wrong, &["a"], 1).await;
    check_waits(&memory, &server, "barred", &["535", "not ***", "check `username` and `password`"]);

    let server = MailServer::start(&options("starttls"));
    let memory = send(&server, &Client { login: None, ..Client::new(Tls::StartTls) }, &["a"], 1).await;
    check_waits(&memory, &server, "barred", &["530", "check `username` and `password`"]);

    let server = MailServer::start(&Options { mechanisms: vec![], ..options("starttls") });
    let memory = send(&server, &Client::new(Tls::StartTls), &["a"], 1).await;
    check_waits(&memory, &server, "barred", &["neither PLAIN nor LOGIN"]);
}

#[tokio::test]
async fn a_sender_that_the_server_refuses_fails_no_mail() {
    let script = |reply| options("starttls").script("MAIL", &[reply]);
    for (reply, heard, parts) in
        [("553 5.7.1 shop may not send as this", "barred", ["553", "check `from`"]), ("451 4.3.0 try again", "away", ["451", "try again"])]
    {
        let server = MailServer::start(&script(reply));
        let memory = send(&server, &Client::new(Tls::StartTls), &["a"], 1).await;
        check_waits(&memory, &server, heard, &parts);
    }
    // What is about the mail is the mail's own.
    let server = MailServer::start(&script("552 5.3.4 too large"));
    assert_eq!(send(&server, &Client::new(Tls::StartTls), &["a"], 1).await.shown(), "a:failed");
}

#[tokio::test]
async fn a_server_that_closes_its_door_costs_no_attempt() {
    for (reply, heard) in [("421 4.3.2 maintenance", "away"), ("554 5.3.2 no mail here", "barred")] {
        let server = MailServer::start(&options("starttls").script("connect", &[reply]));
        let memory = send(&server, &Client::new(Tls::StartTls), &["a"], 1).await;
        check_waits(&memory, &server, heard, &[&reply[..3]]);
    }
    let gone = MailServer::start(&options("starttls"));
    let office = Client::new(Tls::StartTls).mailer(&gone);
    drop(gone);
    let memory = Memory::new();
    memory.accept(accepted(&office, draft("a@b.example"), "k"));
    memory.send(vec![office], memory.settled(1)).await;
    assert_eq!((memory.shown(), memory.heard()), ("a:waits".to_owned(), "away=1".to_owned()));
}

#[tokio::test]
async fn each_mail_is_judged_alone_and_the_connection_stays() {
    let options = options("starttls")
        .script("RCPT grey", &["451 4.7.1 greylisted", "450 4.7.1 greylisted"])
        .script("RCPT nobody", &["550 5.1.1 no such user"])
        .script("DATA spam", &["554 5.7.1 looks like spam"])
        .script("DATA slow", &["452 4.3.1 disk full"])
        .script("DATA cut", &["drop within"])
        .script("DATA lost", &["drop after"]);
    let server = MailServer::start(&options);
    let office = Client::new(Tls::StartTls).mailer(&server);
    let memory = Memory::new();
    let users = ["plain", "grey", "nobody", "spam", "slow", "cut", "lost", "last"];
    for user in users {
        memory.accept(accepted(&office, draft(&format!("{user}@b.example")), user));
    }
    let body = async {
        memory.settled(8).await;
        let first = "plain:sent grey:later nobody:failed spam:failed slow:later cut:later lost:later last:sent";
        assert_eq!(memory.shown(), first);
        let reasons: Vec<_> = memory
            .entries()
            .into_iter()
            .filter(|entry| entry.attempts > 0)
            .map(|entry| format!("{:?}", entry.last))
            .collect();
        for (reason, part) in reasons.iter().zip(["greylisted", "disk full", "", ""]) {
            assert!(reason.contains(part), "{reason}");
        }
        memory.pass(HOUR);
        memory.settled(12).await;
        memory.pass(HOUR);
        memory.settled(13).await;
    };
    memory.send(vec![office], body).await;
    assert_eq!(memory.shown(), "plain:sent grey:sent nobody:failed spam:failed slow:sent cut:sent lost:sent last:sent");
    assert_eq!(memory.heard(), "failed=2 later=5 sent=6");
    // Four at once; only the two that were cut off are replaced.
    assert!(server.count("connection") <= 6, "{}", server.count("connection"));
    assert_eq!(server.count("mail"), 6);
}

#[tokio::test]
async fn three_hundred_mails_take_four_connections() {
    let server = MailServer::start(&options("starttls"));
    let users: Vec<_> = (0..300).map(|n| format!("u{n}")).collect();
    let users: Vec<_> = users.iter().map(String::as_str).collect();
    let memory = send(&server, &Client::new(Tls::StartTls), &users, 300).await;
    assert_eq!(memory.heard(), "sent=300");
    let ids: BTreeSet<_> = server.events("mail").iter().map(|mail| header(mail, "Message-ID").remove(0)).collect();
    assert_eq!((ids.len(), server.count("mail")), (300, 300));
    assert_eq!((server.count("connection"), server.count("login")), (4, 4));
}

/// A mail goes to all of its recipients or to none.
#[tokio::test]
async fn one_refused_recipient_refuses_the_mail() {
    let options = options("starttls")
        .script("RCPT nobody", &["550 5.1.1 no such user"])
        .script("RCPT grey", &["451 4.7.1 greylisted"]);
    let server = MailServer::start(&options);
    let office = Client::new(Tls::StartTls).mailer(&server);
    let memory = Memory::new();
    for users in [["one", "nobody", "two"], ["three", "grey", "four"]] {
        let to = users.iter().map(|user| format!("{user}@b.example")).collect();
        memory.accept(accepted(&office, MailDraft { to, ..draft("") }, users[0]));
    }
    let body = async {
        memory.settled(2).await;
        assert_eq!(memory.shown(), "one:failed three:later");
        memory.pass(HOUR);
        memory.settled(3).await;
    };
    memory.send(vec![office], body).await;
    assert_eq!(memory.shown(), "one:failed three:sent");
    let mails = server.events("mail");
    assert_eq!(mails.len(), 1, "nobody got part of a mail: {mails:?}");
    assert_eq!(mails[0]["to"], serde_json::json!(["three@b.example", "grey@b.example", "four@b.example"]));
}

/// A man in the middle answers ahead, in the clear, all that will be asked inside TLS: the mail would be lost as sent.
#[tokio::test]
async fn no_reply_from_before_tls_counts() {
    let ahead = "250-mail.test\r\n250 AUTH PLAIN LOGIN\r\n235 welcome\r\n250 MAIL\r\n250 RCPT\r\n354 DATA\r\n250 queued";
    for (login, inject) in [(LOGIN, ahead), (None, "250 mail.test\r\n250 MAIL\r\n250 RCPT\r\n354 DATA\r\n250 queued"), (LOGIN, "250 x")] {
        let server = MailServer::start(&Options { inject, login, ..options("starttls") });
        let memory = send(&server, &Client { login, ..Client::new(Tls::StartTls) }, &["a"], 1).await;
        check_waits(&memory, &server, "barred", &["what came is no TLS"]);
        assert_eq!(server.count("login"), 0);
    }
}

fn header(mail: &serde_json::Value, name: &str) -> Vec<String> {
    let headers = mail["headers"].as_array().unwrap().iter();
    headers.filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap().to_owned()).collect()
}

/// Whatever passes as a field is one header and one recipient at the other end, and the sender is the operator's.
#[tokio::test]
async fn no_field_makes_another_header_or_recipient() {
    const HEADERS: [&str; 9] =
        ["Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"];
    let hostile = [
        "Bcc: evil@x.example",
        "\u{2028}Bcc: evil@x.example",
        "\u{2029}From: evil@x.example",
        "=?utf-8?q?=0D=0ABcc:_evil@x.example?=",
        "=?utf-8?b?DQpCY2M6IGV2aWxAeC5leGFtcGxl?=",
        "\u{202e}elpmaxe.x@live :ccB",
        "x\u{feff}\u{200b}\u{ad}y",
        "\", evil@x.example, \"",
        "<evil@x.example>",
        "(comment) \\",
        "Sender: evil@x.example",
        "é".repeat(400).leak(),
        "x".repeat(900).leak(),
        ". . .",
    ];
    let server = MailServer::start(&options("starttls"));
    let office = Client::new(Tls::StartTls).mailer(&server);
    let memory = Memory::new();
    for (n, text) in hostile.iter().enumerate() {
        let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
        let named = format!("\"{quoted}\" <u{n}@b.example>");
        // A name that is no name is refused when the mail is accepted; the subject goes out in any case.
        let to = if named.len() <= 998 && accept_is_ok(&office, &named) { named } else { format!("u{n}@b.example") };
        let drafted = MailDraft { to: vec![to], subject: (*text).to_owned(), ..draft("") };
        memory.accept(accepted(&office, drafted, &format!("{n}\r\nBcc: evil@x.example")));
    }
    memory.send(vec![office], memory.settled(hostile.len())).await;
    assert_eq!(memory.heard(), format!("sent={}", hostile.len()));
    for mail in server.events("mail") {
        let raw = mail["raw"].as_str().unwrap();
        let mut names: Vec<_> = mail["headers"].as_array().unwrap().iter().map(|pair| pair[0].as_str().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, HEADERS, "{raw}");
        assert_eq!(mail["sender"], "shop@example.com");
        assert_eq!(header(&mail, "From"), ["Der Laden <shop@example.com>"]);
        let recipients = mail["to"].as_array().unwrap();
        assert!(recipients.len() == 1 && recipients[0].as_str().unwrap().ends_with("@b.example"), "{recipients:?}");
        let head = raw.split("\r\n\r\n").next().unwrap();
        assert!(head.is_ascii() && head.lines().all(|line| line.len() <= 998), "{head}");
        let id = header(&mail, "Message-ID").remove(0);
        assert!(id.ends_with("@example.com>") && id.trim_start_matches('<')[..64].bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
    }
    assert_eq!(server.count("mail"), hostile.len());
}

fn accept_is_ok(office: &Mailer, to: &str) -> bool {
    use tripline_core::port::{MailOrigin, Mailbox};
    let origin = MailOrigin { trigger: &"t".into(), event_id: "e", key: "k" };
    office.accept(draft(to), &origin).is_ok()
}
