//! `cargo xtask bench`: what a change costs, against named baselines, in one run on one machine.
//!
//! Always holds: every contestant is a process of its own that reads all pages of a server in another; only ratios of one run are compared.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool: tables are what it prints")]

mod body;
mod case;
mod contestant;
mod measure;
mod plan;
mod process;
mod report;
mod server;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::case::Case;
use crate::measure::Used;
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

/// What the benchmark starts of itself.
#[derive(Debug, Subcommand)]
#[command(hide = true)]
enum Part {
    Serve { case: String },
    Contest { contestant: String, case: String, endpoint: String },
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    match &args.part {
        Some(Part::Serve { case }) => server::serve(&serde_json::from_str(case)?).await,
        Some(Part::Contest { contestant, case, endpoint }) => {
            let used = contest(serde_json::from_str(&format!("{contestant:?}"))?, &serde_json::from_str(case)?, endpoint).await?;
            println!("{}", serde_json::to_string(&used)?);
            Ok(())
        }
        None => plan::run(&args),
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
