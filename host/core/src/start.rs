//! Where a trigger begins that has never run, and which stream of its table it is in.
//!
//! Invariant: a beginning is made durable (`Pin`) before anything is read, so that a restart, or a stream that is replaced meanwhile, moves
//! nothing. A trigger is in one stream at a time, and goes on to the next one only by another pin.

use std::time::Duration;

use crate::gap::Gap;
use crate::name::{ShardId, StreamArn};
use crate::time::Timestamp;

/// As the config says; only for a trigger without a pin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// With the oldest change of the table's latest stream.
    #[default]
    TrimHorizon,
    /// With what is written from the first start on.
    Latest,
    /// With what was written from then on, in whichever of the table's streams.
    At(Timestamp),
}

/// Where a trigger is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    pub stream: StreamArn,
    /// Changes that were created before are passed over.
    pub since: Option<Timestamp>,
    /// The stream has ended, and the trigger has acknowledged all of it: it waits for the table's next one.
    pub over: bool,
    /// Every change of the table that was created before then is none of the trigger's, or acknowledged, or told as a gap: what a shard that it
    /// has not begun yet may be without. By the stream's clock; none: of a file that an earlier version wrote.
    pub complete_until: Option<Timestamp>,
}

/// A pin to be written, in one transaction with what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repin {
    /// Place in the list of triggers.
    pub trigger: usize,
    pub pin: Pin,
    /// Shards of the pin's stream in which nothing is to be read: what they hold is older than `since`.
    pub finished: Vec<ShardId>,
    /// Of the stream that the trigger leaves: lost with it.
    pub gap: Option<(StreamArn, Gap)>,
}

/// Whether a change is surely older than `since`. AWS cuts creation times to the second, and others to the minute: a change that seems to be of a full second
/// or minute may be of any time in it.
pub fn is_older(created: Timestamp, since: Timestamp) -> bool {
    let cut = match created.as_ms() {
        ms if ms.is_multiple_of(60_000) => Duration::from_secs(60),
        ms if ms.is_multiple_of(1_000) => Duration::from_secs(1),
        _ => Duration::ZERO,
    };
    created + cut <= since && created < since
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_surely_older_is_passed_over() {
        let since = Timestamp::from_ms(600_500);
        for (created, older) in [(600_499, true), (600_500, false), (600_000, false), (599_000, true), (540_000, true), (601_000, false)] {
            assert_eq!(is_older(Timestamp::from_ms(created), since), older, "{created}");
        }
        assert!(!is_older(since, since));
        assert!(is_older(Timestamp::from_ms(540_000), Timestamp::from_ms(600_000)));
    }
}
