//! What goes to a plugin, and what comes back.

use std::sync::Arc;

use crate::change::Change;
use crate::effect::Effect;
use crate::name::{ShardId, StreamArn, TriggerName};
use crate::time::Timestamp;
use crate::view::View;

/// What all batches of one trigger on one stream have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub trigger: TriggerName,
    pub table: Box<str>,
    pub region: Box<str>,
    pub stream: StreamArn,
    pub view: View,
}

/// Changes of one shard, in stream order, whole: the runtime cuts each to the view as it lowers it into the guest.
#[derive(Clone, Debug)]
pub struct Batch {
    pub origin: Arc<Origin>,
    pub shard: ShardId,
    /// 1 for the first delivery.
    pub attempt: u32,
    pub changes: Vec<Arc<Change>>,
}

/// What a call of a plugin came to.
#[derive(Clone, Debug)]
pub struct Report {
    pub outcome: Outcome,
    /// Of all changes, failed ones too; empty where the batch failed. In the order in which they were made.
    pub effects: Vec<Effect>,
    /// Changes that read what another change of the batch had written: they fail with it.
    pub reads: Vec<ReadFrom>,
    /// Committed state that the call read, once for each key: the commit holds only where it still stands so.
    pub seen: Vec<Seen>,
}

/// What a call found of one key of its trigger's committed state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub key: Box<str>,
    /// Of the entry; none: there was none, or it had expired.
    pub version: Option<u64>,
    /// As of when.
    pub at: Timestamp,
}

impl Report {
    /// Without effects.
    pub fn of(outcome: Outcome) -> Self {
        Self { outcome, effects: Vec::new(), reads: Vec::new(), seen: Vec::new() }
    }
}

/// `reader` saw a write of `writer`: both are positions in the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadFrom {
    pub reader: u32,
    pub writer: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The handler returned; the changes named here failed. The runtime has checked the positions.
    Handled(Vec<FailedChange>),
    /// The batch failed as a whole.
    Failed(Failure),
    /// The plugin was never called (no free instance, the host is draining): costs no attempt.
    NotRun(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedChange {
    /// Position in the batch.
    pub index: u32,
    pub failure: Failure,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: FailureKind,
    pub reason: Box<str>,
    /// The guest's, where it trapped.
    pub backtrace: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Deliver again, as the retry policy says: `retry`, and every trap, timeout and broken result.
    Retry,
    /// Never deliver again.
    Reject,
}

impl Failure {
    pub fn retry(reason: impl Into<Box<str>>) -> Self {
        Self { kind: FailureKind::Retry, reason: reason.into(), backtrace: None }
    }

    pub fn reject(reason: impl Into<Box<str>>) -> Self {
        Self { kind: FailureKind::Reject, reason: reason.into(), backtrace: None }
    }
}
