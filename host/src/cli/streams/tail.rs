//! `tripline streams tail`: changes as they come: through the host that reads the stream, else read from here.
//!
//! Always holds: stdout has one line for each change with --json, and nothing else; what was lost, and who is read, is said on stderr.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use hyper::StatusCode;
use serde::Deserialize;
use tokio::sync::mpsc;
use tripline_core::change::Change;
use tripline_core::event::event_json;
use tripline_core::name::StreamArn;
use tripline_core::slice::slice_page;
use tripline_core::view::ViewType;

use super::direct::{Direct, Read};
use super::{Place, Reached, show};
use crate::cli::host_api::{HostApi, Reply};
use crate::cli::{StopSignals, output};

/// Changes that are read from here and not printed yet.
const QUEUE_MAX: usize = 1000;

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// A stream of the config; with --region, --endpoint or --profile, a table.
    name: String,
    #[command(flatten)]
    place: Place,
    /// Show no more of a change than this view has: keys-only, new-image, old-image or new-and-old-images.
    #[arg(long, value_parser = super::view)]
    view: Option<ViewType>,
    /// Where to begin.
    #[arg(long, value_enum, default_value = "latest")]
    from: From,
    /// End after so many changes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    records: Option<u64>,
    /// Read the stream from here even where the running host reads it: each shard then has a second reader, and DynamoDB allows two.
    #[arg(long)]
    direct: bool,
    /// Print each change as one line of JSON, in the form in which Lambda hands it to a function.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum From {
    /// With what is written from now on.
    Latest,
    /// With the oldest change that the stream still has.
    TrimHorizon,
}

/// Prints changes, and knows when it is enough.
struct Printer<'a> {
    options: &'a Options,
    left: Option<u64>,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let mut signals = StopSignals::listen()?;
    tokio::select! {
        ended = tail(options) => ended,
        () = signals.next() => Ok(()),
    }
}

async fn tail(options: &Options) -> Result<()> {
    let reached = options.place.one(&options.name).await?;
    let mut printer = Printer { options, left: options.records };
    if let Some(reply) = through_host(options, &reached).await? {
        return printer.host(reply).await;
    }
    printer.direct(&reached).await
}

/// None: no host reads this stream, or it is to be read from here all the same.
async fn through_host(options: &Options, reached: &Reached) -> Result<Option<Reply>> {
    let (Some(name), Some(dir), false) = (&reached.name, &reached.data_dir, options.direct) else { return Ok(None) };
    let Some(host) = HostApi::of(dir).await? else { return Ok(None) };
    let address = host.address;
    let view = options.view.map(|view| format!("?view={view}")).unwrap_or_default();
    let reply = host.get(&format!("/api/v1/streams/{name}/tail{view}")).await?;
    match reply.status {
        StatusCode::OK if options.from == From::TrimHorizon => bail!(
            "the host at {address} reads stream `{name}`, and shows what it reads from now on. What came before needs a reader of its own: add \
             --direct (DynamoDB allows two readers of a shard, and this would be the second), or leave out --from"
        ),
        StatusCode::OK => {
            tracing::info!(stream = %name, host = %address, "tailing");
            Ok(Some(reply))
        }
        StatusCode::NOT_FOUND => {
            tracing::info!(stream = %name, host = %address, "no trigger of the host follows this stream: reading it from here");
            Ok(None)
        }
        status => bail!("the host at {address} refuses: {}", refusal(status, &reply.text().await?)),
    }
}

fn refusal(status: StatusCode, text: &str) -> String {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    serde_json::from_str::<Problem>(text).map_or_else(|_| format!("{status}: {text}"), |problem| problem.detail)
}

/// What the host says of a line that is no change.
#[derive(Deserialize)]
struct Lost {
    lost: u64,
}

impl Printer<'_> {
    async fn host(&mut self, mut reply: Reply) -> Result<()> {
        while let Some(line) = reply.line().await? {
            if let Ok(Lost { lost }) = serde_json::from_str(&line) {
                tracing::warn!(lost, "changes were not shown: this command was slower than the stream. The triggers got them");
                continue;
            }
            if self.line(line)? {
                return Ok(());
            }
        }
        tracing::info!("the host stopped");
        Ok(())
    }

    async fn direct(&mut self, reached: &Reached) -> Result<()> {
        let info = reached.source.find().await?;
        if let Some(view) = self.options.view.filter(|view| !info.view.supplies(*view)) {
            bail!("the stream of table `{}` holds {}, which is less than {view}", reached.table, info.view);
        }
        let (changes, mut read) = mpsc::channel(QUEUE_MAX);
        let from_tip = self.options.from == From::Latest;
        let direct = Direct { source: reached.source.clone(), is_local: reached.is_local(), from_tip, changes };
        let reading = Arc::new(direct).run(info);
        tokio::pin!(reading);
        loop {
            let next = tokio::select! {
                // First what was read: its end may stand before the channel's.
                biased;
                next = read.recv() => next,
                ended = &mut reading => return ended,
            };
            match next {
                Some(Read::Begun) => tracing::info!(stream = reached.called(), "tailing"),
                Some(Read::Change(change, arn)) => {
                    if self.change(&change, &arn)? {
                        return Ok(());
                    }
                }
                None => return Ok(()),
            }
        }
    }

    /// True: it was the last one.
    fn line(&mut self, line: String) -> Result<bool> {
        if self.options.json {
            output::line(&line)?;
            return Ok(self.is_last());
        }
        let page = slice_page(Arc::new(format!("{{\"Records\":[{line}]}}"))).context("the host sent what is no change")?;
        let change = page.changes.first().context("the host sent what is no change")?;
        show::change(change, self.options.view)?;
        Ok(self.is_last())
    }

    fn change(&mut self, change: &Change, arn: &StreamArn) -> Result<bool> {
        if self.options.json {
            output::line(&event_json(change, arn, self.options.view))?;
        } else {
            show::change(change, self.options.view)?;
        }
        Ok(self.is_last())
    }

    fn is_last(&mut self) -> bool {
        self.left = self.left.map(|left| left - 1);
        self.left == Some(0)
    }
}
