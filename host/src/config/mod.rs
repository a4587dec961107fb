//! `tripline.toml`: raw config in, legal config out.
//!
//! Invariant: a `Config` has no fault: what it refers to is there, what it reads has been read, every number is within its
//! bounds. Nothing past this module checks again. Every fault of a file is reported in one go, with its place and a remedy.
//! Knows nothing of AWS or of what is inside a plugin.

mod dev;
mod endpoint;
mod fault;
mod filters;
mod http;
mod instances;
mod mailer;
mod read;
mod schema;
mod settings;
mod start;
mod table;
#[cfg(test)]
mod tests;
mod trigger;
mod unit;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use toml::de::{DeTable, DeValue};
use tripline_capability::http::Allowed;
use tripline_capability::mail::MailerConfig;
use tripline_core::delivery::Policy;
use tripline_core::filter::Pattern;
use tripline_core::gap::OnGap;
use tripline_core::letter::Bounds;
use tripline_core::name::{StreamName, TriggerName};
use tripline_core::reuse::Reuse;
use tripline_core::start::Start;
use tripline_core::view::View;
use tripline_runtime::{INSTANCES_MAX, Limits};

pub use dev::{DevConfig, KeyType};
pub use endpoint::{is_loopback, is_loopback_host};
pub use fault::{Fault, Faults, Place};
pub(crate) use unit::{duration, size};

use read::{Source, Value};
use schema::{COMPILE, HOST, LETTERS, ROOT};
use trigger::Known;

const DATA_DIR: &str = "tripline-data";

#[derive(Debug)]
pub struct Config {
    pub host: HostConfig,
    pub streams: BTreeMap<StreamName, StreamConfig>,
    pub targets: BTreeMap<Box<str>, TargetConfig>,
    pub mailers: BTreeMap<Box<str>, MailerConfig>,
    pub triggers: BTreeMap<TriggerName, TriggerConfig>,
    /// For `tripline dev` alone.
    pub dev: DevConfig,
    /// What is legal and probably not meant, each with its place.
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostConfig {
    pub data_dir: PathBuf,
    pub listen: SocketAddr,
    /// How long batches under way may go on after SIGTERM.
    pub drain_max: Duration,
    /// Plugin instances that run at once, of all triggers together.
    pub instances_max: usize,
    /// Series of each trigger's counters on /metrics.
    pub counter_series_max: usize,
    pub dead_letters: Bounds,
    pub compile: CompileConfig,
}

/// What compiling a plugin may take, and how much of what was compiled is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompileConfig {
    pub time_max: Duration,
    pub memory_bytes_max: u64,
    /// Under `data_dir`, of all plugins together.
    pub cache_bytes_max: u64,
}

impl Default for CompileConfig {
    fn default() -> Self {
        Self { time_max: Duration::from_secs(300), memory_bytes_max: 4 << 30, cache_bytes_max: 1 << 30 }
    }
}

/// How to reach a table. What is none comes from the AWS default chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection {
    /// Always there when `endpoint` is.
    pub region: Option<String>,
    pub endpoint: Option<String>,
    pub profile: Option<String>,
    pub role_arn: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamConfig {
    pub name: StreamName,
    pub table: String,
    pub connection: Connection,
    /// Where the streams API is, when it is not where the tables are.
    pub streams_endpoint: Option<String>,
    /// What one shard's window may hold.
    pub window_bytes_max: usize,
    /// Of its triggers, but of those that have one of their own.
    pub start: Start,
    pub on_gap: OnGap,
}

/// A table that plugins may be granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetConfig {
    pub name: Box<str>,
    pub table: String,
    pub connection: Connection,
}

#[derive(Clone)]
pub struct TriggerConfig {
    pub name: TriggerName,
    /// One of `Config::streams`.
    pub stream: StreamName,
    /// Its own, else the stream's.
    pub start: Start,
    pub paused: bool,
    pub plugin: PluginRef,
    /// The only plugin that may run: 64 lower-case hexadecimal digits.
    pub sha256: Option<String>,
    pub view: View,
    /// It gets what one of them matches; without any, every change.
    pub filters: Arc<Vec<Pattern>>,
    pub policy: Policy,
    pub limits: Limits,
    /// None: each batch has an instance of its own.
    pub instances: Option<Reuse>,
    pub grants: GrantsConfig,
    /// What the plugin reads through `wasi:config/store`.
    pub settings: Arc<BTreeMap<String, String>>,
    pub allow_loop: bool,
}

