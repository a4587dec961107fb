//! What a rehearsed plugin finds in place of the world: a clock that jumps, state in memory, and somebody who writes down what it says and does.
//!
//! Invariants: state is what settlements have made of it, and nothing else; each entry has a version that its key never had before. What a call says
//! and writes is taken once, by who made the call; what is beyond `bound`, as a number. Tables are in `tables`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tripline_core::delivery::Seen;
use tripline_core::effect::{CounterKey, Mutation};
use tripline_core::limits::METRIC_SERIES_MAX;
use tripline_core::name::TriggerName;
use tripline_core::port::{BoxFuture, MetricKind, MetricSample, MetricSink, StateEntry, StateReader, StoreError};
use tripline_core::signal::{LogLevel, Signal, Signals};
use tripline_core::time::Timestamp;

use super::bound::{Room, Untold};
use super::tables::{Items, Looked, Written};
use super::web::Requested;

/// Goes forward when it is told to.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(Ordering::Relaxed))
    }

    /// Never backward.
    pub(super) fn reach(&self, time: Timestamp) {
        self.0.fetch_max(time.as_ms(), Ordering::Relaxed);
    }

    pub(super) fn shared(&self) -> tripline_runtime::Clock {
        let clock = self.clone();
        Arc::new(move || clock.now())
    }
}

/// What one call said and wrote, whatever it then came to.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub(super) logs: Vec<Line>,
    pub(super) reads: Vec<Looked>,
    pub(super) writes: Vec<Written>,
    pub(super) requests: Vec<Requested>,
    pub(super) metrics: Vec<(CounterKey, MetricSample)>,
    pub(super) untold: Untold,
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) level: LogLevel,
    /// `stdout`, `stderr`, or what the plugin says.
    pub(super) context: String,
    pub(super) message: String,
}

#[derive(Debug, Default)]
pub(super) struct Stage(Mutex<Inner>);

#[derive(Debug, Default)]
pub(super) struct Inner {
    pub(super) said: Said,
    pub(super) room: Room,
    state: BTreeMap<Box<str>, Entry>,
    pub(super) items: Items,
    pub(super) transactions: usize,
    /// The kinds of the first names; a host drops what is beyond.
    metrics: BTreeMap<Box<str>, MetricKind>,
    /// The last that was given.
    version: u64,
}

#[derive(Debug)]
struct Entry {
    found: StateEntry,
    expires_ms: Option<u64>,
}

impl Inner {
    fn alive(&self, key: &str, now: Timestamp) -> Option<&StateEntry> {
        // Alive at the very millisecond, as in the store.
        let entry = self.state.get(key).filter(|entry| entry.expires_ms.is_none_or(|at| at >= now.as_ms()))?;
        Some(&entry.found)
    }
}

impl Stage {
    pub(super) fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here panics halfway through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was said and written since it was last asked.
    pub(super) fn take(&self) -> Said {
        let mut inner = self.inner();
        inner.room.next_call();
        std::mem::take(&mut inner.said)
    }

    pub(super) fn requested(&self, requested: Requested) {
        let Inner { said, room, .. } = &mut *self.inner();
        if room.takes(requested.bytes()) { said.requests.push(requested) } else { said.untold.requests += 1 }
    }

    /// One transaction. `Err`: nothing of it holds, since these keys are not as they were seen.
    pub(super) fn commit(&self, mutations: &[Mutation], seen: &[Seen]) -> Result<(), Vec<Box<str>>> {
        let mut inner = self.inner();
        let stands = |seen: &&Seen| inner.alive(&seen.key, seen.at).map(|found| found.version) != seen.version;
        let lost: Vec<_> = seen.iter().filter(stands).map(|seen| seen.key.clone()).collect();
        if !lost.is_empty() {
            return Err(lost);
        }
        for mutation in mutations {
            match mutation {
                Mutation::SetState { key, value, expires_ms } => {
                    inner.version += 1;
                    let found = StateEntry { value: value.clone(), version: inner.version };
                    inner.state.insert(key.clone(), Entry { found, expires_ms: *expires_ms });
                }
                Mutation::DeleteState { key } => drop(inner.state.remove(key)),
                // No change reads these.
                Mutation::AddCounter { .. } | Mutation::SendMail(_) => {}
            }
        }
        Ok(())
    }
}

