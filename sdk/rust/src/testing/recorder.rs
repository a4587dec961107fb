//! What stands in for the host in unit tests: one recorder per thread.
//!
//! Invariant: an effect of a change that failed, or is held back, is gone once the run that it belongs to ends. What is done outside of a run stands.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::settle::Run;
use crate::change::{Batch, Change};
use crate::http::{Error, Request, Response};
use crate::item::Item;
use crate::log::Level;
use crate::mailer::Message;
use crate::tables::{Transact, TransactError, Write, WriteError};

/// Something that a trigger is granted, or is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Capability {
    Counters,
    State,
    /// Writing to tables.
    Tables,
    /// Reading them.
    Reads,
    Mailers,
    Http,
    Metrics,
}

/// A function of the host's, to count its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    CounterAdd,
    StateGet,
    StateSet,
    StateDelete,
    TableWrite,
    TableTransact,
    TableGet,
    MailSend,
    HttpSend,
    Metric,
}

/// What was added to a counter. Labels are sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    pub change: u32,
    pub name: String,
    pub labels: Vec<(String, String)>,
    pub delta: String,
}

/// A mail that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    pub change: u32,
    pub mailer: Option<String>,
    pub message: Message,
    pub key: String,
}

/// What was measured by one call. Labels are sorted.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    pub name: String,
    pub labels: Vec<(String, String)>,
    pub measured: Measured,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Measured {
    Counted(u64),
    Set(f64),
    Observed(f64),
}

/// A line of the log.
#[derive(Clone, Debug)]
pub struct Line {
    pub level: Level,
    pub context: String,
    pub message: String,
}

type StateValue = (Vec<u8>, Option<u64>);
type OnWrite = Box<dyn FnMut(&str, &Write) -> Result<(), WriteError>>;
type OnTransact = Box<dyn FnMut(&[(String, Transact)]) -> Result<(), TransactError>>;

type OnHttp = Box<dyn FnMut(&Request) -> Result<Response, Error>>;

#[derive(Clone, Debug)]
pub(crate) enum Effect {
    Counter(Added),
    Set { change: u32, key: String, value: Option<StateValue> },
    Mail(Mail),
}

impl Effect {
    fn change(&self) -> u32 {
        match self {
            Self::Counter(Added { change, .. }) | Self::Set { change, .. } | Self::Mail(Mail { change, .. }) => *change,
        }
    }
}

#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) state_down: Option<String>,
    pub(crate) on_write: Option<OnWrite>,
    pub(crate) writes: Vec<(String, Write)>,
    pub(crate) on_http: Option<OnHttp>,
    pub(crate) requests: Vec<Request>,
    pub(crate) on_transact: Option<OnTransact>,
    /// Each with the index of its change.
    pub(crate) transactions: Vec<(u32, Vec<(String, Transact)>)>,
    /// Table, key and the item's JSON.
    pub(crate) items: Vec<(String, Item, String)>,
    pub(crate) reads_down: Option<String>,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) logs: Vec<Line>,
    denied: BTreeSet<Capability>,
    calls: BTreeMap<Call, usize>,
    /// In the order in which they were made: those that stand, then those of the run under way.
    effects: Vec<Effect>,
    /// How many of `effects` are settled.
    committed: usize,
    run: Option<Run>,
    /// Of the last run.
    held: Vec<u32>,
}

thread_local! {
    static RECORDER: RefCell<Recorder> = RefCell::default();
}

pub(crate) fn with<T>(use_it: impl FnOnce(&mut Recorder) -> T) -> T {
    RECORDER.with_borrow_mut(use_it)
}

pub(crate) fn record(effect: Effect) {
    with(|recorder| {
        recorder.effects.push(effect);
        if recorder.run.is_none() {
            recorder.committed = recorder.effects.len();
        }
    });
}

/// Begins a run, which `end` ends.
pub(crate) fn begin(batch: &Batch) {
    with(|recorder| {
        // Of a run that a panic has ended.
        recorder.effects.truncate(recorder.committed);
        recorder.run = Some(Run::new(batch.iter().map(Change::keys_json)));
        recorder.held.clear();
    });
}

