//! `tripline inspect`: what a plugin is and what it wants.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use tripline_runtime::EngineConfig;

use super::output;
use crate::config::PluginRef;
use crate::plugins;

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// A component's file, or `bundled:NAME`.
    plugin: String,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Compile it anew, and keep nothing under $XDG_CACHE_HOME/tripline (or ~/.cache/tripline).
    #[arg(long)]
    no_cache: bool,
}

#[derive(Serialize)]
struct Report {
    plugin: String,
    sha256: String,
    size_bytes: usize,
    contract: String,
    /// From its bytes to what could be called.
    load_ms: f64,
    /// It was compiled earlier.
    cached: bool,
    /// What it imports of that which must be granted. Components of Python and QuickJS import all of it, used or not.
    asks_for: Vec<&'static str>,
    imports: Vec<String>,
    exports: Vec<String>,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let plugin = match options.plugin.strip_prefix("bundled:") {
        Some(name) => PluginRef::Bundled(name.to_owned()),
        None => PluginRef::File(PathBuf::from(&options.plugin)),
    };
    let at = || format!("plugin `{}`", options.plugin);
    let source = plugins::source(&plugin).map_err(anyhow::Error::msg).with_context(at)?;
    let engine = plugins::engine_of_command(EngineConfig::default(), !options.no_cache)?;
    // Its text has its causes already.
    let plugin = source.load(&engine).await.map_err(|error| anyhow::Error::msg(error.to_string())).with_context(at)?;
    let report = Report {
        plugin: options.plugin.clone(),
        sha256: plugin.version().to_string(),
        size_bytes: plugin.size_bytes(),
        contract: format!("tripline:trigger@{}", plugin.contract_version()),
        load_ms: plugin.loading().took.as_micros() as f64 / 1000.0,
        cached: plugin.loading().cached,
        asks_for: plugin.asks_for().into_iter().map(|capability| capability.as_grant()).collect(),
        imports: plugin.imports().to_vec(),
        exports: plugin.exports().to_vec(),
    };
    if options.json { output::json(&report) } else { print(&report) }
}

fn print(report: &Report) -> Result<()> {
    let grants = if report.asks_for.is_empty() { "nothing".to_owned() } else { report.asks_for.join(", ") };
    let rows = [
        ("plugin", output::tame(&report.plugin)),
        ("sha256", report.sha256.clone()),
        ("size", format!("{} bytes", report.size_bytes)),
        ("contract", report.contract.clone()),
        ("loaded", format!("in {:.1} ms{}", report.load_ms, if report.cached { ", compiled earlier" } else { ", compiling included" })),
        ("asks for grants", grants),
    ];
    for (name, value) in rows {
        output::line(&format!("{name:16} {value}"))?;
    }
    for (name, interfaces) in [("imports", &report.imports), ("exports", &report.exports)] {
        for (at, interface) in interfaces.iter().enumerate() {
            output::line(&format!("{:16} {}", if at == 0 { name } else { "" }, output::tame(interface)))?;
        }
    }
    Ok(())
}
