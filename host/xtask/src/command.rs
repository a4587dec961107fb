//! Running other programs: from the workspace's root, with the environment of a shell rather than that of `cargo run`.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

/// `cargo run` describes xtask to us in variables with these beginnings. A build script that watches one of them (ring's does)
/// would run again each time that the same build is begun from a shell.
const OF_CARGO_RUN: [&str; 2] = ["CARGO_MANIFEST_", "CARGO_PKG_"];

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    // At run time, since a checkout may have moved after xtask was built.
    let xtask = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let xtask = PathBuf::from(xtask);
    xtask.ancestors().nth(2).unwrap_or(&xtask).to_path_buf()
}

/// Where cargo builds.
pub(crate) fn target_dir() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = program(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    command
}

pub(crate) fn program(name: impl Into<OsString>) -> Command {
    let mut command = Command::new(name.into());
    command.current_dir(root());
    for (variable, _) in env::vars_os() {
        if OF_CARGO_RUN.iter().any(|prefix| variable.to_string_lossy().starts_with(prefix)) {
            command.env_remove(variable);
        }
    }
    command
}

/// Runs `command` to its end and says how long it took.
pub(crate) fn run(step: &str, command: &mut Command) -> Result<()> {
    let line = shown(command);
    eprintln!("==> {step}: {line}");
    let began = Instant::now();
    let status = command.status().with_context(|| format!("`{step}` could not be run: {line}"))?;
    let took = began.elapsed().as_secs_f64();
    if !status.success() {
        bail!("`{step}` failed after {took:.1} s with {status}; what it says is above. The command: {line}");
    }
    eprintln!("==> {step}: done in {took:.1} s");
    Ok(())
}

/// Becomes `command`: signals, exit status, stdin and stdout are its own from here on. Returns only what kept it from that.
pub(crate) fn hand_over(mut command: Command) -> anyhow::Error {
    let line = shown(&command);
    anyhow::Error::new(command.exec()).context(format!("could not be run: {line}"))
}

pub(crate) fn is_installed(name: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

fn shown(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
