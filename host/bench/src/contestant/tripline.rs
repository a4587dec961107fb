//! Tripline itself: the host's own stream, reader, window, lanes, plugin and store, put together as `tripline run` does, with its metrics.
//!
//! Left out is what a config can differ in: parsing it, probing, the listener.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tripline::aws::Aws;
use tripline::clock;
use tripline::config::Connection;
use tripline::stream_task::Stream;
use tripline::trigger::Trigger;
use tripline_admin::{Health, Taps, Telemetry};
use tripline_core::backoff::Backoff;
use tripline_core::budget::Budget;
use tripline_core::delivery::{Policy, Then};
use tripline_core::feed::Reading;
use tripline_core::gap::OnGap;
use tripline_core::name::TriggerName;
use tripline_core::port::{
    BoxFuture, Commit, CommitError, Grants, PinCommit, StateEntry, StateReader, Store, StoreError, StoredWay, StreamSource,
};
use tripline_core::reader::Pace;
use tripline_core::rewind::Rewind;
use tripline_core::signal::{Signal, Signals};
use tripline_core::start::Start;
use tripline_core::time::Timestamp;
use tripline_core::view::{View, ViewType};
use tripline_runtime::{Engine, EngineConfig, Limits, Plugin, Slot, TriggerContext};
use tripline_store::SqliteStore;
use tripline_stream::{Source, SourceConfig};

use crate::case::{Case, CasePlugin, CaseView, REGION, TABLE};
use crate::filters;
use crate::measure::{Stopwatch, Used};

/// The default of `streams.NAME.window` and of `triggers.NAME.batch.bytes_max`.
const WINDOW_BYTES: usize = 16 * 1024 * 1024;
const BATCH_BYTES_MAX: usize = 1024 * 1024;
const COUNTERS: &str = r#"[{"name":"orders","by":["status"]},{"name":"revenue","by":["status","city"],"sum":"total"}]"#;

pub(crate) async fn run(case: &Case, endpoint: &str) -> Result<Used> {
    let telemetry = Telemetry::new(Health::new(clock::shared(), Duration::from_secs(60)));
    let counted =
        Arc::new(Counted { telemetry, handled: AtomicUsize::new(0), wanted: case.changes() * case.triggers, done: Notify::new() });
    let signals: Arc<dyn Signals> = counted.clone();
    let source = source(endpoint).await;
    let info = source.latest().await?;
    let directory = tempfile::tempdir()?;
    let (store, threads) = SqliteStore::open(directory.path(), signals.clone())?;
    let plugin = Engine::new(EngineConfig::default())?.load(component(case.plugin)?).await?;
    let triggers = (0..case.triggers).map(|index| Ok(Arc::new(trigger(case, index, plugin.clone(), signals.clone())?)));
    let triggers: Vec<_> = triggers.collect::<Result<_>>()?;
    let stream = Arc::new(Stream {
        name: TABLE.into(),
        source,
        store: if case.commits { Arc::new(store.clone()) } else { Arc::new(Uncommitted) },
        signals,
        on_gap: OnGap::default(),
        reading: Reading {
            pace: Pace::unlimited(),
            window_bytes_max: WINDOW_BYTES,
            budget: Budget::new(WINDOW_BYTES),
            lost: None,
            filters: Stream::filters(&triggers),
        },
        triggers,
        holds: tripline::holds::Holds::new(),
        tap: Taps::new([TABLE.into()]).of(&TABLE.into()),
        paused: watch::Sender::new(vec![false; case.triggers]),
    });

    let stop = CancellationToken::new();
    let stopwatch = Stopwatch::start();
    let way = stream.set_out(&info).await?;
    let (_commands, ordered) = mpsc::channel(1);
    let running = tokio::task::JoinSet::from_iter([stream.run(way, ordered, stop.clone())]);
    counted.done.notified().await;
    let used = stopwatch.stop(counted.handled.load(Ordering::SeqCst));

    stop.cancel();
    for end in running.join_all().await {
        end?;
    }
    drop(store);
    threads.run().await?;
    ensure!(used.changes == counted.wanted, "{} changes were acknowledged, and there are {}", used.changes, counted.wanted);
    Ok(used)
}

