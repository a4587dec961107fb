//! Writes into DynamoDB tables that the operator granted by name: `[targets.…]` and `grants = { tables = ["…"] }`.
//!
//! One call takes any number of writes: those of one key happen in the order given, others at once.

use std::fmt;

use crate::failure::Failure;
use crate::host;
use crate::host::tables_types as wire;
use crate::item::{AttributeValue, Item};

/// One write, made by [`Write::put`] or [`Write::delete`].
#[derive(Clone, PartialEq, Eq)]
pub struct Write {
    operation: Operation,
    condition: Option<Condition>,
}

#[derive(Clone, PartialEq, Eq)]
enum Operation {
    Put(String),
    Delete(String),
}

impl Write {
    /// Puts a whole item, as DynamoDB JSON: [`crate::item::to_json`] makes it of a struct.
    pub fn put(item_json: impl Into<String>) -> Self {
        Self { operation: Operation::Put(item_json.into()), condition: None }
    }

    /// Deletes the item with this key, as DynamoDB JSON.
    pub fn delete(key_json: impl Into<String>) -> Self {
        Self { operation: Operation::Delete(key_json.into()), condition: None }
    }

    /// Writes only where the condition holds, else the write ends in [`WriteError::ConditionFailed`].
    pub fn condition(mut self, condition: impl Into<Condition>) -> Self {
        self.condition = Some(condition.into());
        self
    }

    pub fn is_put(&self) -> bool {
        matches!(self.operation, Operation::Put(_))
    }

    /// The item of a put, the key of a delete.
    pub fn json(&self) -> &str {
        match &self.operation {
            Operation::Put(json) | Operation::Delete(json) => json,
        }
    }

    pub fn get_condition(&self) -> Option<&Condition> {
        self.condition.as_ref()
    }

    fn into_wire(self) -> wire::TableWrite {
        let condition = self.condition.map(Condition::into_wire);
        match self.operation {
            Operation::Put(item) => wire::TableWrite::Put(wire::Put { item, condition }),
            Operation::Delete(key) => wire::TableWrite::Delete(wire::Delete { key, condition }),
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn from_wire(write: &wire::TableWrite) -> Self {
        let (operation, condition) = match write.clone() {
            wire::TableWrite::Put(put) => (Operation::Put(put.item), put.condition),
            wire::TableWrite::Delete(delete) => (Operation::Delete(delete.key), delete.condition),
        };
        Self { operation, condition: condition.map(Condition::from_wire) }
    }
}

impl fmt::Debug for Write {
    /// Without the item: it holds what users wrote.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write")
            .field("put", &self.is_put())
            .field("condition", &self.condition.as_ref().map(|condition| &condition.expression))
            .finish_non_exhaustive()
    }
}

/// A DynamoDB condition expression with its placeholders.
///
/// ```
/// use tripline_sdk::tables::{Condition, Write};
///
/// let newer = Condition::new("attribute_not_exists(#v) OR #v < :v").name("#v", "version").value(":v", 3);
/// let write = Write::put(r#"{"pk":{"S":"a"},"version":{"N":"3"}}"#).condition(newer);
/// let unconditional = Write::delete(r#"{"pk":{"S":"a"}}"#);
/// let once = Write::put(r#"{"pk":{"S":"a"}}"#).condition("attribute_not_exists(pk)");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    expression: String,
    names: Vec<(String, String)>,
    values: Item,
}

impl Condition {
    pub fn new(expression: impl Into<String>) -> Self {
        Self { expression: expression.into(), names: Vec::new(), values: Item::new() }
    }

    /// `#name` stands for an attribute's name.
    pub fn name(mut self, placeholder: impl Into<String>, name: impl Into<String>) -> Self {
        self.names.push((placeholder.into(), name.into()));
        self
    }

    /// `:value` stands for a value.
    pub fn value(mut self, placeholder: impl Into<String>, value: impl Into<AttributeValue>) -> Self {
        self.values.insert(placeholder.into(), value.into());
        self
    }

    pub fn expression(&self) -> &str {
        &self.expression
    }

    pub fn names(&self) -> &[(String, String)] {
        &self.names
    }

    pub fn values(&self) -> &Item {
        &self.values
    }

    fn into_wire(self) -> wire::Condition {
        let values = (!self.values.is_empty()).then(|| crate::item::item_json(&self.values));
        wire::Condition { expression: self.expression, names: self.names, values }
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn from_wire(condition: wire::Condition) -> Self {
        // What comes back is what `into_wire` wrote.
        let values = condition.values.as_deref().and_then(|json| crate::item::from_json(json).ok());
        Self { expression: condition.expression, names: condition.names, values: values.unwrap_or_default() }
    }
}

impl From<&str> for Condition {
    fn from(expression: &str) -> Self {
        Self::new(expression)
    }
}

/// Why one write did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// The condition did not hold: nothing was written.
    ConditionFailed,
    /// Refused for good: too large, not an item of this table, an expression that does not parse.
    Invalid(String),
    /// Throttled, unreachable, or failing: the same write may pass later.
    Unavailable(String),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConditionFailed => f.write_str("the condition did not hold"),
            Self::Invalid(reason) | Self::Unavailable(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for WriteError {}

impl From<WriteError> for Failure {
    /// What is unavailable is retried; the rest would end the same way again.
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Unavailable(reason) => Self::Retry(reason),
            WriteError::Invalid(_) | WriteError::ConditionFailed => Self::reject(error),
        }
    }
}

/// Writes into `table`, a name in the operator's `[targets]`. One result for each write, in order; a write that fails
/// stops no other. `Err`: the trigger is not granted this table, and nothing was written.
pub fn write(table: &str, writes: Vec<Write>) -> Result<Vec<Result<(), WriteError>>, Failure> {
    let count = writes.len();
    let wire: Vec<_> = writes.into_iter().map(Write::into_wire).collect();
    let results = host::tables::write(table, &wire).map_err(|wire::TableError::AccessDenied(reason)| Failure::reject(reason))?;
    if results.len() != count {
        let message = format!("the host answered {count} writes with {} results", results.len());
        return Err(Failure::retry(message));
    }
    let results = results.into_iter();
    Ok(results.map(|result| result.map_err(WriteError::from)).collect())
}

impl From<wire::WriteError> for WriteError {
    fn from(error: wire::WriteError) -> Self {
        match error {
            wire::WriteError::ConditionFailed => Self::ConditionFailed,
            wire::WriteError::Invalid(reason) => Self::Invalid(reason),
            wire::WriteError::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl From<WriteError> for wire::WriteError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::ConditionFailed => Self::ConditionFailed,
            WriteError::Invalid(reason) => Self::Invalid(reason),
            WriteError::Unavailable(reason) => Self::Unavailable(reason),
        }
    }
}
