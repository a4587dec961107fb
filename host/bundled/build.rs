//! Builds the bundled plugins for wasm32-wasip2, with the cargo that builds this crate.
//!
//! Invariant: a plugin that does not build fails this build. The plugins have a target directory of their own, since the outer
//! cargo holds the lock of the other; it is shared by all profiles, so that check, clippy and test build them once.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a build script talks to cargo by printing")]

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "plugin";
const PLUGINS: [&str; 3] = ["cross-region-writer", "analytics-counter", "notification-mailer"];
/// Built where cargo's feature of that name is on.
const ON_DEMAND: [(&str, &str); 2] = [("CARGO_FEATURE_FIXTURE", "fixture"), ("CARGO_FEATURE_BENCH", "two-attributes")];

/// The stack is the first megabyte. Each growth of the memory is a call of the kernel in every batch, and most batches fit into a second one.
const LINK: &str = "-Clink-arg=--initial-memory=2097152";

/// What components are made of, from the workspace's root.
const SOURCES: [&str; 9] = [
    "plugins/cross-region-writer",
    "plugins/analytics-counter",
    "plugins/notification-mailer",
    "host/runtime/tests/fixture",
    "host/bench/plugin",
    "sdk/rust",
    "wit",
    "Cargo.toml",
    "Cargo.lock",
];

/// What the outer cargo, or clippy through it, sets for its own build and the inner one must not see.
const OUTER: [&str; 6] =
    ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "CLIPPY_ARGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("the bundled plugins were not built: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    println!("cargo::rerun-if-changed=build.rs");

    let out = PathBuf::from(env::var("OUT_DIR")?);
    let target_dir = plugin_target_dir(&out);
    let on_demand = ON_DEMAND.into_iter().filter(|(feature, _)| env::var_os(feature).is_some());
    let packages: Vec<_> = PLUGINS.into_iter().chain(on_demand.map(|(_, package)| package)).collect();

    fs::write(out.join("wit.rs"), wit(&root.join("wit"))?)?;
    check_target()?;
    build(&root, &target_dir, &packages)?;
    for package in packages {
        let file = format!("{}.wasm", package.replace('-', "_"));
        let built = target_dir.join(TARGET).join(PROFILE).join(file);
        let kept = out.join(format!("{package}.wasm"));
        fs::copy(&built, &kept).map_err(|error| format!("copying {}: {error}", built.display()))?;
    }
    Ok(())
}

/// A Rust slice of the contract's files: path, text.
fn wit(folder: &Path) -> Result<String, Box<dyn Error>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(open) = folders.pop() {
        for entry in fs::read_dir(open)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wit") {
                files.push(path);
            }
        }
    }
    files.sort();
    let row = |file: &PathBuf| Ok(format!("({:?}, include_str!({file:?})),\n", file.strip_prefix(folder)?));
    let rows = files.iter().map(row).collect::<Result<String, Box<dyn Error>>>()?;
    Ok(format!("&[\n{rows}]\n"))
}

/// `plugins` in the target directory, wherever that is: cargo marks it with a CACHEDIR.TAG.
fn plugin_target_dir(out: &Path) -> PathBuf {
    let target = out.ancestors().find(|directory| directory.join("CACHEDIR.TAG").exists());
    target.unwrap_or(out).join("plugins")
}

/// Without this, the first sign of a missing target is `can't find crate for core`.
fn check_target() -> Result<(), Box<dyn Error>> {
    let rustc = env::var("RUSTC")?;
    let output = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output()?;
    let directory = String::from_utf8(output.stdout)?;
    if output.status.success() && Path::new(directory.trim()).is_dir() {
        return Ok(());
    }
    Err(format!("Rust's target {TARGET} is not installed. Run `rustup target add {TARGET}`, then build again").into())
}

fn build(root: &Path, target_dir: &Path, packages: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut cargo = Command::new(env::var("CARGO")?);
    cargo.current_dir(root).args(["build", "--locked", "--target", TARGET, "--profile", PROFILE]);
    cargo.arg("--target-dir").arg(target_dir);
    for package in packages {
        cargo.args(["--package", package]);
    }
    for variable in OUTER {
        cargo.env_remove(variable);
    }
    cargo.env("CARGO_ENCODED_RUSTFLAGS", LINK);
    // Whatever it prints here would be read as instructions for the outer cargo. What went wrong is on stderr.
    let status = cargo.stdout(Stdio::null()).status()?;
    if !status.success() {
        return Err(format!("cargo ended with {status}; its messages are above").into());
    }
    Ok(())
}
