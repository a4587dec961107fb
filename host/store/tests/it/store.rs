//! The store through its ports: what was committed is there, exactly once, and reads back as it went in.

use std::path::Path;
use std::sync::Arc;

use crate::common::{add, commit, heard, mail, number, set};
use futures_util::FutureExt;
use futures_util::future::join_all;
use tripline_core::effect::{DeadLetter, Mutation};
use tripline_core::port::{
    Backlog, Commit, CounterSource, MailOutcome, Outbox, StateEntry, StateReader, Store, StoredCheckpoint, StoredWay,
};
use tripline_core::signal::Silence;
use tripline_core::time::Timestamp;
use tripline_store::{MailFilter, MailStatus, SqliteReader, SqliteStore, StoreThreads};

fn open(dir: &Path) -> (SqliteStore, StoreThreads) {
    SqliteStore::open(dir, Arc::new(Silence)).unwrap()
}

fn close((store, threads): (SqliteStore, StoreThreads)) {
    drop(store);
    threads.join().unwrap();
}

async fn counters(store: &SqliteStore) -> Vec<String> {
    let values = CounterSource::counters(store).await.unwrap();
    values.iter().map(|value| format!("{} {} {}", value.trigger, value.counter, value.value)).collect()
}

#[tokio::test]
async fn a_hundred_commits_that_wait_share_transactions() {
    let dir = tempfile::tempdir().unwrap();
    let heard = heard();
    let (store, threads) = SqliteStore::open(dir.path(), heard.clone()).unwrap();
    // Whatever the writer takes up first waits for this lock, and all others behind it.
    let blocker = rusqlite::Connection::open(dir.path().join("tripline.db")).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let commits = (1..=100u64).map(|n| {
        let mutations = vec![add("sum", &[], "0.01"), add("last", &[], &n.to_string()), set(&n.to_string(), &[], None)];
        store.commit(Commit { mutations, ..commit(&format!("t{}", n % 10), n) })
    });
    let mut all = join_all(commits);
    assert!((&mut all).now_or_never().is_none());
    blocker.execute_batch("COMMIT").unwrap();
    for result in all.await {
        result.unwrap();
    }
    let groups = heard.groups.lock().unwrap().clone();
    assert_eq!(groups.iter().sum::<usize>(), 100);
    assert!(groups.len() <= 2, "{groups:?}");
    let sums: Vec<_> = counters(&store).await.into_iter().filter(|line| line.contains("sum")).collect();
    assert_eq!(sums, (0..10).map(|n| format!("t{n} sum 0.1")).collect::<Vec<_>>());
    close((store, threads));
}

#[tokio::test]
async fn sums_are_exact_and_readable_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path());
    let paid = [("status", "paid"), ("country", "dé\"\u{1}")];
    let turned = [paid[1], paid[0]];
    let steps = [
        vec![add("eur", &paid, "0.1"), add("eur", &turned, "0.2"), add("eur", &[], "1E+3"), add("eur", &[], "-1000.00")],
        vec![add("eur", &paid, "99999999999999999999999999999999999999"), add("digits", &[], "1e-130")],
        vec![add("digits", &[], "1"), add("zero", &[], "0")],
    ];
    for (n, mutations) in (1..).zip(steps) {
        opened.0.commit(Commit { mutations, ..commit("t", n) }).await.unwrap();
    }
    let expected = [
        format!("t digits 1.{}1", "0".repeat(129)),
        "t eur{country=\"dé\\\"\\u{1}\",status=\"paid\"} 99999999999999999999999999999999999999.3".to_owned(),
        "t eur 0".to_owned(),
        "t zero 0".to_owned(),
    ];
    assert_eq!(counters(&opened.0).await, expected);
    close(opened);
    let opened = open(dir.path());
    assert_eq!(counters(&opened.0).await, expected);
    close(opened);

    let raw = rusqlite::Connection::open(dir.path().join("tripline.db")).unwrap();
    let sql = "SELECT labels, labels ->> 'country', value FROM counters WHERE labels ->> 'status' = 'paid'";
    let row: (String, String, String) = raw.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
    assert_eq!(row.0, r#"{"country":"dé\"\u0001","status":"paid"}"#);
    assert_eq!((&*row.1, &*row.2), ("dé\"\u{1}", "99999999999999999999999999999999999999.3"));
}

