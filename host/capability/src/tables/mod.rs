//! What plugins write into DynamoDB tables, and read from them.
//!
//! Invariant: writes of one item happen one after the other, in the order given, and an item's JSON reaches DynamoDB as the
//! guest wrote it: checked, never built anew. The table is the operator's, whatever the guest's JSON holds.
//! A write is never repeated here: the trigger's policy decides, and a hidden second try would answer a conditional write that
//! had passed with "the condition did not hold". Reads that are throttled are, for a few seconds.

mod anywhere;
mod body;
mod failure;
mod key;
mod read;
mod target;
mod transact;

pub use anywhere::check_key;
pub use body::{check, check_transact};
pub use failure::TargetError;
pub use key::is_at;
pub use read::within;
pub use target::{Named, Target};
