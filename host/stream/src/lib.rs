//! DynamoDB Streams over the AWS SDK: what fills `tripline_core::port::StreamSource`.
//!
//! The SDK signs, resolves endpoints and credentials, and keeps connections; it builds no items: a GetRecords body is taken
//! at the connector (`tripline_wire`) and sliced by core. The SDK never repeats a call: back-off is the reader's business. Calls keep to the
//! account's limits (`limits`), and the answers say what the stream's clock shows (`clock`).
//! Knows nothing of shard lineage, checkpoints or triggers.

mod clock;
mod error;
mod find;
mod limits;
mod source;
mod survey;
mod switch;

#[cfg(test)]
mod tests;

pub use clock::Clock;
pub use source::{Source, SourceConfig};
pub use survey::{ShardDetails, StreamDetails, StreamSummary};
pub use switch::{Switched, TableState};
