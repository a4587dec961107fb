//! What a batch has seen of its trigger's state must stand when it commits.
//!
//! Each test is a story of words: `k=7` sets (`k=7@50`: until 50), `-k` deletes, each in a commit of its own; `see k` notes what is there now,
//! `none k` that there is nothing; `commit` commits what was noted, with a write of `done`, and shows what came of it; `now 60` moves the clock;
//! `restart` opens the file anew.

use std::sync::{Arc, Mutex};

use crate::common::{commit, set};
use tripline_core::delivery::Seen;
use tripline_core::effect::Mutation;
use tripline_core::port::{Commit, CommitError, StateReader, Store};
use tripline_core::signal::{Signal, Signals};
use tripline_core::time::Timestamp;
use tripline_store::{SqliteStore, StoreThreads};

/// Keeps what was told of conflicts and of failures.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<String>>);

impl Signals for Told {
    fn emit(&self, signal: Signal<'_>) {
        match signal {
            Signal::Conflict { trigger, keys } => self.0.lock().unwrap().push(format!("{trigger}: {}", keys.join(" "))),
            Signal::CommitFailed { reason } => panic!("{reason}"),
            _ => {}
        }
    }
}

struct Story {
    dir: tempfile::TempDir,
    told: Arc<Told>,
    opened: Option<(SqliteStore, StoreThreads)>,
    now: u64,
    mark: u64,
    seen: Vec<Seen>,
}

impl Story {
    fn store(&self) -> &SqliteStore {
        &self.opened.as_ref().unwrap().0
    }

    fn close(&mut self) {
        let (store, threads) = self.opened.take().unwrap();
        drop(store);
        threads.join().unwrap();
    }

    async fn write(&mut self, mutation: Mutation, seen: Vec<Seen>) -> Result<(), CommitError> {
        self.mark += 1;
        let commit = Commit { mutations: vec![mutation], seen, now: Timestamp::from_ms(self.now), ..commit("t", self.mark) };
        self.store().commit(commit).await
    }

    async fn play(&mut self, word: &str) -> Option<String> {
        let (verb, rest) = word.split_once(' ').unwrap_or((word, ""));
        match verb {
            "see" | "none" => {
                let at = Timestamp::from_ms(self.now);
                let entry = self.store().get(&"t".into(), vec![rest.into()], at).await.unwrap().remove(0);
                assert_eq!(entry.is_some(), verb == "see", "{word}");
                self.seen.push(Seen { key: rest.into(), version: entry.map(|entry| entry.version), at });
            }
            "now" => self.now = rest.parse().unwrap(),
            "restart" => {
                self.close();
                self.opened = Some(SqliteStore::open(self.dir.path(), self.told.clone()).unwrap());
            }
            "commit" => {
                let seen = std::mem::take(&mut self.seen);
                return Some(match self.write(set("done", b"", None), seen).await {
                    Ok(()) => "ok".to_owned(),
                    Err(CommitError::Conflict(keys)) => format!("conflict {}", keys.join(" ")),
                    Err(error) => panic!("{error}"),
                });
            }
            _ => {
                let mutation = match word.split_once('=') {
                    Some((key, value)) => match value.split_once('@') {
                        Some((value, until)) => set(key, value.as_bytes(), Some(until.parse().unwrap())),
                        None => set(key, value.as_bytes(), None),
                    },
                    None => Mutation::DeleteState { key: word.strip_prefix('-').unwrap().into() },
                };
                self.write(mutation, vec![]).await.unwrap();
            }
        }
        None
    }
}

#[track_caller]
fn check(story: &str, expected: &str) {
    let dir = tempfile::tempdir().unwrap();
    let told = Arc::new(Told::default());
    let opened = Some(SqliteStore::open(dir.path(), told.clone()).unwrap());
    let mut played = Story { dir, told, opened, now: 1, mark: 0, seen: vec![] };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let outcomes = runtime.block_on(async {
        let mut outcomes = Vec::new();
        for word in story.split(", ") {
            outcomes.extend(played.play(word).await);
        }
        outcomes
    });
    assert_eq!(outcomes.join(", "), expected, "{story}");
    played.close();
    let conflicts = outcomes
        .iter()
        .filter_map(|outcome| outcome.strip_prefix("conflict "))
        .map(|keys| format!("t: {keys}"));
    assert_eq!(*played.told.0.lock().unwrap(), conflicts.collect::<Vec<_>>());
}