impl Signals for Stage {
    fn emit(&self, signal: Signal<'_>) {
        let line = match signal {
            Signal::GuestLog { level, context, message, .. } => Line { level, context: context.into(), message: message.into() },
            Signal::GuestLogsDropped { lines, .. } => {
                Line { level: LogLevel::Warn, context: String::new(), message: format!("{lines} more lines were dropped") }
            }
            // How long a call took is no part of what it does.
            _ => return,
        };
        let Inner { said, room, .. } = &mut *self.inner();
        if room.takes_line(line.context.len() + line.message.len()) { said.logs.push(line) } else { said.untold.logs += 1 }
    }
}

impl StateReader for Stage {
    fn get<'a>(
        &'a self,
        _: &'a TriggerName,
        keys: Vec<Box<str>>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Option<StateEntry>>, StoreError>> {
        let inner = self.inner();
        let found = keys.iter().map(|key| inner.alive(key, now).cloned()).collect();
        Box::pin(async move { Ok(found) })
    }
}

impl MetricSink for Stage {
    fn record(&self, metric: CounterKey, sample: MetricSample) -> Result<(), String> {
        let Inner { said, room, metrics, .. } = &mut *self.inner();
        let kind = metrics.get(&metric.name).copied().unwrap_or(sample.kind());
        if kind != sample.kind() {
            return Err(format!("the metric `{}` is a {} already, and no {}", metric.name, kind.as_str(), sample.kind().as_str()));
        }
        if metrics.len() < METRIC_SERIES_MAX {
            metrics.insert(metric.name.clone(), kind);
        }
        let labels: usize = metric.labels().iter().map(|(name, value)| name.len() + value.len()).sum();
        if room.takes(metric.name.len() + labels) {
            said.metrics.push((metric, sample))
        } else {
            said.untold.samples += 1
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(key: &str, value: &[u8], expires_ms: Option<u64>) -> Mutation {
        Mutation::SetState { key: key.into(), value: value.into(), expires_ms }
    }

    fn version(stage: &Stage, key: &str, now_ms: u64) -> Option<u64> {
        stage.inner().alive(key, Timestamp::from_ms(now_ms)).map(|found| found.version)
    }

    #[test]
    fn a_key_never_has_the_same_version_twice() {
        let stage = Stage::default();
        stage
            .commit(&[set("k", b"a", None), Mutation::DeleteState { key: "k".into() }, set("k", b"b", None)], &[])
            .unwrap();
        assert_eq!(version(&stage, "k", 0), Some(2));
        stage.commit(&[set("k", b"b", Some(10))], &[]).unwrap();
        assert_eq!([version(&stage, "k", 10), version(&stage, "k", 11)], [Some(3), None]);
    }

    #[test]
    fn a_commit_whose_reads_no_longer_stand_leaves_no_trace() {
        let stage = Stage::default();
        let seen = |version| Seen { key: "k".into(), version, at: Timestamp::from_ms(0) };
        stage.commit(&[set("k", b"a", None)], &[seen(None)]).unwrap();
        assert_eq!(stage.commit(&[set("k", b"b", None)], &[seen(None)]).unwrap_err(), [Box::<str>::from("k")]);
        assert_eq!(version(&stage, "k", 0), Some(1));
        stage.commit(&[set("k", b"b", None)], &[seen(Some(1))]).unwrap();
        assert_eq!(version(&stage, "k", 0), Some(2));
    }

    #[test]
    fn the_clock_never_goes_backward() {
        let clock = Clock::default();
        for (reached, now) in [(5, 5), (3, 5), (6, 6)] {
            clock.reach(Timestamp::from_ms(reached));
            assert_eq!((clock.now(), clock.shared()()), (Timestamp::from_ms(now), Timestamp::from_ms(now)));
        }
    }
}
