//! What makes components of JavaScript and TypeScript, under target/tools/npm as npm/package-lock.json pins it.
//!
//! Always holds: the stamp is written last, so what is half there is installed again; packages' own install scripts do not run. Names no registry:
//! npm asks the one that its user has configured, and the lock holds what the packages must hash to.

use std::fs;
use std::path::Path;
use std::process::Output;

use anyhow::{Context as _, Result, bail};

use crate::command::{program, run};

const PACKAGE: &str = include_str!("../npm/package.json");
const LOCK: &str = include_str!("../npm/package-lock.json");
const NODE_MIN: u32 = 20;

pub(crate) fn ensure(tools: &Path) -> Result<()> {
    let folder = tools.join("npm");
    let stamp = folder.join("stamp");
    let wanted = format!("{PACKAGE}{LOCK}");
    if fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == wanted) && folder.join("node_modules").is_dir() {
        return check_node();
    }
    check_node()?;
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, text) in [("package.json", PACKAGE), ("package-lock.json", LOCK)] {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let mut npm = program("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]);
    run("tools", npm.current_dir(&folder))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

fn check_node() -> Result<()> {
    let version = |name: &str| program(name).arg("--version").output().ok().filter(|output| output.status.success());
    let major = version("node").and_then(|output| major(&output));
    if major.is_none_or(|major| major < NODE_MIN) || version("npm").is_none() {
        bail!(
            "tests need Node {NODE_MIN} or later with npm. On Debian or Ubuntu: `sudo apt-get install nodejs npm`, where that is new enough; then repeat"
        );
    }
    Ok(())
}

/// Of `v20.1.0`.
fn major(output: &Output) -> Option<u32> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().trim_start_matches('v').split('.').next()?.parse().ok()
}
