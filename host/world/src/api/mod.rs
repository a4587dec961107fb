//! The four calls of the DynamoDB Streams API, as AWS documents them.
//!
//! Sources: the API reference's operation pages and the service's model; what neither says is marked (unconfirmed).

mod describe;
mod iterator;
mod list;
mod records;

use std::sync::Arc;

use crate::error::ApiError;
use crate::item::Schema;
use crate::meter::Operation;
use crate::number::Number;
use crate::stream::{Shard, ShardRef};
use crate::table::View;
use crate::world::World;

pub use iterator::IteratorKind;
pub use records::{GetRecords, RecordsPage};

#[derive(Clone, Copy, Debug, Default)]
pub struct ListStreams<'a> {
    pub table: Option<&'a str>,
    /// Up to 100.
    pub limit: Option<u64>,
    /// ExclusiveStartStreamArn.
    pub after: Option<&'a str>,
}

#[derive(Clone, Debug)]
pub struct StreamsListed {
    pub streams: Vec<ListedStream>,
    /// LastEvaluatedStreamArn.
    pub last: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
pub struct ListedStream {
    pub arn: Arc<str>,
    pub label: Arc<str>,
    pub table: Arc<str>,
}

/// A DescribeStream request.
#[derive(Clone, Copy, Debug, Default)]
pub struct StreamPage<'a> {
    pub arn: &'a str,
    /// Up to 100.
    pub limit: Option<u64>,
    /// ExclusiveStartShardId.
    pub after: Option<&'a str>,
    /// ShardFilter CHILD_SHARDS.
    pub children_of: Option<&'a str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStatus {
    Enabled,
    Disabled,
}

impl StreamStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
        }
    }
}

/// One page of a stream's description.
#[derive(Clone, Debug)]
pub struct Described {
    pub arn: Arc<str>,
    pub label: Arc<str>,
    pub table: Arc<str>,
    pub view: View,
    pub status: StreamStatus,
    pub schema: Arc<Schema>,
    pub created_ms: u64,
    pub shards: Vec<ShardShown>,
    /// LastEvaluatedShardId.
    pub last: Option<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardShown {
    pub id: Arc<str>,
    pub parent: Option<Arc<str>>,
    pub starting: Number,
    /// None: open.
    pub ending: Option<Number>,
}

/// The API's own bound on pages of streams and shards.
const PAGE_ITEMS_MAX: u64 = 100;
const THROTTLES: [&str; 3] = ["LimitExceededException", "ProvisionedThroughputExceededException", "ThrottlingException"];

impl World {
    /// Counts a call, and fails it where a limit or a fault says so.
    fn enter(&mut self, operation: Operation, shard: Option<ShardRef>) -> Result<(), ApiError> {
        let at_ms = self.call_clock_ms.unwrap_or(self.now_ms);
        let mut recent = self.calls[operation as usize].note(at_ms);
        if let Some(shard) = shard {
            recent = self.shard_mut(shard).map_or(0, |shard| shard.reads.note(at_ms));
        }
        if self.limited && operation.limit().is_some_and(|limit| recent > limit) {
            let of_shard = operation == Operation::GetRecords;
            return Err(ApiError::throttled(if of_shard { "LimitExceededException" } else { "ThrottlingException" }));
        }
        let (throttle, server) = (self.dice.faults.throttle.of(operation), self.dice.faults.server_error.of(operation));
        if self.dice.roll(throttle) {
            return Err(ApiError::throttled(self.dice.pick(&THROTTLES).unwrap_or(THROTTLES[0])));
        }
        if self.dice.roll(server) {
            return Err(ApiError::server(self.dice.pick(&[500, 503]).unwrap_or(500)));
        }
        Ok(())
    }

    /// A stream that is still readable.
    fn readable(&self, arn: &str) -> Result<usize, ApiError> {
        let found = self.by_arn.get(arn).copied().filter(|&index| !self.streams[index].gone(self.now_ms));
        found.ok_or_else(|| ApiError::no_stream(arn))
    }

    fn shard_mut(&mut self, shard: ShardRef) -> Option<&mut Shard> {
        self.streams.get_mut(shard.stream as usize)?.shards.get_mut(shard.shard as usize)
    }

    /// ResourceNotFoundException for a shard that is gone, or that a fault denies.
    fn present(&mut self, at: ShardRef) -> Result<(), ApiError> {
        let (now_ms, probability, max) = (self.now_ms, self.dice.faults.not_found, self.dice.faults.not_found_max);
        let stream = &mut self.streams[at.stream as usize];
        let shard = &mut stream.shards[at.shard as usize];
        if shard.gone(now_ms) || self.dice.lie(probability, &mut shard.not_found_in_a_row, max) {
            return Err(ApiError::no_shard(&shard.id, &stream.arn));
        }
        Ok(())
    }
}

/// A page's length, `max` where none is asked for.
fn legal_limit(limit: Option<u64>, max: u64) -> Result<usize, ApiError> {
    let limit = limit.unwrap_or(max);
    if (1..=max).contains(&limit) {
        return Ok(limit as usize);
    }
    Err(ApiError::validation(format!(
        "1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: Member must have value between 1 and {max}"
    )))
}
