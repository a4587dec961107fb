//! How a trigger gets a shard's changes: batches, retries, dead letters.

mod batch;
mod lane;
mod policy;
mod progress;
mod redrive;
mod settle;
mod settlement;
mod waiting;
mod work;

pub use batch::{Batch, FailedChange, Failure, FailureKind, Origin, Outcome, ReadFrom, Report, Seen};
pub use lane::{Lane, RunId, Settled, Step, Stuck};
pub use policy::{Policy, Then};
pub use redrive::{Redrive, RedriveStep};
pub use settlement::Settlement;

#[cfg(test)]
mod tests;
