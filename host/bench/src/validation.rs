//! What it costs to validate what a batch has seen of its state: commits straight into a store, each alone, in this process.
//!
//! Always holds: every row has a new directory; no commit is refused.

use std::sync::Arc;

use anyhow::Result;
use serde::Serialize;
use tripline_core::checkpoint::Checkpoint;
use tripline_core::delivery::Seen;
use tripline_core::effect::Mutation;
use tripline_core::name::TriggerName;
use tripline_core::port::{Commit, StateReader, Store};
use tripline_core::sequence::SequenceNumber;
use tripline_core::signal::Silence;
use tripline_core::time::Timestamp;
use tripline_store::SqliteStore;

use crate::measure::Stopwatch;
use crate::report::Cells;

pub(crate) const NAME: &str = "validation";
pub(crate) const ABOUT: &str = "a commit of one write, by the keys of state that its batch has read; 100,000 keys in the store";

const COMMITS: usize = 1_000;
const KEYS: usize = 100_000;
const KEYS_PER_COMMIT: usize = 10_000;

#[derive(Debug, Serialize)]
pub(crate) struct Row {
    seen: usize,
    cpu_us_per_commit: f64,
    wall_us_per_commit: f64,
}

impl Cells for Row {
    const HEAD: &'static [&'static str] = &["keys seen", "CPU µs per commit", "more than without", "wall µs per commit"];

    fn cells(&self, above: &[Self]) -> Vec<String> {
        let first = above.first().unwrap_or(self);
        let more = self.cpu_us_per_commit - first.cpu_us_per_commit;
        vec![
            self.seen.to_string(),
            format!("{:.0}", self.cpu_us_per_commit),
            format!("{more:.0}"),
            format!("{:.0}", self.wall_us_per_commit),
        ]
    }
}

pub(crate) async fn measure() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for seen in [0, 10, 100, 1000] {
        rows.push(row(seen).await?);
    }
    Ok(rows)
}

async fn row(seen: usize) -> Result<Row> {
    let directory = tempfile::tempdir()?;
    let (store, threads) = SqliteStore::open(directory.path(), Arc::new(Silence))?;
    let trigger = TriggerName::from("bench");
    for first in (0..KEYS).step_by(KEYS_PER_COMMIT) {
        let set = |n: usize| Mutation::SetState { key: key(n), value: vec![7; 64], expires_ms: None };
        store
            .commit(commit(&trigger, 0, (first..first + KEYS_PER_COMMIT).map(set).collect(), Vec::new())?)
            .await?;
    }
    let mut random = fastrand::Rng::with_seed(1);
    let mut commits = Vec::with_capacity(COMMITS);
    for number in 1..=COMMITS {
        let at = Timestamp::from_ms(1);
        let keys: Vec<Box<str>> = (0..seen).map(|_| key(random.usize(..KEYS))).collect();
        let found = store.get(&trigger, keys.clone(), at).await?;
        let seen = keys
            .into_iter()
            .zip(found)
            .map(|(key, found)| Seen { key, version: found.map(|found| found.version), at });
        // None that is read: what is read must stand.
        let write = Mutation::SetState { key: key(KEYS), value: vec![7; 64], expires_ms: None };
        commits.push(commit(&trigger, number, vec![write], seen.collect())?);
    }
    let stopwatch = Stopwatch::start();
    for commit in commits {
        store.commit(commit).await?;
    }
    let used = stopwatch.stop(COMMITS);
    drop(store);
    threads.run().await?;
    let us = |seconds: f64| seconds * 1e6 / COMMITS as f64;
    Ok(Row { seen, cpu_us_per_commit: us(used.cpu_seconds), wall_us_per_commit: us(used.wall_seconds) })
}

fn key(n: usize) -> Box<str> {
    format!("{{\"id\":{{\"S\":\"order#{n:08}\"}}}}").into()
}

fn commit(trigger: &TriggerName, number: usize, mutations: Vec<Mutation>, seen: Vec<Seen>) -> Result<Commit> {
    Ok(Commit {
        trigger: trigger.clone(),
        stream: "arn".into(),
        shard: "shard".into(),
        checkpoint: Checkpoint { watermark: Some(SequenceNumber::parse(&number.to_string())?), ..Checkpoint::default() },
        mutations,
        dead_letters: Vec::new(),
        gaps: Vec::new(),
        seen,
        now: Timestamp::from_ms(1),
    })
}
