//! `cargo xtask bench`: what a change costs, against named baselines, in one run on one machine.
//!
//! Always holds: every contestant is a process of its own that reads all pages of a server in another; only ratios of one run are compared.
//! Beside it (`live`): what the real binary does with many triggers, with many shards, and at idle.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool: tables are what it prints")]

mod body;
mod case;
mod contestant;
mod filters;
mod instances;
mod languages;
mod live;
mod measure;
mod plan;
mod process;
mod report;
mod requests;
mod server;
mod validation;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::case::Case;
use crate::measure::{Place, Used};
use crate::process::Contestant;

#[derive(Debug, Parser)]
#[command(about = "What a change costs: changes per processor second, and ratios to named baselines")]
struct Args {
    /// Runs of each measurement; the median counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Changes of each measurement, in thousands: more takes longer and varies less.
    #[arg(long, default_value_t = 200)]
    thousands: usize,
    /// Only the tables whose names contain this.
    #[arg(long)]
    only: Option<String>,
    /// One JSON object instead of tables.
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    part: Option<Part>,
}

impl Args {
    fn wants(&self, table: &str) -> bool {
        self.only.as_ref().is_none_or(|only| table.contains(only.as_str()))
    }
}

/// What the benchmark starts of itself.
#[derive(Debug, Subcommand)]
#[command(hide = true)]
enum Part {
    Serve { case: String },
    Live { setup: String },
    Contest { contestant: String, case: String, endpoint: String },
}

fn main() -> Result<()> {
    let args = Args::parse();
    // Before the runtime: its threads stay where this one is, and are as many as there are processors for it.
    let place = match args.part {
        None => return plan::run(&args),
        Some(Part::Serve { .. } | Part::Live { .. }) => Place::Server,
        Some(Part::Contest { .. }) => Place::Contestant,
    };
    measure::keep_to(place);
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(args))
}

async fn run(args: Args) -> Result<()> {
    match args.part {
        Some(Part::Serve { case }) => server::serve(&serde_json::from_str(&case)?).await,
        Some(Part::Live { setup }) => live::serve(serde_json::from_str(&setup)?).await,
        Some(Part::Contest { contestant, case, endpoint }) => {
            let used = contest(serde_json::from_str(&format!("{contestant:?}"))?, &serde_json::from_str(&case)?, &endpoint).await?;
            println!("{}", serde_json::to_string(&used)?);
            Ok(())
        }
        None => Ok(()),
    }
}

async fn contest(contestant: Contestant, case: &Case, endpoint: &str) -> Result<Used> {
    match contestant {
        Contestant::Tripline => contestant::tripline::run(case, endpoint).await,
        Contestant::Native => contestant::native::run(case, endpoint).await,
        Contestant::Node => contestant::node::run(case, endpoint),
        Contestant::Floor => contestant::floor::run(case, endpoint).await,
    }
}
