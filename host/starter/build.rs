//! Puts the files that projects are made of into the binary: templates, SDKs, the contract.
//!
//! Invariant: what git would not keep (caches, `node_modules`) and what only the SDKs' own tests read stays out. Links are left out too: an SDK's `wit` is
//! a link to the contract, which is embedded once.

#![allow(clippy::print_stdout, reason = "a build script talks to cargo by printing")]

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// From the workspace's root.
const SOURCES: [&str; 9] =
    ["host/starter/templates", "sdk/rust", "sdk/javascript", "sdk/python", "sdk/go", "wit", "Cargo.toml", "rust-toolchain.toml", "LICENSE"];
const NOT_SOURCE: [&str; 7] = ["tests", "test", "__pycache__", "node_modules", "build", "target", ".mypy_cache"];
/// For type checkers of the SDK itself.
const NOT_EMBEDDED: &str = "sdk/python/bindings";

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../..").canonicalize()?;
    let mut files = Vec::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
        collect(&root.join(source), &root.join("sdk"), &mut files)?;
    }
    files.retain(|file| !file.starts_with(root.join(NOT_EMBEDDED)));
    files.sort();
    let row = |file: &PathBuf| Ok(format!("({:?}, include_str!({file:?})),\n", file.strip_prefix(&root)?));
    let rows = files.iter().map(row).collect::<Result<String, Box<dyn Error>>>()?;
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("files.rs"), format!("&[\n{rows}]\n"))?;
    Ok(())
}

fn collect(path: &Path, sdks: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    if path.is_symlink() {
        return Ok(());
    }
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?.path();
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_test = name.ends_with("_test.go") && path.starts_with(sdks);
        if !NOT_SOURCE.contains(&name.as_str()) && !name.ends_with(".egg-info") && !is_test {
            collect(&entry, sdks, files)?;
        }
    }
    Ok(())
}
