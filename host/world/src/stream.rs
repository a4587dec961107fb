//! One stream's shards: lineage, hash ranges, records, and when each of them is gone.
//!
//! Invariants: the open shards of an enabled stream cover every hash once; sequence numbers grow within a shard, and a child's are
//! greater than all of its parent's; a disabled stream has no open shard.

use std::collections::HashMap;
use std::sync::Arc;

use fastrand::Rng;

use crate::RETENTION_MS;
use crate::item::Schema;
use crate::meter::{Readers, Tally};
use crate::number::Number;
use crate::record::Record;
use crate::table::View;

/// A shard of a world: cheap to keep and to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShardRef {
    pub stream: u32,
    pub shard: u32,
}

#[derive(Clone, Debug)]
pub(crate) struct Shard {
    pub(crate) id: Arc<str>,
    pub(crate) parent: Option<u32>,
    pub(crate) children: Vec<u32>,
    /// First and last hash.
    range: (u64, u64),
    pub(crate) closed_ms: Option<u64>,
    pub(crate) starting: Number,
    /// Greater than every number given so far.
    pub(crate) next: Number,
    pub(crate) records: Vec<Record>,
    pub(crate) reads: Tally,
    pub(crate) readers: Readers,
    /// Lies told in a row: empty pages, early expiries, shards not found.
    pub(crate) empty_in_a_row: u8,
    pub(crate) expired_in_a_row: u8,
    pub(crate) not_found_in_a_row: u8,
    /// The last page was given out with an iterator, so that an empty one follows.
    pub(crate) ended_late: bool,
}

impl Shard {
    /// Aged out: all that it could hold is trimmed.
    pub(crate) fn gone(&self, now_ms: u64) -> bool {
        self.closed_ms.is_some_and(|closed| closed.saturating_add(RETENTION_MS) <= now_ms)
    }

    /// How many records are trimmed; what is left begins there.
    pub(crate) fn trimmed(&self, now_ms: u64) -> usize {
        match self.records.first() {
            Some(first) if first.trimmed_at_ms() <= now_ms => self.records.partition_point(|record| record.trimmed_at_ms() <= now_ms),
            _ => 0,
        }
    }

    /// None while it is open.
    pub(crate) fn ending(&self) -> Option<Number> {
        self.closed_ms.map(|_| self.records.last().map_or(self.starting, |record| record.number))
    }

    /// The next sequence number, which is taken.
    pub(crate) fn take_number(&mut self, rng: &mut Rng) -> Number {
        let number = self.next;
        self.next = Number(number.0 + 1 + u128::from(rng.u32(..5000)));
        number
    }
}

/// What DescribeStream leaves out or gets wrong, for one description after another.
#[derive(Clone, Debug, Default)]
pub(crate) struct DescribeLie {
    pub(crate) hidden: Option<u32>,
    pub(crate) orphaned: Option<u32>,
    pub(crate) reopened: Option<u32>,
    pub(crate) repeats: bool,
    pub(crate) false_last: bool,
    /// Descriptions yet to come that lie so.
    pub(crate) left: u8,
}

impl DescribeLie {
    pub(crate) fn is_lie(&self) -> bool {
        self.hidden.is_some() || self.orphaned.is_some() || self.reopened.is_some() || self.repeats || self.false_last
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) arn: Arc<str>,
    pub(crate) label: Arc<str>,
    pub(crate) table: Arc<str>,
    pub(crate) schema: Arc<Schema>,
    pub(crate) view: View,
    pub(crate) created_ms: u64,
    /// ListStreams is silent on it before.
    pub(crate) listed_from_ms: u64,
    pub(crate) disabled_ms: Option<u64>,
    /// All there ever were, oldest first.
    pub(crate) shards: Vec<Shard>,
    pub(crate) by_id: HashMap<Arc<str>, u32>,
    /// By their hash ranges.
    pub(crate) open: Vec<u32>,
    pub(crate) lie: DescribeLie,
    /// Of answers to CHILD_SHARDS.
    pub(crate) child_lie: DescribeLie,
}

impl Stream {
    pub(crate) fn gone(&self, now_ms: u64) -> bool {
        self.disabled_ms.is_some_and(|disabled| disabled.saturating_add(RETENTION_MS) <= now_ms)
    }

