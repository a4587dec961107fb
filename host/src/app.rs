//! The service: built from a legal config, checked against what is really there, run until it is told to stop.
//!
//! Always holds: nothing is consumed before everything was built; all that cannot be built is said in one go.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::{FutureExt, join_all};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tripline_admin::{Admin, BoundAdmin, Component, Health, State, Taps, Telemetry, Token};
use tripline_capability::mail::{Mailer, Sender};
use tripline_capability::tables::{Named, Target};
use tripline_core::budget::Budget;
use tripline_core::feed::Reading;
use tripline_core::name::{StreamName, TriggerName};
use tripline_core::port::{Grants, HttpClient, Mailbox, StoreError, StreamInfo, TableTarget};
use tripline_core::reader::Pace;
use tripline_core::signal::{Signal, Signals};
use tripline_runtime::{Engine, EngineConfig, PluginFile, PluginSource, PluginUse, Slot};
use tripline_store::{SqliteReader, SqliteStore, StoreThreads};
use tripline_stream::Source;

use crate::aws::Aws;
use crate::both::Both;
use crate::cli::host_api::Announced;
use crate::clock;
use crate::config::{Config, Connection, GrantsConfig, TriggerConfig, is_loopback};
use crate::holds::Holds;
use crate::operate::control::{Clerk, Control, Steered};
use crate::operate::known::Known;
use crate::plugins;
use crate::redrive::{KeepTask, RedriveTask};
use crate::sources::{self, no_region};
use crate::stream_task::{Command, Stream, Way};
use crate::supervisor::{Kind, Supervisor};
use crate::trigger::Trigger;

/// A stream without an answered poll, or a trigger without an acknowledgement, for so long is not ready; longer where a trigger may take
/// longer over one batch and the wait after it.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// Orders that may wait for one stream's task.
const COMMANDS_MAX: usize = 8;

/// What the windows of all shards may hold together; a shard that holds nothing may always take a page.
const WINDOWS_BYTES_MAX: usize = 256 * 1024 * 1024;

fn stalled_after(config: &Config) -> Duration {
    let slowest = config.triggers.values().map(|trigger| trigger.limits.time_max + trigger.policy.backoff.max).max();
    slowest.unwrap_or_default().max(STALLED_AFTER)
}

/// Everything that kept the host from starting, each with its remedy.
#[derive(Debug)]
pub struct StartError(pub Vec<String>);

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Who tells the first calls it an error.
        f.write_str(&self.0.join("\nerror: "))
    }
}

impl std::error::Error for StartError {}

#[derive(Debug)]
pub struct App {
    streams: Vec<(Arc<Stream>, Way, mpsc::Receiver<Command>)>,
    redrives: Vec<RedriveTask>,
    keeper: KeepTask,
    files: Vec<PluginFile>,
    /// Where some trigger's instances are warm.
    warm: Option<Engine>,
    sender: Sender,
    admin: BoundAdmin,
    announced: Announced,
    clerk: Clerk,
    store: SqliteStore,
    threads: StoreThreads,
    drain_max: Duration,
}

/// What is built first and handed to everything else.
struct Base {
    telemetry: Arc<Telemetry>,
    signals: Arc<dyn Signals>,
    store: SqliteStore,
    aws: Aws,
    taps: Taps,
}

impl App {
    pub async fn build(config: &Config) -> Result<Self, StartError> {
        Self::build_before(config, None).await
    }

