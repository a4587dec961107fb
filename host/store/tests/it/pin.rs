//! Pins, gaps and what goes with them: whole or not at all, and only what they name.

use std::path::Path;
use std::sync::Arc;

use crate::common::{commit, heard, number};
use tripline_core::checkpoint::Checkpoint;
use tripline_core::gap::{Cause, Gap};
use tripline_core::name::{StreamArn, TriggerName};
use tripline_core::port::{Commit, PinCommit, Store};
use tripline_core::signal::Silence;
use tripline_core::start::{Pin, Repin};
use tripline_core::time::Timestamp;
use tripline_store::{SqliteReader, SqliteStore};

fn arn(table: &str, label: &str) -> StreamArn {
    format!("arn:aws:dynamodb:eu-west-1:1:table/{table}/stream/{label}").as_str().into()
}

fn at(trigger: &str, (table, label): (&str, &str), watermark: u64) -> Commit {
    Commit { stream: arn(table, label), ..commit(trigger, watermark) }
}

fn pin(trigger: &str, (table, label): (&str, &str), finished: &[&str]) -> PinCommit {
    let pin = Pin { stream: arn(table, label), since: None, over: false, complete_until: None };
    let finished = finished.iter().map(|shard| (*shard).into()).collect();
    PinCommit { trigger: trigger.into(), repin: Repin { trigger: 0, pin, finished, gap: None }, now: Timestamp::from_ms(50) }
}

fn gap(shard: Option<&str>, until: u64) -> Gap {
    Gap { shard: shard.map(Into::into), after: Some(number(7)), since: None, until: Timestamp::from_ms(until), cause: Cause::Gone }
}

/// `pin stream/shard=watermark …` of each trigger, as the host reads it.
async fn seen(store: &SqliteStore, triggers: &[&str]) -> Vec<String> {
    let triggers: Vec<TriggerName> = triggers.iter().map(|trigger| (*trigger).into()).collect();
    let place = |stream: &StreamArn| {
        let parts: Vec<_> = stream.as_str().split('/').collect();
        if let [_, table, _, label] = parts[..] { format!("{table}/{label}") } else { stream.to_string() }
    };
    let mut lines = Vec::new();
    for way in store.ways(&triggers).await.unwrap() {
        let pin = way.pin.map_or("-".to_owned(), |pin| {
            let since = pin.since.map_or(String::new(), |since| format!("@{}", since.as_ms()));
            format!("{}{since}{}", place(&pin.stream), if pin.over { "!" } else { "" })
        });
        let checkpoint = |checkpoint: &Checkpoint| {
            let mark = checkpoint.watermark.as_ref().map_or("-", |mark| mark.as_str().trim_start_matches('0'));
            let above: Vec<_> = checkpoint.acknowledged.shown().map(|n| n.trim_start_matches('0').to_owned()).collect();
            let above = if above.is_empty() { String::new() } else { format!("{{{}}}", above.join(" ")) };
            format!("{mark}{above}{}", if checkpoint.finished { "." } else { "" })
        };
        let rows: Vec<_> = way
            .checkpoints
            .iter()
            .map(|row| format!("{}/{}={}", place(&row.stream), row.shard, checkpoint(&row.checkpoint)))
            .collect();
        lines.push(format!("{} {pin} | {}", way.trigger, rows.join(" ")));
    }
    lines
}

fn open(dir: &Path) -> (SqliteStore, tripline_store::StoreThreads) {
    SqliteStore::open(dir, Arc::new(Silence)).unwrap()
}

/// Checkpoints of trigger t (`table/label=watermark`), then a pin of t: what is left.
async fn check(stored: &str, to: (&str, &str), expected: &str) {
    let dir = tempfile::tempdir().unwrap();
    let (store, threads) = open(dir.path());
    for row in stored.split_whitespace() {
        let (place, mark) = row.split_once('=').unwrap();
        let place = place.split_once('/').unwrap();
        store.commit(at("t", place, mark.parse().unwrap())).await.unwrap();
    }
    store.commit(at("u", ("orders", "1"), 1)).await.unwrap();
    store.pin(vec![pin("t", to, &[])]).await.unwrap();
    assert_eq!(seen(&store, &["t", "u"]).await, [expected.to_owned(), "u - | orders/1/s=1".to_owned()]);
    drop(store);
    threads.join().unwrap();
}