    /// Shards without parents that share all hashes evenly; their numbers are above `floor`.
    pub(crate) fn add_roots(&mut self, count: u32, floor: Number, rng: &mut Rng) {
        let count = u64::from(count.max(1));
        let step = u64::MAX / count;
        for index in 0..count {
            let last = if index + 1 == count { u64::MAX } else { step * (index + 1) - 1 };
            let starting = root_number(floor, rng);
            let added = self.add(None, (step * index, last), starting, rng);
            self.open.push(added);
        }
    }

    /// Of all its shards.
    pub(crate) fn number_max(&self) -> Number {
        self.shards.iter().map(|shard| shard.next).max().unwrap_or(Number(0))
    }

    /// The open shard of a hash; none where the stream is disabled.
    pub(crate) fn shard_of(&self, hash: u64) -> Option<u32> {
        let after = self.open.partition_point(|&shard| self.shards[shard as usize].range.0 <= hash);
        after.checked_sub(1).map(|place| self.open[place])
    }

    /// Closes a shard and puts `parts` children (1 or 2) in its place. None: it is closed, or too narrow for that.
    pub(crate) fn succeed(&mut self, shard: u32, parts: u64, now_ms: u64, rng: &mut Rng) -> Option<(u32, u32)> {
        let parent = self.shards.get(shard as usize).filter(|parent| parent.closed_ms.is_none())?;
        let (first, last) = parent.range;
        if last - first < parts - 1 {
            return None;
        }
        let next = parent.next;
        let place = self.open.iter().position(|&open| open == shard)?;
        self.shards[shard as usize].closed_ms = Some(now_ms);
        let middle = first + (last - first) / parts;
        let ranges = if parts == 1 { [(first, last), (first, last)] } else { [(first, middle), (middle + 1, last)] };
        let mut made = [0; 2];
        for (index, range) in ranges.into_iter().take(parts as usize).enumerate() {
            let starting = Number(next.0 + u128::from(rng.u64(..1_000_000)));
            made[index] = self.add(Some(shard), range, starting, rng);
        }
        let made = &made[..parts as usize];
        self.open.splice(place..=place, made.iter().copied());
        Some((made[0], made[made.len() - 1]))
    }

    pub(crate) fn disable(&mut self, now_ms: u64) {
        self.disabled_ms = Some(now_ms);
        for shard in std::mem::take(&mut self.open) {
            self.shards[shard as usize].closed_ms = Some(now_ms);
        }
    }

    fn add(&mut self, parent: Option<u32>, range: (u64, u64), starting: Number, rng: &mut Rng) -> u32 {
        let made_ms = parent.and_then(|parent| self.shards[parent as usize].closed_ms).unwrap_or(self.created_ms);
        let index = self.shards.len() as u32;
        let id: Arc<str> = loop {
            let id: Arc<str> = format!("shardId-{made_ms:020}-{:08x}", rng.u32(..)).into();
            if !self.by_id.contains_key(&id) {
                break id;
            }
        };
        self.by_id.insert(Arc::clone(&id), index);
        if let Some(parent) = parent {
            self.shards[parent as usize].children.push(index);
        }
        self.shards.push(Shard {
            id,
            parent,
            children: Vec::new(),
            range,
            closed_ms: None,
            starting,
            next: Number(starting.0 + 1),
            records: Vec::new(),
            reads: Tally::default(),
            readers: Readers::default(),
            empty_in_a_row: 0,
            expired_in_a_row: 0,
            not_found_in_a_row: 0,
            ended_late: false,
        });
        index
    }
}

/// Of 21 to 28 digits, half the time just below a power of ten, so that numbers grow by a digit where it hurts.
fn root_number(floor: Number, rng: &mut Rng) -> Number {
    if floor.0 > 0 {
        return Number(floor.0 + u128::from(rng.u64(..1_000_000)));
    }
    let power = 10_u128.pow(rng.u32(20..28));
    let number = if rng.bool() { power * 10 - u128::from(rng.u32(1..100_000)) } else { power + u128::from(rng.u64(..)) };
    Number(number)
}