/// Ends a run: keeps the effects of the changes that are done. `failed`: by position, whether the change is delivered again.
pub(crate) fn end(failed: &BTreeMap<u32, bool>) {
    with(|recorder| {
        let held = recorder.run.take().map(|run| run.held_back(failed)).unwrap_or_default();
        let pending = recorder.effects.split_off(recorder.committed);
        let is_done = |effect: &Effect| !failed.contains_key(&effect.change()) && !held.contains(&effect.change());
        recorder.effects.extend(pending.into_iter().filter(is_done));
        recorder.committed = recorder.effects.len();
        recorder.held = held.into_iter().collect();
    });
}

impl Recorder {
    /// Counts a call; `Err` where it is denied.
    pub(crate) fn enter(&mut self, call: Call, capability: Capability) -> Result<(), String> {
        *self.calls.entry(call).or_default() += 1;
        if self.denied.contains(&capability) {
            return Err(format!("the test denies {capability:?}"));
        }
        Ok(())
    }

    /// What a change reads: what its batch has written, on which it depends from now on, or else what was there before.
    pub(crate) fn read(&mut self, reader: u32, wanted: &str) -> Option<Vec<u8>> {
        let written = self.effects[self.committed..].iter().rev().find_map(|effect| match effect {
            Effect::Set { change, key, .. } if key == wanted => Some(*change),
            _ => None,
        });
        if let (Some(run), Some(writer)) = (&mut self.run, written) {
            run.read(reader, writer);
        }
        self.state(wanted)
    }

    /// Of the run under way.
    pub(crate) fn has_mail(&self, of: u32, with_key: &str) -> bool {
        let is_it = |effect: &Effect| matches!(effect, Effect::Mail(Mail { change, key, .. }) if *change == of && key == with_key);
        self.effects[self.committed..].iter().any(is_it)
    }

    fn entry(&self, wanted: &str) -> Option<&StateValue> {
        self.effects.iter().rev().find_map(|effect| match effect {
            Effect::Set { key, value, .. } if key == wanted => Some(value.as_ref()),
            _ => None,
        })?
    }

    pub(crate) fn state(&self, key: &str) -> Option<Vec<u8>> {
        self.entry(key).map(|(value, _)| value.clone())
    }
}

/// A handle on this thread's recorder.
///
/// `Host::new` empties it first, so begin each test with it. No time passes in it: state does not expire.
pub struct Host(());

impl Host {
    #[expect(clippy::new_without_default, reason = "it empties the recorder, which no one expects of a default")]
    pub fn new() -> Self {
        with(|recorder| *recorder = Recorder::default());
        Self(())
    }

    /// A setting as the host hands it over: a TOML string as it is, anything else as JSON.
    pub fn set_setting(&self, key: &str, text: impl Into<String>) {
        with(|recorder| recorder.settings.insert(key.to_owned(), text.into()));
    }

    /// State that an earlier batch has left.
    pub fn set_state(&self, key: &str, value: impl AsRef<[u8]>) {
        let effect = Effect::Set { change: u32::MAX, key: key.to_owned(), value: Some((value.as_ref().to_vec(), None)) };
        with(|recorder| {
            recorder.effects.insert(recorder.committed, effect);
            recorder.committed += 1;
        });
    }

    /// From now on every call of this capability is denied.
    pub fn deny(&self, capability: Capability) {
        with(|recorder| recorder.denied.insert(capability));
    }

    /// From now on state cannot be read.
    pub fn fail_state(&self, reason: &str) {
        with(|recorder| recorder.state_down = Some(reason.to_owned()));
    }

    /// Answers each write into a table. Unless set, every write succeeds.
    pub fn on_write(&self, answer: impl FnMut(&str, &Write) -> Result<(), WriteError> + 'static) {
        with(|recorder| recorder.on_write = Some(Box::new(answer)));
    }

    /// Answers each http request. Unless set, every answer is an empty 200.
    pub fn on_http(&self, answer: impl FnMut(&Request) -> Result<Response, Error> + 'static) {
        with(|recorder| recorder.on_http = Some(Box::new(answer)));
    }

