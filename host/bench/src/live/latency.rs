//! From a write to the handler where little happens: one trigger, one shard, and an application that writes now and then.

use anyhow::Result;
use serde::Serialize;

use super::endpoint::Endpoint;
use super::host::{Host, Plugin, Wanted};
use super::server::Setup;
use super::writer::{Latency, Writer, Writes};
use super::{Pace, in_turn};
use crate::report::Cells;

pub(super) const NAME: &str = "latency at idle";
pub(super) const ABOUT: &str = "one trigger, one shard; milliseconds from a put's answer, and from its begin, to the plugin's log line";

const OFTEN: Writes = Writes { count: 300, pause_ms: 50..150 };
/// By then each poll is as late after the one before it as polls get,
const SELDOM: Writes = Writes { count: 60, pause_ms: 500..1000 };
/// and so here.
const SELDOM_ON_AWS: Writes = Writes { count: 30, pause_ms: 2000..3000 };

const ROWS: [(Setup, Pace, Writes); 3] = [
    (Setup::Embedded, Pace::Local, OFTEN),
    (Setup::Embedded, Pace::Local, SELDOM),
    (Setup::Scripted { shards: 1 }, Pace::Aws, SELDOM_ON_AWS),
];

#[derive(Debug, Serialize)]
pub(super) struct Row {
    endpoint: &'static str,
    pace: Pace,
    writes: usize,
    pause_ms: [u64; 2],
    latency: Latency,
}

pub(super) async fn measure() -> Result<Vec<Row>> {
    in_turn(&ROWS, async |(setup, pace, writes)| row(*setup, *pace, writes).await).await
}

async fn row(setup: Setup, pace: Pace, writes: &Writes) -> Result<Row> {
    let endpoint = match setup {
        Setup::Embedded => "embedded",
        Setup::Scripted { .. } => "scripted",
    };
    eprintln!("{NAME}: {endpoint}, {}, {writes:?}", pace.as_str());
    let served = Endpoint::start(setup)?;
    let writer = Writer::new(&served.url).await?;
    let mut host = Host::start(&Wanted { endpoint: &served.url_for(pace), triggers: 1, plugin: Plugin::Echo, policy: "" }).await?;
    host.until("tripline_shards_open", 1.0).await?;
    let latency = writer.measure(&mut host, writes).await?;
    Ok(Row { endpoint, pace, writes: writes.count, pause_ms: [writes.pause_ms.start, writes.pause_ms.end], latency })
}

impl Cells for Row {
    const HEAD: &'static [&'static str] =
        &["endpoint", "asked", "a write every, ms", "writes", "p50", "p99", "max", "from its begin: p50", "p99", "max"];

    fn cells(&self, _: &[Self]) -> Vec<String> {
        let mut cells = vec![
            self.endpoint.to_owned(),
            self.pace.as_str().to_owned(),
            format!("{} to {}", self.pause_ms[0], self.pause_ms[1]),
            self.writes.to_string(),
        ];
        for spread in [self.latency.from_answer_ms, self.latency.from_begin_ms] {
            cells.extend([spread.p50, spread.p99, spread.max].map(|ms| format!("{ms:.1}")));
        }
        cells
    }
}
