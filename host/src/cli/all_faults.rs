//! What is wrong with a config and with its plugins, in one go.
//!
//! Always holds: a plugin is looked at wherever the config can be read well enough to know which one it is. It is loaded and not called: its trigger's
//! settings may be what is wrong.

use std::fmt;

use crate::config::{Config, Faults};
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
            Ok(engine) => plugins::load(config, &engine).await.into_values().filter_map(Result::err).collect(),
            // Without an engine nothing is known of plugins; that there is none shows when the config is mended.
            Err(_) => Vec::new(),
        };
        Self { config: faults, plugins }
    }
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