#[test]
fn what_stands_as_it_was_seen_commits() {
    check("commit", "ok");
    check("a=1, see a, none b, commit", "ok");
    check("a=1, see a, b=2, commit", "ok");
    check("a=1, see a, restart, commit", "ok");
    check("none a, a=1, -a, commit", "ok");
}

#[test]
fn what_was_written_since_conflicts() {
    check("a=1, see a, a=2, commit", "conflict a");
    check("a=1, see a, a=1, commit", "conflict a");
    check("a=1, see a, -a, commit", "conflict a");
    check("none a, a=1, commit", "conflict a");
    check("a=1, b=1, see a, see b, none c, b=2, c=1, commit, see b, commit", "conflict b c, ok");
}

#[test]
fn a_version_never_comes_again() {
    check("a=1, see a, -a, a=1, commit", "conflict a");
    check("a=1, see a, -a, restart, a=1, commit", "conflict a");
    check("a=1, see a, restart, -a, restart, a=1, commit", "conflict a");
    // Purged as expired, and written again.
    check("a=1@50, see a, now 70000, b=1, b=2, a=1, commit", "conflict a");
}

#[test]
fn an_entry_is_judged_as_of_when_it_was_seen() {
    // It has expired since, and still stands.
    check("now 10, a=1@50, see a, now 51, commit", "ok");
    // It had expired, and is still in the file.
    check("now 10, a=1@50, now 51, none a, commit", "ok");
    check("now 10, a=1@50, now 51, none a, a=2, commit", "conflict a");
    // Seen alive, and purged: nobody can say any more.
    check("now 10, a=1@50, see a, now 70000, b=1, b=2, commit", "conflict a");
    // Seen as none, and purged.
    check("now 10, a=1@50, now 60, none a, now 70000, b=1, b=2, commit", "ok");
}

#[tokio::test]
async fn within_a_group_the_first_of_two_that_saw_the_same_wins() {
    let dir = tempfile::tempdir().unwrap();
    let told = Arc::new(Told::default());
    let (store, threads) = SqliteStore::open(dir.path(), told.clone()).unwrap();
    // Both wait behind this lock, so that one transaction has them all.
    let blocker = rusqlite::Connection::open(dir.path().join("tripline.db")).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let seen = vec![Seen { key: "a".into(), version: None, at: Timestamp::from_ms(1) }];
    let commits = (1..=3).map(|n: u64| {
        let key = if n < 3 { "a" } else { "b" };
        let shard = format!("s{n}").as_str().into();
        store.commit(Commit { mutations: vec![set(key, &n.to_le_bytes(), None)], seen: seen.clone(), shard, ..commit("t", n) })
    });
    let mut all = futures_util::future::join_all(commits);
    assert!(futures_util::FutureExt::now_or_never(&mut all).is_none());
    blocker.execute_batch("COMMIT").unwrap();
    let outcomes: Vec<_> = all.await.into_iter().map(|result| result.map_err(|error| error.to_string())).collect();
    let refused = Err("the state has changed since it was read: a".to_owned());
    assert_eq!(outcomes, [Ok(()), refused.clone(), refused]);
    let read = store.get(&"t".into(), vec!["a".into(), "b".into()], Timestamp::from_ms(1)).await.unwrap();
    assert_eq!(read[0].as_ref().unwrap().value, 1u64.to_le_bytes());
    // What was refused left nothing, its checkpoint least of all.
    assert_eq!(read[1], None);
    assert_eq!(store.ways(&["t".into()]).await.unwrap()[0].checkpoints.len(), 1);
    drop(store);
    threads.join().unwrap();
    assert_eq!(told.0.lock().unwrap().len(), 2);
}
