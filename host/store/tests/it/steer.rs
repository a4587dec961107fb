//! Pauses and rewinds: durable, whole, and behind all that was asked for before.

use std::sync::Arc;

use crate::common::{add, commit, number, set};
use tripline_core::checkpoint::Checkpoint;
use tripline_core::name::{StreamArn, TriggerName};
use tripline_core::port::{Commit, PinCommit, Store, StoredWay};
use tripline_core::rewind::{Rewind, To};
use tripline_core::signal::Silence;
use tripline_core::start::{Pin, Repin};
use tripline_core::time::Timestamp;
use tripline_store::{SqliteReader, SqliteStore};

fn arn(table: &str, label: &str) -> StreamArn {
    format!("arn:aws:dynamodb:eu-west-1:1:table/{table}/stream/{label}").as_str().into()
}

fn at(trigger: &str, (stream, shard): (StreamArn, &str), watermark: u64) -> Commit {
    let mutations = vec![add("n", &[], "1"), set("key", b"value", None)];
    Commit { stream, shard: shard.into(), mutations, ..commit(trigger, watermark) }
}

fn pin(stream: StreamArn) -> Pin {
    Pin { stream, since: None, over: false, complete_until: None }
}

async fn pinned(store: &SqliteStore, trigger: &str, stream: StreamArn) {
    let repin = Repin { trigger: 0, pin: pin(stream), finished: Vec::new(), gap: None };
    store
        .pin(vec![PinCommit { trigger: trigger.into(), repin, now: Timestamp::from_ms(1) }])
        .await
        .unwrap();
}

/// `start pin | table/shard=watermark … | counters state` of each trigger.
async fn seen(store: &SqliteStore, dir: &std::path::Path) -> Vec<String> {
    let triggers = [TriggerName::from("t"), TriggerName::from("u")];
    let reader = SqliteReader::open(dir).unwrap();
    let counters = reader.counters().unwrap();
    let shown = |way: StoredWay| {
        let name = way.trigger.as_str().to_owned();
        let start = way.start.map_or("-".to_owned(), |start| start.as_ms().to_string());
        let pin = way.pin.map_or("-".to_owned(), |pin| pin.stream.label().to_owned());
        let mark =
            |checkpoint: &Checkpoint| checkpoint.watermark.as_ref().map_or("-", |mark| mark.as_str().trim_start_matches('0')).to_owned();
        let rows: Vec<_> = way
            .checkpoints
            .iter()
            .map(|row| format!("{}/{}={}", row.stream.label(), row.shard, mark(&row.checkpoint)))
            .collect();
        let value = counters.iter().find(|row| row.trigger == name).map_or("-", |row| row.value.as_str());
        let state = reader.state(Some(&way.trigger), 10).unwrap().len();
        format!("{name} {start} {pin} | {} | {value} {state}", rows.join(" "))
    };
    store.ways(&triggers).await.unwrap().into_iter().map(shown).collect()
}

/// Two triggers on two shards and another table, then a rewind of `t`: what there is, and what is after a restart and one more commit.
async fn check(to: To, reset_state: bool, expected: [&str; 2]) {
    let dir = tempfile::tempdir().unwrap();
    let (store, threads) = SqliteStore::open(dir.path(), Arc::new(Silence)).unwrap();
    let (orders, users) = (arn("orders", "1"), arn("users", "2"));
    for trigger in ["t", "u"] {
        pinned(&store, trigger, orders.clone()).await;
    }
    let commits = [("t", &orders, "a"), ("t", &orders, "b"), ("t", &orders, "c"), ("u", &orders, "a"), ("t", &users, "x")];
    let rewind = Rewind { trigger: "t".into(), table: orders.clone(), to, reset_state, now: Timestamp::from_ms(99) };
    // All in the queue at once: the rewind is behind them, in their transaction or after it.
    let [a, b, c, d, e] = commits.map(|(trigger, stream, shard)| store.commit(at(trigger, (stream.clone(), shard), 50)));
    let (a, b, c, d, e, rewound) = tokio::join!(a, b, c, d, e, store.rewind(rewind));
    [a, b, c, d, e].into_iter().for_each(|commit| commit.unwrap());
    rewound.unwrap();
    assert_eq!(seen(&store, dir.path()).await, [expected[0], "u - 1 | 1/a=50 | 1 1"]);
    // What the writer knows by heart went with it: a checkpoint goes on from where it was set back to, a counter from nothing.
    store.commit(at("t", (orders.clone(), "a"), 20)).await.unwrap();
    drop(store);
    threads.join().unwrap();
    let (store, threads) = SqliteStore::open(dir.path(), Arc::new(Silence)).unwrap();
    assert_eq!(seen(&store, dir.path()).await, [expected[1], "u - 1 | 1/a=50 | 1 1"]);
    pinned(&store, "t", orders).await;
    assert!(seen(&store, dir.path()).await[0].starts_with("t - 1 "), "a pin ends what the rewind began");
    drop(store);
    threads.join().unwrap();
}

#[tokio::test]
async fn to_a_start() {
    let expected = ["t 7 - | 2/x=50 | 4 1", "t 7 - | 1/a=20 2/x=50 | 5 1"];
    check(To::Start(Timestamp::from_ms(7)), false, expected).await;
    let expected = ["t 7 - | 2/x=50 | - 0", "t 7 - | 1/a=20 2/x=50 | 1 1"];
    check(To::Start(Timestamp::from_ms(7)), true, expected).await;
}

#[tokio::test]
async fn to_a_change_in_a_shard() {
    let to = || To::Shard {
        pin: pin(arn("orders", "1")),
        shard: "a".into(),
        checkpoint: Checkpoint { watermark: Some(number(10)), ..Checkpoint::default() },
        forget: vec!["b".into(), "never-begun".into()],
    };
    check(to(), false, ["t - 1 | 1/a=10 1/c=50 2/x=50 | 4 1", "t - 1 | 1/a=20 1/c=50 2/x=50 | 5 1"]).await;
    check(to(), true, ["t - 1 | 1/a=10 1/c=50 2/x=50 | - 0", "t - 1 | 1/a=20 1/c=50 2/x=50 | 1 1"]).await;
}

#[tokio::test]
async fn a_pause_is_kept_since_it_began() {
    let dir = tempfile::tempdir().unwrap();
    let (store, threads) = SqliteStore::open(dir.path(), Arc::new(Silence)).unwrap();
    let at = |ms| Some(Timestamp::from_ms(ms));
    for (trigger, since) in [("t", at(5)), ("u", at(6)), ("t", at(7)), ("u", None), ("nobody", None)] {
        store.pause(trigger.into(), since).await.unwrap();
    }
    drop(store);
    threads.join().unwrap();
    let paused = SqliteReader::open(dir.path()).unwrap().paused().unwrap();
    assert_eq!(paused, [(TriggerName::from("t"), Timestamp::from_ms(5))]);
}
