//! `tripline streams enable | disable`: returns when the table is active again, and the stream is as it was asked for.

use std::io::{BufRead, IsTerminal, Write};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::ProgressBar;
use serde::Serialize;
use tripline_core::name::StreamArn;
use tripline_core::port::ReadError;
use tripline_core::view::ViewType;
use tripline_stream::{Switched, TableState};

use super::{Place, Reached};
use crate::cli::output;

/// Large tables take some minutes.
const PATIENCE: Duration = Duration::from_secs(900);

#[derive(Args, Debug)]
pub(crate) struct EnableOptions {
    /// A stream of the config; with --region, --endpoint or --profile, a table.
    name: String,
    #[command(flatten)]
    place: Place,
    /// What the stream holds of a change: keys-only, new-image, old-image or new-and-old-images. It cannot be changed later.
    #[arg(long, value_parser = super::view)]
    view: ViewType,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DisableOptions {
    /// A stream of the config; with --region, --endpoint or --profile, a table.
    name: String,
    #[command(flatten)]
    place: Place,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    table: String,
    /// Whether anything had to be done.
    changed: bool,
    /// None: no stream is on.
    view: Option<&'static str>,
    arn: Option<String>,
}

pub(crate) async fn enable(options: &EnableOptions) -> Result<()> {
    let reached = options.place.one(&options.name).await?;
    let changed = match reached.source.enable(options.view).await? {
        Switched::Begun => true,
        Switched::Already => false,
        Switched::OtherView(on) => bail!(
            "table `{}` has a stream already, with the view {on}; a view cannot be changed, so turn it off and on again: \
             `tripline streams disable {name} --yes`, then `tripline streams enable {name} --view {}`. Changes that are made in between are \
             in no stream; a host that runs reads the old stream to its end, then follows the new one",
            reached.table,
            options.view,
            name = reached.called(),
        ),
    };
    let state = wait(&reached, Some(options.view)).await?;
    let report = Report { table: reached.table, changed, view: state.view.map(|view| view.as_config()), arn: arn(state.stream) };
    if options.json {
        return output::json(&report);
    }
    let was = if changed { "" } else { " (it was so already)" };
    output::line(&format!("on, with {}: {}{was}", options.view, report.arn.unwrap_or_default()))
}

pub(crate) async fn disable(options: &DisableOptions) -> Result<()> {
    let reached = options.place.one(&options.name).await?;
    if !options.yes && reached.source.table_state().await?.view.is_some() && !agrees(&reached)? {
        bail!("left on");
    }
    let changed = reached.source.disable().await? == Switched::Begun;
    let state = wait(&reached, None).await?;
    let report = Report { table: reached.table, changed, view: None, arn: arn(state.stream) };
    if options.json {
        return output::json(&report);
    }
    output::line(if changed { "off: what the stream holds can be read for 24 hours" } else { "off (it was so already)" })
}

fn arn(stream: Option<StreamArn>) -> Option<String> {
    stream.map(|arn| arn.to_string())
}

fn agrees(reached: &Reached) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("turning off the stream of table `{}` needs --yes: changes made from then on are in no stream", reached.table);
    }
    let mut out = std::io::stderr().lock();
    write!(
        out,
        "Turn off the stream of table `{}` in {}? Changes made from then on are in no stream. [y/N] ",
        reached.table, reached.region
    )?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Until the table is active and its stream is as `view` says.
async fn wait(reached: &Reached, view: Option<ViewType>) -> Result<TableState> {
    let begun = Instant::now();
    // Draws on a terminal only.
    let spinner = ProgressBar::new_spinner().with_message(format!("waiting until table `{}` is active", reached.table));
    let mut pause = Duration::from_millis(50);
    loop {
        let state = reached.source.table_state().await?;
        if state.is_active() && state.view == view && is_settled(reached, &state).await? {
            spinner.finish_and_clear();
            return Ok(state);
        }
        if begun.elapsed() > PATIENCE {
            bail!("table `{}` is {} for {} minutes: see what changes it", reached.table, state.status, PATIENCE.as_secs() / 60);
        }
        spinner.tick();
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}

/// The stream itself follows its table a little later.
async fn is_settled(reached: &Reached, state: &TableState) -> Result<bool> {
    let Some(arn) = &state.stream else { return Ok(state.view.is_none()) };
    match reached.source.summary(arn).await {
        Ok(summary) => Ok(matches!((&*summary.status, state.view), ("ENABLED", Some(_)) | ("DISABLED" | "unknown", None))),
        Err(ReadError::Gone(_)) => Ok(state.view.is_none()),
        Err(error) => Err(error.into()),
    }
}