async fn source(endpoint: &str) -> Arc<dyn StreamSource> {
    let connection = Connection { region: Some(REGION.into()), endpoint: Some(endpoint.into()), ..Connection::default() };
    let config = SourceConfig { table: TABLE.into(), region: REGION.into(), endpoint: Some(endpoint.into()), streams_endpoint: None };
    Arc::new(Source::new(&Aws::new().config(&connection).await, config, clock::shared()))
}

pub(crate) fn component(plugin: CasePlugin) -> Result<&'static [u8]> {
    match plugin {
        CasePlugin::TwoAttributes => Ok(tripline_bundled::TWO_ATTRIBUTES),
        CasePlugin::AnalyticsCounter => {
            let found = tripline_bundled::plugin("analytics-counter").ok_or_else(|| anyhow!("analytics-counter is not bundled"))?;
            Ok(found.bytes)
        }
    }
}

fn trigger(case: &Case, index: usize, plugin: Plugin, signals: Arc<dyn Signals>) -> Result<Trigger> {
    let name = TriggerName::from(format!("trigger-{index}"));
    let two = || ["status", "total"].into_iter().collect();
    let view = match (case.plugin, case.view) {
        (CasePlugin::AnalyticsCounter, _) | (_, CaseView::BothImages) => View::of(ViewType::NewAndOldImages),
        (_, CaseView::NewImage) => View::of(ViewType::NewImage),
        (_, CaseView::TwoAttributes) => View { kind: ViewType::NewImage, attributes: Some(two()) },
    };
    let context = TriggerContext {
        trigger: name.clone(),
        grants: Grants { counters: true, ..Grants::default() },
        settings: Arc::new(BTreeMap::from([("counters".to_owned(), COUNTERS.to_owned())])),
        limits: Limits { memory_bytes_max: 64 * 1024 * 1024, time_max: Duration::from_secs(10) },
        signals,
        clock: clock::shared(),
        seed: None,
    };
    Ok(Trigger {
        name,
        stream: TABLE.into(),
        view,
        filters: Arc::new(filters::patterns(case.filters, index)?),
        start: Start::default(),
        policy: policy(case),
        parallelism: 1.into(),
        context,
        slot: Slot::new(plugin),
    })
}

/// The config's defaults, but for the batch, and without bounds on attempts and age: the prepared changes are old.
fn policy(case: &Case) -> Policy {
    Policy {
        records_max: case.batch,
        bytes_max: BATCH_BYTES_MAX,
        attempts_max: None,
        age_max: Duration::from_secs(u64::from(u32::MAX)),
        backoff: Backoff { first: Duration::from_millis(100), max: Duration::from_secs(30) },
        bisect: true,
        then: Then::DeadLetter,
        delivers_ahead: true,
        ..Policy::default()
    }
}

/// The host's own telemetry, and a bell that rings when all is acknowledged.
#[derive(Debug)]
struct Counted {
    telemetry: Arc<Telemetry>,
    handled: AtomicUsize,
    wanted: usize,
    done: Notify,
}

impl Signals for Counted {
    fn emit(&self, signal: Signal<'_>) {
        if let Signal::Acknowledged { changes, .. } = signal
            && self.handled.fetch_add(changes, Ordering::SeqCst) + changes >= self.wanted
        {
            self.done.notify_one();
        }
        self.telemetry.emit(signal);
    }
}

/// What commits are compared with: a store that forgets.
#[derive(Debug)]
struct Uncommitted;

impl StateReader for Uncommitted {
    fn get<'a>(
        &'a self,
        _: &'a TriggerName,
        keys: Vec<Box<str>>,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Option<StateEntry>>, StoreError>> {
        Box::pin(async move { Ok(vec![None; keys.len()]) })
    }
}

impl Store for Uncommitted {
    fn ways<'a>(&'a self, _: &'a [TriggerName]) -> BoxFuture<'a, Result<Vec<StoredWay>, StoreError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn pin(&self, _: Vec<PinCommit>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn rewind(&self, _: Rewind) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(()) })
    }

    fn commit(&self, _: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async { Ok(()) })
    }
}