#[tokio::test]
async fn state_is_read_as_committed_until_it_expires() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path());
    let store = &opened.0;
    let mutations = vec![
        set("a", b"old", None),
        set("a", b"\xff\x00", None),
        set("b", b"b", Some(50)),
        set("c", b"c", None),
        Mutation::DeleteState { key: "c".into() },
        set("for ever", b"", Some(u64::MAX)),
    ];
    store.commit(Commit { mutations, ..commit("t", 1) }).await.unwrap();
    let get = async |trigger: &str, now: u64| {
        let keys = ["c", "b", "a", "for ever", "a"].map(Box::from).to_vec();
        let entries = store.get(&trigger.into(), keys, Timestamp::from_ms(now)).await.unwrap();
        entries.into_iter().map(|entry| entry.map(|entry| entry.value)).collect::<Vec<_>>()
    };
    let a = Some(b"\xff\x00".to_vec());
    assert_eq!(get("t", 50).await, [None, Some(b"b".to_vec()), a.clone(), Some(vec![]), a.clone()]);
    assert_eq!(get("t", 51).await, [None, None, a.clone(), Some(vec![]), a]);
    assert_eq!(get("other", 50).await, vec![None; 5]);
    close(opened);
}

#[tokio::test]
async fn every_commit_can_be_read_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path());
    for n in 1..=200u64 {
        let mutations = vec![set("n", &n.to_le_bytes(), None)];
        opened.0.commit(Commit { mutations, ..commit("t", n) }).await.unwrap();
        let read = opened.0.get(&"t".into(), vec!["n".into()], Timestamp::from_ms(0)).await.unwrap();
        assert_eq!(read, [Some(StateEntry { value: n.to_le_bytes().to_vec(), version: n })]);
    }
    close(opened);
}

#[tokio::test]
async fn checkpoints_come_back_letter_for_letter() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path());
    let mut first = commit("t", 7);
    first.checkpoint.acknowledged = [number(9), number(12)].into();
    opened.0.commit(first.clone()).await.unwrap();
    let mut second = commit("t", 9);
    second.checkpoint.acknowledged = [number(12), number(15)].into();
    opened.0.commit(second.clone()).await.unwrap();
    let mut other = commit("u", 3);
    other.checkpoint.finished = true;
    opened.0.commit(other.clone()).await.unwrap();
    let elsewhere = Commit { stream: "elsewhere".into(), ..commit("t", 1) };
    opened.0.commit(elsewhere.clone()).await.unwrap();
    assert!(opened.0.commit(first).await.unwrap_err().to_string().contains("watermark would go back"));

    let check = async |store: &SqliteStore| {
        let ways = store.ways(&["u".into(), "t".into(), "nobody".into()]).await.unwrap();
        let stored = |commit: &Commit| StoredCheckpoint {
            stream: commit.stream.clone(),
            shard: commit.shard.clone(),
            checkpoint: commit.checkpoint.clone(),
        };
        let way = |trigger: &str, commits: &[&Commit]| StoredWay {
            trigger: trigger.into(),
            pin: None,
            start: None,
            checkpoints: commits.iter().map(|commit| stored(commit)).collect(),
        };
        assert_eq!(ways, [way("u", &[&other]), way("t", &[&second, &elsewhere]), way("nobody", &[])]);
        assert_eq!(ways[1].checkpoints[0].checkpoint.watermark.as_ref().unwrap().as_str(), "000000000000000000009");
    };
    check(&opened.0).await;
    close(opened);
    let opened = open(dir.path());
    check(&opened.0).await;
    close(opened);
}

