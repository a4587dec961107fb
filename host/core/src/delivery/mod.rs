//! How a trigger gets a shard's changes: batches, retries, dead letters.

mod batch;
mod lane;
mod policy;
mod redrive;
mod settle;
mod settlement;

pub use batch::{Batch, FailedChange, Failure, FailureKind, Origin, Outcome, ReadFrom, Report, Seen};
pub use lane::{Lane, Settled, Step};
pub use policy::{Policy, Then};
pub use redrive::{Redrive, RedriveStep};
pub use settlement::Settlement;

#[cfg(test)]
mod tests;
