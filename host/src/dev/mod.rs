//! `tripline dev`: an author's loop. A table, a build with every save, and what the plugin does, as it does it.
//!
//! Always holds: it runs the service that `tripline run` runs, which reloads plugins by itself. What is wrong, in a build, a config or a plugin, is said
//! and waits for a save; what served before goes on. What it starts ends with it.

mod build;
mod items;
mod live;
mod onlooker;
mod place;
mod play;
mod sources;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::Client;
use clap::Args;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tripline_core::name::{StreamName, TriggerName};

use crate::app::App;
use crate::aws::Aws;
use crate::cli::{ConfigFile, Quiet, StopSignals, complain, output};
use crate::config::{Config, DevConfig, KeyType, PluginRef, StreamConfig, is_loopback};
use crate::rehearsal::Events;

use onlooker::{Done, Onlooker, Reload};
use place::Place;
use play::Player;
use sources::{Print, Saved, Sources};

/// What a secret is where the environment has none: mail goes into files here.
const NO_SECRET: &str = "dev";

#[derive(Args, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    file: ConfigFile,
    /// Recorded changes to play with each save, in place of those that `[dev]` names.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Changes in a batch, at most, so that each change's logs are its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    batch: u16,
    /// Build, play the recorded changes, and exit: with 0 where all of them were handled.
    #[arg(long)]
    once: bool,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let mut signals = StopSignals::listen()?;
    let stop = CancellationToken::new();
    let working = work(options, stop.clone());
    tokio::pin!(working);
    tokio::select! {
        ended = &mut working => return ended,
        () = signals.next() => {}
    }
    stop.cancel();
    tokio::select! {
        ended = working => ended,
        () = signals.next() => bail!("stopped at the second signal, before what was under way had finished"),
    }
}

/// What comes after a session.
enum Next {
    Again { build: bool },
    Done,
}

/// How a build ended.
enum Built {
    Good(Duration),
    Bad,
    /// By another save.
    Overtaken,
    Stopped,
}

struct Desk<'o> {
    options: &'o Options,
    stop: CancellationToken,
    /// Made at the first need; its tables outlive a config.
    place: Option<Place>,
    /// The command of the last build, where that was a good one.
    built: RefCell<Option<String>>,
    begun: Instant,
}

/// A host that is ready to run, and what is known of it.
struct Ready {
    app: App,
    config: Config,
    /// The config's own; ours is below it.
    data_dir: PathBuf,
    /// The plugins that are watched, by how the host calls them.
    plugins: BTreeMap<String, PathBuf>,
    player: Option<Player>,
    /// Triggers of the played table that are to handle what is played.
    followers: Vec<TriggerName>,
    reloads: mpsc::Receiver<Reload>,
    done: watch::Receiver<Done>,
}

/// What is said by this command, and not by a plugin or a build.
fn say(text: &str) -> Result<()> {
    output::line(&format!("-- {text}"))
}

async fn work(options: &Options, stop: CancellationToken) -> Result<()> {
    let mut desk = Desk { options, stop, place: None, built: RefCell::default(), begun: Instant::now() };
    let mut build = true;
    while let Next::Again { build: again } = desk.session(build).await? {
        build = again;
    }
    Ok(())
}

