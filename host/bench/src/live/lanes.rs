//! Batches that run at once, for a handler that waits: how much more is handled, and what exact commits of what it leaves behind cost.

use anyhow::Result;
use serde::Serialize;
use tokio::time::Instant;

use super::endpoint::Endpoint;
use super::host::{Host, Plugin, Wanted};
use super::in_turn;
use super::server::{Order, Setup};
use super::writer::Writer;
use crate::report::Cells;

pub(super) const NAME: &str = "lanes";
pub(super) const ABOUT: &str = "one trigger, one shard, batches of 10, a handler that waits 5 ms for each; 1,000 items";

const ACKNOWLEDGED: &str = "tripline_changes_acknowledged_total";
const CONFLICTS: &str = "tripline_state_conflicts_total";
const BATCH: u64 = 10;

/// What the handler leaves behind, and how many batches run at once.
const ROWS: [(&str, &str, u64); 8] = [
    ("nothing", "takes_ms = 5", 1),
    ("nothing", "takes_ms = 5", 8),
    ("a counter", "takes_ms = 5, counts = true", 1),
    ("a counter", "takes_ms = 5, counts = true", 8),
    ("state of each item", "takes_ms = 5, keeps = true", 1),
    ("state of each item", "takes_ms = 5, keeps = true", 8),
    ("state of all in one key", "takes_ms = 5, sums = true", 1),
    ("state of all in one key", "takes_ms = 5, sums = true", 8),
];

#[derive(Debug, Serialize)]
pub(super) struct Row {
    leaves: &'static str,
    parallelism: u64,
    changes: u64,
    wall_seconds: f64,
    cpu_seconds: f64,
    conflicts: f64,
}

pub(super) async fn measure(changes: u64) -> Result<Vec<Row>> {
    in_turn(&ROWS, async |&(leaves, settings, parallelism)| row((leaves, settings), parallelism, changes).await).await
}

async fn row((leaves, settings): (&'static str, &'static str), parallelism: u64, changes: u64) -> Result<Row> {
    eprintln!("{NAME}: {leaves}, {parallelism} at once");
    let mut endpoint = Endpoint::start(Setup::Scripted { shards: 1 })?;
    Writer::new(&endpoint.url).await?;
    endpoint.order(Order::Write { changes, poison: None })?;
    let policy = format!("parallelism = {parallelism}\nbatch = {{ records_max = {BATCH} }}");
    let wanted = Wanted { endpoint: &endpoint.url, triggers: 1, plugin: Plugin::Worker(settings), policy: &policy };
    let host = Host::start(&wanted).await?;
    let (begun, used) = (Instant::now(), host.usage()?);
    let done = host.reaches(ACKNOWLEDGED, changes as f64).await?;
    let cpu_seconds = host.usage()?.cpu_seconds - used.cpu_seconds;
    let conflicts = host.metric(CONFLICTS).await?;
    Ok(Row { leaves, parallelism, changes, wall_seconds: (done - begun).as_secs_f64(), cpu_seconds, conflicts })
}

impl Row {
    fn per_second(&self) -> f64 {
        self.changes as f64 / self.wall_seconds
    }
}

impl Cells for Row {
    const HEAD: &'static [&'static str] =
        &["leaves behind", "at once", "changes a second", "to one at a time", "to nothing left behind", "CPU µs per change", "conflicts"];

    fn cells(&self, above: &[Self]) -> Vec<String> {
        let find = |leaves: &str, parallelism| above.iter().find(|row| row.leaves == leaves && row.parallelism == parallelism);
        let ratio = |base: Option<&Self>| base.map_or(String::new(), |base| format!("{:.2}x", self.per_second() / base.per_second()));
        vec![
            self.leaves.to_owned(),
            self.parallelism.to_string(),
            format!("{:.0}", self.per_second()),
            ratio(find(self.leaves, 1)),
            ratio(find("nothing", self.parallelism)),
            format!("{:.1}", self.cpu_seconds * 1e6 / self.changes as f64),
            format!("{:.0}", self.conflicts),
        ]
    }
}
