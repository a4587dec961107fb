//! What IO must fill: the stream to read, the store to commit to, and what plugins may be granted.
//!
//! Errors have one variant for each decision of the caller.

mod metrics;
mod tables;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::checkpoint::Checkpoint;
use crate::decimal::Decimal;
use crate::delivery::Seen;
use crate::effect::{CounterKey, DeadLetter, Mail, Mutation};
use crate::gap::Gap;
use crate::http::{HEADERS_MAX, Scheme};
use crate::name::{ShardId, StreamArn, TriggerName};
use crate::rewind::Rewind;
use crate::sequence::SequenceNumber;
use crate::shard_graph::ShardDescription;
use crate::signal::HttpConnection;
use crate::slice::Page;
use crate::start::{Pin, Repin};
use crate::time::Timestamp;
use crate::view::ViewType;

pub use metrics::{MetricKind, MetricSample, MetricSink};
pub use tables::{
    Placeholders, TableReadError, TableSpot, TableTarget, TableWrite, Transact, TransactAction, TransactError, Transaction, WriteError,
    WriteOperation,
};

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

// ---- Streams ----

/// One table's streams.
pub trait StreamSource: Send + Sync + fmt::Debug {
    /// The table's latest stream.
    fn latest(&self) -> BoxFuture<'_, Result<StreamInfo, FindError>>;
    /// Every stream of the table that the endpoint knows, oldest first.
    fn streams(&self) -> BoxFuture<'_, Result<Vec<StreamArn>, FindError>>;
    /// What the stream is; none: it is gone. `latest`: no later one is known. Of an older one the endpoint must say that it is closing, since some answer
    /// for any ARN with what their table has now.
    fn inspect<'a>(&'a self, stream: &'a StreamArn, latest: bool) -> BoxFuture<'a, Result<Option<StreamInfo>, ReadError>>;
    /// All shards of a stream, over all pages.
    fn shards<'a>(&'a self, stream: &'a StreamArn) -> BoxFuture<'a, Result<Vec<ShardDescription>, ReadError>>;
    fn iterator<'a>(&'a self, stream: &'a StreamArn, shard: &'a ShardId, from: &'a Position) -> BoxFuture<'a, Result<Box<str>, ReadError>>;
    fn page<'a>(&'a self, iterator: &'a str) -> BoxFuture<'a, Result<Page, ReadError>>;
    /// What the stream's clock shows, at most, when this host's shows `now`: as the endpoint's last answer told. It is by that clock that changes
    /// are created and trimmed.
    fn clock(&self, now: Timestamp) -> Timestamp;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    pub arn: StreamArn,
    pub view: ViewType,
    pub table: Box<str>,
    pub region: Box<str>,
}

/// Where in a shard reading begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    TrimHorizon,
    After(SequenceNumber),
}

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Reopen after the last sequence number read.
    #[error("the shard iterator has expired")]
    IteratorExpired,
    /// Changes may be lost: say so, and go on at the horizon.
    #[error("the position is past the trim horizon: {0}")]
    Trimmed(String),
    /// The shard aged out or the stream is gone: discover again.
    #[error("the shard or stream is gone: {0}")]
    Gone(String),
    /// Back off; more calls make it worse.
    #[error("throttled: {0}")]
    Throttled(String),
    /// Back off, then repeat.
    #[error("{0}")]
    Unavailable(String),
    /// Credentials or permissions: repeating helps only after somebody has acted. Back off to the maximum and show it.
    #[error("{0}")]
    Refused(String),
}

/// Why a table has no stream to read. The message holds the remedy.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    #[error("{0}")]
    NoSuchTable(String),
    #[error("{0}")]
    StreamOff(String),
    #[error(transparent)]
    Read(#[from] ReadError),
}

// ---- Store ----

/// What one acknowledged batch leaves behind, written in one transaction.
#[derive(Clone, Debug)]
pub struct Commit {
    pub trigger: TriggerName,
    pub stream: StreamArn,
    pub shard: ShardId,
    pub checkpoint: Checkpoint,
    /// In the order in which the plugin made them.
    pub mutations: Vec<Mutation>,
    pub dead_letters: Vec<DeadLetter>,
    /// Each is kept, and never told again.
    pub gaps: Vec<Gap>,
    /// The commit is refused where an entry of the trigger's state is not as it was seen.
    pub seen: Vec<Seen>,
    pub now: Timestamp,
}

