//! How a trigger gets a shard's changes: batches, retries, dead letters.

mod batch;
mod lane;
mod policy;
mod settle;

pub use batch::{Batch, FailedChange, Failure, FailureKind, Origin, Outcome, ReadFrom, Report};
pub use lane::{Lane, Settled, Settlement, Step};
pub use policy::{Policy, Then};

#[cfg(test)]
mod tests;
