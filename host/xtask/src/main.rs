//! What a developer runs: `cargo xtask demo | test | crash | sim | mutants | plugins | bench | languages | fuzz | deny`. Sets up what it needs, then hands over to cargo.
//!
//! Always holds: stdout belongs to the command that is run, progress goes to stderr; a step that fails ends the run with a
//! message and an exit status that is not zero; what is set up already is not set up again.

#![allow(clippy::print_stderr, reason = "a command-line tool: progress is what it prints")]

mod bench;
mod command;
mod debian;
mod fuzz;
mod languages;
mod node;
mod test;
mod tools;
mod wasm;

use std::env;
use std::process::ExitCode;

use anyhow::Result;

use crate::command::{cargo, hand_over, run};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  demo [--release] [ARGS…]   build all that the demo needs, then `tripline demo ARGS…`
  test [FILTER…]             format, clippy and every test; with FILTER only the tests whose names contain one of them
  crash [ARGS…]              kill the host under traffic, `--rounds N [--seed S] [--json]`, and verify what it has done
  sim [ARGS…]                seeded runs of core in virtual time: `--seeds N --first SEED`, `--trace` for one
  mutants [ARGS…]            deliberate bugs in core, each until the simulator finds it
  plugins                    build the bundled plugins to WebAssembly
  bench [ARGS…]              what a change costs, against a native consumer, a node consumer and the floor
  languages [ARGS…]          what a plugin costs in each language: size, builds, loading, changes a second
  fuzz [TARGET] [--seconds N]  fuzz what reads bytes that others wrote; all targets, 60 seconds each
  deny                       check licences, banned and foreign crates with cargo-deny
";

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let done = match command.as_str() {
        "demo" => demo(rest),
        "test" => test::test(&rest),
        "crash" => crash(rest),
        "sim" => simulate(&[], rest),
        "mutants" => simulate(&["--features", "mutants"], [vec!["mutants".to_owned()], rest].concat()),
        "plugins" => plugins(),
        "bench" => bench::bench(&rest),
        "languages" => languages::languages(&rest),
        "deny" => deny(),
        "fuzz" => fuzz::fuzz(&rest),
        "help" | "--help" | "-h" => {
            eprint!("{USAGE}");
            Ok(())
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The dev profile, since it is the faster way from a fresh clone to a demo: dependencies are optimised in it too, and the
/// tests share the build.
fn demo(mut args: Vec<String>) -> Result<()> {
    let release = args.iter().position(|arg| arg == "--release");
    let release = release.map(|at| args.remove(at));
    wasm::ensure_target()?;
    let mut command = cargo(&["run", "--package", "tripline"]);
    command.args(release).args(["--", "demo"]).args(args);
    Err(hand_over(command))
}

/// A test of the binary's own, since only a test has the binary built before it.
fn crash(args: Vec<String>) -> Result<()> {
    wasm::ensure_target()?;
    let tools = tools::ensure()?;
    let mut command = cargo(&["test", "--workspace", "--test", "crash", "--"]);
    command.args(args).env("TRIPLINE_TOOLS", tools);
    Err(hand_over(command))
}

/// Optimised: it is all about how many seeds.
fn simulate(options: &[&str], args: Vec<String>) -> Result<()> {
    let mut command = cargo(&["run", "--quiet", "--release", "--package", "tripline-sim"]);
    command.args(options).arg("--").args(args);
    Err(hand_over(command))
}

fn plugins() -> Result<()> {
    wasm::ensure_target()?;
    run("plugins", &mut cargo(&["build", "--package", "tripline-bundled"]))
}

fn deny() -> Result<()> {
    if !command::is_installed("cargo-deny") {
        anyhow::bail!("cargo-deny is not installed: run `cargo install --locked cargo-deny`, then repeat");
    }
    run("deny", &mut cargo(&["deny", "--workspace", "check", "licenses", "bans", "sources"]))?;
    let fuzz = ["deny", "--manifest-path", "fuzz/Cargo.toml", "--config", "deny.toml", "check", "licenses", "bans", "sources"];
    run("deny: fuzz", &mut cargo(&fuzz))
}
