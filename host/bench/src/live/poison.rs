//! One change that nobody can handle, among many: how long until a trigger is past it, and whether others waited.

use anyhow::Result;
use serde::Serialize;
use tokio::time::Instant;

use super::endpoint::Endpoint;
use super::host::{Host, Plugin, Wanted};
use super::in_turn;
use super::server::{ITEMS, Order, Setup};
use super::writer::Writer;
use crate::report::Cells;

pub(super) const NAME: &str = "poison";
pub(super) const ABOUT: &str =
    "10,000 changes of 1,000 items, the 5,001st fails each time; batches of 100, the retry policy's defaults (5 attempts)";

const CHANGES: u64 = 10_000;
const POISON: u64 = 5_000;
const ACKNOWLEDGED: &str = "tripline_changes_acknowledged_total";
const CALLS: &str = "tripline_handler_calls_total";

/// Of the poisoned item: they wait for it.
const BEHIND: u64 = (CHANGES - POISON) / ITEMS - 1;

/// How it fails, and the metric that says that the trigger is past it.
const ROWS: [(&str, &str, &str, Option<&str>); 6] = [
    ("none", "takes_ms = 0", "", None),
    ("named by the handler, dead-letter", "takes_ms = 0", "", Some("tripline_changes_dead_lettered_total")),
    ("traps, dead-letter", "takes_ms = 0, traps = true", "", Some("tripline_changes_dead_lettered_total")),
    ("traps, dead-letter, 8 at once", "takes_ms = 0, traps = true", "parallelism = 8", Some("tripline_changes_dead_lettered_total")),
    ("named by the handler, skip", "takes_ms = 0", "retry = { then = \"skip\" }", Some("tripline_changes_skipped_total")),
    ("named by the handler, block", "takes_ms = 0", "retry = { then = \"block\" }", Some("tripline_changes_blocked")),
];

#[derive(Debug, Serialize)]
pub(super) struct Row {
    poison: &'static str,
    /// All changes of other items, and those of its own before it.
    others_seconds: f64,
    /// It is kept, skipped, or known to block.
    past_seconds: f64,
    /// At that time: what is not acknowledged.
    waiting: f64,
    calls: f64,
}

pub(super) async fn measure() -> Result<Vec<Row>> {
    in_turn(&ROWS, async |&(poison, settings, policy, past)| row((poison, settings), policy, past).await).await
}

async fn row((poison, settings): (&'static str, &'static str), policy: &str, past: Option<&str>) -> Result<Row> {
    eprintln!("{NAME}: {poison}");
    let mut endpoint = Endpoint::start(Setup::Scripted { shards: 1 })?;
    Writer::new(&endpoint.url).await?;
    endpoint.order(Order::Write { changes: CHANGES, poison: past.map(|_| POISON) })?;
    let wanted = Wanted { endpoint: &endpoint.url, triggers: 1, plugin: Plugin::Worker(settings), policy };
    let host = Host::start(&wanted).await?;
    let begun = Instant::now();
    let others = CHANGES - if past.is_some() { BEHIND + 1 } else { 0 };
    let others_done = host.reaches(ACKNOWLEDGED, others as f64).await?;
    let past_it = match past {
        Some(metric) => host.reaches(metric, 1.0).await?,
        None => others_done,
    };
    let goes_on = past.is_some_and(|metric| metric != "tripline_changes_blocked");
    if goes_on {
        host.reaches(ACKNOWLEDGED, (CHANGES - 1) as f64).await?;
    }
    let waiting = CHANGES as f64 - host.metric(ACKNOWLEDGED).await?;
    let seconds = |time: Instant| (time - begun).as_secs_f64();
    Ok(Row { poison, others_seconds: seconds(others_done), past_seconds: seconds(past_it), waiting, calls: host.metric(CALLS).await? })
}

impl Cells for Row {
    const HEAD: &'static [&'static str] =
        &["poison, policy", "all others after, s", "past it after, s", "not acknowledged at the end", "calls of the handler"];

    fn cells(&self, _: &[Self]) -> Vec<String> {
        vec![
            self.poison.to_owned(),
            format!("{:.2}", self.others_seconds),
            format!("{:.2}", self.past_seconds),
            format!("{:.0}", self.waiting),
            format!("{:.0}", self.calls),
        ]
    }
}
