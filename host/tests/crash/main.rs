//! `cargo xtask crash`: the real binary under traffic, killed at random moments, and held against a model after every kill.
//!
//! Always holds: the seed is said first, and repeats the script; the exit status is 0 only where nothing differs. Without arguments it is a test of
//! the default suite, of a few rounds.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and it says what it does"
)]

#[path = "../e2e/compiled.rs"]
#[allow(dead_code, reason = "shared with the other end-to-end tests")]
mod compiled;
#[path = "../e2e/harness.rs"]
#[allow(dead_code, reason = "shared with the other end-to-end tests")]
mod harness;
mod history;
#[path = "../e2e/mails.rs"]
#[allow(dead_code, reason = "shared with the other end-to-end tests")]
mod mails;
#[path = "../e2e/model.rs"]
#[allow(dead_code, reason = "its tests are run with the other end-to-end tests")]
mod model;
#[path = "../e2e/plugin_file.rs"]
mod plugin_file;
#[path = "../../capability/tests/ports/mod.rs"]
mod ports;
mod report;
mod script;
mod trial;

use std::process::ExitCode;

use clap::Parser;

use crate::trial::Trial;

/// The name that filters of the default suite are held against.
const NAME: &str = "crash::a_host_that_is_killed_at_random_moments_is_exact";

/// Kill the real binary at random moments under traffic, and verify counters, replica, mails and dead letters against a model.
#[derive(Debug, Parser)]
#[command(name = "crash", bin_name = "cargo xtask crash")]
struct Options {
    /// How often the host is started and ended.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Repeats a script: traffic, moments, replaced plugins. Without it, a new one.
    #[arg(long)]
    seed: Option<u64>,
    /// Print the summary as one JSON object on stdout; progress goes to stderr.
    #[arg(long)]
    json: bool,
    /// Names of tests, as the default suite's other programs take them: without one that fits, nothing is run.
    #[arg(hide = true)]
    filters: Vec<String>,
    #[arg(long, hide = true)]
    list: bool,
    #[arg(long, hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    test_threads: Option<usize>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.list {
        println!("{NAME}: test");
        return ExitCode::SUCCESS;
    }
    if !options.filters.is_empty() && !options.filters.iter().any(|filter| NAME.contains(filter.as_str())) {
        println!("{NAME}: filtered out");
        return ExitCode::SUCCESS;
    }
    let json = options.json;
    let say = move |line: &str| if json { eprintln!("{line}") } else { println!("{line}") };
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    say(&format!("seed {seed}"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let report = runtime.block_on(async {
        let mut trial = Trial::prepare(seed).await;
        trial.run(options.rounds, &say).await;
        trial.finish().await
    });
    if json {
        println!("{}", serde_json::to_string_pretty(&report).unwrap())
    } else {
        println!("{report}")
    }
    if report.exact { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
