//! `tripline demo`: the main job on this machine. Two embedded DynamoDB regions, the three plugins, live traffic.
//!
//! Always holds: it runs the service that `tripline run` runs, on a config file that it leaves behind to be read; what it claims of
//! the tables it has read from the tables.

mod place;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::cli::{Quiet, StopSignals, output};
use crate::config::Config;
use crate::workload::{Findings, Tables, Traffic, Verifier, glance};

use place::Place;

/// Live traffic: so many changes a second, enough to watch and too few to warm the machine.
const LIVE_PAUSE: Duration = Duration::from_millis(50);
const LIVE_REPORT: Duration = Duration::from_secs(5);
/// `--once` gives up when for so long nothing has come nearer.
const STALLED_AFTER: Duration = Duration::from_secs(30);

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Write a fixed number of changes, wait until all are handled, verify, and exit: 0 only if nothing differs.
    #[arg(long)]
    once: bool,
    /// With --once: how many changes to write.
    #[arg(long, default_value_t = 1000, value_name = "N", requires = "once", value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    records: u64,
    /// With --once: print one JSON object on stdout.
    #[arg(long, requires = "once")]
    json: bool,
    /// Where the demo keeps its tables, mails and config; it must be empty or missing. Without it, a new temporary directory.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Where metrics and health are served. With --once, any free port.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Seed of the traffic: the same seed writes the same changes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) async fn run(options: Options) -> Result<()> {
    let listen = options.listen.as_deref().unwrap_or(if options.once { "127.0.0.1:0" } else { "127.0.0.1:9464" });
    let place = Place::prepare(options.dir.clone(), listen)?;
    let config = Config::load(&place.config_file(), &|_| None).context("the demo's own config")?;
    let tables = Tables::connect(&config).await?;
    tables.create().await?;
    let app = App::build(&config).await?;
    let address = app.listens_on();
    let stop = CancellationToken::new();
    let service = app.run(stop.clone());
    tokio::pin!(service);
    let works = async { if options.once { once(&options, &place, &tables).await } else { live(&options, &place, &tables, address).await } };
    let worked = tokio::select! {
        worked = works => worked,
        ended = &mut service => {
            ended?;
            bail!("the host ended by itself");
        }
    };
    stop.cancel();
    service.await?;
    worked
}

/// Writes, waits, verifies.
async fn once(options: &Options, place: &Place, tables: &Tables) -> Result<()> {
    let begun = Instant::now();
    let bar = progress(options.records);
    Traffic::new(options.seed)
        .write(tables, options.records, |written| bar.set_position(written))
        .await?;
    bar.set_message("written; waiting until all are handled");
    let verifier = Verifier { tables, data_dir: &place.data_dir(), mail_dir: Some(&place.mail_dir()), dead_letters_expected: 0 };
    let findings = verifier.wait(STALLED_AFTER).await?;
    bar.finish_and_clear();
    let summary = Summary::new(options.records, begun.elapsed(), &findings);
    if options.json {
        output::json(&summary)?;
    } else {
        output::line(&summary.to_string())?;
    }
    if findings.are_clean() {
        return Ok(());
    }
    tracing::error!(dir = %place.dir().display(), "something differs; the demo's directory is kept");
    place.keep();
    Err(Quiet.into())
}

/// Goes on until Ctrl-C.
async fn live(options: &Options, place: &Place, tables: &Tables, address: SocketAddr) -> Result<()> {
    place.keep();
    output::line(&place.guide(address))?;
    let mut traffic = Traffic::new(options.seed);
    let mut signals = StopSignals::listen()?;
    let mut next_report = Instant::now() + LIVE_REPORT;
    loop {
        tokio::select! {
            () = signals.next() => return output::line(&format!("stopped; {} keeps tables, mails and counters", place.dir().display())),
            () = tokio::time::sleep(LIVE_PAUSE) => {}
        }
        traffic.step(tables).await?;
        if Instant::now() >= next_report {
            next_report += LIVE_REPORT;
            output::line(&glance(&place.data_dir(), traffic.written())?)?;
        }
    }
}

fn progress(records: u64) -> ProgressBar {
    // Draws on a terminal only; stdout stays the command's own.
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} changes {msg}");
    style.map_or_else(|_| ProgressBar::hidden(), |style| ProgressBar::new(records).with_style(style))
}

/// What `--once --json` prints.
#[derive(Debug, Serialize)]
struct Summary {
    records: u64,
    seconds: f64,
    replica_differences: usize,
    counter_differences: usize,
    mails_expected: usize,
    mails_sent: usize,
    dead_letters: usize,
}

impl Summary {
    fn new(records: u64, took: Duration, findings: &Findings) -> Self {
        Self {
            records,
            seconds: (took.as_secs_f64() * 1000.0).round() / 1000.0,
            replica_differences: findings.replica.len(),
            counter_differences: findings.counters.len(),
            mails_expected: findings.mails_expected,
            mails_sent: findings.mails_sent,
            dead_letters: findings.dead_letters,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} changes written and handled in {:.1} s", self.records, self.seconds)?;
        writeln!(f, "replica:      {} differences between the orders of eu-west-1 and us-east-1", self.replica_differences)?;
        writeln!(f, "counters:     {} differences from a group-by of the orders", self.counter_differences)?;
        writeln!(f, "mails:        {} of {} sent", self.mails_sent, self.mails_expected)?;
        write!(f, "dead letters: {}", self.dead_letters)
    }
}
