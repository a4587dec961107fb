//! What was deleted, and at which version: no put of that version or an older one may bring it back.
//!
//! Invariant: an item's tombstone never goes back to an older version. All that a batch needs is read in one call, before it
//! writes; what the batch itself deletes counts from there on.

use std::collections::BTreeMap;

use tripline_sdk::{Failure, log, state};

use crate::Replica;
use crate::version::Version;

#[derive(Debug)]
pub(crate) struct Tombstones {
    /// As the state has them, by state key.
    kept: BTreeMap<String, Version>,
    /// With what this batch deletes.
    current: BTreeMap<String, Version>,
}

impl Tombstones {
    /// Each change reads for itself, so that it fails with the change whose write it read.
    pub(crate) fn read<'a>(replicas: impl Iterator<Item = &'a Replica<'a>>) -> Result<Self, Failure> {
        let reads: Vec<_> = replicas.map(|replica| (replica.change, replica.state_key.as_str())).collect();
        let values = if reads.is_empty() { Vec::new() } else { state::get_many(&reads)? };
        let mut kept = BTreeMap::new();
        for ((_, key), value) in reads.into_iter().zip(values) {
            if let Some(version) = value.and_then(Version::from_bytes) {
                kept.insert(key.to_owned(), version);
            }
        }
        Ok(Self { current: kept.clone(), kept })
    }

    /// Whether to make the write. Call it in stream order.
    pub(crate) fn let_pass(&mut self, replica: &Replica<'_>) -> bool {
        let newest = self.current.get(&replica.state_key);
        let is_newer = newest.is_none_or(|newest| replica.version > *newest);
        if replica.is_delete {
            if is_newer {
                self.current.insert(replica.state_key.clone(), replica.version.clone());
            }
            // A deletion that is remembered already may still not have been made.
            return true;
        }
        if !is_newer {
            log::debug!("{} is stale: its item was deleted since", replica.change.event_id());
        }
        is_newer
    }

    /// Once a deletion is made, or was found made: remembers it with the acknowledgement of its change.
    pub(crate) fn keep(&mut self, replica: &Replica<'_>, tombstone_ms: u64) -> Result<(), Failure> {
        let Replica { change, state_key, version, is_delete, .. } = replica;
        if !is_delete || self.kept.get(state_key).is_some_and(|kept| kept >= version) {
            return Ok(());
        }
        let expires_ms = change.created_ms().saturating_add(tombstone_ms);
        state::set(change, state_key, version.as_str(), Some(expires_ms))?;
        self.kept.insert(state_key.clone(), version.clone());
        Ok(())
    }
}
