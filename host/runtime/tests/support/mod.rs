//! What the runtime's tests share: changes, a context with stand-ins behind every grant, a recorder of signals, and small
//! plugins of WebAssembly text.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

pub mod wat_plugin;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tripline_core::change::Change;
use tripline_core::delivery::{Batch, Failure, Origin, Outcome, Report};
use tripline_core::effect::{CounterKey, Mail};
use tripline_core::name::TriggerName;
use tripline_core::port::{
    BoxFuture, Grants, MailDraft, MailOrigin, Mailbox, MetricSample, MetricSink, StateEntry, StateReader, StoreError, TableReadError,
    TableSpot, TableTarget, TableWrite, TransactError, Transaction, WriteError, WriteOperation,
};
use tripline_core::signal::{Signal, Signals};
use tripline_core::slice::slice_page;
use tripline_core::time::Timestamp;
use tripline_core::view::{View, ViewType};
use tripline_runtime::{Engine, EngineConfig, Limits, TriggerContext};

pub const NOW: Timestamp = Timestamp::from_ms(1_700_000_000_000);
/// No step of a test takes so long on any machine; a test that waits for nothing fails here.
const PATIENCE: Duration = Duration::from_secs(60);

pub fn engine() -> Engine {
    engine_of(8)
}

pub fn engine_of(instances_max: u32) -> Engine {
    Engine::new(EngineConfig { instances_max }).unwrap()
}

