//! `tripline streams describe`: every stream of a table, each with its shards as a tree, how far the triggers have come in them, and
//! what they may have missed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use tripline_core::lineage::{self, Branch, Origin};
use tripline_core::name::StreamArn;
use tripline_core::port::ReadError;
use tripline_store::{CheckpointRow, SqliteReader};
use tripline_stream::{ShardDetails, Source, StreamDetails};

use super::gaps::{self, Gap};
use super::{Place, show};
use crate::cli::output;

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// A stream of the config; with --region, --endpoint or --profile, a table.
    name: String,
    #[command(flatten)]
    place: Place,
    /// Of the host whose triggers are shown; without it, the config file says where it is.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    name: Option<String>,
    table: String,
    region: String,
    endpoint: Option<String>,
    /// The newest first; older ones are off and can still be read.
    streams: Vec<StreamReport>,
    /// The newest first; not there where no host has run.
    #[serde(skip_serializing_if = "Option::is_none")]
    gaps: Option<Vec<Gap>>,
}

#[derive(Serialize)]
struct StreamReport {
    arn: String,
    label: String,
    status: String,
    view: Option<&'static str>,
    created: Option<String>,
    /// Parents before their children.
    shards: Vec<ShardReport>,
}

#[derive(Serialize)]
struct ShardReport {
    id: String,
    /// first, parent-gone, rollover, split, circle.
    origin: &'static str,
    /// It may be none of these shards any more.
    parent: Option<String>,
    open: bool,
    starting_sequence_number: Option<String>,
    ending_sequence_number: Option<String>,
    triggers: Vec<Position>,
    #[serde(skip)]
    stem: String,
}

/// How far a trigger has come in the shard. What no trigger has begun has none.
#[derive(Clone, Serialize)]
struct Position {
    trigger: String,
    /// All up to here is acknowledged.
    watermark: Option<String>,
    /// Changes beyond it that are acknowledged too.
    acknowledged_above: usize,
    finished: bool,
    updated: String,
}

/// By stream and shard.
type Positions = BTreeMap<(String, String), Vec<Position>>;

pub(crate) async fn run(options: &Options) -> Result<()> {
    let reached = options.place.one(&options.name).await?;
    let data_dir = options.data_dir.as_deref().or(reached.data_dir.as_deref());
    let positions = positions(data_dir)?;
    let mut arns = reached.source.listed().await?;
    if arns.is_empty() {
        // The error says why there is none, and what to do.
        arns.push(reached.source.find().await?.arn);
    }
    arns.extend(unlisted(&arns, &positions));
    let mut streams = Vec::new();
    for (at, arn) in arns.iter().enumerate() {
        match stream(&reached.source, arn, &positions).await {
            Ok(report) => streams.push(report),
            // It went between two answers, or long ago.
            Err(ReadError::Gone(_)) if at > 0 => {}
            Err(error) => return Err(error.into()),
        }
    }
    let gaps = arns.first().map(|arn| gaps::read(data_dir, arn)).transpose()?.flatten();
    let report = Report {
        name: reached.name.as_ref().map(ToString::to_string),
        table: reached.table.clone(),
        region: reached.region.clone(),
        endpoint: reached.endpoint.clone(),
        streams,
        gaps,
    };
    if options.json { output::json(&report) } else { print(&report) }
}

/// Older streams of the table that triggers have read: some endpoints list none that is off, and can still read it. The newest first.
fn unlisted(listed: &[StreamArn], positions: &Positions) -> Vec<StreamArn> {
    let table = listed.first().and_then(|arn| arn.as_str().rsplit_once('/')).map(|(table, _)| table);
    let stored: BTreeSet<StreamArn> = positions.keys().map(|(stream, _)| StreamArn::from(stream.as_str())).collect();
    let of_table = |arn: &StreamArn| arn.as_str().rsplit_once('/').map(|(table, _)| table) == table;
    stored.into_iter().rev().filter(|arn| of_table(arn) && !listed.contains(arn)).collect()
}

/// None where no host has run there yet.
fn positions(data_dir: Option<&Path>) -> Result<Positions> {
    let mut positions = Positions::new();
    let Some(dir) = data_dir.filter(|dir| dir.join("tripline.db").exists()) else {
        return Ok(positions);
    };
    for row in SqliteReader::open(dir)?.checkpoints()? {
        positions.entry((row.stream.clone(), row.shard.clone())).or_default().push(position(row));
    }
    Ok(positions)
}

fn position(row: CheckpointRow) -> Position {
    Position {
        trigger: row.trigger,
        watermark: row.watermark,
        acknowledged_above: row.acknowledged.len(),
        finished: row.finished,
        updated: show::time(tripline_core::time::Timestamp::from_ms(row.updated_ms)),
    }
}

