//! Writes of plugins into DynamoDB tables.
//!
//! Invariant: writes of one item happen one after the other, in the order given, and an item's JSON reaches DynamoDB as the
//! guest wrote it: checked, never built anew. The table is the operator's, whatever the guest's JSON holds.
//! Retries are not made here: the trigger's policy decides, and a hidden second try would answer a conditional write that
//! had passed with "the condition did not hold".

mod body;
mod failure;
mod target;

pub use body::check;
pub use failure::TargetError;
pub use target::Target;
