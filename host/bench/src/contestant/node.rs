//! The same loop in JavaScript, on the AWS SDK v3: what a Lambda function's own runtime would parse.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::case::Case;
use crate::measure::Used;

/// Set by `cargo xtask bench`, which installs the SDK there.
const FOLDER: &str = "TRIPLINE_BENCH_NODE";

pub(crate) fn is_there() -> bool {
    env::var_os(FOLDER).is_some()
}

pub(crate) fn run(case: &Case, endpoint: &str) -> Result<Used> {
    let folder = PathBuf::from(env::var_os(FOLDER).with_context(|| format!("{FOLDER} is not set: run `cargo xtask bench`"))?);
    let mut node = Command::new("node");
    node.current_dir(&folder)
        .arg(folder.join("consumer.mjs"))
        .args([endpoint, crate::case::REGION, &case.changes().to_string()]);
    let output = node.output().context("node cannot be started: install it, 20 or newer")?;
    if !output.status.success() {
        bail!("the node consumer failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).context("the node consumer printed no result")
}
