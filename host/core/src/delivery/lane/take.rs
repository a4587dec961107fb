//! How a lane makes batches of what its window holds.

use std::time::Duration;

use super::{Lane, Taken};
use crate::change::Change;
use crate::delivery::waiting::Waiting;
use crate::item_key::ItemKey;
use crate::mutant::{Mutant, on};
use crate::start;
use crate::time::Timestamp;
use crate::window::Window;

/// How far the newest change taken may be ahead of the oldest that is not acknowledged: a restart has so many read again, to be passed over.
const AHEAD_MAX: u64 = 100_000;

/// The next batch, as it grows.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    changes: Vec<Taken>,
    bytes: usize,
    /// No more fits.
    is_full: bool,
    /// When its first change was taken.
    since: Timestamp,
}

impl Gathering {
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.changes.first().map(|taken| taken.change.created)
    }

    /// Whether it goes out now. `is_last`: nothing more can come.
    pub(super) fn is_due(&self, now: Timestamp, window: Duration, is_last: bool) -> bool {
        !self.is_empty() && (self.is_full || is_last || now >= self.since + window)
    }

    pub(super) fn due(&self, window: Duration) -> Option<Timestamp> {
        (!self.is_empty()).then(|| self.since + window)
    }

    pub(super) fn take(&mut self) -> Vec<Taken> {
        std::mem::take(self).changes
    }

    /// What is of these items, if anything, waits elsewhere; then the batch begins anew.
    pub(super) fn give_up(&mut self, items: &[ItemKey], waiting: &mut Waiting) {
        if self.changes.iter().any(|taken| items.contains(&taken.item())) {
            let (given_up, kept) = self.take().into_iter().partition(|taken| items.contains(&taken.item()));
            waiting.park_before(given_up);
            kept.into_iter().for_each(|taken: Taken| waiting.push_ready(taken));
        }
    }
}

impl Lane {
    /// It takes nothing more for now.
    pub(super) fn is_full(&self) -> bool {
        self.waiting.is_full() || self.is_at_limit()
    }

    /// It takes nothing more until something is acknowledged.
    pub(super) fn is_at_limit(&self) -> bool {
        self.waiting.is_at_limit() || self.taken - self.progress.base() >= AHEAD_MAX
    }

    /// Takes what may go out next, passing over what is acknowledged already or older than the trigger's beginning.
    pub(super) fn gather(&mut self, now: Timestamp, window: Option<&Window>) {
        while !self.gathering.is_full
            && let Some(taken) = self.waiting.pop_ready()
        {
            if let Err(refused) = self.add(now, taken) {
                self.waiting.push_ready(refused);
            }
        }
        let Some(window) = window else { return };
        // A feed that it has entered may yet read what another has given it.
        let is_known = |change: &Change| self.frontier.as_ref().is_some_and(|(newest, _)| change.sequence_number <= *newest);
        while window.get(self.cursor).is_some_and(|change| is_known(change)) {
            self.cursor += 1;
        }
        let mut newest = None;
        while let Some(change) = window.get(self.cursor) {
            let too_old = self.since.is_some_and(|since| start::is_older(change.created, since));
            let is_owed = !too_old && !self.progress.checkpoint.covers(&change.sequence_number);
            let is_wanted = self.filter.is_none_or(|filter| window.passes(self.cursor, filter) || on(Mutant::FilterIgnored));
            if is_owed && !is_wanted {
                self.filtered.add(now);
            } else if is_owed {
                if self.is_full() {
                    break;
                }
                let taken = Taken::new(self.taken, change.clone());
                let admitted = if self.waiting.is_choosy() {
                    // Whether it fits matters only to one that may go out.
                    self.waiting.admit(taken)
                } else {
                    Some(taken)
                };
                if let Some(taken) = admitted
                    && self.add(now, taken).is_err()
                {
                    break;
                }
                self.taken += 1;
            }
            self.cursor += 1;
            newest = Some(change);
        }
        if let Some(newest) = newest {
            self.frontier = Some((newest.sequence_number.clone(), newest.created));
        }
    }

    /// Hands it back where it does not fit: then the batch is full.
    fn add(&mut self, now: Timestamp, mut taken: Taken) -> Result<(), Taken> {
        let gathering = &mut self.gathering;
        let size = self.origin.view.len_bytes(&taken.change);
        let fits = gathering.changes.len() < self.policy.records_max && gathering.bytes + size <= self.policy.bytes_max;
        if gathering.is_full || (!fits && !gathering.is_empty()) {
            gathering.is_full = true;
            return Err(taken);
        }
        if gathering.is_empty() {
            gathering.since = now;
        }
        if !self.policy.window.is_zero() {
            taken.stay();
        }
        gathering.bytes += size;
        gathering.changes.push(taken);
        gathering.is_full = gathering.changes.len() >= self.policy.records_max || gathering.bytes >= self.policy.bytes_max;
        Ok(())
    }
}
