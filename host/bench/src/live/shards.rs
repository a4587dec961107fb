//! Many open shards in which nothing is written: what standing by costs, and how soon a write is seen all the same.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::endpoint::Endpoint;
use super::host::{Host, Plugin, Wanted};
use super::server::{Order, Setup};
use super::writer::{Latency, Writer, Writes};
use super::{Pace, in_turn};
use crate::report::{Cells, megabytes};

pub(super) const NAME: &str = "many shards";
pub(super) const ABOUT: &str = "open shards, one trigger; 30 s without a write, then 40 writes, each to whichever shard its key falls into";

const OPEN: &str = "tripline_shards_open";
const IDLE: Duration = Duration::from_secs(30);
/// Polls of each shard until none is asked more seldom than before.
const POLLS_TO_IDLE: u64 = 12;
const STAND_MAX: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(250);
const WRITES: Writes = Writes { count: 40, pause_ms: 200..400 };

const ROWS: [(u32, Pace); 4] = [(1, Pace::Local), (200, Pace::Local), (2000, Pace::Local), (2000, Pace::Aws)];

#[derive(Debug, Serialize)]
pub(super) struct Row {
    shards: u32,
    pace: Pace,
    /// From "running" to all shards open.
    opened_seconds: f64,
    idle_seconds: f64,
    cpu_seconds: f64,
    get_records: u64,
    describe_stream: u64,
    rss_bytes: u64,
    latency: Latency,
}

pub(super) async fn measure() -> Result<Vec<Row>> {
    in_turn(&ROWS, async |&(shards, pace)| row(shards, pace).await).await
}

async fn row(shards: u32, pace: Pace) -> Result<Row> {
    eprintln!("{NAME}: {shards}, {}", pace.as_str());
    let mut endpoint = Endpoint::start(Setup::Scripted { shards })?;
    let writer = Writer::new(&endpoint.url).await?;
    let mut host = Host::start(&Wanted { endpoint: &endpoint.url_for(pace), triggers: 1, plugin: Plugin::Echo, policy: "" }).await?;
    let begun = Instant::now();
    host.until(OPEN, f64::from(shards)).await?;
    let opened = begun.elapsed();
    while endpoint.order(Order::Count)?.get_records < POLLS_TO_IDLE * u64::from(shards) {
        ensure!(begun.elapsed() < STAND_MAX, "the shards are not asked: {:?}", endpoint.order(Order::Count)?);
        sleep(LOOK_EVERY).await;
    }

    let (begun, used, before) = (Instant::now(), host.usage()?, endpoint.order(Order::Count)?);
    sleep(IDLE).await;
    let (after, idle, told) = (host.usage()?, begun.elapsed(), endpoint.order(Order::Count)?.since(&before));
    Ok(Row {
        shards,
        pace,
        opened_seconds: opened.as_secs_f64(),
        idle_seconds: idle.as_secs_f64(),
        cpu_seconds: after.cpu_seconds - used.cpu_seconds,
        get_records: told.get_records,
        describe_stream: told.describe_stream,
        rss_bytes: after.rss_bytes,
        latency: writer.measure(&mut host, &WRITES).await?,
    })
}

impl Cells for Row {
    const HEAD: &'static [&'static str] = &[
        "open shards",
        "asked",
        "all open after, s",
        "CPU %",
        "GetRecords a second",
        "CPU µs per call",
        "DescribeStream a second",
        "memory, MB",
        "write to handler: p50 ms",
        "max ms",
    ];

    fn cells(&self, _: &[Self]) -> Vec<String> {
        let a_second = |calls: u64| calls as f64 / self.idle_seconds;
        vec![
            self.shards.to_string(),
            self.pace.as_str().to_owned(),
            format!("{:.1}", self.opened_seconds),
            format!("{:.1}", 100.0 * self.cpu_seconds / self.idle_seconds),
            format!("{:.1}", a_second(self.get_records)),
            format!("{:.0}", 1e6 * self.cpu_seconds / self.get_records as f64),
            format!("{:.2}", a_second(self.describe_stream)),
            megabytes(self.rss_bytes),
            format!("{:.0}", self.latency.from_answer_ms.p50),
            format!("{:.0}", self.latency.from_answer_ms.max),
        ]
    }
}