#[tokio::test]
async fn a_mail_is_accepted_once_however_often_it_is_committed() {
    let dir = tempfile::tempdir().unwrap();
    let heard = heard();
    let opened = SqliteStore::open(dir.path(), heard.clone()).unwrap();
    let store = &opened.0;
    let mut accepted = store.mail_accepted();
    let send = |id| Mutation::SendMail(mail("office", id));
    let mutations = vec![send("a@x"), send("b@x"), send("a@x"), Mutation::SendMail(mail("other", "c@x"))];
    store.commit(Commit { mutations, ..commit("t", 1) }).await.unwrap();
    accepted.changed().await.unwrap();
    assert_eq!(*accepted.borrow_and_update(), 3);

    let due = async |now: u64, limit: usize| {
        let mails = store.due("office", Timestamp::from_ms(now), limit).await.unwrap();
        mails
            .iter()
            .map(|queued| format!("{}:{}", queued.mail.message_id, queued.attempts))
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(store.due("office", Timestamp::from_ms(1), 1).await.unwrap()[0].mail, mail("office", "a@x"));
    assert_eq!(due(0, 9).await, "");
    assert_eq!(due(1, 1).await, "a@x:0");
    assert_eq!(due(1, 9).await, "a@x:0 b@x:0");

    store
        .settle("a@x".into(), MailOutcome::Later { not_before: Timestamp::from_ms(90), reason: "451".into() })
        .await
        .unwrap();
    // A server that is away costs neither an attempt nor the turn.
    store.settle("b@x".into(), MailOutcome::Waits { reason: "away".into() }).await.unwrap();
    assert_eq!(due(89, 9).await, "b@x:0");
    assert_eq!(due(90, 9).await, "a@x:1 b@x:0");
    store.settle("a@x".into(), MailOutcome::Sent { at: Timestamp::from_ms(95) }).await.unwrap();
    store
        .settle("b@x".into(), MailOutcome::Failed { at: Timestamp::from_ms(96), reason: "550".into() })
        .await
        .unwrap();
    assert_eq!(due(1000, 9).await, "");
    assert!(
        store
            .settle("nobody@x".into(), MailOutcome::Sent { at: Timestamp::from_ms(1) })
            .await
            .unwrap_err()
            .0
            .contains("nobody@x")
    );

    // A replay of a mail that was sent, and a late second word on it.
    store.commit(Commit { mutations: vec![send("a@x")], ..commit("t", 2) }).await.unwrap();
    store
        .settle("a@x".into(), MailOutcome::Later { not_before: Timestamp::from_ms(0), reason: "late".into() })
        .await
        .unwrap();
    assert_eq!(due(1000, 9).await, "");
    assert!(!accepted.has_changed().unwrap());
    // What was known already is not told again.
    assert_eq!(*heard.accepted.lock().unwrap(), [("office".to_owned(), 2), ("other".to_owned(), 1)].into());

    let mails = store.read(|reader| reader.mails(10)).await.unwrap();
    let mails: Vec<_> = mails
        .into_iter()
        .map(|row| (row.message_id, row.status, row.attempts, row.last_error, row.settled_ms))
        .collect();
    let expected = [
        ("c@x".to_owned(), MailStatus::Pending, 0, None, None),
        ("b@x".to_owned(), MailStatus::Failed, 1, Some("550".to_owned()), Some(96)),
        ("a@x".to_owned(), MailStatus::Sent, 2, None, Some(95)),
    ];
    assert_eq!(mails, expected);
    let raw = rusqlite::Connection::open(dir.path().join("tripline.db")).unwrap();
    let sql = "SELECT message_id FROM outbox WHERE text_body IS NULL AND html_body IS NULL";
    assert_eq!(raw.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap(), "a@x");
    close(opened);
}

#[tokio::test]
async fn mails_are_counted_listed_and_found() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path());
    let store = &opened.0;
    let send = |mailer, id| Mutation::SendMail(mail(mailer, id));
    let mutations = vec![send("office", "aa@x"), send("office", "ab@x"), send("office", "b@x"), send("other", "c@x")];
    store.commit(Commit { mutations, ..commit("t", 5) }).await.unwrap();
    let later = |ms| MailOutcome::Later { not_before: Timestamp::from_ms(ms), reason: "451".into() };
    store.settle("aa@x".into(), later(90)).await.unwrap();
    let backlog = async || store.pending("office").await.unwrap();
    assert_eq!(backlog().await, Backlog { mails: 3, due: Some(Timestamp::from_ms(5)) });
    store
        .settle("b@x".into(), MailOutcome::Failed { at: Timestamp::from_ms(6), reason: "550".into() })
        .await
        .unwrap();
    store.settle("ab@x".into(), MailOutcome::Waits { reason: "away".into() }).await.unwrap();
    store.settle("ab@x".into(), later(80)).await.unwrap();
    assert_eq!(backlog().await, Backlog { mails: 2, due: Some(Timestamp::from_ms(80)) });
    assert_eq!(store.pending("nobody").await.unwrap(), Backlog { mails: 0, due: None });

    let list = async |mailer: Option<&str>, status| {
        let filter = MailFilter { mailer: mailer.map(str::to_owned), status };
        let mails = store.read(move |reader| reader.mails_where(&filter, 10)).await.unwrap();
        mails.into_iter().map(|row| row.message_id).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(list(None, None).await, "c@x b@x ab@x aa@x");
    assert_eq!(list(Some("office"), Some(MailStatus::Pending)).await, "ab@x aa@x");
    assert_eq!(list(None, Some(MailStatus::Failed)).await, "b@x");

    let found = |prefix: &'static str| store.read(move |reader| reader.find_mails(prefix, 9));
    let [one] = &*found("ab").await.unwrap() else { panic!("a prefix of one mail alone") };
    assert_eq!((&*one.subject, &*one.to[0], one.row.attempts), ("Grüße", "Zoë <a@b.example>", 1));
    assert_eq!(found("a").await.unwrap().len(), 2);
    assert!(found("%").await.unwrap().is_empty(), "a prefix, no pattern");

    // What failed is as new; with what has not failed, nothing happens.
    let retry = |ids: &[&str]| store.retry_mails(ids.iter().map(|id| (*id).into()).collect(), Timestamp::from_ms(70));
    assert!(retry(&["b@x", "ab@x"]).await.unwrap_err().0.contains("ab@x has not failed"));
    assert_eq!(list(None, Some(MailStatus::Failed)).await, "b@x");
    retry(&["b@x"]).await.unwrap();
    let due = store.due("office", Timestamp::from_ms(70), 9).await.unwrap();
    assert_eq!(due.iter().map(|queued| (&*queued.mail.message_id, queued.attempts)).collect::<Vec<_>>(), [("b@x", 0)]);
    assert_eq!(due[0].mail, mail("office", "b@x"));
    close(opened);
}