/// Changes of items `{"pk":{"S":"user#N"},"n":{"N":"N"},"secret":{"S":"hidden"}}`, modified each.
pub fn changes(count: usize) -> Vec<Arc<Change>> {
    let record = |n: usize| {
        let image = |age: &str| format!(r#"{{"pk":{{"S":"user#{n}"}},"age":{{"S":"{age}"}},"secret":{{"S":"hidden"}}}}"#);
        format!(
            r#"{{"eventID":"event-{n}","eventName":"MODIFY","dynamodb":{{"ApproximateCreationDateTime":1700000000,
            "SequenceNumber":"{}","SizeBytes":26,"Keys":{{"pk":{{"S":"user#{n}"}}}},"NewImage":{},"OldImage":{}}}}}"#,
            100 + n,
            image("new"),
            image("old")
        )
    };
    let records: Vec<String> = (0..count).map(record).collect();
    let page = slice_page(Arc::new(format!(r#"{{"Records":[{}]}}"#, records.join(",")))).unwrap();
    page.changes.into_iter().map(Arc::new).collect()
}

pub fn origin(trigger: &str, view: View) -> Arc<Origin> {
    Arc::new(Origin {
        trigger: trigger.into(),
        table: "users".into(),
        region: "eu-west-1".into(),
        stream: "arn:aws:dynamodb:eu-west-1:000000000000:table/users/stream/1".into(),
        view,
    })
}

pub fn batch(count: usize) -> Batch {
    batch_of(count, View::of(ViewType::NewAndOldImages))
}

pub fn batch_of(count: usize, view: View) -> Batch {
    Batch { origin: origin("welcome", view), shard: "shard-1".into(), attempt: 1, changes: changes(count) }
}

/// A trigger without grants.
pub fn context(signals: &Arc<Recorder>, settings: &[(&str, &str)]) -> TriggerContext {
    let settings: BTreeMap<String, String> = settings.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    TriggerContext {
        trigger: "welcome".into(),
        grants: Grants::default(),
        settings: Arc::new(settings),
        limits: Limits { memory_bytes_max: 64 * 1024 * 1024, time_max: Duration::from_secs(20) },
        signals: signals.clone(),
        clock: Arc::new(|| NOW),
        seed: None,
    }
}

#[track_caller]
pub fn failure(report: &Report) -> &Failure {
    match &report.outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("not failed: {other:?}"),
    }
}

/// Keeps every signal as a line of text.
#[derive(Debug, Default)]
pub struct Recorder {
    lines: Mutex<Vec<String>>,
    more: Notify,
}

impl Recorder {
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// The lines that begin so, without their beginning.
    pub fn with(&self, beginning: &str) -> Vec<String> {
        self.lines().iter().filter_map(|line| line.strip_prefix(beginning)).map(str::to_owned).collect()
    }

    /// Waits until there are so many lines that begin so.
    pub async fn wait_for(&self, beginning: &str, count: usize) -> Vec<String> {
        let arrived = async {
            loop {
                let more = self.more.notified();
                let lines = self.with(beginning);
                if lines.len() >= count {
                    return lines;
                }
                more.await;
            }
        };
        match tokio::time::timeout(PATIENCE, arrived).await {
            Ok(lines) => lines,
            Err(_) => panic!("no {count} lines `{beginning}…` in {:#?}", self.lines()),
        }
    }
}

impl Signals for Recorder {
    fn emit(&self, signal: Signal<'_>) {
        let line = match signal {
            Signal::Handled { trigger, result, .. } => format!("handled {trigger} {}", result.as_str()),
            Signal::GuestLog { level, context, message, .. } => format!("log {} {context}: {message}", level.as_str()),
            Signal::GuestLogsDropped { lines, .. } => format!("dropped {lines}"),
            Signal::PluginServes { trigger, version, reload: true, .. } => format!("serves {trigger} {}", version.as_str()),
            Signal::PluginRefused { reason, .. } => format!("refused {reason}"),
            Signal::InstanceTaken { trigger, reused: false } => format!("instance {trigger} made"),
            Signal::InstanceTaken { trigger, reused: true } => format!("instance {trigger} reused"),
            Signal::InstanceRetired { trigger, cause } => format!("instance {trigger} ended: {}", cause.as_str()),
            other => format!("unexpected {other:?}"),
        };
        self.lines.lock().unwrap().push(line);
        self.more.notify_one();
    }
}

/// State that holds `stored` for every key in `keys`.
#[derive(Debug, Default)]
pub struct FakeState {
    pub stored: BTreeMap<String, Vec<u8>>,
    /// Whether every read finds another version, with another value.
    pub restless: bool,
    pub reads: Mutex<Vec<Vec<String>>>,
}

impl StateReader for FakeState {
    fn get<'a>(
        &'a self,
        _: &'a TriggerName,
        keys: Vec<Box<str>>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Option<StateEntry>>, StoreError>> {
        assert_eq!(now, NOW);
        let version = 1 + self.reads.lock().unwrap().len() as u64;
        let entry = |key: &str| {
            let mut value = self.stored.get(key)?.clone();
            if self.restless {
                value.extend(version.to_string().bytes());
            }
            Some(StateEntry { value, version })
        };
        let values = keys.iter().map(|key| entry(key)).collect();
        self.reads.lock().unwrap().push(keys.iter().map(|key| key.to_string()).collect());
        Box::pin(async move { Ok(values) })
    }
}

/// A table that refuses items of `user#1`, and answers only while `open` has permits.
#[derive(Debug)]
pub struct FakeTable {
    pub open: Semaphore,
    /// Told when a write has arrived.
    pub arrived: Notify,
    pub writes: Mutex<Vec<TableWrite>>,
    pub transactions: Mutex<Vec<Transaction>>,
    /// Each key that was asked for has this item.
    pub item: Option<&'static str>,
}

impl FakeTable {
    pub fn open() -> Arc<Self> {
        Self::with_permits(Semaphore::MAX_PERMITS)
    }

    pub fn shut() -> Arc<Self> {
        Self::with_permits(0)
    }

    fn with_permits(permits: usize) -> Arc<Self> {
        Arc::new(Self {
            open: Semaphore::new(permits),
            arrived: Notify::new(),
            writes: Mutex::default(),
            transactions: Mutex::default(),
            item: Some(r#"{"n":{"N":"7"}}"#),
        })
    }
}

impl TableTarget for FakeTable {
    fn spot(&self) -> Arc<TableSpot> {
        Arc::new(TableSpot { home: "here".into(), table: "users".into(), keys: Box::new(["pk".into()]) })
    }

    /// Transactions of `user#1` are cancelled by their first write.
    fn transact(&self, transaction: Transaction) -> BoxFuture<'_, Result<(), TransactError>> {
        let is_bad = format!("{transaction:?}").contains("user#1");
        let mut reasons = vec![None; transaction.writes.len()];
        self.transactions.lock().unwrap().push(transaction);
        Box::pin(async move {
            if !is_bad {
                return Ok(());
            }
            reasons[0] = Some(WriteError::ConditionFailed);
            Err(TransactError::Cancelled(reasons))
        })
    }

    fn get(&self, keys: Vec<String>, consistent: bool) -> BoxFuture<'_, Result<Vec<Option<String>>, TableReadError>> {
        assert!(consistent);
        let found = keys.iter().map(|key| self.item.filter(|_| !key.contains("user#1")).map(str::to_owned)).collect();
        Box::pin(async move { Ok(found) })
    }

    fn write(&self, writes: Vec<TableWrite>) -> BoxFuture<'_, Vec<Result<(), WriteError>>> {
        Box::pin(async move {
            self.arrived.notify_one();
            let _open = self.open.acquire().await.unwrap();
            let answer = |write: &TableWrite| match &write.operation {
                WriteOperation::Put(item) if item.contains("user#1\"") => Err(WriteError::Invalid("no such thing".into())),
                _ => Ok(()),
            };
            let answers = writes.iter().map(answer).collect();
            self.writes.lock().unwrap().extend(writes);
            answers
        })
    }
}

/// Keeps what is measured.
#[derive(Debug, Default)]
pub struct FakeMetrics(pub Mutex<Vec<String>>);

impl MetricSink for FakeMetrics {
    fn record(&self, metric: CounterKey, sample: MetricSample) -> Result<(), String> {
        self.0.lock().unwrap().push(format!("{metric} {sample:?}"));
        Ok(())
    }
}

/// Takes any mail; its Message-ID tells what it was made of.
#[derive(Debug)]
pub struct FakeMailbox(pub &'static str);

impl Mailbox for FakeMailbox {
    fn accept(&self, draft: MailDraft, origin: &MailOrigin<'_>) -> Result<Mail, String> {
        if draft.to.is_empty() {
            return Err("no recipient".into());
        }
        Ok(Mail {
            mailer: self.0.into(),
            message_id: format!("{}/{}/{}", origin.trigger, origin.event_id, origin.key).into(),
            to: draft.to.into_iter().map(Into::into).collect(),
            reply_to: None,
            subject: draft.subject.into(),
            text: draft.text.map(Into::into),
            html: draft.html.map(Into::into),
        })
    }
}