    /// The same, with somebody who is told all that metrics and logs are told, and more.
    pub async fn build_before(config: &Config, onlooker: Option<Arc<dyn Signals>>) -> Result<Self, StartError> {
        let health = Health::new(clock::shared(), stalled_after(config));
        let telemetry = Telemetry::new(health.clone());
        let signals: Arc<dyn Signals> = match onlooker {
            Some(onlooker) => Arc::new(Both(telemetry.clone(), onlooker)),
            None => telemetry.clone(),
        };
        let one = |error: &dyn fmt::Display| StartError(vec![error.to_string()]);
        let (store, threads) = SqliteStore::open(&config.host.data_dir, signals.clone()).map_err(|error| one(&error))?;
        health.set(Component::Store, State::Ready);
        let taps = Taps::new(config.triggers.values().map(|trigger| trigger.stream.clone()));
        let base = Base { telemetry, signals, store, aws: Aws::new(), taps };
        let admin = base.admin(config).await.map_err(|error| one(&error))?;
        let announced = Announced::write(&config.host.data_dir, admin.local_addr).map_err(|error| one(&format!("{error:#}")))?;

        let mut faults = Vec::new();
        let places = Places {
            targets: base.targets(config, &mut faults).await,
            mailers: mailers(config, &mut faults),
            sources: base.sources(config, &mut faults).await,
        };
        let (triggers, engine) = base.triggers(config, &places, &mut faults).await;
        if !faults.is_empty() {
            return Err(StartError(faults));
        }
        let files = base.files(config, &triggers, &places.sources);
        base.tell_of_orphans(config);
        let sender = base.sender(places.mailers);
        let paused = base.paused(config).await.map_err(|error| one(&error))?;
        let mut steered = BTreeMap::new();
        let mut commands = Vec::new();
        let streams = base.streams(config, triggers, places.sources.clone(), &paused);
        let redrives = streams.iter().flat_map(|(stream, info)| base.redrives(stream, info)).collect();
        let letters = Arc::new(base.store.clone());
        let keeper = KeepTask { bounds: config.host.dead_letters, letters, signals: base.signals.clone() };
        for (stream, info) in &streams {
            let (command, ordered) = mpsc::channel(COMMANDS_MAX);
            let source = places.sources[&stream.name].0.clone();
            let steering = Steered { source, arn: info.arn.clone(), triggers: stream.triggers.clone(), commands: command };
            steered.insert(stream.name.clone(), steering);
            commands.push(ordered);
        }
        let telemetry = (base.telemetry.health().clone(), base.signals.clone());
        let (control, clerk) = Control::new(Known::of(config), steered, base.store.clone(), telemetry);
        let admin = admin.operated_by(Arc::new(control));
        let ways = set_out(streams).await.map_err(|error| one(&error))?;
        let streams = ways.into_iter().zip(commands).map(|((stream, way), ordered)| (stream, way, ordered)).collect();
        Ok(Self {
            streams,
            clerk,
            redrives,
            keeper,
            files,
            warm: engine.filter(|_| config.triggers.values().any(|trigger| trigger.instances.is_some())),
            sender,
            admin,
            announced,
            store: base.store,
            threads,
            drain_max: config.host.drain_max,
        })
    }

    /// Where metrics and health are served.
    pub fn listens_on(&self) -> SocketAddr {
        self.admin.local_addr
    }

    /// Until `stop`, then until what was under way has ended.
    pub async fn run(self, stop: CancellationToken) -> Result<()> {
        let mut supervisor = Supervisor::new(stop.clone());
        for (stream, way, commands) in self.streams {
            supervisor.spawn(Kind::Stream(stream.name.clone()), stream.run(way, commands, stop.clone()));
        }
        for redrive in self.redrives {
            supervisor.spawn(Kind::Redrive(redrive.trigger.name.clone()), redrive.run(stop.clone()));
        }
        supervisor.spawn(Kind::Letters, self.keeper.run(stop.clone()));
        for file in self.files {
            let stop = stop.clone();
            supervisor.spawn(Kind::Plugins, async move {
                file.run(stop).await;
                Ok(())
            });
        }
        if let Some(engine) = self.warm {
            supervisor.spawn(Kind::Instances, engine.sweep_instances(stop.clone()).map(Ok));
        }
        let stopped = stop.clone();
        supervisor.spawn(Kind::Mail, async move {
            self.sender.run(stopped.cancelled_owned()).await;
            Ok(())
        });
        let (clerk, stopped) = (self.clerk, stop.clone());
        supervisor.spawn(Kind::Orders, async move {
            clerk.run(stopped).await;
            Ok(())
        });
        let stopped = stop.clone();
        let announced = self.announced;
        let stopped = async move {
            stopped.cancelled_owned().await;
            // While this host still holds the directory: the next one writes its own.
            drop(announced);
        };
        supervisor.spawn(Kind::Admin, async move { Ok(self.admin.run(stopped).await?) });
        supervisor.spawn(Kind::Store, async move { Ok(self.threads.run().await?) });
        // The store's threads end when the last handle is gone.
        drop(self.store);
        supervisor.run(self.drain_max).await
    }
}

