//! `tripline compile-worker`: what the host runs to compile a plugin; nobody types it.

use anyhow::Result;
use clap::Args;
use tripline_runtime::{WorkerConfig, compile_as_worker};

use super::Quiet;

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// The key of the host's engine.
    #[arg(long)]
    engine: String,
    /// Seconds of processor time.
    #[arg(long)]
    seconds_max: u64,
    /// Bytes of address space.
    #[arg(long)]
    bytes_max: u64,
    /// How far it gives way.
    #[arg(long)]
    nice: i32,
}

/// The host reads what is said on stderr as the reason: there is no other word.
#[allow(clippy::print_stderr, reason = "stderr is where its parent reads the reason")]
pub(crate) fn run(options: &Options) -> Result<()> {
    let Options { engine, seconds_max, bytes_max, nice } = options;
    let config = WorkerConfig { engine: engine.clone(), seconds_max: *seconds_max, bytes_max: *bytes_max, nice: *nice };
    compile_as_worker(&config).map_err(|reason| {
        eprintln!("{reason}");
        Quiet.into()
    })
}
