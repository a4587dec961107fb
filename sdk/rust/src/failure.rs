//! Why a change failed, and what the host is to do about it.
//!
//! Invariant: a change fails at most once in a batch; its first failure stands.

use std::collections::BTreeMap;
use std::fmt;

use crate::change::Change;

/// Why a handler could not handle a change.
///
/// There is no blanket conversion from other errors: whether a second delivery can help is the author's to say.
///
/// ```
/// use tripline_sdk::{Change, Failure};
///
/// fn on_change(change: Change) -> Result<(), Failure> {
///     let number: u32 = "12".parse().map_err(Failure::reject)?;
///     assert_eq!(number, 12);
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Deliver again, as the trigger's retry policy says.
    Retry(String),
    /// Never deliver again: to the dead letters at once.
    Reject(String),
}

impl Failure {
    /// A failure that may pass: the change is delivered again.
    pub fn retry(reason: impl fmt::Display) -> Self {
        Self::Retry(reason.to_string())
    }

    /// A failure that stays: the change goes to the dead letters at once.
    pub fn reject(reason: impl fmt::Display) -> Self {
        Self::Reject(reason.to_string())
    }

    pub fn is_retry(&self) -> bool {
        matches!(self, Self::Retry(_))
    }

    pub fn reason(&self) -> &str {
        match self {
            Self::Retry(reason) | Self::Reject(reason) => reason,
        }
    }

    /// The same failure, its reason said of `what`: `what: reason`.
    pub fn of(self, what: impl fmt::Display) -> Self {
        match self {
            Self::Retry(reason) => Self::Retry(format!("{what}: {reason}")),
            Self::Reject(reason) => Self::Reject(format!("{what}: {reason}")),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for Failure {}

/// The changes of a batch that failed; the others are done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures(BTreeMap<u32, Failure>);

impl Failures {
    /// No failure: every change is done.
    pub fn none() -> Self {
        Self::default()
    }

    /// Fails one change: a `&Change`, or its index in the batch. Of several failures of one change the first stands.
    pub fn fail(&mut self, change: impl Into<Position>, failure: Failure) {
        self.0.entry(change.into().0).or_insert(failure);
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Why this change failed, if it did.
    pub fn get(&self, change: impl Into<Position>) -> Option<&Failure> {
        self.0.get(&change.into().0)
    }

    /// Index and failure, by index.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Failure)> {
        self.0.iter().map(|(index, failure)| (*index, failure))
    }

    pub(crate) fn into_inner(self) -> BTreeMap<u32, Failure> {
        self.0
    }
}

/// Where a change stands in its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position(pub(crate) u32);

impl From<&Change> for Position {
    fn from(change: &Change) -> Self {
        Self(change.index())
    }
}

impl From<u32> for Position {
    fn from(index: u32) -> Self {
        Self(index)
    }
}

impl From<usize> for Position {
    /// An index that no batch has becomes one that the host refuses.
    fn from(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }
}
