//! The plugins of a config: loaded once for each source, pinned where the config pins them, probed for every trigger.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use tripline_bundled as bundled;
use tripline_capability::http::{Client, SystemResolver};
use tripline_core::delivery::Origin;
use tripline_core::effect::{CounterKey, Mail};
use tripline_core::name::TriggerName;
use tripline_core::port::{
    BoxFuture, Grants, HttpClient, HttpError, HttpHead, HttpRequest, HttpResponse, MailDraft, MailOrigin, Mailbox, MetricSample,
    MetricSink, StateEntry, StateReader, StoreError, TableReadError, TableSpot, TableTarget, TableWrite, TransactError, Transaction,
    WriteError,
};
use tripline_core::signal::Signals;
use tripline_core::time::Timestamp;
use tripline_runtime::{
    CacheConfig, Capability, Compiler, CompilerConfig, CompilerProcess, Engine, EngineConfig, EngineError, Plugin, PluginSource,
    TriggerContext, user_dir,
};

use crate::app::engine_config;
use crate::clock;
use crate::config::{CompileConfig, Config, GrantsConfig, PluginRef, TriggerConfig};

/// Each trigger's plugin; where it cannot be used, why.
pub type Loaded = BTreeMap<TriggerName, Result<Plugin, PluginFault>>;

/// Why a trigger's plugin cannot serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginFault {
    pub trigger: TriggerName,
    /// As the config names it.
    pub plugin: String,
    pub what: String,
    /// None: what a plugin says of itself has its own.
    pub remedy: Option<String>,
}

impl PluginFault {
    pub fn new(trigger: &TriggerConfig, what: String) -> Self {
        Self { trigger: trigger.name.clone(), plugin: shown(&trigger.plugin), what, remedy: None }
    }

    /// Of a reason that ends with what to do about it, after a colon.
    fn parted(trigger: &TriggerConfig, reason: &str) -> Self {
        let (what, remedy) = reason.rsplit_once(": ").map_or((reason, None), |(what, remedy)| (what, Some(remedy.to_owned())));
        Self { remedy, ..Self::new(trigger, what.to_owned()) }
    }
}

impl fmt::Display for PluginFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trigger, plugin, what, remedy } = self;
        write!(f, "triggers.{trigger}: plugin `{plugin}`: {what}")?;
        remedy.as_ref().map_or(Ok(()), |remedy| write!(f, ": {remedy}"))
    }
}

/// Where a host of this config keeps machine code.
const COMPILED: &str = "compiled";

/// What to do where the directory of the compile cache is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// It is made: the host runs, and is whom it must belong to.
    Made,
    /// It is done without: somebody looks, who may be another user.
    Found,
}

/// The engine of a host with this config. Plugins are compiled in processes of their own, and what was compiled is kept under `data_dir`.
pub fn engine(config: &Config, cache: Cache) -> Result<Engine, EngineError> {
    let compile = config.host.compile;
    let dir = config.host.data_dir.join(COMPILED);
    let cache = CacheConfig { dir, make: cache == Cache::Made, bytes_max: compile.cache_bytes_max };
    Engine::compiling(engine_config(config), compiler(compile, Some(cache)))
}

/// The engine of a command that has no `data_dir`; without `kept`, all is compiled anew and nothing kept.
pub fn engine_of_command(config: EngineConfig, kept: bool) -> Result<Engine, EngineError> {
    let compile = CompileConfig::default();
    let dir = kept.then(|| user_dir(&|name| std::env::var_os(name).map(PathBuf::from))).flatten();
    let cache = dir.map(|dir| CacheConfig { dir, make: true, bytes_max: compile.cache_bytes_max });
    Engine::compiling(config, compiler(compile, cache))
}

fn compiler(compile: CompileConfig, cache: Option<CacheConfig>) -> Compiler {
    let process = CompilerProcess { program: this_program(), time_max: compile.time_max, memory_bytes_max: compile.memory_bytes_max };
    Compiler::new(CompilerConfig { cache, process: Some(process) })
}

