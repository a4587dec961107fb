//! `tripline componentize`: a core module in, a plugin out.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};

use super::output;
use super::whole::{self, Target as Written};
use crate::componentize::{self, Adapter, Target};

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// The core module that a compiler made.
    #[arg(value_name = "CORE.wasm")]
    core: PathBuf,
    /// The plugin's file; `-` is stdout.
    #[arg(short, long, value_name = "OUT.wasm")]
    output: PathBuf,
    /// A folder with the contract's WIT; without it, the contract that this host speaks.
    #[arg(long, value_name = "DIR")]
    wit: Option<PathBuf>,
    /// The world of it; `plugin-with-http` by default, or the only one of --wit.
    #[arg(long)]
    world: Option<String>,
    /// What adapts WASI preview 1 where the module imports that.
    #[arg(long, value_enum, default_value = "reactor")]
    adapter: AdapterOption,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum AdapterOption {
    Reactor,
    None,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let core = std::fs::read(&options.core).with_context(|| format!("{}: cannot be read: check the path", options.core.display()))?;
    let adapter = match options.adapter {
        AdapterOption::Reactor => Adapter::Reactor,
        AdapterOption::None => Adapter::None,
    };
    let target = Target { wit: options.wit.as_deref(), world: options.world.as_deref(), adapter };
    let component = componentize::componentize(&core, target).map_err(|error| anyhow!("{}: {error}", options.core.display()))?;
    let at = || format!("{}: cannot be written", options.output.display());
    if options.output == Path::new("-") {
        let mut out = std::io::stdout().lock();
        return out.write_all(&component).and_then(|()| out.flush()).with_context(at);
    }
    match whole::write(&options.output, &component).with_context(at)? {
        Written::File => {
            let file = output::tame(&options.output.display().to_string());
            output::line(&format!("{file}: a component of {} bytes", component.len()))
        }
        // It may be stdout, where nothing else belongs.
        Written::Device => Ok(()),
    }
}