    /// Answers each transaction. Unless set, every one is made.
    pub fn on_transact(&self, answer: impl FnMut(&[(String, Transact)]) -> Result<(), TransactError> + 'static) {
        with(|recorder| recorder.on_transact = Some(Box::new(answer)));
    }

    /// An item that reads of `table` find by this key. Writes do not change what reads find: set what they are to find.
    ///
    /// # Panics
    ///
    /// If the key is no DynamoDB JSON.
    #[track_caller]
    #[allow(clippy::expect_used, reason = "a test that has no key has nothing to test")]
    pub fn set_item(&self, table: &str, key_json: &str, item_json: &str) {
        let key: Item = crate::item::from_json(key_json).expect("the key is DynamoDB JSON");
        with(|recorder| {
            recorder.items.retain(|(other, at, _)| other != table || *at != key);
            recorder.items.push((table.to_owned(), key, item_json.to_owned()));
        });
    }

    /// From now on tables cannot be read.
    pub fn fail_reads(&self, reason: &str) {
        with(|recorder| recorder.reads_down = Some(reason.to_owned()));
    }

    /// All transactions with the index of their change, in order, those that failed too.
    pub fn transactions(&self) -> Vec<(u32, Vec<(String, Transact)>)> {
        with(|recorder| recorder.transactions.clone())
    }

    /// All that was measured, in order.
    pub fn metrics(&self) -> Vec<Metric> {
        with(|recorder| recorder.metrics.clone())
    }

    /// What was measured by the metric with these labels, in order.
    pub fn metric(&self, name: &str, labels: &[(&str, &str)]) -> Vec<Measured> {
        let mut labels: Vec<_> = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        labels.sort();
        let of_it = |metric: &Metric| metric.name == name && metric.labels == labels;
        self.metrics().into_iter().filter(of_it).map(|metric| metric.measured).collect()
    }

    /// The changes of the last run that did not fail and yet are not done, in order: later changes of an item whose change is delivered again, and those
    /// that have read the state that such a change or a failed one had written. They are delivered again too; what they have added, set and mailed is
    /// dropped.
    pub fn held(&self) -> Vec<u32> {
        with(|recorder| recorder.held.clone())
    }

    /// What was added to the counter with these labels, in order.
    pub fn counter(&self, name: &str, labels: &[(&str, &str)]) -> Vec<String> {
        let mut labels: Vec<_> = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        labels.sort();
        let added = self.counters().into_iter().filter(|added| added.name == name && added.labels == labels);
        added.map(|added| added.delta).collect()
    }

    /// All that was added to counters, in order.
    pub fn counters(&self) -> Vec<Added> {
        self.effects(|effect| match effect {
            Effect::Counter(added) => Some(added.clone()),
            _ => None,
        })
    }

    /// All mails that were sent, in order.
    pub fn mails(&self) -> Vec<Mail> {
        self.effects(|effect| match effect {
            Effect::Mail(mail) => Some(mail.clone()),
            _ => None,
        })
    }

    pub fn state(&self, key: &str) -> Option<Vec<u8>> {
        with(|recorder| recorder.state(key))
    }

    /// When the entry expires, if it is there and does.
    pub fn state_expires_ms(&self, key: &str) -> Option<u64> {
        with(|recorder| recorder.entry(key).and_then(|(_, expires_ms)| *expires_ms))
    }

    /// All writes into tables, in order, those that failed too.
    pub fn writes(&self) -> Vec<(String, Write)> {
        with(|recorder| recorder.writes.clone())
    }

    /// All http requests, in order, those of changes that failed too: they were sent.
    pub fn requests(&self) -> Vec<Request> {
        with(|recorder| recorder.requests.clone())
    }

    pub fn logs(&self) -> Vec<Line> {
        with(|recorder| recorder.logs.clone())
    }

    /// How often a function of the host's was called.
    pub fn calls(&self, call: Call) -> usize {
        with(|recorder| recorder.calls.get(&call).copied().unwrap_or(0))
    }

    fn effects<T>(&self, choose: impl FnMut(&Effect) -> Option<T>) -> Vec<T> {
        with(|recorder| recorder.effects.iter().filter_map(choose).collect())
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Host")
    }
}