/// The very program that runs, though its file be replaced or gone.
fn this_program() -> PathBuf {
    if cfg!(target_os = "linux") {
        return PathBuf::from("/proc/self/exe");
    }
    std::env::current_exe().unwrap_or_else(|_| PathBuf::from("tripline"))
}

/// Loads every plugin that some trigger names: each source once, one after the other, since compiling takes all cores anyway.
pub async fn load(config: &Config, engine: &Engine) -> Loaded {
    let mut by_source: BTreeMap<PluginSource, Result<Plugin, String>> = BTreeMap::new();
    let mut loaded = Loaded::new();
    for trigger in config.triggers.values() {
        let source = source(&trigger.plugin);
        let plugin = match source {
            Err(reason) => Err(reason),
            Ok(source) => {
                if !by_source.contains_key(&source) {
                    let plugin = source.load(engine).await.map_err(|error| error.to_string());
                    by_source.insert(source.clone(), plugin);
                }
                by_source[&source].clone()
            }
        };
        let plugin = plugin.and_then(|plugin| check_pin(trigger, plugin));
        loaded.insert(trigger.name.clone(), plugin.map_err(|reason| PluginFault::parted(trigger, &reason)));
    }
    loaded
}

pub fn source(plugin: &PluginRef) -> Result<PluginSource, String> {
    match plugin {
        PluginRef::File(path) => Ok(PluginSource::File(path.clone())),
        PluginRef::Bundled(name) => {
            let found = bundled::plugin(name).ok_or_else(|| format!("this host comes without a plugin `{name}`"))?;
            Ok(PluginSource::Bundled { name: found.name, bytes: found.bytes })
        }
    }
}

pub(crate) fn check_pin(trigger: &TriggerConfig, plugin: Plugin) -> Result<Plugin, String> {
    match &trigger.sha256 {
        Some(pinned) if pinned != plugin.version().as_str() => Err(format!(
            "its sha256 is {}, and the config pins {pinned}: put the pinned version there, or change `sha256`",
            plugin.version()
        )),
        _ => Ok(plugin),
    }
}

/// Calls the plugin with an empty batch, with the trigger's settings: nothing that it does then has an effect.
pub async fn probe(trigger: &TriggerConfig, plugin: &Plugin, origin: &Arc<Origin>, context: &TriggerContext) -> Result<(), String> {
    plugin
        .probe(origin, context)
        .await
        .map_err(|reason| fault(trigger, &format!("its probe failed: {reason}")))
}

/// A context in which nothing is connected, and state is empty: enough for a probe.
pub fn unconnected(trigger: &TriggerConfig, signals: Arc<dyn Signals>) -> TriggerContext {
    let table = |name: &str| (name.into(), Arc::new(Unconnected) as Arc<dyn TableTarget>);
    let mailer = |name: &str| (name.into(), Arc::new(Unconnected) as Arc<dyn Mailbox>);
    let grants = Grants {
        counters: trigger.grants.counters,
        state: trigger.grants.state.then(|| Arc::new(Unconnected) as Arc<dyn StateReader>),
        tables: trigger.grants.tables.iter().map(|name| table(name)).collect(),
        reads: trigger.grants.reads.iter().map(|name| table(name)).collect(),
        metrics: trigger.grants.metrics.then(|| Arc::new(Unconnected) as Arc<dyn MetricSink>),
        mailers: trigger.grants.mailers.iter().map(|name| mailer(name)).collect(),
        http: (!trigger.grants.http.is_empty()).then(|| Arc::new(Unconnected) as Arc<dyn HttpClient>),
    };
    context(trigger, grants, signals)
}

/// Granted, and leading nowhere: a probe reads no state that was written, and writes and mails nothing.
struct Unconnected;

const NOT_CONNECTED: &str = "nothing is connected while a plugin is checked";