async fn stream(source: &Source, arn: &StreamArn, positions: &Positions) -> Result<StreamReport, ReadError> {
    let details = source.details(arn).await?;
    let descriptions: Vec<_> = details.shards.iter().map(|shard| shard.description.clone()).collect();
    let mut shards = Vec::new();
    for branch in lineage::tree(&descriptions) {
        let open = is_open(source, &details, branch.index).await;
        let shard = &details.shards[branch.index];
        let of_shard = positions.get(&(arn.to_string(), shard.description.id.to_string())).cloned().unwrap_or_default();
        shards.push(report(branch, shard, open, of_shard));
    }
    Ok(StreamReport {
        arn: arn.to_string(),
        label: details.summary.label.to_string(),
        status: details.summary.status.to_string(),
        view: details.summary.view.map(|view| view.as_config()),
        created: details.summary.created.map(show::time),
        shards,
    })
}

/// Some endpoints name an end of a shard that is open. Where that may be so, as at the tip of a stream that is on, the shard itself is asked.
async fn is_open(source: &Source, details: &StreamDetails, index: usize) -> bool {
    let shard = &details.shards[index];
    if shard.last.is_none() {
        return true;
    }
    let id = &shard.description.id;
    let is_parent = details.shards.iter().any(|other| other.description.parent.as_ref() == Some(id));
    if is_parent || !details.summary.is_on() {
        return false;
    }
    source.is_open(&details.summary.arn, id).await.unwrap_or(false)
}

fn report(branch: Branch, shard: &ShardDetails, open: bool, triggers: Vec<Position>) -> ShardReport {
    ShardReport {
        id: shard.description.id.to_string(),
        origin: branch.origin.as_str(),
        parent: shard.description.parent.as_ref().map(ToString::to_string),
        open,
        starting_sequence_number: shard.first.as_deref().map(str::to_owned),
        ending_sequence_number: shard.last.as_deref().map(str::to_owned),
        triggers,
        stem: branch.stem,
    }
}

fn print(report: &Report) -> Result<()> {
    let endpoint = report.endpoint.as_ref().map(|endpoint| format!(" at {endpoint}")).unwrap_or_default();
    output::line(&format!("table    {} in {}{endpoint}", output::tame(&report.table), report.region))?;
    for stream in &report.streams {
        let open = stream.shards.iter().filter(|shard| shard.open).count();
        let created = stream.created.as_ref().map(|created| format!(", made {created}")).unwrap_or_default();
        output::line("")?;
        output::line(&format!("stream   {}", output::tame(&stream.arn)))?;
        output::line(&format!("status   {}, {}{created}", output::tame(&stream.status), stream.view.unwrap_or("view unknown")))?;
        output::line(&format!("shards   {} open, {} closed", open, stream.shards.len() - open))?;
        output::line("")?;
        let rows: Vec<_> = stream.shards.iter().map(shard_row).collect();
        output::table(&["SHARD", "STATE", "FROM", "FIRST", "LAST"], &rows)?;
        let positions: Vec<_> = stream.shards.iter().flat_map(position_rows).collect();
        if !positions.is_empty() {
            output::line("")?;
            output::table(&["TRIGGER", "SHARD", "ACKNOWLEDGED UP TO", "AND ABOVE", "", "UPDATED"], &positions)?;
        }
    }
    report.gaps.as_deref().map_or(Ok(()), gaps::print)
}

fn shard_row(shard: &ShardReport) -> Vec<String> {
    let number = |number: &Option<String>| number.as_deref().map_or_else(|| "-".to_owned(), output::tame);
    let parent = shard.parent.as_deref().map(output::tame).unwrap_or_default();
    let from = match shard.origin {
        origin if origin == Origin::ParentGone.as_str() => format!("{parent} (gone)"),
        origin if origin == Origin::First.as_str() => String::new(),
        origin => origin.to_owned(),
    };
    let state = if shard.open { "open" } else { "closed" };
    // An end that an endpoint names of an open shard is none.
    let last = if shard.open { "-".to_owned() } else { number(&shard.ending_sequence_number) };
    vec![format!("{}{}", shard.stem, output::tame(&shard.id)), state.to_owned(), from, number(&shard.starting_sequence_number), last]
}

fn position_rows(shard: &ShardReport) -> Vec<Vec<String>> {
    let row = |position: &Position| {
        vec![
            position.trigger.clone(),
            output::tame(&shard.id),
            position.watermark.clone().unwrap_or_else(|| "-".to_owned()),
            position.acknowledged_above.to_string(),
            if position.finished { "finished" } else { "" }.to_owned(),
            position.updated.clone(),
        ]
    };
    shard.triggers.iter().map(row).collect()
}
