//! `tripline componentize`: a core module in, a plugin out.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};

use super::output;
use crate::componentize::{self, Adapter, Target};

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// The core module that a compiler made.
    #[arg(value_name = "CORE.wasm")]
    core: PathBuf,
    /// The plugin's file.
    #[arg(short, long, value_name = "OUT.wasm")]
    output: PathBuf,
    /// A folder with the contract's WIT; without it, the contract that this host speaks.
    #[arg(long, value_name = "DIR")]
    wit: Option<PathBuf>,
    /// The world of it; `plugin` by default.
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
    write(&options.output, &component)?;
    output::line(&format!("{}: a component of {} bytes", options.output.display(), component.len()))
}

/// Whole or not at all: a host may be watching the file.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let at = || format!("{}: cannot be written", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().permissions(readable()).tempfile_in(folder).with_context(at)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).with_context(at)?;
    file.persist(path).map(drop).with_context(at)
}

/// As a compiler's output is, within what the user's umask lets pass.
fn readable() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o666)
}
