//! A host for unit tests: plain `cargo test`, no WebAssembly.
//!
//! Off wasm32 the imports go to a recorder that each thread, and so each test, has of its own. [`Host`] sets it up and shows
//! what a handler did; [`insert`], [`modify`], [`remove`] and [`batch`] make changes of JSON; [`run`] and [`run_batch`] call a
//! handler as the host does, and drop what failed changes did, and those that wait for them: [`Host::held`].
//!
//! ```
//! use tripline_sdk::testing::{self, Host};
//! use tripline_sdk::{Change, Failure, counters, settings};
//!
//! fn on_change(change: Change) -> Result<(), Failure> {
//!     counters::add(&change, &settings::require::<String>("counter")?, &[], 1)
//! }
//!
//! let host = Host::new();
//! host.set_setting("counter", "orders");
//! let changes = testing::batch([
//!     testing::insert(r#"{"pk":{"S":"a"}}"#, r#"{"pk":{"S":"a"},"n":{"N":"1"}}"#),
//!     testing::remove(r#"{"pk":{"S":"a"}}"#, r#"{"pk":{"S":"a"},"n":{"N":"1"}}"#).ttl(),
//! ]);
//! assert!(testing::run(on_change, changes).is_empty());
//! assert_eq!(host.counter("orders", &[]), ["1", "1"]);
//! ```

mod bounds;
mod change;
pub(crate) mod host;
mod recorder;
mod settle;

pub use change::{BatchBuilder, ChangeBuilder, batch, insert, modify, probe, remove};
pub use recorder::{Added, Call, Capability, Host, Line, Mail, Measured, Metric};

use crate::change::Batch;
use crate::failure::{Failure, Failures};
use crate::run::{HandleBatch, HandleChange, each_change};

/// Runs a handler of single changes over a batch. What the changes that failed have added, set and mailed is dropped, and what those have that are
/// [held back](Host::held) with them.
pub fn run<H>(handler: impl HandleChange<H>, batch: impl Into<Batch>) -> Failures {
    let batch = batch.into();
    recorder::begin(&batch);
    let failures = each_change(batch, &handler);
    end(&failures);
    failures
}

/// Runs a handler of batches: as [`run`] does.
pub fn run_batch<H>(handler: impl HandleBatch<H>, batch: impl Into<Batch>) -> Result<Failures, Failure> {
    let batch = batch.into();
    let positions = 0..u32::try_from(batch.len()).unwrap_or(u32::MAX);
    recorder::begin(&batch);
    let result = handler.call(batch);
    match &result {
        Ok(failures) => end(failures),
        Err(failure) => recorder::end(&positions.map(|index| (index, failure.is_retry())).collect()),
    }
    result
}

fn end(failures: &Failures) {
    recorder::end(&failures.iter().map(|(index, failure)| (index, failure.is_retry())).collect());
}