impl fmt::Debug for TriggerConfig {
    /// Without the values of the settings: an operator may keep a webhook's URL there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TriggerConfig")
            .field("name", &self.name)
            .field("stream", &self.stream)
            .field("start", &self.start)
            .field("paused", &self.paused)
            .field("plugin", &self.plugin)
            .field("sha256", &self.sha256)
            .field("view", &self.view)
            .field("filters", &self.filters)
            .field("policy", &self.policy)
            .field("limits", &self.limits)
            .field("instances", &self.instances)
            .field("grants", &self.grants)
            .field("settings", &self.settings.keys())
            .field("allow_loop", &self.allow_loop)
            .finish()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PluginRef {
    /// One of the plugins that come with the host.
    Bundled(String),
    File(PathBuf),
}

/// Denied by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantsConfig {
    pub counters: bool,
    pub state: bool,
    pub metrics: bool,
    /// To write to; each one of `Config::targets`.
    pub tables: Vec<Box<str>>,
    /// To read; each one of `Config::targets`.
    pub reads: Vec<Box<str>>,
    /// Each one of `Config::mailers`.
    pub mailers: Vec<Box<str>>,
    /// In the order in which they are looked at.
    pub http: Vec<Allowed>,
}

impl Config {
    /// Reads the file at `path`. Paths in it are relative to its folder; `env` looks up variables for passwords.
    pub fn load(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        Self::load_with(path, Some(env))
    }