type Targets = BTreeMap<Box<str>, Arc<Target>>;
type Mailers = BTreeMap<Box<str>, Arc<Mailer>>;
type Sources = BTreeMap<StreamName, (Arc<Source>, StreamInfo)>;

/// What the config names outside this process, reached.
struct Places {
    targets: Targets,
    mailers: Mailers,
    sources: Sources,
}

impl Places {
    /// All that is granted is there.
    fn have(&self, grants: &GrantsConfig) -> bool {
        grants.tables.iter().chain(&grants.reads).all(|name| self.targets.contains_key(name))
            && grants.mailers.iter().all(|name| self.mailers.contains_key(name))
    }
}

impl Base {
    async fn admin(&self, config: &Config) -> Result<BoundAdmin> {
        let token = Token::load_or_create(&config.host.data_dir.join("token"))?;
        let admin = Admin {
            listen: config.host.listen,
            telemetry: self.telemetry.clone(),
            counters: Arc::new(self.store.clone()),
            token: Some(token),
            taps: self.taps.clone(),
            counter_series_max: config.host.counter_series_max,
        };
        Ok(admin.bind().await?)
    }

    async fn targets(&self, config: &Config, faults: &mut Vec<String>) -> Targets {
        let mut targets = Targets::new();
        // At once, here and below: one that never answers takes its seconds, and not each of many.
        let connecting = config.targets.values().map(async |target| {
            let aws = self.aws.config(&target.connection).await;
            if aws.region().is_none() {
                return (target, Err(no_region(&format!("targets.{}", target.name))));
            }
            let Connection { profile, role_arn, .. } = &target.connection;
            let access = format!("{profile:?} {role_arn:?}");
            let named = Named { name: &target.name, table: &target.table, access: &access };
            let connected = Target::connect(&aws, named, self.signals.clone()).await;
            (target, connected.map_err(|error| error.to_string()))
        });
        for (target, connected) in join_all(connecting).await {
            match connected {
                Ok(connected) => drop(targets.insert(target.name.clone(), Arc::new(connected))),
                Err(fault) => faults.push(fault),
            }
        }
        targets
    }

    async fn sources(&self, config: &Config, faults: &mut Vec<String>) -> Sources {
        let mut sources = Sources::new();
        for (stream, found) in sources::find_all(&self.aws, config.streams.values()).await {
            match found {
                Ok((source, info)) => drop(sources.insert(stream.name.clone(), (Arc::new(source), info))),
                Err(fault) => faults.push(fault),
            }
        }
        sources
    }

    async fn triggers(&self, config: &Config, places: &Places, faults: &mut Vec<String>) -> (Vec<Arc<Trigger>>, Option<Engine>) {
        let engine = match plugins::engine(config, plugins::Cache::Made) {
            Ok(engine) => engine,
            Err(error) => {
                faults.push(error.to_string());
                return (Vec::new(), None);
            }
        };
        let mut triggers = Vec::new();
        for (name, plugin) in plugins::load(config, &engine).await {
            let trigger = &config.triggers[&name];
            let info = places.sources.get(&trigger.stream).map(|(_, info)| info);
            let plugin = match plugin {
                Ok(plugin) => plugin,
                Err(fault) => {
                    faults.push(fault.to_string());
                    continue;
                }
            };
            // Its stream's fault is said already.
            let Some(info) = info else { continue };
            let http = match plugins::http_client(trigger) {
                Ok(http) => http,
                Err(fault) => {
                    faults.push(fault);
                    continue;
                }
            };
            let trigger = Arc::new(self.trigger(trigger, places, http, Slot::of(plugin.clone(), trigger.instances)));
            faults.extend(trigger.wants_more_than(info));
            // So are those of its targets and mailers: without them, the plugin would only say that nobody granted them.
            if !places.have(&config.triggers[&name].grants) {
                continue;
            }
            let probed = plugins::probe(&config.triggers[&name], &plugin, &trigger.origin(info), &trigger.context).await;
            faults.extend(probed.err());
            triggers.push(trigger);
        }
        (triggers, Some(engine))
    }

