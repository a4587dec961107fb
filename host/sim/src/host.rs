//! A host process: the follower, the shards' machines, and what is under way. It dies with everything that is in here.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tripline_core::budget::Budget;
use tripline_core::delivery::{Lane, Report, RunId, Settlement};
use tripline_core::feed::ReaderId;
use tripline_core::follower::Follower;
use tripline_core::item_key::ItemKey;
use tripline_core::name::{ShardId, StreamArn};
use tripline_core::port::{FindError, Position, ReadError, StreamInfo};
use tripline_core::shard::{Event, ShardConsumer};
use tripline_core::shard_graph::ShardDescription;
use tripline_core::signal::{PollResult, Signal, Signals};
use tripline_core::start::Repin;
use tripline_core::time::Timestamp;
use tripline_world::TransportFault;

use crate::trace::short;

/// Which of a host's machines: shards are numbered as they are begun.
pub(crate) type Slot = usize;

/// What is due within a host. All of it dies with the host.
#[derive(Debug)]
pub(crate) enum HostDue {
    FollowerWakes(u64),
    /// The service looks at a call now, and answers at once.
    FollowerServed {
        ask: Ask,
        clock: Timestamp,
        spoiled: Option<TransportFault>,
    },
    FollowerAnswered {
        clock: Timestamp,
        answer: Answer,
    },
    PinTried {
        repins: Vec<Repin>,
        failures: u32,
    },
    Pinned(Vec<Repin>),
    ShardWakes {
        slot: Slot,
        at_ms: u64,
    },
    ReaderServed {
        slot: Slot,
        reader: ReaderId,
        call: ReaderCall,
        asked: Timestamp,
        spoiled: Option<TransportFault>,
    },
    /// A lane comes to a shard that others read.
    Joins(Join),
    /// To be told to the shard's machine.
    Told {
        slot: Slot,
        event: Event,
    },
    Reported {
        slot: Slot,
        trigger: usize,
        run: RunId,
        report: Report,
    },
    CommitTried {
        slot: Slot,
        trigger: usize,
        settlement: Box<Settlement>,
        failures: u32,
    },
    Committed {
        slot: Slot,
        trigger: usize,
    },
}

/// What the follower asks of the endpoint.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    List,
    Inspect { stream: StreamArn, latest: bool },
    Describe(StreamArn),
}

#[derive(Debug)]
pub(crate) enum Answer {
    Listed(Result<Vec<StreamArn>, FindError>),
    Inspected(StreamArn, Result<Option<StreamInfo>, ReadError>),
    Described(StreamArn, Result<Vec<ShardDescription>, ReadError>),
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List => f.write_str("list"),
            Self::Inspect { stream, latest } => write!(f, "inspect {} latest {latest}", short(stream.as_str())),
            Self::Describe(stream) => write!(f, "describe {}", short(stream.as_str())),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listed(Ok(arns)) => arns.iter().try_for_each(|arn| write!(f, " {}", short(arn.as_str()))),
            Self::Listed(Err(error)) => write!(f, "{:.90}", error.to_string()),
            Self::Inspected(arn, Ok(found)) => write!(f, "{} is there: {}", short(arn.as_str()), found.is_some()),
            Self::Described(arn, Ok(shards)) => {
                write!(f, "{}:", short(arn.as_str()))?;
                shards.iter().try_for_each(|shard| match &shard.parent {
                    Some(parent) => write!(f, " {}>{}", short(parent.as_str()), short(shard.id.as_str())),
                    None => write!(f, " {}", short(shard.id.as_str())),
                })
            }
            Self::Inspected(arn, Err(error)) | Self::Described(arn, Err(error)) => {
                write!(f, "{}: {:.90}", short(arn.as_str()), error.to_string())
            }
        }
    }
}

/// What a reader asks of the endpoint.
#[derive(Clone, Debug)]
pub(crate) enum ReaderCall {
    Open(Position),
    Poll(Box<str>),
}

#[derive(Debug)]
pub(crate) struct Host {
    /// Tells what is due in this host from what was due in one before.
    pub(crate) epoch: u32,
    pub(crate) follower: Follower,
    /// The wake-up that counts: what was asked for before is stale.
    pub(crate) wake: u64,
    pub(crate) budget: Budget,
    pub(crate) shards: Vec<Option<Running>>,
    pub(crate) places: BTreeMap<(StreamArn, ShardId), Slot>,
    pub(crate) ears: Arc<Ears>,
    pub(crate) draining: bool,
    /// A pin is durable, and not answered.
    pub(crate) pins_durable: bool,
}

#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) arn: StreamArn,
    pub(crate) shard: ShardId,
    pub(crate) consumer: ShardConsumer,
    /// It has not begun: whoever is there by then begins with it.
    pub(crate) fresh: bool,
    pub(crate) wakes_at_ms: Option<u64>,
    /// Readers with a call under way.
    pub(crate) asking: Vec<ReaderId>,
    /// Begun, not reported; begun, not committed.
    pub(crate) delivering: Vec<Delivery>,
    pub(crate) committing: Vec<usize>,
    /// Of those the ones that are durable, and not answered.
    pub(crate) durable: Vec<usize>,
    /// Items of which nothing may be delivered, by trigger.
    pub(crate) held: Vec<(usize, Arc<[ItemKey]>)>,
}

/// A call of a plugin under way.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) trigger: usize,
    pub(crate) run: RunId,
    pub(crate) items: Vec<ItemKey>,
}

/// A trigger's lane on its way to a shard.
#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) place: (StreamArn, ShardId),
    pub(crate) lost: Option<Timestamp>,
    pub(crate) trigger: usize,
    pub(crate) lane: Box<Lane>,
}

impl Running {
    pub(crate) fn new((arn, shard): &(StreamArn, ShardId), consumer: ShardConsumer) -> Self {
        Self {
            arn: arn.clone(),
            shard: shard.clone(),
            consumer,
            fresh: true,
            wakes_at_ms: None,
            asking: Vec::new(),
            delivering: Vec::new(),
            committing: Vec::new(),
            durable: Vec::new(),
            held: Vec::new(),
        }
    }
}

impl Host {
    pub(crate) fn running(&mut self, slot: Slot) -> Option<&mut Running> {
        self.shards.get_mut(slot)?.as_mut()
    }
}

/// What is worth a check of what core says.
#[derive(Clone, Debug)]
pub(crate) enum Heard {
    Gap { stops: bool, trigger: Box<str> },
    Lags(bool),
    WindowFull,
    Stuck,
    PollFailed(PollResult),
}

/// Hears what core says.
#[derive(Debug, Default)]
pub(crate) struct Ears(Mutex<Vec<Heard>>);

impl Ears {
    pub(crate) fn take(&self) -> Vec<Heard> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Signals for Ears {
    fn emit(&self, signal: Signal<'_>) {
        let heard = match signal {
            Signal::Gap { stops, trigger, .. } => Heard::Gap { stops, trigger: trigger.as_str().into() },
            Signal::Lags { lags, .. } => Heard::Lags(lags),
            Signal::WindowFull { .. } => Heard::WindowFull,
            Signal::Stuck { .. } => Heard::Stuck,
            Signal::PollFailed { result, .. } => Heard::PollFailed(result),
            _ => return,
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(heard);
    }
}