/// Why a commit was not made. It left no trace.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Others have written these keys since they were read: the batches that read them run again.
    #[error("the state has changed since it was read: {}", .0.join(", "))]
    Conflict(Vec<Box<str>>),
    /// The same commit may be tried again.
    #[error(transparent)]
    Failed(#[from] StoreError),
}

/// The transaction was not committed and left no trace: the same commit may be tried again.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);

pub trait Store: StateReader + fmt::Debug {
    /// All that is stored of these triggers' ways.
    fn ways<'a>(&'a self, triggers: &'a [TriggerName]) -> BoxFuture<'a, Result<Vec<StoredWay>, StoreError>>;
    /// One transaction. With a pin to another stream than before go the checkpoints of the older streams of that table.
    fn pin(&self, pins: Vec<PinCommit>) -> BoxFuture<'_, Result<(), StoreError>>;
    /// One transaction, after all that were asked for before. The trigger's tasks must have ended.
    fn rewind(&self, rewind: Rewind) -> BoxFuture<'_, Result<(), StoreError>>;
    /// Resolves once the transaction is durable.
    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>>;
}

/// What is stored of one trigger's way through the streams of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredWay {
    pub trigger: TriggerName,
    /// None: it has never run, or was rewound, or the file is an earlier version's.
    pub pin: Option<Pin>,
    /// Where it sets out, having been rewound; else the config says it.
    pub start: Option<Timestamp>,
    pub checkpoints: Vec<StoredCheckpoint>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCheckpoint {
    pub stream: StreamArn,
    pub shard: ShardId,
    pub checkpoint: Checkpoint,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinCommit {
    pub trigger: TriggerName,
    pub repin: Repin,
    pub now: Timestamp,
}

/// The committed part of a trigger's key-value state.
pub trait StateReader: Send + Sync {
    /// In the order of the keys. Entries that expired before `now` are none.
    fn get<'a>(
        &'a self,
        trigger: &'a TriggerName,
        keys: Vec<Box<str>>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Option<StateEntry>>, StoreError>>;
}

/// One entry of a trigger's committed state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateEntry {
    pub value: Vec<u8>,
    /// Another for each write of a key, and never one that the key had before.
    pub version: u64,
}

