//! What a rehearsed plugin finds in place of the world: a clock that jumps, tables that record, state in memory.
//!
//! Invariants: state is what settlements have made of it, and nothing else; each entry has a version that its key never had before. What a call says
//! and writes is taken once, by who made the call.
//! A table holds what was put into it and not deleted; it judges no condition and works out no update.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tripline_capability::tables;
use tripline_core::delivery::Seen;
use tripline_core::effect::{CounterKey, Mutation};
use tripline_core::name::TriggerName;
use tripline_core::port::{
    BoxFuture, MetricKind, MetricSample, MetricSink, StateEntry, StateReader, StoreError, TableReadError, TableSpot, TableTarget,
    TableWrite, TransactAction, TransactError, Transaction, WriteError, WriteOperation,
};
use tripline_core::signal::{LogLevel, Signal, Signals};
use tripline_core::time::Timestamp;

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
    pub(super) action: TransactAction,
    /// Which of the rehearsal's transactions it is a part of.
    pub(super) transaction: Option<usize>,
    /// Why no table takes it.
    pub(super) refused: Option<String>,
}

/// A key that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Looked {
    pub(super) target: Box<str>,
    pub(super) key: String,
    pub(super) found: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Stage(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    said: Said,
    state: BTreeMap<Box<str>, Entry>,
    /// Of each target, in the order of the puts.
    items: BTreeMap<Box<str>, Vec<String>>,
    transactions: usize,
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

impl Inner {
    /// As the host's tables: what is no write of any table is refused.
    fn write(&mut self, target: &str, write: TableWrite) -> Result<(), WriteError> {
        let checked = tables::check(&write);
        if checked.is_ok() {
            self.keep(target, &write);
        }
        let (action, refused) = (TransactAction::Write(write), checked.clone().err());
        self.said.writes.push(Written { target: target.into(), action, transaction: None, refused });
        checked.map_err(WriteError::Invalid)
    }

    fn transact(&mut self, transaction: Transaction) -> Result<(), TransactError> {
        self.transactions += 1;
        let checked: Vec<_> = transaction.writes.iter().map(|write| tables::check_transact(&write.action)).collect();
        let refused = (0..)
            .zip(&checked)
            .find_map(|(index, checked)| Some(format!("write {index}: {}", checked.as_ref().err()?)));
        for write in transaction.writes {
            if let (None, TransactAction::Write(write), target) = (&refused, &write.action, &write.spot.table) {
                self.keep(&target.clone(), write);
            }
            let (target, transaction) = (write.spot.table.clone(), Some(self.transactions));
            self.said
                .writes
                .push(Written { target, action: write.action, transaction, refused: refused.clone() });
        }
        refused.map_or(Ok(()), |reason| Err(TransactError::Invalid(reason)))
    }

    fn keep(&mut self, target: &str, write: &TableWrite) {
        let items = self.items.entry(target.into()).or_default();
        match &write.operation {
            WriteOperation::Put(item) => items.push(item.clone()),
            WriteOperation::Delete(key) => items.retain(|item| !tables::is_at(item, key)),
            // What it makes of the item is not worked out.
            WriteOperation::Update { .. } => {}
        }
    }

    fn look(&mut self, target: &str, key: String) -> Option<String> {
        let items = self.items.get(target).map_or(&[][..], Vec::as_slice);
        let found = items.iter().rev().find(|item| tables::is_at(item, &key)).cloned();
        self.said.reads.push(Looked { target: target.into(), key, found: found.clone() });
        found
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

    pub(super) fn requested(&self, requested: Requested) {
        self.inner().said.requests.push(requested);
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
    fn spot(&self) -> Arc<TableSpot> {
        // All of one place, as far as a rehearsal knows.
        Arc::new(TableSpot { home: Box::default(), table: self.name.clone(), keys: Box::default() })
    }

    fn write(&self, writes: Vec<TableWrite>) -> BoxFuture<'_, Vec<Result<(), WriteError>>> {
        let mut inner = self.stage.inner();
        let answers = writes.into_iter().map(|write| inner.write(&self.name, write)).collect();
        Box::pin(async move { answers })
    }

    fn transact(&self, transaction: Transaction) -> BoxFuture<'_, Result<(), TransactError>> {
        let answer = self.stage.inner().transact(transaction);
        Box::pin(async move { answer })
    }

    fn get(&self, keys: Vec<String>, _: bool) -> BoxFuture<'_, Result<Vec<Option<String>>, TableReadError>> {
        let mut inner = self.stage.inner();
        let answer = keys.into_iter().map(|key| inner.look(&self.name, key)).collect();
        Box::pin(async move { Ok(answer) })
    }
}

impl MetricSink for Stage {
    fn record(&self, metric: CounterKey, sample: MetricSample) -> Result<(), String> {
        let mut inner = self.inner();
        let kind = *inner.metrics.entry(metric.name.clone()).or_insert(sample.kind());
        if kind != sample.kind() {
            return Err(format!("the metric `{}` is a {} already, and no {}", metric.name, kind.as_str(), sample.kind().as_str()));
        }
        inner.said.metrics.push((metric, sample));
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
    fn a_table_holds_what_was_put_and_not_deleted() {
        let stage = Arc::<Stage>::default();
        let mut inner = stage.inner();
        let write = |operation| TableWrite { operation, condition: None, placeholders: Default::default() };
        let put = |item: &str| write(WriteOperation::Put(item.to_owned()));
        for item in [r#"{"id":{"S":"a"},"n":{"N":"1"}}"#, r#"{"id":{"S":"a"},"n":{"N":"2"}}"#, r#"{"id":{"N":"1.0"}}"#] {
            inner.write("t", put(item)).unwrap();
        }
        let a = r#"{"id":{"S":"a"}}"#;
        assert_eq!(inner.look("t", a.to_owned()).as_deref(), Some(r#"{"id":{"S":"a"},"n":{"N":"2"}}"#));
        assert_eq!(inner.look("t", r#"{"id":{"N":"1"}}"#.to_owned()).as_deref(), Some(r#"{"id":{"N":"1.0"}}"#));
        assert_eq!([inner.look("other", a.to_owned()), inner.look("t", "{}".to_owned())], [None, None]);
        inner.write("t", write(WriteOperation::Delete(a.to_owned()))).unwrap();
        assert_eq!(inner.look("t", a.to_owned()), None);
        let spot = Arc::new(TableSpot { home: "".into(), table: "t".into(), keys: Box::default() });
        let transact = |write| tripline_core::port::Transact { spot: spot.clone(), action: TransactAction::Write(write) };
        let bad = Transaction { token: String::new(), writes: vec![transact(put(a)), transact(put("[]"))] };
        assert!(matches!(inner.transact(bad), Err(TransactError::Invalid(reason)) if reason.starts_with("write 1: ")));
        assert_eq!(inner.look("t", a.to_owned()), None);
        inner.transact(Transaction { token: String::new(), writes: vec![transact(put(a))] }).unwrap();
        assert_eq!(inner.look("t", a.to_owned()).as_deref(), Some(a));
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
