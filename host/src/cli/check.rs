//! `tripline check`: the whole config and every plugin, all faults in one go. Asks nobody on the network.

use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use serde::Serialize;
use tripline_core::delivery::Origin;
use tripline_core::signal::Silence;
use tripline_runtime::{Engine, Plugin};

use super::{ConfigFile, output};
use crate::app::{StartError, engine_config};
use crate::config::{Config, TriggerConfig};
use crate::plugins;

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    triggers: Vec<TriggerReport>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct TriggerReport {
    trigger: String,
    stream: String,
    view: &'static str,
    plugin_version: String,
    asks_for: Vec<Asked>,
}

#[derive(Serialize)]
struct Asked {
    capability: &'static str,
    granted: bool,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let config = options.file.load()?;
    let engine = Engine::new(engine_config(&config))?;
    let mut report = Report { triggers: Vec::new(), warnings: config.warnings.clone() };
    let mut faults = Vec::new();
    for (name, plugin) in plugins::load(&config, &engine).await {
        let trigger = &config.triggers[&name];
        match verify(&config, trigger, plugin).await {
            Ok(verified) => report.triggers.push(verified),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(StartError(faults).into());
    }
    if options.json { output::json(&report) } else { print(&report) }
}

async fn verify(config: &Config, trigger: &TriggerConfig, plugin: Result<Plugin, String>) -> Result<TriggerReport, String> {
    let plugin = plugin?;
    let context = plugins::unconnected(trigger, Arc::new(Silence));
    plugins::probe(trigger, &plugin, &origin(config, trigger), &context).await?;
    let asked = plugins::asked_and_granted(&plugin, &trigger.grants).into_iter();
    Ok(TriggerReport {
        trigger: trigger.name.to_string(),
        stream: trigger.stream.to_string(),
        view: trigger.view.kind.as_config(),
        plugin_version: plugin.version().to_string(),
        asks_for: asked.map(|(capability, granted)| Asked { capability: capability.as_grant(), granted }).collect(),
    })
}

/// The stream's ARN is not known before it is asked for.
fn origin(config: &Config, trigger: &TriggerConfig) -> Arc<Origin> {
    let stream = &config.streams[&trigger.stream];
    Arc::new(Origin {
        trigger: trigger.name.clone(),
        table: stream.table.as_str().into(),
        region: stream.connection.region.as_deref().unwrap_or_default().into(),
        stream: "".into(),
        view: trigger.view.clone(),
    })
}

fn print(report: &Report) -> Result<()> {
    let row = |trigger: &TriggerReport| {
        let asked = |asked: &Asked| format!("{}{}", asked.capability, if asked.granted { "" } else { " (denied)" });
        let asks_for: Vec<_> = trigger.asks_for.iter().map(asked).collect();
        let version = trigger.plugin_version.get(..12).unwrap_or_default().to_owned();
        vec![trigger.trigger.clone(), trigger.stream.clone(), trigger.view.to_owned(), version, asks_for.join(", ")]
    };
    let rows: Vec<_> = report.triggers.iter().map(row).collect();
    output::table(&["TRIGGER", "STREAM", "VIEW", "PLUGIN", "ASKS FOR"], &rows)?;
    report.warnings.iter().try_for_each(|warning| output::line(&format!("warning: {warning}")))?;
    output::line("ok: the config and its plugins are sound (streams, targets and mail servers are asked when it runs)")
}
