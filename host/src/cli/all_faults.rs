//! What is wrong with a config and with its plugins, in one go.
//!
//! Always holds: a plugin is looked at wherever the config can be read well enough to know which one it is. It is called only where nothing is wrong with
//! its trigger: its settings may be at fault.

use std::fmt;

use tripline_runtime::Engine;

use super::check::probe;
use crate::config::{Config, Fault, Faults};
use crate::plugins::{self, PluginFault};

#[derive(Debug)]
pub(crate) struct AllFaults {
    pub(crate) config: Faults,
    pub(crate) plugins: Vec<PluginFault>,
}

impl AllFaults {
    /// `config`: as far as it can be read.
    pub(crate) async fn of(faults: Faults, config: &Config) -> Self {
        let plugins = match plugins::engine(config, plugins::Cache::Found) {
            Ok(engine) => of_plugins(&faults, config, &engine).await,
            // Without an engine nothing is known of plugins; that there is none shows when the config is mended.
            Err(_) => Vec::new(),
        };
        Self { config: faults, plugins }
    }
}

async fn of_plugins(faults: &Faults, config: &Config, engine: &Engine) -> Vec<PluginFault> {
    let mut found = Vec::new();
    for (name, plugin) in plugins::load(config, engine).await {
        let trigger = &config.triggers[&name];
        let key = format!("triggers.{name}");
        let is_its = |fault: &Fault| {
            fault
                .key
                .strip_prefix(&key)
                .is_some_and(|rest| !rest.starts_with(|c: char| c == '-' || c.is_alphanumeric()))
        };
        let may_be_called = config.streams.contains_key(&trigger.stream) && !faults.iter().any(is_its);
        let probed = match plugin {
            Ok(plugin) if may_be_called => probe(config, trigger, &plugin).await,
            loaded => loaded.map(drop),
        };
        found.extend(probed.err());
    }
    found
}

impl fmt::Display for AllFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.config.lines())?;
        for fault in &self.plugins {
            writeln!(f, "error: {fault}")?;
        }
        f.write_str(&self.config.count())?;
        match self.plugins.len() {
            0 => Ok(()),
            1 => f.write_str(", and 1 of a plugin"),
            count => write!(f, ", and {count} of plugins"),
        }
    }
}

impl std::error::Error for AllFaults {}