    /// The same; with faults, the config as far as it can be read, for who looks at plugins: its triggers have defaults where they have faults.
    pub(crate) fn load_far(path: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, (Faults, Option<Box<Self>>)> {
        let file = path.display().to_string();
        let text = text_of(path, &file).map_err(|faults| (faults, None))?;
        Self::parse_far(&text, &file, base_of(path), Some(env))
    }

    /// The same without a look at any secret: passwords are empty. For who reaches nobody.
    pub fn load_without_secrets(path: &Path) -> Result<Self, Faults> {
        Self::load_with(path, None)
    }

    /// `[dev]`, and `data_dir`, whatever is wrong with the rest: before anything is built, there may be no plugin that the rest could name.
    pub fn load_dev(path: &Path) -> Result<(DevConfig, PathBuf), Faults> {
        let file = path.display().to_string();
        let text = text_of(path, &file)?;
        let source = Source::new(&text, base_of(path), None);
        let (tree, errors) = DeTable::parse_recoverable(&text);
        errors.iter().for_each(|error| source.syntax_error(error));
        let tree = DeValue::Table(tree.into_inner());
        let root = Value::root(&source, &tree);
        let found = root.table().and_then(|table| table.get_key_value("dev"));
        let dev = found.map(|(key, value)| dev::dev(&root.child("dev", key.span().start, value.get_ref())));
        // What is wrong with it is said with all the rest.
        let data_dir = tree.get("host").and_then(|host| host.get_ref().get("data_dir"));
        let data_dir = data_dir.and_then(|dir| dir.get_ref().as_str());
        let data_dir = root.in_base(data_dir.unwrap_or(DATA_DIR));
        Faults::of(&file, source.into_findings().0).map_or(Ok((dev.unwrap_or_default(), data_dir)), Err)
    }

    fn load_with(path: &Path, env: Option<&read::Env<'_>>) -> Result<Self, Faults> {
        let file = path.display().to_string();
        Self::parse_with(&text_of(path, &file)?, &file, base_of(path), env)
    }

    /// `file` is what faults call it, `base` the folder that paths in it start from.
    pub fn parse(text: &str, file: &str, base: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Faults> {
        Self::parse_with(text, file, base, Some(env))
    }

    fn parse_with(text: &str, file: &str, base: &Path, env: Option<&read::Env<'_>>) -> Result<Self, Faults> {
        Self::parse_far(text, file, base, env).map_err(|(faults, _)| faults)
    }

    fn parse_far(text: &str, file: &str, base: &Path, env: Option<&read::Env<'_>>) -> Result<Self, (Faults, Option<Box<Self>>)> {
        let source = Source::new(text, base, env);
        let (tree, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            source.syntax_error(error);
        }
        let tree = DeValue::Table(tree.into_inner());
        let config = read(&Value::root(&source, &tree));
        // Of a file that is no TOML, whatever is read is a guess.
        let is_broken = source.is_broken();
        let (faults, warnings) = source.into_findings();
        match (config, Faults::of(file, faults)) {
            (Some(config), None) => {
                let warnings = warnings.into_iter().map(|warning| format!("{file}:{warning}")).collect();
                Ok(Self { warnings, ..config })
            }
            (config, Some(faults)) => Err((faults, config.filter(|_| !is_broken).map(Box::new))),
            (None, None) => Err((Faults::whole_file(file, "is no config".to_owned(), "docs/config.md has a sample"), None)),
        }
    }
}

fn text_of(path: &Path, file: &str) -> Result<String, Faults> {
    let bytes = std::fs::read(path).map_err(|error| {
        Faults::whole_file(file, format!("cannot be read: {error}"), "write one, or name another with -c; docs/config.md has a sample")
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let what = format!("byte {} is not UTF-8", error.utf8_error().valid_up_to() + 1);
        Faults::whole_file(file, what, "save the file as UTF-8")
    })
}

fn base_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// The config as far as it could be read; with a fault recorded, no more than that.
fn read(root: &Value<'_>) -> Option<Config> {
    let section = root.section(&ROOT)?;
    let host = host(root, section.get("host"));
    let [streams, targets, mailers, triggers] =
        ["streams", "targets", "mailers", "triggers"].map(|key| section.get(key).map(|value| value.named()).unwrap_or_default());

    let mut known = Known {
        streams: BTreeMap::new(),
        starts: BTreeMap::new(),
        targets: BTreeMap::new(),
        mailers: mailers.iter().map(|(name, _)| (*name, ())).collect(),
        bundled: tripline_bundled::PLUGINS.iter().map(|plugin| plugin.name).collect(),
    };
    let mut config = Config {
        host,
        streams: BTreeMap::new(),
        targets: BTreeMap::new(),
        mailers: BTreeMap::new(),
        triggers: BTreeMap::new(),
        dev: section.get("dev").map(|value| dev::dev(&value)).unwrap_or_default(),
        warnings: Vec::new(),
    };
    for (name, value) in &streams {
        let read = table::stream(name, value);
        if let Some((stream, identity)) = &read {
            one_reader_for_each_table(value, identity, &known);
            config.streams.insert(stream.name.clone(), stream.clone());
            known.starts.insert(name, stream.start);
        }
        known.streams.insert(name, read.map(|(_, identity)| identity));
    }
    for (name, value) in &targets {
        let read = table::target(name, value);
        if let Some((target, _)) = &read {
            config.targets.insert(target.name.clone(), target.clone());
        }
        known.targets.insert(name, read.map(|(_, identity)| identity));
    }
    for (name, value) in &mailers {
        config.mailers.extend(mailer::mailer(name, value).map(|mailer| ((*name).into(), mailer)));
    }
    for (name, value) in &triggers {
        config
            .triggers
            .extend(trigger::trigger(name, value, &known).map(|trigger| (trigger.name.clone(), trigger)));
    }
    if triggers.is_empty() && section.get("triggers").is_none_or(|value| value.raw.is_table()) {
        root.child("triggers", 0, root.raw)
            .fault_if_whole("there is no trigger: the host would do nothing", "add [triggers.NAME]");
    }
    warn_of_what_is_unused(&config, &streams, &targets, &mailers);
    Some(config)
}

fn host(root: &Value<'_>, value: Option<Value<'_>>) -> HostConfig {
    let section = value.as_ref().and_then(|value| value.section(&HOST));
    let get = |name| section.as_ref()?.get(name);
    let seconds = Duration::from_secs;
    HostConfig {
        data_dir: get("data_dir").and_then(|value| value.path()).unwrap_or_else(|| root.in_base(DATA_DIR)),
        listen: get("listen")
            .and_then(|value| listen(&value))
            .unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, 9464))),
        drain_max: get("drain_max").and_then(|value| value.duration(seconds(1)..=seconds(900))).unwrap_or(seconds(30)),
        instances_max: get("instances_max").and_then(|value| value.integer(1..=INSTANCES_MAX as usize)).unwrap_or(64),
        counter_series_max: get("counter_series_max").and_then(|value| value.integer(1..=100_000)).unwrap_or(1000),
        dead_letters: get("dead_letters").map(|value| dead_letters(&value)).unwrap_or_default(),
        compile: get("compile").map(|value| compile(&value)).unwrap_or_default(),
    }
}