    fn trigger(&self, config: &TriggerConfig, places: &Places, http: Option<Arc<dyn HttpClient>>, slot: Slot) -> Trigger {
        let table = |name: &str| places.targets.get(name).map(|target| (name.into(), target.clone() as Arc<dyn TableTarget>));
        let mailer = |name: &str| places.mailers.get(name).map(|mailer| (name.into(), mailer.clone() as Arc<dyn Mailbox>));
        let grants = Grants {
            counters: config.grants.counters,
            state: config.grants.state.then(|| Arc::new(self.store.clone()) as _),
            tables: config.grants.tables.iter().filter_map(|name| table(name)).collect(),
            reads: config.grants.reads.iter().filter_map(|name| table(name)).collect(),
            metrics: config.grants.metrics.then(|| self.telemetry.metrics_of(&config.name)),
            mailers: config.grants.mailers.iter().filter_map(|name| mailer(name)).collect(),
            http,
        };
        Trigger {
            name: config.name.clone(),
            stream: config.stream.clone(),
            view: config.view.clone(),
            filters: config.filters.clone(),
            start: config.start,
            policy: config.policy.clone(),
            parallelism: config.policy.parallelism.into(),
            context: plugins::context(config, grants, self.signals.clone()),
            slot,
        }
    }

    /// One watcher for each file, for all triggers that use it. A pinned plugin is not watched: no other version may serve.
    fn files(&self, config: &Config, triggers: &[Arc<Trigger>], sources: &Sources) -> Vec<PluginFile> {
        let mut uses: BTreeMap<_, Vec<PluginUse>> = BTreeMap::new();
        for trigger in triggers {
            let configured = &config.triggers[&trigger.name];
            let version = trigger.slot.current();
            let source = plugins::source(&configured.plugin);
            let plugin = source.as_ref().map_or_else(Clone::clone, ToString::to_string);
            let serves = Signal::PluginServes { trigger: &trigger.name, plugin: &plugin, version: version.version(), reload: false };
            self.signals.emit(serves);
            self.telemetry.health().set(Component::Trigger(trigger.name.clone()), State::Ready);
            if let (Ok(PluginSource::File(path)), None) = (source, &configured.sha256) {
                let origin = trigger.origin(&sources[&trigger.stream].1);
                let used = PluginUse { slot: trigger.slot.clone(), origin, context: trigger.context.clone() };
                uses.entry(path).or_default().push(used);
            }
        }
        let watch = |(path, uses): (_, Vec<PluginUse>)| {
            let serving = uses[0].slot.current();
            PluginFile::new(path, &serving, uses, self.signals.clone())
        };
        uses.into_iter().map(watch).collect()
    }

    /// Mail of a mailer that the config no longer has: nobody sends it, and that is said.
    fn tell_of_orphans(&self, config: &Config) {
        let summary = SqliteReader::open(&config.host.data_dir).map_err(|error| error.to_string());
        match summary.and_then(|reader| reader.outbox_summary().map_err(|error| error.to_string())) {
            Ok(summary) => {
                for row in summary.iter().filter(|row| row.pending > 0 && !config.mailers.contains_key(&*row.mailer)) {
                    let (mailer, reason) = (&*row.mailer, "the config has no such mailer: write [mailers.…] again to send what waits");
                    self.signals.emit(Signal::MailsPending { mailer, mails: row.pending });
                    self.signals.emit(Signal::MailerAway { mailer, barred: true, pause: None, reason });
                }
            }
            Err(reason) => tracing::warn!(%reason, "the outbox cannot be read"),
        }
    }

    fn sender(&self, mailers: Mailers) -> Sender {
        Sender {
            mailers: mailers.into_values().collect(),
            outbox: Arc::new(self.store.clone()),
            accepted: self.store.mail_accepted(),
            signals: self.signals.clone(),
            clock: clock::shared(),
        }
    }

