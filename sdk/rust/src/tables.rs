//! DynamoDB tables that the operator granted by name: `[targets.…]`, and `grants = { tables = ["…"], reads = ["…"] }` to write and to read.
//!
//! [`write()`] takes any number of writes in one call: those of one key happen in the order given, others at once. A [`Transaction`] is made as a whole
//! or not at all. [`get()`] and [`get_many()`] read items by their keys.

mod read;
mod transaction;

use std::fmt;

use crate::failure::Failure;
use crate::host;
use crate::host::tables_types as wire;
use crate::item::{AttributeValue, Item};

pub use read::{Consistency, get, get_many, get_many_json};
pub use transaction::{Transact, TransactError, Transaction};

/// One write, made by [`Write::put`], [`Write::update`] or [`Write::delete`].
///
/// ```
/// use tripline_sdk::tables::{Condition, Write};
///
/// let key = r#"{"pk":{"S":"a"}}"#;
/// let once = Write::put(r#"{"pk":{"S":"a"}}"#).condition("attribute_not_exists(pk)");
/// let unconditional = Write::delete(key);
/// let up_to_ten = Write::update(key, "ADD #n :one")
///     .name("#n", "count")
///     .value(":one", 1)
///     .condition(Condition::new("attribute_not_exists(#n) OR #n < :max").value(":max", 10));
/// ```
#[derive(Clone, PartialEq)]
pub struct Write {
    operation: Operation,
    condition: Option<String>,
    placeholders: Placeholders,
}

#[derive(Clone, PartialEq, Eq)]
enum Operation {
    Put(String),
    Update { key: String, expression: String },
    Delete(String),
}

impl Write {
    /// Puts a whole item, as DynamoDB JSON: [`crate::item::to_json`] makes it of a struct.
    pub fn put(item_json: impl Into<String>) -> Self {
        Self::of(Operation::Put(item_json.into()))
    }

    /// Changes the item with this key, as DynamoDB JSON, by an update expression such as `SET #n = :v`; makes one where there is none.
    pub fn update(key_json: impl Into<String>, expression: impl Into<String>) -> Self {
        Self::of(Operation::Update { key: key_json.into(), expression: expression.into() })
    }

    /// Deletes the item with this key, as DynamoDB JSON.
    pub fn delete(key_json: impl Into<String>) -> Self {
        Self::of(Operation::Delete(key_json.into()))
    }

    fn of(operation: Operation) -> Self {
        Self { operation, condition: None, placeholders: Placeholders::default() }
    }

    /// Writes only where the condition holds, else the write ends in [`WriteError::ConditionFailed`]. Its placeholders and the update's are one set.
    pub fn condition(mut self, condition: impl Into<Condition>) -> Self {
        let condition = condition.into();
        self.condition = Some(condition.expression);
        self.placeholders.add(condition.placeholders);
        self
    }

    /// `#name` stands for an attribute's name.
    pub fn name(mut self, placeholder: impl Into<String>, name: impl Into<String>) -> Self {
        self.placeholders.name(placeholder.into(), name.into());
        self
    }

    /// `:value` stands for a value.
    pub fn value(mut self, placeholder: impl Into<String>, value: impl Into<AttributeValue>) -> Self {
        self.placeholders.value(placeholder.into(), value.into());
        self
    }

    pub fn is_put(&self) -> bool {
        matches!(self.operation, Operation::Put(_))
    }

    /// The item of a put, the key of an update or a delete.
    pub fn json(&self) -> &str {
        match &self.operation {
            Operation::Put(json) | Operation::Update { key: json, .. } | Operation::Delete(json) => json,
        }
    }

    pub fn get_update(&self) -> Option<&str> {
        match &self.operation {
            Operation::Update { expression, .. } => Some(expression),
            Operation::Put(_) | Operation::Delete(_) => None,
        }
    }

    /// With all placeholders of the write.
    pub fn get_condition(&self) -> Option<Condition> {
        let expression = self.condition.clone()?;
        Some(Condition { expression, placeholders: self.placeholders.clone() })
    }

    /// `#name`s and what they stand for.
    pub fn names(&self) -> &[(String, String)] {
        &self.placeholders.names
    }

    pub fn values(&self) -> &Item {
        &self.placeholders.values
    }

    /// `Err`: a placeholder that stands for two things.
    fn into_wire(self) -> Result<wire::TableWrite, WriteError> {
        Ok(match self.into_operation()? {
            WireOperation::Put(put) => wire::TableWrite::Put(put),
            WireOperation::Update(update) => wire::TableWrite::Update(update),
            WireOperation::Delete(delete) => wire::TableWrite::Delete(delete),
        })
    }

