//! Gaps: changes that may have been lost, since the stream let go of them before they were read.
//!
//! A stream keeps a change for 24 hours. A position that it no longer holds loses nothing by itself: on a quiet shard the last change may be
//! older than that. So a checkpoint says until when it is complete; only where that is longer ago than the stream remembers may something be lost.

use std::time::Duration;

use crate::name::ShardId;
use crate::sequence::SequenceNumber;
use crate::time::Timestamp;

/// How long a stream keeps a change (AWS: "Change data capture for DynamoDB Streams").
pub const RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// Creation times are cut, clocks differ, and trimming is not to the second: what is this close to being trimmed counts as trimmed.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// See `owed_from`.
const GRACE: Duration = Duration::from_secs(60 * 60);

/// What a trigger may have missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// None: whole shards of which nothing was ever read.
    pub shard: Option<ShardId>,
    /// The last change before it that the trigger has taken; none: it has none.
    pub after: Option<SequenceNumber>,
    /// Changes from then on; none: it is not known since when.
    pub since: Option<Timestamp>,
    /// Up to then; by the stream's clock.
    pub until: Timestamp,
    pub cause: Cause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The stream no longer held the position.
    Trimmed,
    /// The shard, or its stream, was gone.
    Gone,
}

impl Cause {
    /// As a column, a label, and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trimmed => "trimmed",
            Self::Gone => "gone",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Trimmed, Self::Gone].into_iter().find(|cause| cause.as_str() == text)
    }
}

/// What a trigger does at a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnGap {
    /// It is told, and the trigger goes on at the trim horizon.
    #[default]
    Continue,
    /// The trigger goes no further in that shard until somebody has set `continue`.
    Stop,
}

/// Whether a change that was created at `complete_until`, or later, may be trimmed at `now`; both by the stream's clock.
pub fn may_be_trimmed(complete_until: Timestamp, now: Timestamp) -> bool {
    now.since(complete_until) + MARGIN >= RETENTION
}

/// Up to when what comes after a shard or a stream is complete, where that is complete until then: a reader may stand at the tip of a shard that has
/// closed already, for as long as an endpoint sends empty pages, while its children are written to.
pub fn inherited(complete_until: Timestamp) -> Timestamp {
    complete_until - MARGIN
}

/// What is complete once a gap is told: everything older than what the stream surely holds.
pub fn told_until(now: Timestamp) -> Timestamp {
    now - (RETENTION - 3 * MARGIN)
}

/// What a trigger that begins at `now` at the trim horizon is owed: what was created from then on. What is within the hour of being trimmed may go
/// before anybody could have read it.
pub fn owed_from(now: Timestamp) -> Timestamp {
    now - (RETENTION - GRACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_younger_than_a_day_is_there() {
        let now = Timestamp::from_ms(100 * 60 * 60 * 1000);
        for (hours, trimmed) in [(0, false), (23, false), (24, true), (30, true)] {
            let then = now - Duration::from_secs(hours * 60 * 60);
            assert_eq!(may_be_trimmed(then, now), trimmed, "{hours} hours");
        }
        assert!(may_be_trimmed(now - (RETENTION - MARGIN), now));
        assert!(!may_be_trimmed(inherited(told_until(now)), now), "a gap is told once");
        assert!(!may_be_trimmed(now + Duration::from_secs(1), now));
    }
}
