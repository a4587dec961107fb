//! `tripline test`: a plugin on recorded changes, and whether it does what is expected of it.
//!
//! Always holds: no network is reached and no secret is read; the same input prints the same bytes. It fails where a change was not handled or, with
//! --expect, where what it prints is not what was expected.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use tripline_capability::http::Allowed;
use tripline_core::delivery::Policy;
use tripline_core::filter::Pattern;
use tripline_core::http::Place;
use tripline_core::name::TriggerName;
use tripline_core::projection::AttributePath;
use tripline_core::start::Start;
use tripline_core::view::{View, ViewType};
use tripline_runtime::Limits;

use super::{Quiet, output, whole};
use crate::config::{self, Config, GrantsConfig, PluginRef, TriggerConfig};
use crate::rehearsal::{self, Answers, Events, Form, Setup};

/// What a trigger of flags is called.
const TRIGGER: &str = "test";
/// As what its mailers send.
const SENDER: &str = "sender@example.com";

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// A component's file, or `bundled:NAME`. With --trigger it may be left out: the trigger's own.
    #[arg(required_unless_present = "trigger")]
    plugin: Option<String>,
    /// The changes: JSON lines as `streams tail --json` prints them, Lambda events, or a list; `-`: standard input.
    #[arg(long, value_name = "FILE")]
    events: PathBuf,
    /// Try a trigger of the config, as it is there.
    #[arg(long, value_name = "NAME")]
    trigger: Option<String>,
    /// The config file of --trigger.
    #[arg(short, long, default_value = "tripline.toml", value_name = "FILE", requires = "trigger")]
    config: PathBuf,
    #[command(flatten)]
    flags: Flags,
    /// Changes in a batch, at most. Without --trigger 1, so that each change's logs and writes are its own.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    batch: Option<u16>,
    /// Answers to the plugin's http requests: [{"method": "POST", "url": "https://api.example.com/*", "status": 201, "body": …}].
    #[arg(long, value_name = "FILE")]
    http: Option<PathBuf>,
    /// Compare with what FILE holds; where it ends in .json or .jsonl, as with --json.
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// Write what this run shows into the file of --expect.
    #[arg(long, requires = "expect")]
    update: bool,
    /// Compile the plugin anew, and keep nothing under $XDG_CACHE_HOME/tripline (or ~/.cache/tripline).
    #[arg(long)]
    no_cache: bool,
    /// Print one line of JSON for each change, and one for all.
    #[arg(long)]
    json: bool,
}

/// What a trigger's config would say.
#[derive(Args, Debug)]
struct Flags {
    /// What the plugin sees: keys-only, new-image, old-image or new-and-old-images; else all that was recorded.
    #[arg(long, value_parser = super::streams::view, conflicts_with = "trigger")]
    view: Option<ViewType>,
    /// Only these attributes, or paths into maps such as address.city, besides the keys.
    #[arg(long, value_name = "PATHS", value_delimiter = ',', value_parser = AttributePath::parse, conflicts_with = "trigger")]
    attributes: Vec<AttributePath>,
    /// A pattern of the changes that the plugin gets; of several, one must match.
    #[arg(long = "filter", value_name = "PATTERN", conflicts_with = "trigger")]
    filters: Vec<Pattern>,
    /// A setting; with @FILE for its value, the file's text (@@ for a value that begins with @).
    #[arg(long = "setting", value_name = "KEY=VALUE", value_parser = setting, conflicts_with = "trigger")]
    settings: Vec<(String, String)>,
    /// What the plugin may reach: counters, state, metrics, tables=NAME, reads=NAME, mailers=NAME or http=URL.
    #[arg(long = "grant", value_name = "GRANT", value_parser = grant, conflicts_with = "trigger")]
    grants: Vec<Grant>,
    /// How long one call may take.
    #[arg(long, value_name = "DURATION", value_parser = time, default_value = "10s", conflicts_with = "trigger")]
    time: Duration,
    /// How much memory one call may have.
    #[arg(long, value_name = "SIZE", value_parser = memory, default_value = "64MiB", conflicts_with = "trigger")]
    memory: usize,
}