    fn into_operation(self) -> Result<WireOperation, WriteError> {
        let Self { operation, condition, placeholders } = self;
        if let Some(clash) = &placeholders.clash {
            return Err(WriteError::Invalid(format!("the placeholder `{clash}` stands for two things: give one of them another name")));
        }
        let Placeholders { names, values, .. } = placeholders;
        let values = (!values.is_empty()).then(|| crate::item::item_json(&values));
        Ok(match operation {
            Operation::Update { key, expression } => WireOperation::Update(wire::Update { key, expression, condition, names, values }),
            Operation::Put(item) => {
                let condition = condition.map(|expression| wire::Condition { expression, names, values });
                WireOperation::Put(wire::Put { item, condition })
            }
            Operation::Delete(key) => {
                let condition = condition.map(|expression| wire::Condition { expression, names, values });
                WireOperation::Delete(wire::Delete { key, condition })
            }
        })
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn from_wire(write: &wire::TableWrite) -> Self {
        let (operation, condition) = match write.clone() {
            wire::TableWrite::Put(put) => (Operation::Put(put.item), put.condition),
            wire::TableWrite::Delete(delete) => (Operation::Delete(delete.key), delete.condition),
            wire::TableWrite::Update(wire::Update { key, expression, condition, names, values }) => {
                let placeholders = Placeholders::from_wire(names, values);
                return Self { operation: Operation::Update { key, expression }, condition, placeholders };
            }
        };
        let condition = condition.map(Condition::from_wire);
        let write = Self::of(operation);
        if let Some(condition) = condition { write.condition(condition) } else { write }
    }
}

enum WireOperation {
    Put(wire::Put),
    Update(wire::Update),
    Delete(wire::Delete),
}

impl fmt::Debug for Write {
    /// Without the item: it holds what users wrote.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Write")
            .field("put", &self.is_put())
            .field("update", &self.get_update())
            .field("condition", &self.condition)
            .finish_non_exhaustive()
    }
}

/// What the expressions of one request share.
#[derive(Clone, Debug, Default, PartialEq)]
struct Placeholders {
    names: Vec<(String, String)>,
    values: Item,
    /// One that was given twice, for different things.
    clash: Option<String>,
}

impl Placeholders {
    fn name(&mut self, placeholder: String, name: String) {
        match self.names.iter().find(|(other, _)| *other == placeholder) {
            Some((_, other)) if *other != name => self.clash = Some(placeholder),
            Some(_) => {}
            None => self.names.push((placeholder, name)),
        }
    }

    fn value(&mut self, placeholder: String, value: AttributeValue) {
        match self.values.get(&placeholder) {
            Some(other) if *other != value => self.clash = Some(placeholder),
            _ => drop(self.values.insert(placeholder, value)),
        }
    }

    fn add(&mut self, other: Self) {
        other.names.into_iter().for_each(|(placeholder, name)| self.name(placeholder, name));
        other.values.into_iter().for_each(|(placeholder, value)| self.value(placeholder, value));
        self.clash = self.clash.take().or(other.clash);
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn from_wire(names: Vec<(String, String)>, values: Option<String>) -> Self {
        // What comes back is what `into_operation` wrote.
        let values = values.as_deref().and_then(|json| crate::item::from_json(json).ok());
        Self { names, values: values.unwrap_or_default(), clash: None }
    }
}

/// A DynamoDB condition expression with its placeholders.
///
/// ```
/// use tripline_sdk::tables::{Condition, Write};
///
/// let newer = Condition::new("attribute_not_exists(#v) OR #v < :v").name("#v", "version").value(":v", 3);
/// let write = Write::put(r#"{"pk":{"S":"a"},"version":{"N":"3"}}"#).condition(newer);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    expression: String,
    placeholders: Placeholders,
}

impl Condition {
    pub fn new(expression: impl Into<String>) -> Self {
        Self { expression: expression.into(), placeholders: Placeholders::default() }
    }

    /// `#name` stands for an attribute's name.
    pub fn name(mut self, placeholder: impl Into<String>, name: impl Into<String>) -> Self {
        self.placeholders.name(placeholder.into(), name.into());
        self
    }

    /// `:value` stands for a value.
    pub fn value(mut self, placeholder: impl Into<String>, value: impl Into<AttributeValue>) -> Self {
        self.placeholders.value(placeholder.into(), value.into());
        self
    }

    pub fn expression(&self) -> &str {
        &self.expression
    }

    pub fn names(&self) -> &[(String, String)] {
        &self.placeholders.names
    }

    pub fn values(&self) -> &Item {
        &self.placeholders.values
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn from_wire(condition: wire::Condition) -> Self {
        Self { expression: condition.expression, placeholders: Placeholders::from_wire(condition.names, condition.values) }
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
    let mut results = Vec::with_capacity(writes.len());
    let mut wire = Vec::with_capacity(writes.len());
    for write in writes {
        let made = write.into_wire().map(|write| wire.push(write));
        results.push(made);
    }
    let answers = host::tables::write(table, &wire).map_err(|wire::TableError::AccessDenied(reason)| Failure::reject(reason))?;
    if answers.len() != wire.len() {
        let message = format!("the host answered {} writes with {} results", wire.len(), answers.len());
        return Err(Failure::retry(message));
    }
    let sent = results.iter_mut().filter(|result| result.is_ok());
    for (result, answer) in sent.zip(answers) {
        *result = answer.map_err(WriteError::from);
    }
    Ok(results)
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
