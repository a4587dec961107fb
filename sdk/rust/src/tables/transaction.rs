//! Writes that are made together or not at all.

use std::fmt;

use super::{Condition, WireOperation, Write, WriteError};
use crate::change::Change;
use crate::failure::Failure;
use crate::host;
use crate::host::tables_types as wire;

/// At most 100 writes, of tables of one region, account and endpoint: all are made, or none.
///
/// ```
/// use tripline_sdk::tables::{Condition, Transaction, Write};
/// use tripline_sdk::{Change, Failure};
///
/// fn on_change(change: Change) -> Result<(), Failure> {
///     let account = r#"{"pk":{"S":"account#1"}}"#;
///     Transaction::new()
///         .check("accounts", account, "attribute_exists(pk)")
///         .write("accounts-log", Write::put(r#"{"pk":{"S":"entry#7"}}"#).condition("attribute_not_exists(pk)"))
///         .write("totals", Write::update(r#"{"pk":{"S":"all"}}"#, "ADD entries :one").value(":one", 1))
///         .commit(&change)?;
///     Ok(())
/// }
/// # use tripline_sdk::testing::{self, Host};
/// # let host = Host::new();
/// # assert!(testing::run(on_change, testing::batch([testing::insert("{}", "{}")])).is_empty());
/// # assert_eq!(host.transactions().len(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "nothing is written before `commit`"]
pub struct Transaction(Vec<(String, Transact)>);

/// One part of a [`Transaction`].
#[derive(Clone, Debug, PartialEq)]
pub enum Transact {
    Write(Write),
    /// Writes nothing: its condition must hold.
    Check {
        key_json: String,
        condition: Condition,
    },
}

impl Transaction {
    pub fn new() -> Self {
        Self::default()
    }

    /// `table`: a name in the operator's `[targets]`, granted to write to.
    pub fn write(mut self, table: impl Into<String>, write: Write) -> Self {
        self.0.push((table.into(), Transact::Write(write)));
        self
    }

    /// The transaction is made only where the item with this key is as the condition says.
    pub fn check(mut self, table: impl Into<String>, key_json: impl Into<String>, condition: impl Into<Condition>) -> Self {
        self.0
            .push((table.into(), Transact::Check { key_json: key_json.into(), condition: condition.into() }));
        self
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes it, for `change`: made again for the same change within ten minutes, as after an answer that was lost, it is made once.
    pub fn commit(self, change: &Change) -> Result<(), TransactError> {
        let into_wire = |(table, part): (String, Transact)| part.into_wire().map(|action| wire::TransactWrite { table, action });
        let writes: Vec<_> = self
            .0
            .into_iter()
            .map(into_wire)
            .collect::<Result<_, WriteError>>()
            .map_err(|error| TransactError::Invalid(error.to_string()))?;
        host::tables::transact(change.index(), &writes).map_err(|error| match error {
            wire::TransactError::AccessDenied(reason) => TransactError::AccessDenied(reason),
            wire::TransactError::Cancelled(reasons) => {
                TransactError::Cancelled(reasons.into_iter().map(|reason| reason.map(WriteError::from)).collect())
            }
            wire::TransactError::Invalid(reason) => TransactError::Invalid(reason),
            wire::TransactError::Unavailable(reason) => TransactError::Unavailable(reason),
        })
    }
}

impl Transact {
    fn into_wire(self) -> Result<wire::TransactAction, WriteError> {
        Ok(match self {
            Self::Write(write) => match write.into_operation()? {
                WireOperation::Put(put) => wire::TransactAction::Put(put),
                WireOperation::Update(update) => wire::TransactAction::Update(update),
                WireOperation::Delete(delete) => wire::TransactAction::Delete(delete),
            },
            Self::Check { key_json: key, condition } => {
                // As the condition of a write that is none.
                let write = Write::delete(key).condition(condition).into_operation()?;
                let WireOperation::Delete(wire::Delete { key, condition: Some(condition) }) = write else {
                    return Err(WriteError::Invalid("a check without a condition".to_owned()));
                };
                wire::TransactAction::Check(wire::Check { key, condition })
            }
        })
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn from_wire(action: &wire::TransactAction) -> Self {
        match action.clone() {
            wire::TransactAction::Put(put) => Self::Write(Write::from_wire(&wire::TableWrite::Put(put))),
            wire::TransactAction::Update(update) => Self::Write(Write::from_wire(&wire::TableWrite::Update(update))),
            wire::TransactAction::Delete(delete) => Self::Write(Write::from_wire(&wire::TableWrite::Delete(delete))),
            wire::TransactAction::Check(wire::Check { key, condition }) => {
                Self::Check { key_json: key, condition: Condition::from_wire(condition) }
            }
        }
    }

    /// The item of a put, the key of anything else.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn json(&self) -> &str {
        match self {
            Self::Write(write) => write.json(),
            Self::Check { key_json, .. } => key_json,
        }
    }
}

/// Why a transaction was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactError {
    /// The trigger is not granted one of the tables.
    AccessDenied(String),
    /// Nothing was written. One for each part, in order: why it stopped the transaction, or none where it did not.
    Cancelled(Vec<Option<WriteError>>),
    /// Refused for good.
    Invalid(String),
    /// It may pass later, or may have been made. Made again for the same change, it is made once.
    Unavailable(String),
}

impl fmt::Display for TransactError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AccessDenied(reason) | Self::Invalid(reason) | Self::Unavailable(reason) => f.write_str(reason),
            Self::Cancelled(reasons) => {
                f.write_str("the transaction was cancelled")?;
                let reasons = reasons.iter().enumerate().filter_map(|(index, reason)| Some((index, reason.as_ref()?)));
                reasons.into_iter().try_for_each(|(index, reason)| write!(f, "; write {index}: {reason}"))
            }
        }
    }
}

impl std::error::Error for TransactError {}

impl From<TransactError> for Failure {
    /// What may pass later is retried: nothing is in the way but what is unavailable. The rest would end the same way again.
    fn from(error: TransactError) -> Self {
        let may_pass = match &error {
            TransactError::Unavailable(_) => true,
            TransactError::Cancelled(reasons) => {
                let mut reasons = reasons.iter().flatten().peekable();
                reasons.peek().is_some() && reasons.all(|reason| matches!(reason, WriteError::Unavailable(_)))
            }
            TransactError::AccessDenied(_) | TransactError::Invalid(_) => false,
        };
        if may_pass { Self::retry(error) } else { Self::reject(error) }
    }
}
