//! Gaps as `streams describe` shows them: what triggers may have missed of a table's streams, also of those that are gone.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use tripline_core::name::StreamArn;
use tripline_core::time::Timestamp;
use tripline_store::{GapRow, SqliteReader};

use super::show;
use crate::cli::output;

/// The newest. An outage of a day leaves one for each trigger and shard.
const SHOWN_MAX: usize = 1_000;

#[derive(Serialize)]
pub(super) struct Gap {
    trigger: String,
    stream: String,
    /// None: whole shards of which nothing was read.
    shard: Option<String>,
    /// The last change before it that is acknowledged.
    after: Option<String>,
    /// What was created from then on may be missing; none: nobody knows since when.
    since: Option<String>,
    until: String,
    /// trimmed, gone.
    cause: String,
    told: String,
}

/// The newest first; none where no host has run there yet.
pub(super) fn read(data_dir: Option<&Path>, of_table: &StreamArn) -> Result<Option<Vec<Gap>>> {
    let Some(dir) = data_dir.filter(|dir| dir.join("tripline.db").exists()) else { return Ok(None) };
    let rows = SqliteReader::open(dir)?.gaps_of_table(of_table, SHOWN_MAX)?;
    Ok(Some(rows.into_iter().map(gap).collect()))
}

fn gap(row: GapRow) -> Gap {
    let time = |ms| show::time(Timestamp::from_ms(ms));
    Gap {
        trigger: row.trigger,
        stream: row.stream,
        shard: row.shard,
        after: row.after,
        since: row.since_ms.map(time),
        until: time(row.until_ms),
        cause: row.cause,
        told: time(row.told_ms),
    }
}

pub(super) fn print(gaps: &[Gap]) -> Result<()> {
    output::line("")?;
    if gaps.is_empty() {
        return output::line("gaps     none");
    }
    let more = if gaps.len() == SHOWN_MAX { ", and perhaps older ones" } else { "" };
    output::line(&format!("gaps     {}{more}: changes that triggers may have missed", gaps.len()))?;
    output::line("")?;
    let cell = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), output::tame);
    let row = |gap: &Gap| {
        // What tells the streams of one table apart.
        let label = output::tame(StreamArn::from(gap.stream.as_str()).label());
        let (shard, after, since) = (cell(&gap.shard), cell(&gap.after), cell(&gap.since));
        vec![gap.trigger.clone(), label, shard, after, since, gap.until.clone(), gap.cause.clone(), gap.told.clone()]
    };
    let header = ["TRIGGER", "STREAM", "SHARD", "AFTER", "SINCE", "UNTIL", "CAUSE", "TOLD"];
    output::table(&header, &gaps.iter().map(row).collect::<Vec<_>>())
}
