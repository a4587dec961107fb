//! What was called, how often, and by how many readers at once: so that a driver can hold a client to AWS's limits.

use std::collections::VecDeque;

use crate::SECOND_MS;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    ListStreams,
    DescribeStream,
    GetShardIterator,
    GetRecords,
}

impl Operation {
    pub const ALL: [Self; 4] = [Self::ListStreams, Self::DescribeStream, Self::GetShardIterator, Self::GetRecords];

    /// Calls a second: of the account, for GetRecords of one shard. AWS documents none for GetShardIterator.
    pub fn limit(self) -> Option<u32> {
        match self {
            Self::ListStreams | Self::GetRecords => Some(5),
            Self::DescribeStream => Some(10),
            Self::GetShardIterator => None,
        }
    }
}

/// Calls of one kind.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub calls: u64,
    /// The most calls within any one second.
    pub peak: u32,
    pub peak_at_ms: u64,
    /// When the last call came.
    pub last_ms: Option<u64>,
    /// Those of the last second.
    recent: VecDeque<u64>,
}

impl Tally {
    /// How many calls came within the second that ends now, this one among them.
    pub(crate) fn note(&mut self, now_ms: u64) -> u32 {
        while self.recent.front().is_some_and(|&at| at + SECOND_MS <= now_ms) {
            self.recent.pop_front();
        }
        self.recent.push_back(now_ms);
        self.calls += 1;
        self.last_ms = Some(now_ms);
        let count = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        if count > self.peak {
            (self.peak, self.peak_at_ms) = (count, now_ms);
        }
        count
    }
}

/// One reader's way through a shard: an iterator and all that came out of it.
#[derive(Clone, Copy, Debug)]
struct Way {
    serial: u64,
    first_ms: u64,
    last_ms: u64,
}

/// Who read a shard. A reader that opens a new iterator begins a new way and leaves its old one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readers {
    ways: Vec<Way>,
}

impl Readers {
    pub(crate) fn note(&mut self, serial: u64, now_ms: u64) {
        match self.ways.iter_mut().rev().find(|way| way.serial == serial) {
            Some(way) => way.last_ms = now_ms,
            None => self.ways.push(Way { serial, first_ms: now_ms, last_ms: now_ms }),
        }
    }

    /// The most ways that were under way at one time. One that ends as another begins is the same reader, who reopened.
    pub(crate) fn peak(&self) -> usize {
        let beside = |begun: &Way| {
            self.ways
                .iter()
                .filter(|way| way.first_ms <= begun.first_ms && begun.first_ms < way.last_ms)
                .count()
        };
        let among = |way: &Way| way.first_ms < way.last_ms;
        self.ways.iter().map(|way| beside(way) + usize::from(!among(way))).max().unwrap_or(0)
    }
}
