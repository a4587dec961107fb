//! `cargo xtask bench`: the node contestant's SDK into target/tools/bench-node, then the benchmark and the binary that it runs, optimised.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::command::{cargo, hand_over, is_installed, program, root, run, target_dir};
use crate::wasm;

const FILES: [&str; 3] = ["package.json", "package-lock.json", "consumer.mjs"];

pub(crate) fn bench(args: &[String]) -> Result<()> {
    wasm::ensure_target()?;
    // The whole workspace's features, as every other build here: one build of the SDK and of wasmtime serves all.
    run("bench", &mut cargo(&["build", "--release", "--workspace", "--bin", "tripline-bench", "--bin", "tripline"]))?;
    let mut command = program(target_dir().join("release/tripline-bench"));
    command.args(args);
    if is_installed("node") && is_installed("npm") {
        command.env("TRIPLINE_BENCH_NODE", node_consumer()?);
    } else {
        eprintln!("==> bench: without the node contestant, since node and npm are not installed (`apt-get install nodejs npm`)");
    }
    Err(hand_over(command))
}

/// Where the consumer stands beside its installed SDK.
fn node_consumer() -> Result<PathBuf> {
    let folder = target_dir().join("tools/bench-node");
    let lock = folder.join("node_modules/.package-lock.json");
    let is_fresh = FILES.iter().all(|file| is_same(&source(file), &folder.join(file))) && lock.exists();
    if !is_fresh {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for file in FILES {
            fs::copy(source(file), folder.join(file)).with_context(|| format!("cannot copy {file} to {}", folder.display()))?;
        }
        run("bench", program("npm").args(["ci", "--no-audit", "--no-fund", "--prefix"]).arg(&folder))?;
    }
    Ok(folder)
}

fn source(file: &str) -> PathBuf {
    root().join("host/bench/node").join(file)
}

fn is_same(a: &Path, b: &Path) -> bool {
    matches!((fs::read(a), fs::read(b)), (Ok(a), Ok(b)) if a == b)
}
