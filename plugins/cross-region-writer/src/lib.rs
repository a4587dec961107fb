//! Copies a table's changes into another table, in another region or not: one way, one call to the host per batch.
//!
//! Invariant: a write reaches the target only over an older version, or over an item without one. So replays, late deliveries
//! and redriven dead letters change nothing. A deleted item leaves no mark in the target; its version stays behind in `state`
//! as a tombstone for as long as a late put may come.
//!
//! Knows nothing of credentials, regions or retries: `table` names one of the operator's `[targets]`.
//!
//! | setting | |
//! |---|---|
//! | `table` | the target's name in `[targets]` |
//! | `member` | who writes, in the version; the stream's region unless set |
//! | `tombstone_days` | how long a deletion is remembered; 8 unless set |

mod image;
mod key;
mod settings;
#[cfg(test)]
mod tests;
mod tombstone;
mod version;

use tripline_sdk::tables::{self, Condition, Write, WriteError};
use tripline_sdk::{Batch, Change, EventName, Failure, Failures, Probe, View, handler, log, state};

use settings::Settings;
use tombstone::Tombstones;
use version::{VERSION_ATTRIBUTE, Version};

/// Nothing newer, and no other member's newer version, may be there.
const IS_OLDER: &str = "attribute_not_exists(#v) OR #v < :v";

#[handler(batch, probe = check)]
fn on_batch(batch: &Batch) -> Result<Failures, Failure> {
    let settings = Settings::read(batch.region())?;
    let mut failures = Failures::none();
    let mut prepared = Vec::with_capacity(batch.len());
    for change in batch {
        match Replica::prepare(change, &settings) {
            Ok(replica_and_write) => prepared.push(replica_and_write),
            Err(failure) => failures.fail(change, failure),
        }
    }
    let mut tombstones = Tombstones::read(prepared.iter().map(|(replica, _)| replica))?;
    let passed = prepared.into_iter().filter(|(replica, _)| tombstones.let_pass(replica));
    let (replicas, writes): (Vec<_>, Vec<_>) = passed.unzip();
    let results = tables::write(&settings.table, writes)?;
    for (replica, result) in replicas.iter().zip(results) {
        let settled = settle(replica, result).and_then(|()| tombstones.keep(replica, settings.tombstone_ms));
        if let Err(failure) = settled {
            failures.fail(replica.change, failure);
        }
    }
    Ok(failures)
}

/// Before this version serves: the settings, the view, and the grants of the table and of `state`.
fn check(probe: &Probe) -> Result<(), Failure> {
    let settings = Settings::read(probe.region())?;
    if !probe.view().has_new() {
        let reason = format!(
            "the view is `{}`, which has no new images to copy: set `view = \"{}\"` or `view = \"{}\"`",
            probe.view(),
            View::NewImage,
            View::NewAndOldImages
        );
        return Err(Failure::reject(reason));
    }
    // A write and a read of nothing: denied where a replica or a tombstone could not be written.
    tables::write(&settings.table, Vec::new())?;
    state::get_many::<&str>(&[]).map(|_| ())
}

/// What a change means for the target.
#[derive(Debug)]
struct Replica<'a> {
    change: &'a Change,
    /// Of the item's tombstone.
    state_key: String,
    version: Version,
    is_delete: bool,
}

impl<'a> Replica<'a> {
    fn prepare(change: &'a Change, settings: &Settings) -> Result<(Self, Write), Failure> {
        let version = Version::of(change, &settings.member)?;
        let is_delete = change.event_name() == EventName::Remove;
        let write = if is_delete {
            Write::delete(change.keys_json())
        } else {
            let image = change
                .new_image_json()
                .ok_or_else(|| Failure::reject("the change has no new image: does the table's stream hold new images?"))?;
            Write::put(image::with_version(image, &version)?)
        };
        let older = Condition::new(IS_OLDER).name("#v", VERSION_ATTRIBUTE).value(":v", version.as_str());
        let state_key = key::state_key(change)?;
        Ok((Self { change, state_key, version, is_delete }, write.condition(older)))
    }
}

/// A write whose condition failed found what is as new or newer: there is nothing to do.
fn settle(replica: &Replica<'_>, result: Result<(), WriteError>) -> Result<(), Failure> {
    match result {
        Ok(()) => Ok(()),
        Err(WriteError::ConditionFailed) => {
            log::debug!("{} is stale: the target has a newer version", replica.change.event_id());
            Ok(())
        }
        Err(error @ (WriteError::Invalid(_) | WriteError::Unavailable(_))) => Err(error.into()),
    }
}
