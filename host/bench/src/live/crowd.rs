//! Many triggers on one shard: what one more costs the stream, the processor and the memory.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use tokio::time::Instant;

use super::endpoint::Endpoint;
use super::host::{Host, Plugin, Wanted};
use super::server::{Order, Setup};
use super::writer::Writer;
use super::{Pace, in_turn};
use crate::report::{Cells, megabytes};

pub(super) const NAME: &str = "many triggers";
pub(super) const ABOUT: &str =
    "one shard, each trigger handles every change; first what was there before the start, then 100 changes a second";

const ACKNOWLEDGED: &str = "tripline_changes_acknowledged_total";
const TRICKLE_SECONDS: u64 = 10;
const TRICKLE_PER_SECOND: u64 = 100;

/// With one trigger: its ratio is to the last such row above.
const ROWS: [(usize, Pace); 5] = [(1, Pace::Local), (10, Pace::Local), (50, Pace::Local), (1, Pace::Aws), (50, Pace::Aws)];

#[derive(Debug, Serialize)]
pub(super) struct Row {
    triggers: usize,
    pace: Pace,
    catching_up: Phase,
    trickle: Phase,
    rss_peak_bytes: u64,
    readers_peak: usize,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Phase {
    /// Written; each trigger handled all of them.
    changes: u64,
    get_records: u64,
    cpu_seconds: f64,
    wall_seconds: f64,
}

pub(super) async fn measure(changes: usize) -> Result<Vec<Row>> {
    in_turn(&ROWS, async |&(triggers, pace)| row(triggers, pace, changes as u64).await).await
}

async fn row(triggers: usize, pace: Pace, changes: u64) -> Result<Row> {
    eprintln!("{NAME}: {triggers}, {}", pace.as_str());
    let mut endpoint = Endpoint::start(Setup::Scripted { shards: 1 })?;
    Writer::new(&endpoint.url).await?;
    let before = endpoint.order(Order::Write { changes, poison: None })?;
    let host = Host::start(&Wanted { endpoint: &endpoint.url_for(pace), triggers, plugin: Plugin::TwoAttributes, policy: "" }).await?;

    let (begun, used) = (Instant::now(), host.usage()?);
    host.until(ACKNOWLEDGED, (changes * triggers as u64) as f64).await?;
    let (wall, caught_up) = (begun.elapsed(), host.usage()?);
    let after = endpoint.order(Order::Count)?;
    let phase =
        |changes, get_records, cpu_seconds, wall: Duration| Phase { changes, get_records, cpu_seconds, wall_seconds: wall.as_secs_f64() };
    let catching_up = phase(changes, after.since(&before).get_records, caught_up.cpu_seconds - used.cpu_seconds, wall);

    let (begun, over) = (Instant::now(), Duration::from_secs(TRICKLE_SECONDS));
    let done = endpoint.order(Order::Trickle { changes: TRICKLE_PER_SECOND * TRICKLE_SECONDS, over })?;
    let (wall, trickled) = (begun.elapsed(), host.usage()?);
    let (told, cpu_seconds) = (done.since(&after), trickled.cpu_seconds - caught_up.cpu_seconds);
    host.until(ACKNOWLEDGED, (done.written * triggers as u64) as f64).await?;
    Ok(Row {
        triggers,
        pace,
        catching_up,
        trickle: phase(told.written, told.get_records, cpu_seconds, wall),
        rss_peak_bytes: host.usage()?.rss_peak_bytes,
        readers_peak: endpoint.order(Order::Count)?.readers_peak,
    })
}

impl Row {
    fn cpu_us_per_delivery(&self) -> f64 {
        self.catching_up.cpu_seconds * 1e6 / (self.catching_up.changes as f64 * self.triggers as f64)
    }
}

impl Cells for Row {
    const HEAD: &'static [&'static str] = &[
        "triggers",
        "asked",
        "catching up: GetRecords",
        "wall s",
        "CPU s",
        "CPU µs per change and trigger",
        "CPU to one trigger's",
        "100 a second: GetRecords a second",
        "CPU %",
        "memory at most, MB",
        "readers at most",
    ];

    fn cells(&self, above: &[Self]) -> Vec<String> {
        let one = above.iter().rev().find(|row| row.triggers == 1 && row.pace == self.pace).unwrap_or(self);
        let (caught, trickle) = (&self.catching_up, &self.trickle);
        vec![
            self.triggers.to_string(),
            self.pace.as_str().to_owned(),
            caught.get_records.to_string(),
            format!("{:.1}", caught.wall_seconds),
            format!("{:.2}", caught.cpu_seconds),
            format!("{:.2}", self.cpu_us_per_delivery()),
            format!("{:.1}x", caught.cpu_seconds / one.catching_up.cpu_seconds),
            format!("{:.1}", trickle.get_records as f64 / trickle.wall_seconds),
            format!("{:.1}", 100.0 * trickle.cpu_seconds / trickle.wall_seconds),
            megabytes(self.rss_peak_bytes),
            self.readers_peak.to_string(),
        ]
    }
}
