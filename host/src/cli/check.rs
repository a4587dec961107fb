//! `tripline check`: the whole config and every plugin, all faults in one go.
//!
//! Always holds: nobody on the network is asked, but streams whose triggers' filters depend on what a stream holds; all of them at once, for a few
//! seconds at most, and without an answer nothing fails.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use futures_util::future::join_all;
use serde::Serialize;
use tripline_core::delivery::Origin;
use tripline_core::name::StreamName;
use tripline_core::signal::Silence;
use tripline_runtime::Plugin;

use super::all_faults::AllFaults;
use super::{ConfigFile, Quiet, output};
use crate::app::StartError;
use crate::aws::Aws;
use crate::config::{Config, Fault, Faults, TriggerConfig};
use crate::plugins::PluginFault;
use crate::{plugins, sources};

/// For the answers of all streams.
const ASK_MAX: Duration = Duration::from_secs(5);

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// Ask no stream which images it holds: of filters that name images, nothing is known then.
    #[arg(long)]
    offline: bool,
    /// Print one JSON object, of the faults if there are any.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    triggers: Vec<TriggerReport>,
    warnings: Vec<String>,
    /// What could not be looked at.
    notes: Vec<String>,
}

#[derive(Serialize)]
struct TriggerReport {
    trigger: String,
    stream: String,
    view: &'static str,
    plugin_version: String,
    asks_for: Vec<Asked>,
}

/// What `--json` prints where there are faults.
#[derive(Serialize)]
struct Faulty {
    faults: Vec<FaultReport>,
}

#[derive(Serialize)]
struct FaultReport {
    /// Counted from 1; none where the fault has no place in the file.
    line: Option<usize>,
    column: Option<usize>,
    key: Option<String>,
    what: String,
    remedy: Option<String>,
}

#[derive(Serialize)]
struct Asked {
    capability: &'static str,
    granted: bool,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let config = match options.file.load_with_plugins().await {
        Err(error) if options.json => return Err(print_faults(error)),
        config => config?,
    };
    let engine = plugins::engine(&config, plugins::Cache::Found)?;
    let mut report = Report { triggers: Vec::new(), warnings: config.warnings.clone(), notes: Vec::new() };
    let mut faults = Vec::new();
    for (name, plugin) in plugins::load(&config, &engine).await {
        let trigger = &config.triggers[&name];
        match verify(&config, trigger, plugin).await {
            Ok(verified) => report.triggers.push(verified),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(match options.json {
            true => print_json(faults.iter().map(of_plugin).collect()),
            false => StartError(faults.iter().map(ToString::to_string).collect()).into(),
        });
    }
    if !options.offline {
        look_at_views(&config, &mut report).await;
    }
    if options.json { output::json(&report) } else { print(&report) }
}

/// Filters against what their streams hold.
async fn look_at_views(config: &Config, report: &mut Report) {
    let wanting: Vec<&TriggerConfig> = config.triggers.values().filter(|trigger| trigger.filters_depend_on_view()).collect();
    let streams: BTreeSet<&StreamName> = wanting.iter().map(|trigger| &trigger.stream).collect();
    let aws = Aws::new();
    let asking = streams.into_iter().map(async |name| {
        let found = tokio::time::timeout(ASK_MAX, sources::find(&aws, &config.streams[name])).await;
        let silent = |_| Err(format!("streams.{name}: no answer within {} s", ASK_MAX.as_secs()));
        (name, found.unwrap_or_else(silent).map(|(_, info)| info.view))
    });
    for (name, view) in join_all(asking).await {
        let triggers = wanting.iter().filter(|trigger| trigger.stream == *name);
        match view {
            Ok(view) => report.warnings.extend(triggers.flat_map(|trigger| trigger.filter_warnings(view))),
            Err(reason) => {
                let triggers: Vec<&str> = triggers.map(|trigger| trigger.name.as_str()).collect();
                let note = format!("whether their stream has what the filters of {} ask for is not known: {reason}", triggers.join(", "));
                report.notes.push(note);
            }
        }
    }
}

/// Prints what is wrong, and makes of it a failure that says no more. Another kind of error is handed back.
fn print_faults(error: anyhow::Error) -> anyhow::Error {
    if let Some(faults) = error.downcast_ref::<Faults>() {
        print_json(faults.iter().map(of_file).collect())
    } else if let Some(AllFaults { config, plugins }) = error.downcast_ref() {
        print_json(config.iter().map(of_file).chain(plugins.iter().map(of_plugin)).collect())
    } else {
        error
    }
}

fn print_json(faults: Vec<FaultReport>) -> anyhow::Error {
    output::json(&Faulty { faults }).err().unwrap_or_else(|| Quiet.into())
}

fn of_file(fault: &Fault) -> FaultReport {
    FaultReport {
        line: fault.place.map(|place| place.line),
        column: fault.place.map(|place| place.column),
        key: Some(fault.key.clone()).filter(|key| !key.is_empty()),
        what: fault.what.clone(),
        remedy: Some(fault.remedy.clone()),
    }
}

fn of_plugin(fault: &PluginFault) -> FaultReport {
    let PluginFault { trigger, plugin, what, remedy } = fault;
    FaultReport {
        line: None,
        column: None,
        key: Some(format!("triggers.{trigger}.plugin")),
        what: format!("plugin `{plugin}`: {what}"),
        remedy: remedy.clone(),
    }
}

async fn verify(config: &Config, trigger: &TriggerConfig, plugin: Result<Plugin, PluginFault>) -> Result<TriggerReport, PluginFault> {
    let plugin = plugin?;
    probe(config, trigger, &plugin).await?;
    let asked = plugins::asked_and_granted(&plugin, &trigger.grants).into_iter();
    Ok(TriggerReport {
        trigger: trigger.name.to_string(),
        stream: trigger.stream.to_string(),
        view: trigger.view.kind.as_config(),
        plugin_version: plugin.version().to_string(),
        asks_for: asked.map(|(capability, granted)| Asked { capability: capability.as_grant(), granted }).collect(),
    })
}

/// With nothing connected. The trigger's stream is in the config.
pub(super) async fn probe(config: &Config, trigger: &TriggerConfig, plugin: &Plugin) -> Result<(), PluginFault> {
    let context = plugins::unconnected(trigger, Arc::new(Silence));
    let probed = plugin.probe(&origin(config, trigger), &context).await;
    probed.map_err(|reason| PluginFault::new(trigger, format!("its probe failed: {reason}")))
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
    report.notes.iter().try_for_each(|note| output::line(&format!("note: {note}")))?;
    output::line("ok: the config and its plugins are sound (streams, targets and mail servers are asked when it runs)")
}
