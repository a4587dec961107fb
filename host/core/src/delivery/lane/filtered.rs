//! What a lane passes over, since its trigger's filters do not want it.
//!
//! Invariant: it is acknowledged with whatever is committed next, and some seconds later by itself: a restart reads little of it again, and a quiet trigger
//! writes seldom. Nothing that is pending is passed over with it.

use std::time::Duration;

use super::Lane;
use crate::mutant::{Mutant, on};
use crate::time::Timestamp;

/// Each costs a transaction, for each trigger and shard.
const SETTLE_EVERY: Duration = Duration::from_secs(10);

/// Counts of changes.
#[derive(Debug, Default)]
pub(super) struct Filtered {
    waiting: usize,
    /// When the first of them was passed over.
    since: Timestamp,
    /// In the commit under way.
    begun: usize,
}

impl Filtered {
    pub(super) fn add(&mut self, now: Timestamp) {
        if self.waiting == 0 {
            self.since = now;
        }
        self.waiting += 1;
    }

    /// They go into the commit that begins.
    pub(super) fn begin(&mut self) -> usize {
        self.begun = std::mem::take(&mut self.waiting);
        self.begun
    }

    pub(super) fn committed(&mut self) {
        self.begun = 0;
    }

    /// The commit left no trace.
    pub(super) fn refused(&mut self) {
        self.waiting += std::mem::take(&mut self.begun);
    }
}

impl Lane {
    /// When what was passed over is to be acknowledged by itself; none: there is nothing, or a commit is about to take it along.
    pub(super) fn filtered_due(&self) -> Option<Timestamp> {
        // One that may yet be refused takes back what it says of the checkpoint.
        let waits = self.filtered.waiting > 0 && !self.finished && self.settling.is_empty() && self.committing.is_none();
        waits.then(|| self.filtered.since + SETTLE_EVERY)
    }

    /// Acknowledges what was passed over, if anything.
    pub fn settle_filtered(&mut self) {
        if self.filtered_due().is_none() {
            return;
        }
        if let Some((frontier, _)) = self.frontier.as_ref().filter(|_| self.is_clear() || on(Mutant::FilteredPastPending)) {
            self.progress.pass(frontier);
        }
        self.complete_to_pending();
        self.uncommitted.settle(Default::default(), None);
    }
}
