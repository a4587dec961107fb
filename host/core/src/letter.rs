//! Dead letters as they are kept, chosen, called back and bounded: what a store of them must do.
//!
//! Invariants: a letter leaves in the transaction that commits its redrive, or because it was dropped by name, by choice or by the bounds, which
//! count what they drop; one that fails again stays, with what is known of its last delivery.

use std::fmt;
use std::time::Duration;

use crate::delivery::Seen;
use crate::effect::{DeadLetter, Mutation};
use crate::name::{ShardId, StreamArn, TriggerName};
use crate::port::{BoxFuture, StoreError};
use crate::time::Timestamp;

/// Which letters are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LetterChoice {
    /// All of them, or none where one is not there.
    Ids(Vec<i64>),
    /// What is there when the call begins. `pattern`: a part, written exactly so, of the reason, of the event ID or of the record's keys as JSON
    /// without spaces. None and none: all.
    Matching { trigger: Option<TriggerName>, pattern: Option<Box<str>> },
}

#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    #[error("no dead letter {}: see `tripline dlq list`", numbers(.0))]
    Unknown(Vec<i64>),
    #[error(transparent)]
    Failed(#[from] StoreError),
}

fn numbers(ids: &[i64]) -> String {
    ids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ")
}

/// A letter that is to be delivered again.
#[derive(Clone, Debug, PartialEq)]
pub struct Letter {
    pub id: i64,
    pub stream: StreamArn,
    pub shard: ShardId,
    pub letter: DeadLetter,
}

/// What one delivery of letters came to, for one transaction.
#[derive(Clone, Debug)]
pub struct RedriveCommit {
    pub trigger: TriggerName,
    /// They leave the store.
    pub done: Vec<i64>,
    /// They stay, as they are here, and are no longer marked.
    pub failed: Vec<(i64, DeadLetter)>,
    /// Of those that are done, in the order in which they were made.
    pub mutations: Vec<Mutation>,
    /// The commit is refused where an entry of the trigger's state is not as it was seen.
    pub seen: Vec<Seen>,
    pub now: Timestamp,
}

/// Why a redrive was not committed. It left no trace.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// Others have written these keys since they were read: deliver again.
    #[error("the state has changed since it was read: {}", .0.join(", "))]
    Conflict(Vec<Box<str>>),
    /// These are not there any more, or not marked: go on without them.
    #[error("dead letter {} is gone", numbers(.0))]
    Gone(Vec<i64>),
    /// The same commit may be tried again.
    #[error(transparent)]
    Failed(#[from] StoreError),
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Since a letter was written.
    pub age_max: Duration,
    /// Of all triggers' letters together. The last that is left stays, whatever its size.
    pub bytes_max: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { age_max: Duration::from_secs(30 * 24 * 60 * 60), bytes_max: 1024 * 1024 * 1024 }
    }
}

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Of each trigger that has ever had any.
    pub letters: Vec<(TriggerName, u64)>,
    pub bytes: u64,
    /// When the oldest was written.
    pub oldest: Option<Timestamp>,
}

/// Why letters were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropCause {
    Age,
    Bytes,
}

impl DropCause {
    pub const ALL: [Self; 2] = [Self::Age, Self::Bytes];

    /// As a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Bytes => "bytes",
        }
    }
}

/// What a sweep found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Now.
    pub kept: Kept,
    pub dropped: Vec<(TriggerName, DropCause, u64)>,
    /// There is more to drop: one transaction drops a bounded number.
    pub more: bool,
}

pub trait Letters: Send + Sync + fmt::Debug {
    /// To be delivered again. How many were not marked before.
    fn mark(&self, choice: LetterChoice, now: Timestamp) -> BoxFuture<'_, Result<u64, LetterError>>;
    /// They go, undelivered. How many.
    fn drop(&self, choice: LetterChoice) -> BoxFuture<'_, Result<u64, LetterError>>;
    /// The first that are marked, in the order of their ids: at most so many, and no more bytes of records unless the first alone has more.
    fn marked<'a>(
        &'a self,
        trigger: &'a TriggerName,
        letters_max: usize,
        bytes_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Letter>, StoreError>>;
    /// Resolves once the transaction is durable.
    fn redriven(&self, commit: RedriveCommit) -> BoxFuture<'_, Result<(), RedriveError>>;
    /// Drops what is beyond the bounds, the oldest first; none: only looks.
    fn sweep(&self, bounds: Option<Bounds>, now: Timestamp) -> BoxFuture<'_, Result<Swept, StoreError>>;
}
