//! `tripline streams list`: one line for each stream, on or off, that can still be read.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use tripline_core::backoff::Backoff;
use tripline_core::name::StreamArn;
use tripline_core::port::ReadError;
use tripline_stream::{Source, StreamSummary};

use super::{Place, Reached, show};
use crate::cli::{Quiet, output};

/// DescribeStream allows ten calls a second per account, and a host may want some.
const PAUSE: Duration = Duration::from_millis(200);
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(500), max: Duration::from_secs(5) };
const ATTEMPTS_MAX: u32 = 5;

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct List {
    streams: Vec<Row>,
    /// What could not be asked, each with its reason.
    faults: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    /// In the config.
    name: Option<String>,
    table: String,
    region: String,
    endpoint: Option<String>,
    label: String,
    status: String,
    view: Option<&'static str>,
    created: Option<String>,
    arn: String,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let all = if options.place.is_elsewhere() { vec![options.place.elsewhere("").await?] } else { options.place.all().await? };
    let mut list = List { streams: Vec::new(), faults: Vec::new() };
    for reached in &all {
        if let Err(error) = add(&mut list, reached).await {
            let whose = reached.name.as_ref().map(|name| format!("streams.{name}: ")).unwrap_or_default();
            list.faults.push(format!("{whose}{error}"));
        }
    }
    if options.json {
        output::json(&list)?
    } else {
        print(&list)?
    }
    if list.faults.is_empty() { Ok(()) } else { Err(Quiet.into()) }
}

async fn add(list: &mut List, reached: &Reached) -> Result<()> {
    let arns = reached.source.listed().await?;
    if arns.is_empty() && reached.name.is_some() {
        // Says why there is none, and what to do; or finds one that ListStreams keeps quiet about.
        let latest = reached.source.find().await?;
        let summary = patiently(&reached.source, &latest.arn).await?;
        list.streams.push(row(reached, &summary));
    }
    for (at, arn) in arns.iter().enumerate() {
        if at > 0 && !reached.is_local() {
            tokio::time::sleep(PAUSE).await;
        }
        match patiently(&reached.source, arn).await {
            Ok(summary) => list.streams.push(row(reached, &summary)),
            // It went between two answers.
            Err(ReadError::Gone(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

async fn patiently(source: &Source, arn: &StreamArn) -> Result<StreamSummary, ReadError> {
    let mut random = fastrand::Rng::new();
    let mut attempt = 1;
    loop {
        match source.summary(arn).await {
            Err(ReadError::Throttled(_)) if attempt < ATTEMPTS_MAX => {
                tokio::time::sleep(BACKOFF.delay(attempt, &mut random)).await;
                attempt += 1;
            }
            answer => return answer,
        }
    }
}

fn row(reached: &Reached, summary: &StreamSummary) -> Row {
    Row {
        name: reached.name.as_ref().map(ToString::to_string),
        table: summary.table.to_string(),
        region: reached.region.clone(),
        endpoint: reached.endpoint.clone(),
        label: summary.label.to_string(),
        status: summary.status.to_string(),
        view: summary.view.map(|view| view.as_config()),
        created: summary.created.map(show::time),
        arn: summary.arn.to_string(),
    }
}

fn print(list: &List) -> Result<()> {
    let cells = |row: &Row| {
        let name = row.name.clone().unwrap_or_else(|| "-".to_owned());
        let cells = [&name, &row.table, &row.label, &row.status, row.view.unwrap_or("?"), &row.arn];
        cells.map(output::tame).to_vec()
    };
    if list.streams.is_empty() && list.faults.is_empty() {
        output::line("no streams")?;
    } else if !list.streams.is_empty() {
        let rows: Vec<_> = list.streams.iter().map(cells).collect();
        output::table(&["STREAM", "TABLE", "LABEL", "STATUS", "VIEW", "ARN"], &rows)?;
    }
    list.faults.iter().for_each(|fault| crate::cli::complain(&anyhow::anyhow!("{fault}")));
    Ok(())
}
