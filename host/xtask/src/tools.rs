//! What tests need that cargo does not build: a Python environment under target/tools/venv, as requirements.txt pins it, and programs
//! of Debian packages (`debian`).
//!
//! Always holds: the stamp is written last, so an environment that is half made is made again.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::command::{program, run, target_dir};
use crate::{debian, node};

const REQUIREMENTS: &str = include_str!("../requirements.txt");

/// Makes what is missing; returns the folder that tests find in `TRIPLINE_TOOLS`.
pub(crate) fn ensure() -> Result<PathBuf> {
    let tools = target_dir().join("tools");
    ensure_venv(&tools)?;
    debian::ensure(&tools)?;
    Ok(tools)
}

/// And what makes components of other languages.
pub(crate) fn ensure_languages() -> Result<PathBuf> {
    let tools = ensure()?;
    node::ensure(&tools)?;
    Ok(tools)
}

fn ensure_venv(tools: &Path) -> Result<()> {
    let venv = tools.join("venv");
    let stamp = venv.join("stamp");
    // The place is part of it: scripts in an environment name it, so one that was moved is broken.
    let wanted = format!("{}\n{REQUIREMENTS}", venv.display());
    if fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == wanted) && python_runs(&venv) {
        return Ok(());
    }
    check_python()?;
    fs::create_dir_all(tools).with_context(|| format!("cannot make {}", tools.display()))?;
    let requirements = tools.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS).with_context(|| format!("cannot write {}", requirements.display()))?;
    run("tools", program("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    let mut pip = program(python(&venv));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    run("tools", pip.arg(&requirements))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

fn python(venv: &Path) -> PathBuf {
    venv.join("bin/python")
}

/// The system's Python may have gone since.
fn python_runs(venv: &Path) -> bool {
    program(python(venv)).arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Debian keeps `venv` in a package of its own.
fn check_python() -> Result<()> {
    let probe = program("python3").args(["-c", "import ensurepip, venv"]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        bail!("tests need Python 3 with venv. On Debian or Ubuntu: `sudo apt-get install python3-venv`; then repeat");
    }
    Ok(())
}