impl TableTarget for Unconnected {
    fn spot(&self) -> Arc<TableSpot> {
        Arc::new(TableSpot { home: Box::default(), table: Box::default(), keys: Box::default() })
    }

    fn write(&self, writes: Vec<TableWrite>) -> BoxFuture<'_, Vec<Result<(), WriteError>>> {
        let refused = || Err(WriteError::Unavailable(NOT_CONNECTED.to_owned()));
        Box::pin(async move { writes.iter().map(|_| refused()).collect() })
    }

    fn transact(&self, _: Transaction) -> BoxFuture<'_, Result<(), TransactError>> {
        Box::pin(async { Err(TransactError::Unavailable(NOT_CONNECTED.to_owned())) })
    }

    fn get(&self, _: Vec<String>, _: bool) -> BoxFuture<'_, Result<Vec<Option<String>>, TableReadError>> {
        Box::pin(async { Err(TableReadError::Unavailable(NOT_CONNECTED.to_owned())) })
    }
}

impl MetricSink for Unconnected {
    fn record(&self, _: CounterKey, _: MetricSample) -> Result<(), String> {
        Ok(())
    }
}

impl HttpClient for Unconnected {
    fn allows(&self, _: &HttpHead) -> Result<Arc<str>, HttpError> {
        Err(HttpError::Denied("nothing is sent while a plugin is checked".to_owned()))
    }

    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        Box::pin(async move { self.allows(&request.head).and_then(|_| Err(HttpError::Denied("nothing is connected".to_owned()))) })
    }
}

impl Mailbox for Unconnected {
    fn accept(&self, _: MailDraft, _: &MailOrigin<'_>) -> Result<Mail, String> {
        Err("nothing is sent while a plugin is checked".to_owned())
    }
}

impl StateReader for Unconnected {
    fn get<'a>(
        &'a self,
        _: &'a TriggerName,
        keys: Vec<Box<str>>,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Option<StateEntry>>, StoreError>> {
        Box::pin(async move { Ok(vec![None; keys.len()]) })
    }
}

pub fn context(trigger: &TriggerConfig, grants: Grants, signals: Arc<dyn Signals>) -> TriggerContext {
    TriggerContext {
        trigger: trigger.name.clone(),
        grants,
        settings: trigger.settings.clone(),
        limits: trigger.limits,
        signals,
        clock: clock::shared(),
        seed: None,
    }
}

/// None where the trigger is granted no http.
pub fn http_client(trigger: &TriggerConfig) -> Result<Option<Arc<dyn HttpClient>>, String> {
    let allowed = trigger.grants.http.clone();
    if allowed.is_empty() {
        return Ok(None);
    }
    match Client::build(allowed, Arc::new(SystemResolver)) {
        Ok(client) => Ok(Some(Arc::new(client))),
        Err(error) => Err(format!("triggers.{}.grants.http: {error}", trigger.name)),
    }
}

/// What the plugin asks for and whether the trigger is granted it.
pub fn asked_and_granted(plugin: &Plugin, grants: &GrantsConfig) -> Vec<(Capability, bool)> {
    plugin
        .asks_for()
        .into_iter()
        .map(|capability| (capability, is_granted(capability, grants)))
        .collect()
}

fn is_granted(capability: Capability, grants: &GrantsConfig) -> bool {
    match capability {
        Capability::Counters => grants.counters,
        Capability::State => grants.state,
        Capability::Tables => !grants.tables.is_empty() || !grants.reads.is_empty(),
        Capability::Mailer => !grants.mailers.is_empty(),
        Capability::Http => !grants.http.is_empty(),
        Capability::Metrics => grants.metrics,
    }
}

pub(crate) fn fault(trigger: &TriggerConfig, reason: &str) -> String {
    PluginFault::new(trigger, reason.to_owned()).to_string()
}

fn shown(plugin: &PluginRef) -> String {
    match plugin {
        PluginRef::Bundled(name) => format!("bundled:{name}"),
        PluginRef::File(path) => path.display().to_string(),
    }
}
