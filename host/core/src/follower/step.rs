//! What a follower is told, and what it asks for.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::checkpoint::Checkpoint;
use crate::gap::{Gap, OnGap};
use crate::name::{ShardId, StreamArn};
use crate::port::StreamInfo;
use crate::start::{Pin, Repin, Start};
use crate::time::Timestamp;
use crate::view::ViewType;

/// How often the endpoint is asked for streams and shards. AWS allows ten DescribeStream and five ListStreams calls a second per account.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// While all shards are open: finds splits whose parent this host does not read.
    pub relaxed: Duration,
    /// While an answer is awaited (children of an ended shard, a parent that was left out, a newer stream), and after failures.
    pub urgent: Backoff,
}

impl Default for Pace {
    fn default() -> Self {
        Self { relaxed: Duration::from_secs(30), urgent: Backoff { first: Duration::from_millis(500), max: Duration::from_secs(10) } }
    }
}

/// What the shell does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `StreamSource::streams`, answered by `listed`.
    List,
    /// `StreamSource::inspect`, answered by `inspected`.
    Inspect {
        stream: StreamArn,
        latest: bool,
    },
    /// `StreamSource::shards`, answered by `described`.
    Describe(StreamArn),
    /// To be tried until it is durable, then `pinned`. Gaps among them are to be told.
    Pin(Vec<Repin>),
    /// A lane for each; once it has finished, `finished`.
    Begin(Vec<Begin>),
    /// The table's latest stream holds less than the trigger wants, which waits for another. Told once for each stream.
    TooSmall {
        trigger: usize,
        stream: StreamInfo,
    },
    /// The trigger stands at a gap that is a whole stream, and goes no further: `OnGap::Stop`. Told once.
    Stop {
        trigger: usize,
        gap: Gap,
    },
    WaitUntil(Timestamp),
    /// A call is under way: its end decides.
    Busy,
}

/// One trigger's way through one shard begins, or goes on after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    pub trigger: usize,
    pub stream: StreamInfo,
    pub shard: ShardId,
    pub checkpoint: Checkpoint,
    /// Nothing is stored of it yet: to be made durable (`Lane::announce`) before anything else of it.
    pub is_new: bool,
    pub since: Option<Timestamp>,
    /// The stream is gone, nothing can be read: as of then, by its clock.
    pub lost: Option<Timestamp>,
}

/// A trigger as it was found at the start.
#[derive(Clone, Debug)]
pub struct Follows {
    pub start: Start,
    pub view: ViewType,
    pub on_gap: OnGap,
    pub pin: Option<Pin>,
    pub checkpoints: Vec<(StreamArn, ShardId, Checkpoint)>,
}

/// A trigger has acknowledged all of a shard, durably.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    pub stream: StreamArn,
    pub shard: ShardId,
    pub trigger: usize,
    /// Its checkpoint's.
    pub complete_until: Option<Timestamp>,
}