/// Mail that is accepted and not yet sent.
pub trait Outbox: Send + Sync + fmt::Debug {
    /// Mails that are due at `now`, oldest first.
    fn due(&self, mailer: &str, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<QueuedMail>, StoreError>>;
    fn settle(&self, message_id: Box<str>, outcome: MailOutcome) -> BoxFuture<'_, Result<(), StoreError>>;
    /// What is neither sent nor given up.
    fn pending(&self, mailer: &str) -> BoxFuture<'_, Result<Backlog, StoreError>>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    pub mails: u64,
    /// When the first of them is due.
    pub due: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub struct QueuedMail {
    pub mail: Mail,
    /// Tries so far that ended in `MailOutcome::Later`.
    pub attempts: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailOutcome {
    Sent {
        at: Timestamp,
    },
    Later {
        not_before: Timestamp,
        reason: Box<str>,
    },
    /// Not the mail's fault: it keeps its attempts and its turn.
    Waits {
        reason: Box<str>,
    },
    Failed {
        at: Timestamp,
        reason: Box<str>,
    },
}

/// The committed counters, for `/metrics` and `state dump`.
pub trait CounterSource: Send + Sync {
    fn counters(&self) -> BoxFuture<'_, Result<Vec<CounterValue>, StoreError>>;
}

#[derive(Clone, Debug, PartialEq)]
pub struct CounterValue {
    pub trigger: TriggerName,
    pub counter: CounterKey,
    pub value: Decimal,
}

// ---- Grants ----

/// What one trigger's plugin may reach. What is not in here is denied.
#[derive(Clone, Default)]
pub struct Grants {
    pub counters: bool,
    pub state: Option<Arc<dyn StateReader>>,
    /// To write to.
    pub tables: BTreeMap<Box<str>, Arc<dyn TableTarget>>,
    pub reads: BTreeMap<Box<str>, Arc<dyn TableTarget>>,
    pub metrics: Option<Arc<dyn MetricSink>>,
    pub mailers: BTreeMap<Box<str>, Arc<dyn Mailbox>>,
    pub http: Option<Arc<dyn HttpClient>>,
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grants")
            .field("counters", &self.counters)
            .field("state", &self.state.is_some())
            .field("tables", &self.tables.keys())
            .field("reads", &self.reads.keys())
            .field("metrics", &self.metrics.is_some())
            .field("mailers", &self.mailers.keys())
            .field("http", &self.http.is_some())
            .finish()
    }
}

/// Checks what a plugin wants to send and makes it a mail of the operator's.
pub trait Mailbox: Send + Sync {
    /// `Err` says what is wrong with the draft.
    fn accept(&self, draft: MailDraft, origin: &MailOrigin<'_>) -> Result<Mail, String>;
}

/// What Message-ID is made of.
#[derive(Clone, Copy, Debug)]
pub struct MailOrigin<'a> {
    pub trigger: &'a TriggerName,
    pub event_id: &'a str,
    /// The plugin's: tells apart the mails of one change.
    pub key: &'a str,
}

#[derive(Clone, Debug, Default)]
pub struct MailDraft {
    pub to: Vec<String>,
    pub reply_to: Option<String>,
    pub subject: String,
    pub text: Option<String>,
    pub html: Option<String>,
}

/// Sends requests to the places that one trigger may reach, and nowhere else; follows no redirect.
pub trait HttpClient: Send + Sync {
    /// Which of the operator's entries allows it, as the operator is shown it; before anything is sent.
    fn allows(&self, head: &HttpHead) -> Result<Arc<str>, HttpError>;
    /// Looks by itself whether it is allowed. Dropped, it ends the connection.
    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>>;
}

/// All of it comes from a guest: what is more than its shape is unchecked.
#[derive(Clone, Debug)]
pub struct HttpHead {
    pub method: Box<str>,
    pub scheme: Scheme,
    pub authority: Box<str>,
    pub path_and_query: Box<str>,
}

#[derive(Clone)]
pub struct HttpRequest {
    pub head: HttpHead,
    /// Those that say how it is sent are the sender's: they are left out here.
    pub headers: Vec<(Box<str>, Vec<u8>)>,
    pub body: Vec<u8>,
    /// What the guest allows for the connection, and for the beginning of the answer.
    pub connect_max: Option<Duration>,
    pub first_byte_max: Option<Duration>,
}

impl fmt::Debug for HttpRequest {
    /// Headers and bodies are no business of a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest").field("method", &self.head.method).finish_non_exhaustive()
    }
}

#[derive(Clone)]
pub struct HttpResponse {
    pub status: u16,
    pub headers: Vec<(Box<str>, Vec<u8>)>,
    pub body: Vec<u8>,
    pub connection: HttpConnection,
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Why there is no answer. No text holds a secret, a path or a query; the guest gets the kind, its log the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// The operator's config does not have it.
    #[error("denied: {0}")]
    Denied(String),
    #[error("{0}")]
    InvalidUrl(String),
    /// The name leads to an address that nothing may be sent to.
    #[error("denied: {0}")]
    Prohibited(String),
    #[error("{0}")]
    NoSuchName(String),
    #[error("{0}")]
    Unreachable(String),
    #[error("{0}")]
    Certificate(String),
    #[error("{0}")]
    Tls(String),
    #[error("no connection within {} ms", .0.as_millis())]
    ConnectTimeout(Duration),
    #[error("no answer within {} ms", .0.as_millis())]
    AnswerTimeout(Duration),
    #[error("the request's body ends too early, or is not as long as its Content-Length says")]
    RequestBody,
    #[error("the request's body has more than {0} bytes")]
    RequestTooLarge(usize),
    #[error("the answer's headers have more than {0} bytes, or are more than {HEADERS_MAX}")]
    HeadTooLarge(usize),
    #[error("the answer's body has more than {0} bytes")]
    ResponseTooLarge(usize),
    #[error("the plugin has more than {0} bytes of answers that it has not read: it must read each before the next")]
    TooMuchUnread(usize),
    /// The connection ended too early.
    #[error("{0}")]
    Incomplete(String),
    #[error("{0}")]
    Protocol(String),
}
