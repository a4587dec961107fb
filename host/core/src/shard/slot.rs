//! A trigger's lane in a shard, and what feeds it.

use crate::delivery::Lane;
use crate::time::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fed {
    Main,
    CatchUp,
    /// It has joined, or fell behind, and nothing feeds it yet.
    Nothing,
}

#[derive(Debug)]
pub(super) struct Slot {
    /// The caller's number for the trigger.
    pub(super) trigger: usize,
    pub(super) lane: Lane,
    pub(super) fed: Fed,
    /// Since when nothing feeds it.
    pub(super) left_at: Timestamp,
    /// What `Signal::Oldest` told last; none: nothing yet.
    pub(super) told_oldest: Option<Option<Timestamp>>,
    pub(super) told_lag: bool,
    pub(super) told_blocked: usize,
}

impl Slot {
    /// It fell behind what fed it, or another is fed in its turn.
    pub(super) fn leave(&mut self, now: Timestamp) {
        self.fed = Fed::Nothing;
        self.left_at = now;
    }
}

impl Slot {
    pub(super) fn new(trigger: usize, lane: Lane) -> Self {
        Self { trigger, lane, fed: Fed::Nothing, left_at: Timestamp::default(), told_oldest: None, told_lag: false, told_blocked: 0 }
    }
}
