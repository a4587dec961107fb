//! What DynamoDB holds of a number.

use dynoxide::errors::DynoxideError;
use dynoxide::types::{normalize_number_for_sort, validate_dynamo_number};

/// The same text for each number, however it is written; else why DynamoDB holds no such number, in its words, without the number's.
pub fn number(text: &str) -> Result<String, String> {
    validate_dynamo_number(text).map_err(|error| match error {
        DynoxideError::ValidationException(reason) => reason.split(':').next().unwrap_or_default().to_owned(),
        other => other.to_string(),
    })?;
    Ok(normalize_number_for_sort(text))
}
