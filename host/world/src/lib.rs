//! One account in one region as DynamoDB would behave: tables, every stream that a table ever had, shards, records.
//!
//! Invariants: the same seed and the same calls give the same answers, byte for byte; time never runs backward; what was written stays
//! known for ever, whatever is trimmed. It answers as AWS documents it, and lies only where `Faults` asks for it, for a bounded while.
//! Knows nothing of who reads: no IO, no clock, no ambient randomness, no other package of the workspace. Times are milliseconds since
//! 1970.

pub mod api;
pub mod error;
pub mod fault;
pub mod item;
pub mod meter;
mod number;
mod record;
pub mod story;
pub mod stream;
mod table;
pub mod truth;
mod world;

#[cfg(test)]
mod tests;

pub use api::{
    Described, GetRecords, IteratorKind, ListStreams, ListedStream, RecordsPage, ShardShown, StreamPage, StreamStatus, StreamsListed,
};
pub use error::ApiError;
pub use fault::{Faults, PerCall, TransportFault};
pub use item::{Item, Key, KeyType, Schema};
pub use meter::{Operation, Tally};
pub use number::Number;
pub use record::Event;
pub use story::{Op, Script, Shape, Story};
pub use stream::ShardRef;
pub use table::{TableInfo, TableSpec, View};
pub use truth::{StreamSeen, Written};
pub use world::World;

pub const SECOND_MS: u64 = 1000;
pub const HOUR_MS: u64 = 3_600_000;
/// How long a stream keeps a record, and a closed shard or stream stays after that.
pub const RETENTION_MS: u64 = 24 * HOUR_MS;
/// How long a shard iterator may be used.
pub const ITERATOR_MS: u64 = 15 * 60 * SECOND_MS;
