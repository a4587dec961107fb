//! `kill -9` while commits are under way: what was acknowledged is there, and counter and checkpoint agree; so do dead letters and what their redrives
//! have counted.
//!
//! This program starts itself as the host that is killed: three triggers commit without end and print what was acknowledged.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test with a main of its own, which talks through its output")]

#[path = "it/common.rs"]
#[allow(dead_code, reason = "the other tests use more of it")]
mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use common::{add, commit, heard, mail};
use tripline_core::effect::{DeadLetter, Mutation};
use tripline_core::letter::{LetterChoice, Letters, RedriveCommit};
use tripline_core::name::TriggerName;
use tripline_core::port::{Commit, Store};
use tripline_core::time::Timestamp;
use tripline_store::{SqliteReader, SqliteStore};

const TRIGGERS: u64 = 3;
const KILLS: usize = 8;

fn main() {
    match std::env::var_os("TRIPLINE_KILL_TEST_DIR") {
        Some(dir) => tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .unwrap()
            .block_on(work(Path::new(&dir))),
        None => supervise(),
    }
}

/// Each trigger goes on where its checkpoint stands. Ends only by a kill.
async fn work(dir: &Path) {
    let (store, _threads) = SqliteStore::open(dir, heard()).unwrap();
    let triggers: Vec<_> = (0..TRIGGERS).map(|n| TriggerName::from(format!("t{n}"))).collect();
    let ways = store.ways(&triggers).await.unwrap();
    let loops = ways.into_iter().map(|way| {
        let (store, trigger) = (store.clone(), way.trigger.to_string());
        let mark = way.checkpoints.first().and_then(|stored| stored.checkpoint.watermark.clone());
        let mut mark: u64 = mark.map_or(0, |mark| mark.as_str().parse().unwrap());
        async move {
            loop {
                mark += 1;
                let mutations = vec![add("n", &[], "0.1"), Mutation::SendMail(mail("m", &format!("{trigger}-{mark}@x")))];
                let dead_letters = vec![letter(mark)];
                store.commit(Commit { mutations, dead_letters, ..commit(&trigger, mark) }).await.unwrap();
                println!("{trigger} {mark}");
                if mark.is_multiple_of(3) {
                    redrive(&store, &trigger).await;
                }
            }
        }
    });
    let never: Vec<()> = futures_util::future::join_all(loops).await;
    unreachable!("{never:?}");
}

/// Takes all letters of the trigger, in two commits at most; each is counted as it leaves.
async fn redrive(store: &SqliteStore, trigger: &str) {
    let now = Timestamp::from_ms(1);
    store
        .mark(LetterChoice::Matching { trigger: Some(trigger.into()), pattern: None }, now)
        .await
        .unwrap();
    let letters = store.marked(&trigger.into(), 100, usize::MAX).await.unwrap();
    for letters in letters.chunks(2) {
        let commit = RedriveCommit {
            trigger: trigger.into(),
            done: letters.iter().map(|letter| letter.id).collect(),
            failed: vec![],
            mutations: letters.iter().map(|_| add("again", &[], "1")).collect(),
            seen: vec![],
            now,
        };
        store.redriven(commit).await.unwrap();
    }
}

fn letter(mark: u64) -> DeadLetter {
    DeadLetter {
        event_id: mark.to_string().into(),
        sequence_number: mark.to_string().into(),
        record_json: "{}".into(),
        reason: "no".into(),
        backtrace: None,
        attempts: 1,
        plugin_version: "v".into(),
        first_attempt_ms: 1,
        last_attempt_ms: 1,
    }
}

fn supervise() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeMap::new();
    for kill in 1..=KILLS {
        let mut host = Command::new(std::env::current_exe().unwrap())
            .env("TRIPLINE_KILL_TEST_DIR", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
        for line in lines.by_ref().take(7 * kill) {
            note(&mut acknowledged, &line.unwrap());
        }
        host.kill().unwrap();
        host.wait().unwrap();
        // What it had printed before it died counts too; its last line may be torn.
        let rest: Vec<_> = lines.map_while(Result::ok).collect();
        for line in rest.iter().take(rest.len().saturating_sub(1)) {
            note(&mut acknowledged, line);
        }
        check(dir.path(), &acknowledged);
    }
    println!("killed {KILLS} times, acknowledged {acknowledged:?}");
}

fn note(acknowledged: &mut BTreeMap<String, u64>, line: &str) {
    let (trigger, mark) = line.split_once(' ').unwrap();
    acknowledged.insert(trigger.to_owned(), mark.parse().unwrap());
}

#[track_caller]
fn check(dir: &Path, acknowledged: &BTreeMap<String, u64>) {
    let reader = SqliteReader::open(dir).unwrap();
    let marks: BTreeMap<_, u64> = reader
        .checkpoints()
        .unwrap()
        .into_iter()
        .map(|row| (row.trigger, row.watermark.unwrap().parse().unwrap()))
        .collect();
    for (trigger, mark) in acknowledged {
        assert!(marks[trigger] >= *mark, "{trigger}: acknowledged {mark}, stored {}", marks[trigger]);
    }
    let counters = |name: &str| -> BTreeMap<_, _> {
        let rows = reader.counters().unwrap().into_iter().filter(|row| row.name == name);
        rows.map(|row| (row.trigger, row.value)).collect()
    };
    let (counters, again) = (counters("n"), counters("again"));
    let letters = reader.dead_letters(None, usize::MAX).unwrap();
    let mails = reader.mails(usize::MAX).unwrap();
    for (trigger, mark) in &marks {
        let left = letters.iter().filter(|letter| letter.trigger == *trigger).count() as u64;
        let again: u64 = again.get(trigger).map_or(0, |again| again.parse().unwrap());
        assert_eq!(left + again, *mark, "{trigger}: {left} dead letters left, {again} delivered again");
        let tenths = format!("{}.{}", mark / 10, mark % 10);
        assert_eq!(counters[trigger], tenths.trim_end_matches(".0"), "{trigger} at {mark}");
        assert_eq!(mails.iter().filter(|mail| mail.trigger == *trigger).count() as u64, *mark, "{trigger}");
    }
}
