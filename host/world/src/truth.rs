//! What was written, whatever anybody can still read of it: for checks.

use std::sync::Arc;

use crate::RETENTION_MS;
use crate::number::Number;
use crate::record::{Event, Record};
use crate::stream::{Shard, ShardRef, Stream};
use crate::table::View;
use crate::world::World;

/// One change.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    pub at: ShardRef,
    pub arn: &'a Arc<str>,
    pub table: &'a Arc<str>,
    pub shard: &'a Arc<str>,
    pub number: Number,
    pub event: Event,
    /// JSON of the item's key.
    pub key: &'a Arc<str>,
    pub created_ms: u64,
    /// The first moment at which nobody can read it any more.
    pub trimmed_at_ms: u64,
    /// The record as GetRecords gives it.
    pub json: &'a Arc<str>,
    event_id: u128,
}

impl Written<'_> {
    /// As the record has it.
    pub fn event_id(&self) -> String {
        format!("{:032x}", self.event_id)
    }
}

/// A stream as it was, whether it is still there or not.
#[derive(Clone, Copy, Debug)]
pub struct StreamSeen<'a> {
    pub arn: &'a Arc<str>,
    pub table: &'a Arc<str>,
    pub view: View,
    pub created_ms: u64,
    pub disabled_ms: Option<u64>,
    index: u32,
    shards: usize,
}

impl StreamSeen<'_> {
    /// From when on no call knows it; none: it is enabled.
    pub fn gone_at_ms(&self) -> Option<u64> {
        self.disabled_ms.map(|disabled| disabled.saturating_add(RETENTION_MS))
    }

    /// All its shards, oldest first.
    pub fn shards(&self) -> impl ExactSizeIterator<Item = ShardRef> + use<> {
        let stream = self.index;
        (0..self.shards as u32).map(move |shard| ShardRef { stream, shard })
    }
}

impl World {
    /// Every change there ever was, in the order of writing.
    pub fn written(&self) -> impl ExactSizeIterator<Item = Written<'_>> {
        self.written.iter().map(|&(at, index)| {
            let stream = &self.streams[at.stream as usize];
            let shard = &stream.shards[at.shard as usize];
            seen(at, stream, shard, &shard.records[index as usize])
        })
    }

    /// The changes of one shard, in its order.
    pub fn written_to(&self, at: ShardRef) -> impl Iterator<Item = Written<'_>> {
        let found = self
            .streams
            .get(at.stream as usize)
            .and_then(|stream| Some((stream, stream.shards.get(at.shard as usize)?)));
        found
            .into_iter()
            .flat_map(move |(stream, shard)| shard.records.iter().map(move |record| seen(at, stream, shard, record)))
    }

    /// One change by what its reader knows of it.
    pub fn written_as(&self, arn: &str, shard: &str, number: Number) -> Option<Written<'_>> {
        let at = self.find_shard(arn, shard)?;
        let stream = &self.streams[at.stream as usize];
        let shard = &stream.shards[at.shard as usize];
        let index = shard.records.binary_search_by_key(&number, |record| record.number).ok()?;
        Some(seen(at, stream, shard, &shard.records[index]))
    }

    /// All streams there ever were, oldest first.
    pub fn streams(&self) -> impl ExactSizeIterator<Item = StreamSeen<'_>> {
        self.streams.iter().enumerate().map(|(index, stream)| StreamSeen {
            arn: &stream.arn,
            table: &stream.table,
            view: stream.view,
            created_ms: stream.created_ms,
            disabled_ms: stream.disabled_ms,
            index: index as u32,
            shards: stream.shards.len(),
        })
    }

    pub fn find_shard(&self, arn: &str, shard: &str) -> Option<ShardRef> {
        let stream = *self.by_arn.get(arn)?;
        let shard = *self.streams[stream].by_id.get(shard)?;
        Some(ShardRef { stream: stream as u32, shard })
    }

    pub fn shard_id(&self, at: ShardRef) -> Option<&Arc<str>> {
        self.shard(at).map(|shard| &shard.id)
    }

    pub fn parent_of(&self, at: ShardRef) -> Option<ShardRef> {
        let parent = self.shard(at)?.parent?;
        Some(ShardRef { shard: parent, ..at })
    }

    /// None: open, or no such shard.
    pub fn closed_ms(&self, at: ShardRef) -> Option<u64> {
        self.shard(at)?.closed_ms
    }
}

fn seen<'a>(at: ShardRef, stream: &'a Stream, shard: &'a Shard, record: &'a Record) -> Written<'a> {
    Written {
        at,
        arn: &stream.arn,
        table: &stream.table,
        shard: &shard.id,
        number: record.number,
        event: record.event,
        key: &record.key,
        created_ms: record.created_ms,
        trimmed_at_ms: record.trimmed_at_ms(),
        json: &record.json,
        event_id: record.event_id,
    }
}
