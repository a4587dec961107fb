//! What a rehearsed plugin finds in place of the world: a clock that jumps, tables that record, state in memory.
//!
//! Invariants: state is what settlements have made of it, and nothing else; each entry has a version that its key never had before. What a call says
//! and writes is taken once, by who made the call.
//! A table answers as an empty one would, as far as that is known here: a write with a condition passes too.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tripline_capability::tables;
use tripline_core::delivery::Seen;
use tripline_core::effect::Mutation;
use tripline_core::name::TriggerName;
use tripline_core::port::{BoxFuture, StateEntry, StateReader, StoreError, TableTarget, TableWrite, WriteError};
use tripline_core::signal::{LogLevel, Signal, Signals};
use tripline_core::time::Timestamp;

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
    pub(super) writes: Vec<Written>,
}

#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) level: LogLevel,
    /// `stdout`, `stderr`, or what the plugin says.
    pub(super) context: String,
    pub(super) message: String,
}

#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) target: Box<str>,
    pub(super) write: TableWrite,
    /// Why no table takes it.
    pub(super) refused: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Stage(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    said: Said,
    state: BTreeMap<Box<str>, Entry>,
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
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here panics halfway through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was said and written since it was last asked.
    pub(super) fn take(&self) -> Said {
        std::mem::take(&mut self.inner().said)
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
        self.inner().said.logs.push(line);
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

/// One target.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: Box<str>,
    pub(super) stage: Arc<Stage>,
}

impl TableTarget for Table {
    fn write(&self, writes: Vec<TableWrite>) -> BoxFuture<'_, Vec<Result<(), WriteError>>> {
        let mut inner = self.stage.inner();
        let mut record = |write: TableWrite| {
            let checked = tables::check(&write);
            let refused = checked.clone().err();
            inner.said.writes.push(Written { target: self.name.clone(), write, refused });
            checked.map_err(WriteError::Invalid)
        };
        let answers = writes.into_iter().map(&mut record).collect();
        Box::pin(async move { answers })
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
