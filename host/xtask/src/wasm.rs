//! The target that plugins are compiled for.
//!
//! rust-toolchain.toml names it, but rustup adds it on its own only while `RUSTUP_AUTO_INSTALL` is not 0, and a rustc that
//! comes from elsewhere knows nothing of that file.

use std::env;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::command::{is_installed, program, run};

const TARGET: &str = "wasm32-wasip2";

pub(crate) fn ensure_target() -> Result<()> {
    if has_target()? {
        return Ok(());
    }
    if !is_installed("rustup") {
        bail!(
            "this rustc cannot compile for {TARGET}, and there is no rustup to add that. Install the target the way rustc was \
             installed (with rustup: `rustup target add {TARGET}`), then repeat"
        );
    }
    run("target", program("rustup").args(["target", "add", TARGET]))?;
    if !has_target()? {
        bail!("rustup added {TARGET}, but not for the rustc that is used: see `rustup show` and RUSTC");
    }
    Ok(())
}

/// rustc names the folder whether or not the target is in it.
fn has_target() -> Result<bool> {
    let mut rustc = program(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--print", "target-libdir", "--target", TARGET]);
    let output = rustc.output().context("rustc could not be run: install Rust by rustup, see README.md")?;
    if !output.status.success() {
        bail!("rustc does not know {TARGET}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}
