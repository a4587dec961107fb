//! An error as the API answers it: the code a client decides by, a message, the HTTP status.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// Without a namespace: `ResourceNotFoundException`.
    pub code: &'static str,
    pub message: String,
    pub status: u16,
}

impl ApiError {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), status: 400 }
    }

    pub fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    pub(crate) fn no_table(name: &str) -> Self {
        Self::new("ResourceNotFoundException", format!("Requested resource not found: Table: {name} not found"))
    }

    pub(crate) fn no_stream(arn: &str) -> Self {
        Self::new("ResourceNotFoundException", format!("Requested resource not found: Stream: {arn} not found"))
    }

    pub(crate) fn no_shard(id: &str, arn: &str) -> Self {
        Self::new("ResourceNotFoundException", format!("Requested resource not found: Shard: {id} in Stream: {arn} not found"))
    }

    pub(crate) fn trimmed() -> Self {
        Self::new("TrimmedDataAccessException", "The operation attempted to read past the oldest stream record in a shard")
    }

    pub(crate) fn expired() -> Self {
        Self::new("ExpiredIteratorException", "The provided iterator exceeds the maximum age allowed")
    }

    pub(crate) fn throttled(code: &'static str) -> Self {
        Self::new(code, "Rate exceeded")
    }

    pub(crate) fn server(status: u16) -> Self {
        let code = if status == 503 { "ServiceUnavailable" } else { "InternalServerError" };
        Self { code, message: "The request processing has failed because of an unknown error".to_owned(), status }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.code, self.status, self.message)
    }
}

impl std::error::Error for ApiError {}