    fn redrives(&self, stream: &Stream, info: &StreamInfo) -> Vec<RedriveTask> {
        let redrive = |(index, trigger): (usize, &Arc<Trigger>)| RedriveTask {
            trigger: trigger.clone(),
            index,
            info: info.clone(),
            holds: stream.holds.clone(),
            letters: Arc::new(self.store.clone()),
            marked: self.store.letters_marked(),
            signals: self.signals.clone(),
        };
        stream.triggers.iter().enumerate().map(redrive).collect()
    }

    /// Triggers that the config pauses, or an operator has paused; the latter may be of another config.
    async fn paused(&self, config: &Config) -> Result<BTreeSet<TriggerName>, StoreError> {
        let by_operator = self.store.read(SqliteReader::paused).await?.into_iter().map(|(trigger, _)| trigger);
        let by_config = config.triggers.values().filter(|trigger| trigger.paused).map(|trigger| trigger.name.clone());
        Ok(by_operator.chain(by_config).collect())
    }

    fn streams(
        &self,
        config: &Config,
        triggers: Vec<Arc<Trigger>>,
        sources: Sources,
        paused: &BTreeSet<TriggerName>,
    ) -> Vec<(Arc<Stream>, StreamInfo)> {
        let mut streams = Vec::new();
        let budget = Budget::new(WINDOWS_BYTES_MAX);
        for (name, (source, info)) in sources {
            let of_stream: Vec<_> = triggers.iter().filter(|trigger| trigger.stream == name).cloned().collect();
            // `check` has warned of a stream that nobody wants.
            if of_stream.is_empty() {
                continue;
            }
            self.telemetry.health().expect(Component::Stream(name.clone()));
            for trigger in &of_stream {
                self.telemetry.follows(&trigger.name, &name);
                if paused.contains(&trigger.name) {
                    self.signals.emit(Signal::Paused { trigger: &trigger.name, paused: true });
                }
            }
            let is_paused: Vec<bool> = of_stream.iter().map(|trigger| paused.contains(&trigger.name)).collect();
            let filters = Stream::filters(&of_stream);
            // What needs no stream to be known was said before.
            for warning in of_stream.iter().flat_map(|trigger| config.triggers[&trigger.name].filter_warnings(info.view)) {
                tracing::warn!("{warning}");
            }
            let configured = &config.streams[&name];
            let endpoint = configured.streams_endpoint.as_ref().or(configured.connection.endpoint.as_ref());
            let is_local = endpoint.is_some_and(|endpoint| is_loopback(endpoint));
            let stream = Stream {
                source,
                store: Arc::new(self.store.clone()),
                triggers: of_stream,
                on_gap: configured.on_gap,
                signals: self.signals.clone(),
                reading: Reading {
                    pace: if is_local { Pace::unlimited() } else { Pace::aws() },
                    window_bytes_max: configured.window_bytes_max,
                    budget: budget.clone(),
                    filters,
                    lost: None,
                },
                holds: Holds::new(),
                tap: self.taps.of(&name),
                paused: watch::Sender::new(is_paused),
                name,
            };
            streams.push((Arc::new(stream), info));
        }
        streams
    }
}

/// Every table at once: one that answers slowly takes its seconds, and not each of many.
async fn set_out(streams: Vec<(Arc<Stream>, StreamInfo)>) -> Result<Vec<(Arc<Stream>, Way)>, StoreError> {
    let setting_out = streams.into_iter().map(async |(stream, info)| {
        let way = stream.set_out(&info).await?;
        Ok((stream, way))
    });
    join_all(setting_out).await.into_iter().collect()
}

fn mailers(config: &Config, faults: &mut Vec<String>) -> Mailers {
    let mut mailers = Mailers::new();
    for (name, mailer) in &config.mailers {
        match Mailer::build(mailer.clone()) {
            Ok(built) => drop(mailers.insert(name.clone(), Arc::new(built))),
            Err(error) => faults.push(error.to_string()),
        }
    }
    mailers
}

pub fn engine_config(config: &Config) -> EngineConfig {
    let instances_max = u32::try_from(config.host.instances_max);
    instances_max.map_or_else(|_| EngineConfig::default(), |instances_max| EngineConfig { instances_max })
}
