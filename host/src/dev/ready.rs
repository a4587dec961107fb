//! From a config to a host on tables of our own, with somebody who looks on, and what there is to play.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::Client;
use tokio::sync::{mpsc, watch};
use tripline_core::name::{StreamName, TriggerName};

use super::onlooker::Onlooker;
use super::place::Place;
use super::play::{self, Player};
use super::progress::Progress;
use super::versions::Reload;
use super::{Desk, say};
use crate::app::App;
use crate::aws::Aws;
use crate::cli::output;
use crate::config::{Config, DevConfig, PluginRef, StreamConfig, is_loopback};
use crate::rehearsal::Events;

/// What a secret is where the environment has none: mail goes into files here.
const NO_SECRET: &str = "dev";

/// A host that is ready to run, and what is known of it.
pub(super) struct Ready {
    pub(super) app: App,
    pub(super) config: Config,
    /// The plugins that are watched, by how the host calls them.
    pub(super) plugins: BTreeMap<String, PathBuf>,
    pub(super) played: Option<Playing>,
    pub(super) reloads: mpsc::Receiver<Reload>,
    pub(super) progress: watch::Sender<Progress>,
}

/// What is played, and who handles it.
pub(super) struct Playing {
    pub(super) player: Player,
    pub(super) stream: StreamName,
    pub(super) followers: Vec<TriggerName>,
}

impl Desk<'_> {
    /// Builds the host on tables of our own.
    pub(super) async fn prepare(&mut self, dev: &DevConfig) -> Result<Ready> {
        let mut config = self.config()?;
        config.host.listen.set_port(0);
        for trigger in config.triggers.values_mut() {
            trigger.policy.records_max = trigger.policy.records_max.min(self.options.batch.into());
        }
        let events = self.events(dev);
        let recorded = events.as_deref().map(play::read).transpose()?;
        let followed = recorded.as_ref().map(|events| followed(&config, events)).transpose()?;
        let keys = recorded
            .as_ref()
            .zip(followed.as_ref())
            .and_then(|(events, stream)| Some((stream.table.clone(), play::keys(events)?)));
        if let Some(place) = &mut self.place {
            place.embed(&mut config, keys.as_ref().map(|(table, keys)| (table.as_str(), keys.clone()))).await?;
        }
        let played = match (events, followed) {
            (Some(events), Some(stream)) => self.playing(&config, &stream.name, events).await?,
            _ => None,
        };
        let plugins = config.triggers.values().filter(|trigger| trigger.sha256.is_none());
        let plugins = plugins.filter_map(|trigger| match &trigger.plugin {
            PluginRef::File(path) => Some((path.display().to_string(), path.clone())),
            PluginRef::Bundled(_) => None,
        });
        let plugins = plugins.collect();
        let (onlooker, reloads) = Onlooker::new(config.triggers.len() > 1);
        let (progress, onlooker) = (onlooker.progress(), Arc::new(onlooker));
        let app = App::build_before(&config, Some(onlooker.clone())).await;
        // What a plugin has said of why it cannot serve.
        let app = app.inspect_err(|_| onlooker.rest())?;
        Ok(Ready { app, plugins, played, reloads, progress, config })
    }

    fn config(&self) -> Result<Config> {
        let missing = RefCell::new(BTreeSet::new());
        let env = |name: &str| {
            std::env::var(name).ok().filter(|value| !value.is_empty()).or_else(|| {
                missing.borrow_mut().insert(name.to_owned());
                Some(NO_SECRET.to_owned())
            })
        };
        let config = Config::load(self.config_file(), &env)?;
        config.warnings.iter().try_for_each(|warning| output::line(&format!("warning: {warning}")))?;
        missing
            .borrow()
            .iter()
            .try_for_each(|name| say(&format!("the environment has no {name}: it is taken to be `{NO_SECRET}`")))?;
        Ok(config)
    }

    /// None where the table is not on this machine: recorded changes are written into no other. With --once, somebody has to handle them.
    async fn playing(&self, config: &Config, stream: &StreamName, events: PathBuf) -> Result<Option<Playing>> {
        let StreamConfig { table, connection, .. } = &config.streams[stream];
        let nowhere = || format!("table `{table}` is not on this machine: no recorded change is written into it");
        if !connection.endpoint.as_deref().is_some_and(is_loopback) {
            if self.options.once {
                bail!("{}, and nothing would be tried: leave out its `endpoint`, or run without --once", nowhere());
            }
            say(&nowhere())?;
            return Ok(None);
        }
        let mut followers = config.triggers.values().filter(|trigger| trigger.stream == *stream);
        let paused: Vec<_> = followers.clone().filter(|trigger| trigger.paused).map(|trigger| trigger.name.as_str()).collect();
        if self.options.once && followers.all(|trigger| trigger.paused) {
            let why = if paused.is_empty() { "no trigger follows it" } else { "all its triggers are paused" };
            let which = if paused.is_empty() { String::new() } else { format!(" ({})", paused.join(", ")) };
            bail!("nobody would handle what is played into table `{table}`: {why}{which}: let one follow it, or run without --once");
        }
        let followers = config.triggers.values().filter(|trigger| !trigger.paused && trigger.stream == *stream);
        let followers = followers.map(|trigger| trigger.name.clone()).collect();
        let client = Client::new(&Aws::new().config(connection).await);
        let keys = match play::keys_of(&client, table).await {
            Ok(keys) => keys,
            Err(error) if self.options.once => {
                return Err(error).with_context(|| format!("nothing can be played into table `{table}`: it does not say what it is"));
            }
            // The host says so, and asks again.
            Err(_) => None,
        };
        let is_ours = self.place.as_ref().is_some_and(|place: &Place| place.has(connection, table));
        let is_theirs = is_ours && !config.dev.keys.contains_key(table);
        let player = Player { client, table: table.clone(), events, keys, is_theirs };
        Ok(Some(Playing { player, stream: stream.clone(), followers }))
    }
}

/// The stream whose table the recorded changes are of.
fn followed(config: &Config, events: &Events) -> Result<StreamConfig> {
    let of_arn = events.stream().as_str().split('/').nth(1).unwrap_or_default();
    let mut streams = config.streams.values();
    let found = match (streams.next(), streams.next()) {
        (Some(one), None) => Some(one),
        _ => config.streams.values().find(|stream| stream.table == of_arn),
    };
    let tables = || config.streams.values().map(|stream| stream.table.as_str()).collect::<Vec<_>>().join(", ");
    let remedy = || {
        format!("the recorded changes do not say of which table they are: write its ARN into their eventSourceARN (there are {})", tables())
    };
    found.cloned().with_context(remedy)
}
