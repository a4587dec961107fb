//! What an item is called in `state`.
//!
//! Invariant: one item has one name, however its key is spelled: attributes sorted, escapes and blanks as this crate writes them.

use sha2::{Digest, Sha256};
use tripline_sdk::item::{self, Item};
use tripline_sdk::{Change, Failure};

use crate::version::VERSION_ATTRIBUTE;

const PREFIX: &str = "deleted:";
/// The host takes keys of 2 KiB; an item's key alone may be longer.
const PLAIN_BYTES_MAX: usize = 1024;

/// Where the tombstone of the changed item lies. Short keys can be read in a dump of the state; long ones are hashed.
pub(crate) fn state_key(change: &Change) -> Result<String, Failure> {
    let keys: Item = change.keys()?;
    if keys.contains_key(VERSION_ATTRIBUTE) {
        let reason = format!("the key has the attribute `{VERSION_ATTRIBUTE}`, which is reserved for versions");
        return Err(Failure::reject(reason));
    }
    let canonical = item::to_json(&keys)?;
    if canonical.len() <= PLAIN_BYTES_MAX {
        return Ok(format!("{PREFIX}{canonical}"));
    }
    let hash: String = Sha256::digest(canonical).iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{PREFIX}sha256:{hash}"))
}
