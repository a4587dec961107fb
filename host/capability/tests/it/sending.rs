//! The sender between an outbox and a mail server: what is sent, how often, and what is tried again.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tripline_capability::mail::{Mailer, MailerConfig};
use tripline_core::port::{MailDraft, MailOutcome};

use crate::outbox::{Memory, accepted, draft, mailer, plain};
use crate::smtp_server::SmtpServer;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_4xx_is_tried_again_and_a_5xx_never() {
    let server = SmtpServer::bind().await;
    server.recipients.lock().unwrap().insert("later", ["451 not now", "452 full"].into());
    server.recipients.lock().unwrap().insert("never", ["550 no such user"].into());
    let office = mailer("office", plain(server.port()));
    let memory = Memory::new();
    for to in ["now@b.example", "later@b.example", "never@b.example"] {
        memory.accept(accepted(&office, draft(to), to));
    }
    let body = async {
        memory.settled(3).await;
        assert_eq!(memory.shown(), "now:sent later:later never:failed");
        memory.pass(HOUR);
        memory.settled(4).await;
        assert_eq!(memory.shown(), "now:sent later:later never:failed");
        memory.pass(HOUR);
        memory.settled(5).await;
    };
    server.serve(memory.send(vec![office], body)).await;
    assert_eq!(memory.shown(), "now:sent later:sent never:failed");
    assert!(matches!(&memory.entries()[2].last, Some(MailOutcome::Failed { reason, .. }) if reason.contains("no such user")));
    assert_eq!(memory.heard(), "failed=1 later=2 sent=2");
    assert_eq!(server.mails.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn back_off_doubles_up_to_a_quarter_of_an_hour_and_ends() {
    let server = SmtpServer::bind().await;
    server.recipients.lock().unwrap().insert("a", vec!["451 not now"; 500].into());
    let office = mailer("office", plain(server.port()));
    let memory = Memory::new();
    memory.accept(accepted(&office, draft("a@b.example"), "k"));
    let body = async {
        for tries in 1..500 {
            memory.settled(tries).await;
            let entry = memory.entries().remove(0);
            let Some(MailOutcome::Later { not_before, .. }) = entry.last else { panic!("{entry:?}") };
            let ceiling = Duration::from_secs(1 << (tries - 1).min(20)).min(HOUR / 4);
            let delay = not_before.since(memory.now());
            assert!(delay <= ceiling && delay + Duration::from_millis(1) >= ceiling / 2, "try {tries}: {delay:?} of {ceiling:?}");
            memory.pass(HOUR);
        }
        memory.settled(500).await;
    };
    server.serve(memory.send(vec![office], body)).await;
    let last = memory.entries().remove(0).last;
    assert!(matches!(&last, Some(MailOutcome::Failed { reason, .. }) if reason.contains("given up after 500 tries")), "{last:?}");
}

#[tokio::test]
async fn every_mail_is_sent_once_over_few_connections() {
    let server = SmtpServer::bind().await;
    let office = mailer("office", plain(server.port()));
    let memory = Memory::new();
    // The outcome of a mail that was sent cannot be kept at first.
    memory.broken.store(3, Ordering::SeqCst);
    let body = async {
        for n in 0..200 {
            memory.accept(accepted(&mailer("office", plain(1)), draft(&format!("u{n}@b.example")), &n.to_string()));
            tokio::task::yield_now().await;
        }
        memory.settled(200).await;
    };
    server.serve(memory.send(vec![office], body)).await;
    let mails = server.mails.lock().unwrap();
    let ids: BTreeSet<_> = mails
        .iter()
        .map(|mail| mail.lines().find(|line| line.starts_with("Message-ID: <")).unwrap())
        .collect();
    assert_eq!((mails.len(), ids.len()), (200, 200));
    assert_eq!(memory.heard(), "sent=200");
    // Four at once, and anew after each time that there was nothing to send.
    assert!(server.count("EHLO") <= 40, "{}", server.count("EHLO"));
    assert_eq!(server.count("QUIT"), server.count("EHLO"));
}

#[tokio::test]
async fn a_server_that_is_away_holds_up_its_own_mail_alone() {
    let (away, here) = (SmtpServer::bind().await, SmtpServer::bind().await);
    away.greetings.lock().unwrap().extend([
        "421 maintenance",
        "554 no service here",
        "421 maintenance",
        "421 maintenance",
        "421 maintenance",
    ]);
    let (office, other) = (mailer("office", plain(away.port())), mailer("other", plain(here.port())));
    let memory = Memory::new();
    for n in 0..20 {
        memory.accept(accepted(&office, draft(&format!("u{n}@b.example")), &n.to_string()));
    }
    memory.accept(accepted(&other, draft("o@b.example"), "o"));
    let body = async {
        // Four tries at the server that is away, and one mail of the other mailer.
        memory.settled(5).await;
        let shown = memory.shown();
        assert_eq!(
            (shown.matches("waits").count(), shown.matches("untried").count(), shown.matches("sent").count()),
            (4, 16, 1),
            "{shown}"
        );
        assert!(memory.entries().iter().all(|entry| entry.attempts == 0), "it was no mail's fault");
        // Then one alone, and all.
        memory.pass(HOUR);
        memory.settled(5 + 1).await;
        memory.pass(HOUR);
        memory.settled(5 + 1 + 20).await;
    };
    away.serve(here.serve(memory.send(vec![office, other], body))).await;
    let heard = memory.heard();
    assert!(heard.ends_with("back=1 sent=21"), "{heard}");
    assert_eq!(away.mails.lock().unwrap().len(), 20);
    assert_eq!(memory.pending.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn stopping_brings_mails_under_way_to_their_end_and_begins_no_other() {
    let mut server = SmtpServer::bind().await;
    server.permits = tokio::sync::Semaphore::new(0);
    let office = mailer("office", plain(server.port()));
    let memory = Memory::new();
    for n in 0..10 {
        memory.accept(accepted(&office, draft(&format!("u{n}@b.example")), &n.to_string()));
    }
    let mut arrived = server.arrived.subscribe();
    // The body's end is the stop: four mails wait for their 250 then, which they get afterwards.
    let run = async {
        let body = async {
            arrived.wait_for(|count| *count == 4).await.unwrap();
        };
        let all = memory.send(vec![office], body);
        let mut late = server.arrived.subscribe();
        let release = async {
            late.wait_for(|count| *count == 4).await.unwrap();
            // The sender has been told to stop before any answer is out: the body above was polled by the same news.
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            server.permits.add_permits(1000);
        };
        futures_util::future::join(all, release).await;
    };
    server.serve(run).await;
    assert_eq!(memory.heard(), "sent=4");
    assert_eq!(server.mails.lock().unwrap().len(), 4);
    assert_eq!(memory.shown().matches("untried").count(), 6);
}

#[tokio::test]
async fn a_hostile_body_stays_in_its_mail() {
    let server = SmtpServer::bind().await;
    let office = mailer("office", plain(server.port()));
    let memory = Memory::new();
    let text = "\r\n.\r\nMAIL FROM:<evil@x.example>\r\nRCPT TO:<evil@x.example>\n.\n..\r.\r\n.";
    memory.accept(accepted(&office, MailDraft { text: Some(text.to_owned()), ..draft("a@b.example") }, "k"));
    memory.accept(accepted(&office, draft("b@b.example"), "l"));
    server.serve(memory.send(vec![office], memory.settled(2))).await;
    assert_eq!(memory.shown(), "a:sent b:sent");
    assert_eq!((server.count("MAIL"), server.count("RCPT"), server.mails.lock().unwrap().len()), (2, 2, 2));
}

#[tokio::test]
async fn an_address_that_the_server_cannot_take_fails_that_mail() {
    let server = SmtpServer::bind().await;
    let office = mailer("office", plain(server.port()));
    let memory = Memory::new();
    memory.accept(accepted(&office, draft("zoë@b.example"), "k"));
    memory.accept(accepted(&office, draft("a@b.example"), "l"));
    server.serve(memory.send(vec![office], memory.settled(2))).await;
    assert_eq!(memory.shown(), "zoë:failed a:sent");

    // The operator's own address is no mail's fault.
    let transport = plain(server.port());
    let office = MailerConfig { name: "office".to_owned(), transport, from: "zoë@example.com".to_owned(), rate_max: None };
    let office = Mailer::build(office).unwrap();
    let memory = Memory::new();
    memory.accept(accepted(&office, draft("a@b.example"), "k"));
    server.serve(memory.send(vec![office], memory.settled(1))).await;
    assert_eq!((memory.shown(), memory.heard()), ("a:waits".to_owned(), "barred=1".to_owned()));
    assert!(memory.reason().contains("change `from`"), "{}", memory.reason());
}