#[tokio::test]
async fn a_pin_leaves_the_older_streams_of_its_own_table_behind() {
    check("orders/1=7 orders/2=8 orders/3=9", ("orders", "2"), "t orders/2 | orders/2/s=8 orders/3/s=9").await;
    check("orders/1=7 users/1=8 order/1=9", ("orders", "2"), "t orders/2 | order/1/s=9 users/1/s=8").await;
    check("orders/1=7", ("orders", "1"), "t orders/1 | orders/1/s=7").await;
    check("orders/2=7", ("orders", "1"), "t orders/1 | orders/2/s=7").await;
    check("orders2/1=7 orders-a/1=8", ("orders", "9"), "t orders/9 | orders-a/1/s=8 orders2/1/s=7").await;
    check("", ("orders", "1"), "t orders/1 | ").await;
}

#[tokio::test]
async fn an_arn_without_a_label_removes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (store, threads) = open(dir.path());
    store.commit(Commit { stream: "a".into(), ..commit("t", 1) }).await.unwrap();
    let mut pin = pin("t", ("x", "y"), &[]);
    pin.repin.pin.stream = "b".into();
    store.pin(vec![pin]).await.unwrap();
    assert_eq!(seen(&store, &["t"]).await, ["t b | a/s=1"]);
    drop(store);
    threads.join().unwrap();
}

#[tokio::test]
async fn a_pin_comes_back_and_the_last_one_counts() {
    let dir = tempfile::tempdir().unwrap();
    for (since, over, expected) in
        [(None, false, "t orders/1 | "), (Some(9), false, "t orders/1@9 | "), (Some(9), true, "t orders/1@9! | ")]
    {
        let opened = open(dir.path());
        let mut next = pin("t", ("orders", "1"), &[]);
        next.repin.pin.since = since.map(Timestamp::from_ms);
        next.repin.pin.over = over;
        opened.0.pin(vec![next]).await.unwrap();
        assert_eq!(seen(&opened.0, &["t"]).await, [expected]);
        drop(opened.0);
        opened.1.join().unwrap();
        let opened = open(dir.path());
        assert_eq!(seen(&opened.0, &["t"]).await, [expected]);
        drop(opened.0);
        opened.1.join().unwrap();
    }
}

/// The writer knows rows by heart: a pin changes them, and the next commit must meet them as they are.
#[tokio::test]
async fn commits_before_and_after_a_pin_meet_the_rows_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let heard = heard();
    let (store, threads) = SqliteStore::open(dir.path(), heard.clone()).unwrap();
    let mut old = at("t", ("orders", "1"), 7);
    old.checkpoint.acknowledged = [number(9), number(11)].into();
    let mut ahead = at("t", ("orders", "2"), 3);
    ahead.checkpoint.acknowledged = [number(5)].into();
    store.commit(old.clone()).await.unwrap();
    store.commit(ahead).await.unwrap();
    store.pin(vec![pin("t", ("orders", "2"), &["s", "never-read"])]).await.unwrap();
    assert_eq!(seen(&store, &["t"]).await, ["t orders/2 | orders/2/never-read=-. orders/2/s=3{5}."]);
    let reopens = store.commit(at("t", ("orders", "2"), 9)).await.unwrap_err().to_string();
    assert!(reopens.contains("a finished shard would be reopened"), "{reopens}");
    // A row that was removed is begun anew, with all of its set.
    old.checkpoint.watermark = Some(number(2));
    store.commit(old).await.unwrap();
    assert_eq!(seen(&store, &["t"]).await, ["t orders/2 | orders/1/s=2{9 11} orders/2/never-read=-. orders/2/s=3{5}."]);
    assert_eq!(heard.groups.lock().unwrap().iter().sum::<usize>(), 3, "pins are no batches");
    drop(store);
    threads.join().unwrap();
}