#[tokio::test]
async fn a_reader_beside_the_running_host_sees_all_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path());
    let letter = |event: &str| DeadLetter {
        event_id: event.into(),
        sequence_number: "0042".into(),
        record_json: r#"{"dynamodb":{"Keys":{}}}"#.into(),
        reason: "no such plan".into(),
        backtrace: Some("at handle".into()),
        attempts: 5,
        plugin_version: "abc".into(),
        first_attempt_ms: 3,
        last_attempt_ms: 4,
    };
    let mutations = vec![add("n", &[("a", "b")], "2"), set("k", b"v", Some(9)), Mutation::SendMail(mail("office", "a@x"))];
    opened
        .0
        .commit(Commit { mutations, dead_letters: vec![letter("e1"), letter("e2")], ..commit("t", 7) })
        .await
        .unwrap();
    opened.0.commit(Commit { dead_letters: vec![letter("e3")], ..commit("u", 8) }).await.unwrap();

    let reader = SqliteReader::open(dir.path()).unwrap();
    let ids = |rows: Vec<tripline_store::DeadLetterRow>| rows.iter().map(|row| format!("{} {}", row.id, row.event_id)).collect::<Vec<_>>();
    assert_eq!(ids(reader.dead_letters(None, 2).unwrap()), ["1 e1", "2 e2"]);
    assert_eq!(ids(reader.dead_letters(Some(&"u".into()), 9).unwrap()), ["3 e3"]);
    assert!(reader.dead_letter(4).unwrap().is_none());
    let json = |value: &dyn erased::Json| value.json();
    let letter = reader.dead_letter(3).unwrap().unwrap();
    assert_eq!(
        json(&letter),
        concat!(
            r#"{"id":3,"trigger":"u","stream":"arn","shard":"s","event_id":"e3","sequence_number":"0042","#,
            r#""record_json":"{\"dynamodb\":{\"Keys\":{}}}","reason":"no such plan","backtrace":"at handle","attempts":5,"#,
            r#""plugin_version":"abc","first_attempt_ms":3,"last_attempt_ms":4,"created_ms":8,"size_bytes":301,"#,
            r#""redrive_ms":null,"redrives":0}"#
        )
    );
    assert_eq!(json(&reader.counters().unwrap()), r#"[{"trigger":"t","name":"n","labels":{"a":"b"},"value":"2"}]"#);
    assert_eq!(json(&reader.state(None, 9).unwrap()), r#"[{"trigger":"t","key":"k","value":"v","expires_ms":9}]"#);
    assert_eq!(json(&reader.outbox_summary().unwrap()), r#"[{"mailer":"office","pending":1,"sent":0,"failed":0,"oldest_pending_ms":7}]"#);
    assert_eq!(reader.checkpoints().unwrap().len(), 2);
    close(opened);
    assert_eq!(reader.counters().unwrap().len(), 1);
}

#[tokio::test]
async fn a_lock_that_stays_fails_everybody_who_waits_and_the_next_commit_passes() {
    let dir = tempfile::tempdir().unwrap();
    let heard = heard();
    let opened = SqliteStore::open(dir.path(), heard.clone()).unwrap();
    let blocker = rusqlite::Connection::open(dir.path().join("tripline.db")).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let all = join_all((0..20).map(|n| opened.0.commit(commit(&format!("t{n}"), 1)))).boxed();
    for result in all.await {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("another program holds a lock"), "{error}");
    }
    assert_eq!(heard.failures.lock().unwrap().len(), 1);
    blocker.execute_batch("COMMIT").unwrap();
    opened.0.commit(commit("t0", 1)).await.unwrap();
    close(opened);
}

/// Rows as `--json` prints them.
mod erased {
    pub(super) trait Json {
        fn json(&self) -> String;
    }

    impl<T: serde::Serialize> Json for T {
        fn json(&self) -> String {
            serde_json::to_string(self).unwrap()
        }
    }
}
