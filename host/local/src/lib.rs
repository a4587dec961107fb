//! Embedded DynamoDB regions, each with its streams, on loopback: for the demo, `tripline dev` and tests.
//!
//! A region is one dynoxide database behind one port; two of them in a process are two regions. It runs on a thread and a
//! runtime of its own, so that SQLite never blocks the host's. Knows nothing of the AWS SDK: clients get an endpoint.
//!
//! Where dynoxide differs from AWS: one shard for ever, iterators that never expire, and ARNs and records whose region is
//! `dynoxide`, whatever the region's name.
//!
//! `scripted` is another thing beside them: an endpoint whose shards split, close, expire and fail as a test asks for.

mod number;
mod region;
mod retention;
pub mod scripted;

pub use number::number;
pub use region::{LocalError, Region, RegionConfig};