#[tokio::test]
async fn pins_are_written_all_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let (store, threads) = open(dir.path());
    store.commit(at("t", ("orders", "1"), 7)).await.unwrap();
    let raw = rusqlite::Connection::open(dir.path().join("tripline.db")).unwrap();
    raw.execute_batch("CREATE TRIGGER boom BEFORE INSERT ON pins WHEN new.trigger_name = 'u' BEGIN SELECT RAISE(ABORT, 'injected'); END")
        .unwrap();
    let mut with_gap = pin("t", ("orders", "2"), &["a"]);
    with_gap.repin.gap = Some((arn("orders", "1"), gap(None, 40)));
    let pins = vec![with_gap, pin("u", ("orders", "2"), &[])];
    let error = store.pin(pins.clone()).await.unwrap_err().0;
    assert!(error.contains("injected"), "{error}");
    assert_eq!(seen(&store, &["t", "u"]).await, ["t - | orders/1/s=7", "u - | "]);
    let reader = SqliteReader::open(dir.path()).unwrap();
    assert!(reader.gaps(None, 9).unwrap().is_empty());
    // What was refused is forgotten by heart too.
    store.commit(at("t", ("orders", "1"), 8)).await.unwrap();
    raw.execute_batch("DROP TRIGGER boom").unwrap();
    store.pin(pins).await.unwrap();
    assert_eq!(seen(&store, &["t", "u"]).await, ["t orders/2 | orders/2/a=-.", "u orders/2 | "]);
    assert_eq!(reader.gaps(None, 9).unwrap().len(), 1);
    drop(store);
    threads.join().unwrap();
}

#[tokio::test]
async fn gaps_are_kept_and_listed_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let (store, threads) = open(dir.path());
    let trimmed = Gap { after: None, since: Some(Timestamp::from_ms(3)), cause: Cause::Trimmed, ..gap(Some("s"), 30) };
    store
        .commit(Commit { gaps: vec![trimmed, gap(Some("s"), 31)], ..at("t", ("orders", "1"), 7) })
        .await
        .unwrap();
    let mut repin = pin("u", ("orders", "2"), &[]);
    repin.repin.gap = Some((arn("orders", "1"), gap(None, 40)));
    store.pin(vec![repin]).await.unwrap();
    store.commit(Commit { gaps: vec![gap(Some("z"), 50)], ..at("t", ("users", "1"), 7) }).await.unwrap();

    let reader = SqliteReader::open(dir.path()).unwrap();
    let check = |stream: Option<StreamArn>, rows_max: usize, expected: &[&str]| {
        let line = |row: &tripline_store::GapRow| {
            let text = |value: &Option<String>| value.as_deref().unwrap_or("-").trim_start_matches('0').to_owned();
            let since = row.since_ms.map_or("?".to_owned(), |ms| ms.to_string());
            format!(
                "{} {} after {} {since}-{} {} told {}",
                row.trigger,
                text(&row.shard),
                text(&row.after),
                row.until_ms,
                row.cause,
                row.told_ms
            )
        };
        assert_eq!(reader.gaps(stream.as_ref(), rows_max).unwrap().iter().map(line).collect::<Vec<_>>(), expected);
    };
    let (first, second) = ("t s after - 3-30 trimmed told 7", "t s after 7 ?-31 gone told 7");
    let (whole, other) = ("u - after 7 ?-40 gone told 50", "t z after 7 ?-50 gone told 7");
    check(None, 9, &[other, whole, second, first]);
    check(None, 2, &[other, whole]);
    check(Some(arn("orders", "1")), 9, &[whole, second, first]);
    check(Some(arn("users", "1")), 9, &[other]);
    check(Some(arn("orders", "2")), 9, &[]);
    let of_table = |stream: &StreamArn| reader.gaps_of_table(stream, 2).unwrap().iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!((of_table(&arn("orders", "9")), of_table(&arn("users", "9")), of_table(&arn("order", "1"))), (vec![3, 2], vec![4], vec![]));
    assert_eq!(of_table(&"no-label".into()), [0_i64; 0]);
    drop(store);
    threads.join().unwrap();
}
