//! `tripline state dump`: what lies under `data_dir`, read without disturbing a host that runs.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use tripline_core::name::TriggerName;
use tripline_store::{CheckpointRow, CounterRow, OutboxSummary, SqliteReader, StateRow};

use super::{ConfigFile, output};

const ROWS_MAX: usize = 1_000_000;

#[derive(Args, Debug)]
pub(super) struct Place {
    #[command(flatten)]
    file: ConfigFile,
    /// The host's data directory; without it, the config file says where it is.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl Place {
    pub(super) fn data_dir(&self) -> Result<PathBuf> {
        match &self.data_dir {
            Some(dir) => Ok(dir.clone()),
            None => Ok(self.file.load().context("to find `data_dir` (or name it with --data-dir)")?.host.data_dir),
        }
    }

    pub(super) fn open(&self) -> Result<SqliteReader> {
        Ok(SqliteReader::open(&self.data_dir()?)?)
    }
}

#[derive(Args, Debug)]
pub(crate) struct DumpOptions {
    #[command(flatten)]
    place: Place,
    /// Of this trigger alone.
    #[arg(long)]
    trigger: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Dump {
    counters: Vec<CounterRow>,
    state: Vec<StateRow>,
    outbox: Vec<OutboxSummary>,
    checkpoints: Vec<CheckpointRow>,
}

pub(crate) fn dump(options: &DumpOptions) -> Result<()> {
    let reader = options.place.open()?;
    let trigger = options.trigger.as_deref().map(TriggerName::from);
    let wanted = |name: &str| trigger.as_ref().is_none_or(|trigger| trigger.as_str() == name);
    let dump = Dump {
        counters: reader.counters()?.into_iter().filter(|row| wanted(&row.trigger)).collect(),
        state: reader.state(trigger.as_ref(), ROWS_MAX)?,
        outbox: reader.outbox_summary()?,
        checkpoints: reader.checkpoints()?.into_iter().filter(|row| wanted(&row.trigger)).collect(),
    };
    if options.json { output::json(&dump) } else { print_dump(&dump) }
}

fn print_dump(dump: &Dump) -> Result<()> {
    let counter = |row: &CounterRow| {
        let labels: Vec<_> = row.labels.0.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        vec![row.trigger.clone(), row.name.clone(), labels.join(" "), row.value.clone()]
    };
    output::table(&["TRIGGER", "COUNTER", "LABELS", "VALUE"], &dump.counters.iter().map(counter).collect::<Vec<_>>())?;
    output::line("")?;
    let state = |row: &StateRow| {
        let value = output::tame(&String::from_utf8_lossy(&row.value));
        vec![row.trigger.clone(), output::tame(&row.key), value, row.expires_ms.map_or_else(String::new, |ms| ms.to_string())]
    };
    output::table(&["TRIGGER", "KEY", "VALUE", "EXPIRES MS"], &dump.state.iter().map(state).collect::<Vec<_>>())?;
    output::line("")?;
    let outbox = |row: &OutboxSummary| vec![row.mailer.clone(), row.pending.to_string(), row.sent.to_string(), row.failed.to_string()];
    output::table(&["MAILER", "PENDING", "SENT", "FAILED"], &dump.outbox.iter().map(outbox).collect::<Vec<_>>())?;
    output::line("")?;
    let checkpoint = |row: &CheckpointRow| {
        let watermark = row.watermark.clone().unwrap_or_else(|| "-".to_owned());
        let end = if row.finished { "finished" } else { "" };
        // What tells the streams of one table apart.
        let label = row.stream.rsplit('/').next().unwrap_or(&row.stream).to_owned();
        let above = row.acknowledged.len().to_string();
        let complete = row.complete_until_ms.map_or_else(String::new, |ms| ms.to_string());
        vec![row.trigger.clone(), label, row.shard.clone(), watermark, above, complete, end.to_owned()]
    };
    let header = ["TRIGGER", "STREAM", "SHARD", "WATERMARK", "ACKNOWLEDGED ABOVE", "COMPLETE UNTIL MS", ""];
    output::table(&header, &dump.checkpoints.iter().map(checkpoint).collect::<Vec<_>>())
}
