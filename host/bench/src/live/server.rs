//! The endpoint's process: a scripted world or an embedded region, told by lines on its standard input what to do.
//!
//! Always holds: it ends when its standard input does. Each order is answered by one line, when it is done.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::{MissedTickBehavior, interval};
use tripline_local::scripted::world::{Item, Operation, Schema, World};
use tripline_local::scripted::{Scripted, ScriptedConfig};
use tripline_local::{Region, RegionConfig};

use crate::body;
use crate::case::{REGION, TABLE};

/// As many items are written to in turn: all but the first so many changes are MODIFYs.
pub(super) const ITEMS: u64 = 1000;
const ITEM_BYTES: usize = 500;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Setup {
    /// Tables that are made begin with so many shards.
    Scripted {
        shards: u32,
    },
    Embedded,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) enum Order {
    /// So many changes, at once.
    Write {
        changes: u64,
        /// The status of this one of them is `poison`.
        poison: Option<u64>,
    },
    /// So many, one after the other in equal steps.
    Trickle {
        changes: u64,
        over: Duration,
    },
    Count,
}

/// Since the endpoint began.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) get_records: u64,
    pub(super) describe_stream: u64,
    /// The most that one shard had at once.
    pub(super) readers_peak: usize,
    pub(super) written: u64,
}

impl Counts {
    pub(super) fn since(&self, earlier: &Self) -> Self {
        Self {
            get_records: self.get_records - earlier.get_records,
            describe_stream: self.describe_stream - earlier.describe_stream,
            readers_peak: self.readers_peak,
            written: self.written - earlier.written,
        }
    }
}

/// Prints the endpoint, then obeys.
pub(crate) async fn serve(setup: Setup) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (region, scripted) = match setup {
        Setup::Embedded => (Some(Region::start(RegionConfig::new(REGION, directory.path()))?), None),
        Setup::Scripted { shards } => (None, Some(Scripted::start(ScriptedConfig { shards, ..ScriptedConfig::default() })?)),
    };
    let endpoint = region.as_ref().map(Region::endpoint).or_else(|| scripted.as_ref().map(Scripted::endpoint));
    say(&endpoint.context("nothing was started")?)?;
    let mut orders = BufReader::new(tokio::io::stdin()).lines();
    let mut written = 0;
    while let Some(order) = orders.next_line().await? {
        let Some(scripted) = &scripted else { bail!("an embedded region takes no orders") };
        obey(scripted, serde_json::from_str(&order)?, &mut written).await?;
        say(&serde_json::to_string(&scripted.world(|world, _| counts(world, written)))?)?;
    }
    Ok(())
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

async fn obey(scripted: &Scripted, order: Order, written: &mut u64) -> Result<()> {
    match order {
        Order::Count => {}
        Order::Write { changes, poison } => {
            for change in 0..changes {
                write(scripted, written, poison == Some(change))?;
            }
        }
        Order::Trickle { changes, over } => {
            let mut ticks = interval(over / u32::try_from(changes)?.max(1));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            for _ in 0..changes {
                ticks.tick().await;
                write(scripted, written, false)?;
            }
            ticks.tick().await;
        }
    }
    Ok(())
}

fn write(scripted: &Scripted, written: &mut u64, is_poison: bool) -> Result<()> {
    let healthy = if (*written / ITEMS).is_multiple_of(2) { "pending" } else { "paid" };
    let status = if is_poison { "poison" } else { healthy };
    let item: Map<String, Value> = serde_json::from_str(&body::item((*written % ITEMS) as usize, status, ITEM_BYTES))?;
    let item = Item::parse(&Schema::sorted(), item).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    scripted
        .world(|world, now_ms| world.put(TABLE, item, now_ms))
        .map_err(|error| anyhow::anyhow!("{error:?}"))?;
    *written += 1;
    Ok(())
}

fn counts(world: &World, written: u64) -> Counts {
    let shards = world.streams().flat_map(|stream| stream.shards());
    Counts {
        get_records: world.calls(Operation::GetRecords).calls,
        describe_stream: world.calls(Operation::DescribeStream).calls,
        readers_peak: shards.map(|shard| world.readers_peak(shard)).max().unwrap_or(0),
        written,
    }
}
