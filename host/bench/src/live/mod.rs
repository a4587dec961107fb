//! What the real binary does with many triggers, with many shards, and at idle: `tripline run`, a process of its own, on an endpoint in another.
//!
//! Always holds: each row has a new endpoint, a new data directory and a new host; what was started is gone when its row is done.

mod crowd;
mod endpoint;
mod host;
mod lanes;
mod latency;
mod poison;
mod server;
mod shards;
mod writer;

use anyhow::Result;
use serde::Serialize;

use crate::Args;
use crate::report::{Report, Sheet};

pub(crate) use server::serve;

/// How the host asks: it takes an endpoint on this machine for an emulator, which has no limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Pace {
    #[serde(rename = "endpoint on this machine")]
    Local,
    #[serde(rename = "as on AWS")]
    Aws,
}

impl Pace {
    fn as_str(self) -> &'static str {
        match self {
            Self::Local => "endpoint on this machine",
            Self::Aws => "as on AWS",
        }
    }
}

/// The tables that are wanted, into the report.
pub(crate) fn run(args: &Args, report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let changes = args.thousands * 1000 / 4;
    if args.wants(crowd::NAME) {
        report.add(Sheet::of(crowd::NAME, crowd::ABOUT, &runtime.block_on(crowd::measure(changes))?)?);
    }
    if args.wants(shards::NAME) {
        report.add(Sheet::of(shards::NAME, shards::ABOUT, &runtime.block_on(shards::measure())?)?);
    }
    if args.wants(lanes::NAME) {
        report.add(Sheet::of(lanes::NAME, lanes::ABOUT, &runtime.block_on(lanes::measure(changes as u64 / 2))?)?);
    }
    if args.wants(poison::NAME) {
        report.add(Sheet::of(poison::NAME, poison::ABOUT, &runtime.block_on(poison::measure())?)?);
    }
    if args.wants(latency::NAME) {
        report.add(Sheet::of(latency::NAME, latency::ABOUT, &runtime.block_on(latency::measure())?)?);
    }
    Ok(())
}

/// One row after the other.
async fn in_turn<T, R>(rows: &[T], measure: impl AsyncFn(&T) -> Result<R>) -> Result<Vec<R>> {
    let mut measured = Vec::with_capacity(rows.len());
    for row in rows {
        measured.push(measure(row).await?);
    }
    Ok(measured)
}
