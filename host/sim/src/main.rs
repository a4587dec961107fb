//! `cargo xtask sim`: runs seeds on all cores, and shows the first that breaks a rule. `cargo xtask mutants`: the same for core's deliberate bugs.

#![allow(clippy::print_stdout, reason = "a command-line tool")]

use std::process::ExitCode;
use std::time::Instant;

use tripline_sim::batch::run_all;
use tripline_sim::{run, script};

const USAGE: &str = "\
usage: cargo xtask sim [--seeds N] [--first SEED] [--trace] [--all]
       cargo xtask mutants [--seeds N] [--first SEED]

  --seeds N     so many seeds (1,000)
  --first SEED  from this one on (1)
  --trace       only that one, with all that happens
  --all         go on after a failure, and list them";

/// Lines of the trace that a failure shows.
const TAIL: usize = 150;

#[derive(Debug)]
struct Args {
    seeds: u64,
    first: u64,
    trace: bool,
    /// Goes on after a failure, and counts.
    all: bool,
    #[cfg(feature = "mutants")]
    mutants: bool,
}

fn parse(mut args: impl Iterator<Item = String>) -> Option<Args> {
    let mut parsed = Args {
        seeds: 1_000,
        first: 1,
        trace: false,
        all: false,
        #[cfg(feature = "mutants")]
        mutants: false,
    };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seeds" => parsed.seeds = args.next()?.parse().ok()?,
            "--first" => parsed.first = args.next()?.parse().ok()?,
            "--trace" => parsed.trace = true,
            "--all" => parsed.all = true,
            #[cfg(feature = "mutants")]
            "mutants" => parsed.mutants = true,
            _ => return None,
        }
    }
    Some(parsed)
}

fn main() -> ExitCode {
    let Some(args) = parse(std::env::args().skip(1)) else {
        println!("{USAGE}");
        return ExitCode::from(2);
    };
    #[cfg(feature = "mutants")]
    if args.mutants {
        return mutants(&args);
    }
    if args.trace {
        let run = run(args.first, true);
        println!("{}\n{}", script(args.first), run.trace);
        println!("hash {:016x}, {} events, {}", run.hash, run.events, run.broken.as_deref().unwrap_or("all rules hold"));
        return if run.broken.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let began = Instant::now();
    let done = run_all(args.first, args.seeds, args.all);
    let (seconds, seeds) = (began.elapsed().as_secs_f64(), done.seeds as f64);
    println!("{}", done.coverage);
    println!(
        "{} seeds from {}: {seconds:.1} s, {:.0} seeds/s, {:.0} events/seed",
        done.seeds,
        args.first,
        seeds / seconds,
        done.events as f64 / seeds
    );
    for run in &done.broken {
        println!("seed {}: {}", run.seed, run.broken.as_deref().unwrap_or_default());
    }
    match done.broken.first() {
        Some(first) if !args.all => {
            show(first.seed);
            ExitCode::FAILURE
        }
        Some(_) => {
            println!("{} seeds break a rule", done.broken.len());
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

/// A table, and failure where one survives.
#[cfg(feature = "mutants")]
fn mutants(args: &Args) -> ExitCode {
    let hunts = tripline_sim::mutants::hunt(args.first, args.seeds);
    println!("{:>6}  {:<22} {:<78} broken rule", "seeds", "mutant", "what it does");
    for hunt in &hunts {
        let (seeds, rule) = match &hunt.found {
            Some((seeds, rule)) => (seeds.to_string(), rule.as_str()),
            None => ("-".to_owned(), "NONE: it survives"),
        };
        println!("{seeds:>6}  {:<22} {:<78} {rule:.100}", format!("{:?}", hunt.mutant), hunt.mutant.as_str());
    }
    let survive = hunts.iter().filter(|hunt| hunt.found.is_none()).count();
    println!("{} mutants, {survive} survive {} seeds from {}", hunts.len(), args.seeds, args.first);
    if survive == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The script, and the end of the trace.
fn show(seed: u64) {
    let run = run(seed, true);
    println!("\n{}", script(seed));
    let lines: Vec<&str> = run.trace.lines().collect();
    let from = lines.len().saturating_sub(TAIL);
    println!("… {from} lines before; all: cargo xtask sim --first {seed} --trace\n{}", lines[from..].join("\n"));
    println!("\nseed {seed}: {}", run.broken.as_deref().unwrap_or("all rules hold now"));
}
