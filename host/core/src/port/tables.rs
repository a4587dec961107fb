//! Tables that plugins may write to and read from.
//!
//! All JSON here comes from a guest: unchecked text, not yet known to be JSON at all. What is read is DynamoDB's own bytes.

use std::sync::Arc;

use super::BoxFuture;

pub trait TableTarget: Send + Sync {
    /// What it is in DynamoDB.
    fn spot(&self) -> Arc<TableSpot>;
    /// One result for each write, in order. Writes of one key happen in the order given; others at once.
    fn write(&self, writes: Vec<TableWrite>) -> BoxFuture<'_, Vec<Result<(), WriteError>>>;
    /// All or none, by way of this target; the home of each spot is this one's.
    fn transact(&self, transaction: Transaction) -> BoxFuture<'_, Result<(), TransactError>>;
    /// The items with these keys, in the order of the keys.
    fn get(&self, keys: Vec<String>, consistent: bool) -> BoxFuture<'_, Result<Vec<Option<String>>, TableReadError>>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSpot {
    /// Region, account and endpoint, and by which credentials it is reached: one transaction has tables of one home.
    pub home: Box<str>,
    pub table: Box<str>,
    /// The attributes of the key, partition key first.
    pub keys: Box<[Box<str>]>,
}

/// The expressions of one request share its placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableWrite {
    pub operation: WriteOperation,
    pub condition: Option<String>,
    pub placeholders: Placeholders,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOperation {
    /// The whole item, as DynamoDB JSON.
    Put(String),
    /// The key, as DynamoDB JSON, and an update expression.
    Update { key: String, expression: String },
    /// The key, as DynamoDB JSON.
    Delete(String),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placeholders {
    /// `#name` and what it stands for.
    pub names: Vec<(String, String)>,
    /// `{":v":{"N":"1"}}`.
    pub values: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// The same for the same transaction of the same change, so that DynamoDB makes it once: at most 36 characters.
    pub token: String,
    pub writes: Vec<Transact>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transact {
    pub spot: Arc<TableSpot>,
    pub action: TransactAction,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactAction {
    Write(TableWrite),
    /// Writes nothing: its condition must hold.
    Check {
        key: String,
        condition: String,
        placeholders: Placeholders,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    #[error("the condition did not hold")]
    ConditionFailed,
    /// Never passes, however often it is tried.
    #[error("{0}")]
    Invalid(String),
    /// May pass later.
    #[error("{0}")]
    Unavailable(String),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactError {
    /// One for each write: none where it was not the reason.
    #[error("the transaction was cancelled")]
    Cancelled(Vec<Option<WriteError>>),
    #[error("{0}")]
    Invalid(String),
    /// May pass later, or may have been made.
    #[error("{0}")]
    Unavailable(String),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableReadError {
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Unavailable(String),
}