fn compile(value: &Value<'_>) -> CompileConfig {
    let mut compile = CompileConfig::default();
    if let Some(section) = value.section(&COMPILE) {
        let time_max = section
            .get("time_max")
            .and_then(|value| value.duration(Duration::from_secs(1)..=Duration::from_secs(3600)));
        compile.time_max = time_max.unwrap_or(compile.time_max);
        let memory_max = section.get("memory_max").and_then(|value| value.size(256 << 20..=64 << 30));
        compile.memory_bytes_max = memory_max.map_or(compile.memory_bytes_max, |bytes| bytes as u64);
        let cache_max = section.get("cache_max").and_then(|value| value.size(1 << 20..=1 << 40));
        compile.cache_bytes_max = cache_max.map_or(compile.cache_bytes_max, |bytes| bytes as u64);
    }
    compile
}

fn dead_letters(value: &Value<'_>) -> Bounds {
    let (hour, year) = (Duration::from_secs(60 * 60), Duration::from_secs(366 * 24 * 60 * 60));
    let mut bounds = Bounds::default();
    if let Some(section) = value.section(&LETTERS) {
        let age_max = section.get("age_max").and_then(|value| value.duration(hour / 60..=year));
        bounds.age_max = age_max.unwrap_or(bounds.age_max);
        let bytes_max = section.get("bytes_max").and_then(|value| value.size(64 << 10..=1 << 40));
        bounds.bytes_max = bytes_max.map_or(bounds.bytes_max, |bytes| bytes as u64);
    }
    bounds
}

fn listen(value: &Value<'_>) -> Option<SocketAddr> {
    let text = value.text()?;
    let address = text.parse().ok();
    if address.is_none() {
        value.fault(format!("{text:?} is no address with a port"), "write \"127.0.0.1:9464\"; a name such as localhost is no address");
    }
    address
}

/// DynamoDB allows two readers of a shard, and this host is one, however many triggers follow the stream.
fn one_reader_for_each_table(value: &Value<'_>, identity: &table::Identity, known: &Known<'_>) {
    let same = known.streams.iter().find(|(_, other)| other.as_ref().is_some_and(|other| other.may_be(identity)));
    if let Some((other, _)) = same {
        value.fault(
            format!("follows the same table as streams.{other}, as far as this file tells"),
            format!("let all triggers of this table follow streams.{other}, or set `region` on both if they are two tables"),
        );
    }
}

type Named<'a> = [(&'a str, Value<'a>)];

fn warn_of_what_is_unused(config: &Config, streams: &Named<'_>, targets: &Named<'_>, mailers: &Named<'_>) {
    for (name, value) in streams {
        if !config.triggers.values().any(|trigger| trigger.stream.as_str() == *name) {
            value.warn("no trigger follows this stream: it is not read");
        }
    }
    let granted = |list: fn(&GrantsConfig) -> &Vec<Box<str>>, name: &str| {
        config
            .triggers
            .values()
            .any(|trigger| list(&trigger.grants).iter().any(|granted| **granted == *name))
    };
    for (name, value) in targets {
        if !granted(|grants| &grants.tables, name) && !granted(|grants| &grants.reads, name) {
            value.warn("no trigger is granted this table");
        }
    }
    for (name, value) in mailers {
        if !granted(|grants| &grants.mailers, name) {
            value.warn("no trigger is granted this mailer");
        }
    }
}
