//! A request's JSON.
//!
//! Invariant: what an operation does not know is refused by name, never passed over.

use serde_json::{Map, Value};

use super::world::ApiError;

/// Harmless anywhere: they ask for figures that this endpoint does not keep.
const IGNORED: [&str; 2] = ["ReturnConsumedCapacity", "ReturnItemCollectionMetrics"];

pub(super) struct Params(Map<String, Value>);

impl Params {
    pub(super) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(params)) => Ok(Self(params)),
            Ok(_) => Err(ApiError::new("SerializationException", "the request is no JSON object")),
            Err(error) => Err(ApiError::new("SerializationException", format!("the request is no JSON: {error}"))),
        }
    }

    /// Refuses all but these.
    pub(super) fn only(&self, operation: &str, known: &[&str]) -> Result<(), ApiError> {
        match self.0.keys().find(|name| !known.contains(&name.as_str()) && !IGNORED.contains(&name.as_str())) {
            Some(name) => Err(ApiError::validation(format!("the scripted endpoint's {operation} has no parameter {name}"))),
            None => Ok(()),
        }
    }

    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        self.typed(name, "a string", Value::as_str)
    }

    pub(super) fn required<'a>(&'a self, name: &str) -> Result<&'a str, ApiError> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        self.typed(name, "a number that is not negative", Value::as_u64)
    }

    pub(super) fn array(&self, name: &str) -> Result<Option<&[Value]>, ApiError> {
        self.typed(name, "a list", |value| value.as_array().map(Vec::as_slice))
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<&Map<String, Value>>, ApiError> {
        self.typed(name, "an object", Value::as_object)
    }

    /// The table's name, of which its ARN is another form.
    pub(super) fn table(&self) -> Result<&str, ApiError> {
        let name = self.required("TableName")?;
        let name = name.split_once(":table/").map_or(name, |(_, path)| path);
        Ok(name.split('/').next().unwrap_or(name))
    }

    fn typed<'a, T>(&'a self, name: &str, what: &str, read: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>, ApiError> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match read(value) {
                Some(read) => Ok(Some(read)),
                None => Err(ApiError::validation(format!("{name} is not {what}"))),
            },
        }
    }
}

pub(super) fn missing(name: &str) -> ApiError {
    ApiError::validation(format!(
        "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
    ))
}