impl Desk<'_> {
    fn config_file(&self) -> &Path {
        &self.options.file.config
    }

    /// From a config, as it is now, until another is saved.
    async fn session(&mut self, build: bool) -> Result<Next> {
        let dev = match Config::load_dev(self.config_file()) {
            Ok(dev) => dev,
            Err(faults) => {
                let sources = Sources::new(vec![self.config_file().to_owned()], None);
                let print = sources.print();
                return self.until_saved(&faults.into(), &sources, &print).await;
            }
        };
        let sources = self.sources(&dev, None);
        let print = sources.print();
        let mut took = None;
        let is_built = *self.built.borrow() == dev.build;
        if let (Some(command), true) = (&dev.build, build || !is_built) {
            match self.build(command, &sources, &print).await? {
                Built::Good(built) => took = Some(built),
                Built::Bad => return self.until_saved(&anyhow::Error::msg("nothing serves yet"), &sources, &print).await,
                Built::Overtaken => return Ok(Next::Again { build: true }),
                Built::Stopped => return Ok(Next::Done),
            }
        }
        let stop = self.stop.clone();
        let ready = tokio::select! {
            ready = self.prepare(&dev) => ready,
            () = stop.cancelled() => return Ok(Next::Done),
        };
        match ready {
            Ok(ready) => self.serve(ready, (print, took)).await,
            Err(error) => self.until_saved(&error, &sources, &print).await,
        }
    }

    fn sources(&self, dev: &DevConfig, data_dir: Option<&Path>) -> Sources {
        let paths = dev.watch.iter().cloned().chain([self.config_file().to_owned()]).chain(self.events(dev));
        Sources::new(paths.collect(), data_dir)
    }

    fn events(&self, dev: &DevConfig) -> Option<PathBuf> {
        self.options.events.clone().or_else(|| dev.events.clone())
    }

    /// Says what is wrong, and waits for somebody to do something about it.
    async fn until_saved(&self, error: &anyhow::Error, sources: &Sources, print: &Print) -> Result<Next> {
        if !error.is::<Quiet>() {
            complain(error);
        }
        if self.options.once {
            return Err(Quiet.into());
        }
        say("waiting for a save")?;
        tokio::select! {
            saved = sources.changed(print) => Ok(Next::Again { build: !self.is_config_alone(&saved) }),
            () = self.stop.cancelled() => Ok(Next::Done),
        }
    }

    /// A build never reads it.
    fn is_config_alone(&self, saved: &Saved) -> bool {
        saved.files.iter().all(|file| file == self.config_file())
    }

    async fn build(&self, command: &str, sources: &Sources, print: &Print) -> Result<Built> {
        say(&format!("building: {}", output::tame(command)))?;
        self.built.replace(None);
        let begun = Instant::now();
        let dir = self.config_file().parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        tokio::select! {
            status = build::build(command, dir) => {
                let (status, took) = (status?, begun.elapsed());
                if status.success() {
                    self.built.replace(Some(command.to_owned()));
                    return Ok(Built::Good(took));
                }
                say(&format!("the build failed ({status}), in {:.2} s; what it says is above", took.as_secs_f64()))?;
                Ok(Built::Bad)
            }
            _ = sources.changed(print), if !self.options.once => {
                say("saved again: this build is given up")?;
                Ok(Built::Overtaken)
            }
            () = self.stop.cancelled() => Ok(Built::Stopped),
        }
    }

    /// Builds the host on tables of our own.
    async fn prepare(&mut self, dev: &DevConfig) -> Result<Ready> {
        let missing = RefCell::new(BTreeSet::new());
        let env = |name: &str| {
            std::env::var(name).ok().filter(|value| !value.is_empty()).or_else(|| {
                missing.borrow_mut().insert(name.to_owned());
                Some(NO_SECRET.to_owned())
            })
        };
        let mut config = Config::load(self.config_file(), &env)?;
        config.warnings.iter().try_for_each(|warning| output::line(&format!("warning: {warning}")))?;
        missing
            .borrow()
            .iter()
            .try_for_each(|name| say(&format!("the environment has no {name}: it is taken to be `{NO_SECRET}`")))?;
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
            .and_then(|(events, stream)| Some((stream.table.clone(), keys(events)?)));
        let data_dir = config.host.data_dir.clone();
        if self.place.is_none() {
            self.place = Some(Place::claim(&data_dir).await?);
        }
        if let Some(place) = &mut self.place {
            place.embed(&mut config, keys.as_ref().map(|(table, keys)| (table.as_str(), keys.clone()))).await?;
        }
        let played = followed.as_ref().map(|stream| stream.name.clone());
        let player = match (events, followed) {
            (Some(events), Some(stream)) => player(&config, &stream.name, events).await?,
            _ => None,
        };
        let played = played.filter(|_| player.is_some());
        let followers = config
            .triggers
            .values()
            .filter(|trigger| !trigger.paused && played.as_ref() == Some(&trigger.stream));
        let followers = followers.map(|trigger| trigger.name.clone()).collect();
        let plugins = config.triggers.values().filter(|trigger| trigger.sha256.is_none());
        let plugins = plugins.filter_map(|trigger| match &trigger.plugin {
            PluginRef::File(path) => Some((path.display().to_string(), path.clone())),
            PluginRef::Bundled(_) => None,
        });
        let plugins = plugins.collect();
        let (onlooker, reloads, done) = Onlooker::new(config.triggers.len() > 1);
        let app = App::build_before(&config, Some(Arc::new(onlooker))).await?;
        Ok(Ready { app, data_dir, plugins, player, followers, reloads, done, config })
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

/// Names and types, in the order in which the first change has them.
fn keys(events: &Events) -> Option<Vec<(String, KeyType)>> {
    let json = events.changes().first()?.keys_json();
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).ok()?;
    let kind = |value: &serde_json::Value| match value.as_object()?.keys().next()?.as_str() {
        "N" => Some(KeyType::Number),
        "B" => Some(KeyType::Binary),
        _ => Some(KeyType::String),
    };
    let mut keys: Vec<_> = fields.iter().filter_map(|(name, value)| Some((name.clone(), kind(value)?))).collect();
    keys.sort_by_key(|(name, _)| json.find(&serde_json::Value::from(name.as_str()).to_string()));
    Some(keys)
}

/// None where the table is not on this machine: recorded changes are written into no other.
async fn player(config: &Config, stream: &StreamName, events: PathBuf) -> Result<Option<Player>> {
    let stream = &config.streams[stream];
    if !stream.connection.endpoint.as_deref().is_some_and(is_loopback) {
        say(&format!("table `{}` is not on this machine: no recorded change is written into it", stream.table))?;
        return Ok(None);
    }
    let client = Client::new(&Aws::new().config(&stream.connection).await);
    Ok(Some(Player { client, table: stream.table.clone(), events }))
}