#[derive(Clone, Debug)]
enum Grant {
    Counters,
    State,
    Metrics,
    Table(Box<str>),
    Read(Box<str>),
    Mailer(Box<str>),
    Http(Place),
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("write KEY=VALUE, or KEY=@FILE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn grant(text: &str) -> Result<Grant, String> {
    match text.split_once('=') {
        None if text == "counters" => Ok(Grant::Counters),
        None if text == "state" => Ok(Grant::State),
        None if text == "metrics" => Ok(Grant::Metrics),
        Some(("reads", name)) if !name.is_empty() => Ok(Grant::Read(name.into())),
        Some(("tables", name)) if !name.is_empty() => Ok(Grant::Table(name.into())),
        Some(("mailers", name)) if !name.is_empty() => Ok(Grant::Mailer(name.into())),
        Some(("http", url)) => Place::parse(url).map(Grant::Http).map_err(|error| format!("the URL {error}")),
        _ => Err("write counters, state, metrics, tables=NAME, reads=NAME, mailers=NAME or http=URL".to_owned()),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    let range = Duration::from_millis(10)..=Duration::from_secs(900);
    let found = config::duration(text).filter(|time| range.contains(time));
    found.ok_or_else(|| "write a duration from 10ms to 15m".to_owned())
}

fn memory(text: &str) -> Result<usize, String> {
    let found = config::size(text).filter(|size| (1 << 20..=4 << 30).contains(size));
    found.ok_or_else(|| "write a size from 1MiB to 4GiB".to_owned())
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let (text, file) = read_events(&options.events)?;
    let events = Events::read(&text, &file)?;
    let setup = options.setup(&events)?;
    let told = rehearsal::run(&setup, &events).await?;
    let form = options.expect.as_deref().map_or(Form::Text, Form::of);
    let shown = if options.json || form == Form::Json { told.json()? } else { told.text() };
    match &options.expect {
        Some(path) if options.update => update(path, &shown),
        Some(path) => compare(path, &shown, events.len()),
        None => {
            output::line(shown.trim_end())?;
            if told.is_good() { Ok(()) } else { Err(Quiet.into()) }
        }
    }
}

/// The text, and what faults call the file. No more of it than is taken, so that a wrong path cannot fill the memory.
pub(crate) fn read_events(path: &Path) -> Result<(String, String)> {
    let mut text = String::new();
    if path == Path::new("-") {
        let mut stdin = std::io::stdin().lock().take(Events::TEXT_BYTES_MAX as u64 + 1);
        stdin.read_to_string(&mut text).context("standard input cannot be read: is it UTF-8?")?;
        return Ok((text, "standard input".to_owned()));
    }
    let file = path.display().to_string();
    let read = std::fs::File::open(path).and_then(|file| file.take(Events::TEXT_BYTES_MAX as u64 + 1).read_to_string(&mut text));
    read.with_context(|| format!("{file} cannot be read: name a file of recorded changes, such as `tripline streams tail --json` prints"))?;
    Ok((text, file))
}

fn compare(path: &Path, shown: &str, changes: usize) -> Result<()> {
    let file = path.display().to_string();
    let expected = std::fs::read_to_string(path)
        .with_context(|| format!("{file} cannot be read: name what a run should show, or write it with --update"))?;
    match rehearsal::difference(&file, &expected, shown) {
        None => output::line(&format!("as expected: {changes} {}", if changes == 1 { "change" } else { "changes" })),
        Some(diff) => {
            output::line(diff.trim_end())?;
            bail!("not as {file} expects: mend the plugin or, where the lines with + are right, run again with --update")
        }
    }
}

/// Whole or not at all.
fn update(path: &Path, shown: &str) -> Result<()> {
    let file = path.display().to_string();
    let cannot = || format!("{file} cannot be written: choose a place that this user can write to");
    let before = std::fs::read_to_string(path).ok();
    if before.as_deref().is_some_and(|before| rehearsal::difference(&file, before, shown).is_none()) {
        return output::line(&format!("{file} is as it was"));
    }
    whole::write(path, shown.as_bytes()).with_context(cannot)?;
    output::line(&format!("{file} {}: look at what it says before you keep it", if before.is_some() { "has changed" } else { "is new" }))
}

impl Options {
    fn setup(&self, events: &Events) -> Result<Setup> {
        let mut setup = match &self.trigger {
            Some(name) => self.of_config(name)?,
            None => self.of_flags(events)?,
        };
        if let Some(plugin) = &self.plugin {
            setup.trigger.plugin = plugin_ref(plugin);
            // The config pins its own.
            setup.trigger.sha256 = None;
        }
        if let Some(path) = &self.http {
            let file = path.display().to_string();
            let text = std::fs::read_to_string(path).with_context(|| format!("{file} cannot be read as UTF-8 text"))?;
            setup.answers = Arc::new(Answers::read(&text, &file)?);
        }
        if let Some(batch) = self.batch {
            setup.trigger.policy.records_max = batch.into();
        }
        if let Some(recorded) = events.view().filter(|recorded| !recorded.supplies(setup.trigger.view.kind)) {
            let wanted = setup.trigger.view.kind;
            bail!(
                "view `{wanted}` is more than the recorded stream had, which is `{recorded}`: choose --view {recorded}, or record a stream that has more"
            );
        }
        Ok(setup)
    }

    fn of_config(&self, name: &str) -> Result<Setup> {
        let mut config = Config::load_without_secrets(&self.config)?;
        let names: Vec<String> = config.triggers.keys().map(ToString::to_string).collect();
        let trigger = config
            .triggers
            .remove(&TriggerName::from(name))
            .with_context(|| format!("{} has no trigger `{name}`: it has {}", self.config.display(), names.join(", ")))?;
        let stream = config.streams.remove(&trigger.stream);
        let (table, region) = stream.map(|stream| (stream.table, stream.connection.region)).unzip();
        let senders = config.mailers.into_iter().map(|(name, mailer)| (name, mailer.from)).collect();
        Ok(Setup { trigger, senders, table, region: region.flatten(), answers: Arc::default(), cache: !self.no_cache })
    }

    fn of_flags(&self, events: &Events) -> Result<Setup> {
        let flags = &self.flags;
        let grants = flags.grants();
        let kind = flags.view.or(events.view()).unwrap_or(ViewType::NewAndOldImages);
        let attributes = (!flags.attributes.is_empty()).then(|| flags.attributes.iter().cloned().collect());
        let senders = grants.mailers.iter().map(|name| (name.clone(), SENDER.to_owned())).collect();
        let policy = Policy { records_max: 1, delivers_ahead: !grants.state, ..Policy::default() };
        let trigger = TriggerConfig {
            name: TRIGGER.into(),
            stream: TRIGGER.into(),
            start: Start::default(),
            paused: false,
            plugin: PluginRef::File(PathBuf::new()),
            sha256: None,
            filters: Arc::new(flags.filters.clone()),
            view: View { kind, attributes },
            policy,
            limits: Limits { memory_bytes_max: flags.memory, time_max: flags.time },
            instances: None,
            grants,
            settings: Arc::new(flags.settings()?),
            allow_loop: false,
        };
        Ok(Setup { trigger, senders, table: None, region: None, answers: Arc::default(), cache: !self.no_cache })
    }
}

impl Flags {
    fn grants(&self) -> GrantsConfig {
        let mut grants = GrantsConfig::default();
        for grant in &self.grants {
            match grant {
                Grant::Counters => grants.counters = true,
                Grant::State => grants.state = true,
                Grant::Metrics => grants.metrics = true,
                Grant::Table(name) => grants.tables.push(name.clone()),
                Grant::Read(name) => grants.reads.push(name.clone()),
                Grant::Mailer(name) => grants.mailers.push(name.clone()),
                Grant::Http(place) => {
                    grants
                        .http
                        .push(Allowed { place: place.clone(), private: false, headers: Vec::new(), authorities: None });
                }
            }
        }
        grants
    }

    fn settings(&self) -> Result<BTreeMap<String, String>> {
        let value = |value: &str| match value.strip_prefix('@') {
            Some(text) if text.starts_with('@') => Ok(text.to_owned()),
            Some(path) => std::fs::read_to_string(path).with_context(|| format!("{path} cannot be read as UTF-8 text")),
            None => Ok(value.to_owned()),
        };
        let read = |(key, given): &(String, String)| Ok((key.clone(), value(given).with_context(|| format!("--setting {key}"))?));
        self.settings.iter().map(read).collect()
    }
}

fn plugin_ref(text: &str) -> PluginRef {
    match text.strip_prefix("bundled:") {
        Some(name) => PluginRef::Bundled(name.to_owned()),
        None => PluginRef::File(PathBuf::from(text)),
    }
}
