//! The trigger's own key-value state, kept by the host.
//!
//! Writes commit in the transaction that acknowledges the change they belong to, or not at all. Reads see what this batch has
//! written so far. The trigger needs `grants = { state = true }`.

use crate::change::Change;
use crate::failure::Failure;
use crate::host;
use crate::host::state_types::{Read, StateError};

/// The value at `key`, none where there is none.
pub fn get(change: &Change, key: &str) -> Result<Option<Vec<u8>>, Failure> {
    Ok(get_many(&[(change, key)])?.pop().flatten())
}

/// The values of many keys in one call, in the order asked. Each read names the change that wants to know: it fails with
/// the change whose write it read.
pub fn get_many<K: AsRef<str>>(reads: &[(&Change, K)]) -> Result<Vec<Option<Vec<u8>>>, Failure> {
    let wire: Vec<_> = reads
        .iter()
        .map(|(change, key)| Read { change: change.index(), key: key.as_ref().to_owned() })
        .collect();
    let values = host::state::get(&wire).map_err(Failure::from)?;
    if values.len() != reads.len() {
        let message = format!("the host answered {} reads with {} values", reads.len(), values.len());
        return Err(Failure::retry(message));
    }
    Ok(values)
}

/// `key`: at most 2 KiB. `value`: at most 256 KiB. `expires_ms`: Unix time in milliseconds after which the entry is as good
/// as deleted.
pub fn set(change: &Change, key: &str, value: impl AsRef<[u8]>, expires_ms: Option<u64>) -> Result<(), Failure> {
    Ok(host::state::set(change.index(), key, value.as_ref(), expires_ms)?)
}

/// Deleting what is not there is no failure.
pub fn delete(change: &Change, key: &str) -> Result<(), Failure> {
    Ok(host::state::delete(change.index(), key)?)
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        match error {
            StateError::AccessDenied(reason) | StateError::Invalid(reason) => Self::Reject(reason),
            StateError::Unavailable(reason) => Self::Retry(reason),
        }
    }
}
