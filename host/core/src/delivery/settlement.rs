//! What deliveries come to until it is durable.
//!
//! Invariant: one commit is under way at most. What is settled meanwhile waits and is committed together, in order, so that a slow disk makes
//! commits larger, not the trigger slower. What waits is bounded, so that a commit that never ends holds the trigger up in the end; and it waits for
//! its like a few milliseconds at most.

use std::time::Duration;

use super::Seen;
use crate::checkpoint::Checkpoint;
use crate::effect::{DeadLetter, Mutation};
use crate::gap::Gap;
use crate::mutant::{Mutant, on};
use crate::time::Timestamp;

/// What one or more deliveries come to, for one transaction.
#[derive(Clone, Debug, Default)]
pub struct Settlement {
    /// As of when the commit begins.
    pub checkpoint: Checkpoint,
    /// Of acknowledged changes alone, in the order in which they were made.
    pub mutations: Vec<Mutation>,
    pub dead_letters: Vec<DeadLetter>,
    /// Counts, for the log and the metrics.
    pub acknowledged: usize,
    /// Changes that were passed over, since the trigger's filters do not want them.
    pub filtered: usize,
    pub gaps: Vec<Gap>,
    pub skipped: Vec<DeadLetter>,
    /// What must still stand as it was read, or nothing of this holds.
    pub seen: Vec<Seen>,
}

/// What may wait for a commit before nothing more is delivered: a crash has so many changes handled again.
const CHANGES_MAX: usize = 1_000;
const MUTATIONS_MAX: usize = 10_000;
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// Between the beginnings of two commits while batches follow one another: each costs a transaction and an fsync. What is idle commits at once.
const COMMIT_EVERY: Duration = Duration::from_millis(5);

impl Settlement {
    pub(super) fn absorb(&mut self, mut later: Self) {
        if on(Mutant::OutOfOrder) {
            std::mem::swap(&mut self.mutations, &mut later.mutations);
        }
        self.mutations.append(&mut later.mutations);
        self.dead_letters.append(&mut later.dead_letters);
        self.gaps.append(&mut later.gaps);
        self.acknowledged += later.acknowledged;
        self.skipped.append(&mut later.skipped);
        self.seen.append(&mut later.seen);
    }

    fn changes(&self) -> usize {
        self.acknowledged + self.dead_letters.len() + self.skipped.len()
    }

    fn bytes(&self) -> usize {
        let letters = self.dead_letters.iter().chain(&self.skipped).map(|letter| letter.record_json.len());
        self.mutations.iter().map(Mutation::size_bytes).chain(letters).sum()
    }
}

#[derive(Debug, Default)]
pub(super) struct Uncommitted {
    under_way: Option<UnderWay>,
    waiting: Option<Waiting>,
    /// When the last commit began.
    begun: Option<Timestamp>,
}

#[derive(Debug)]
struct UnderWay {
    /// When the oldest change that it is about was created.
    oldest: Option<Timestamp>,
}

#[derive(Debug)]
struct Waiting {
    settlement: Settlement,
    bytes: usize,
    oldest: Option<Timestamp>,
}

impl Uncommitted {
    pub(super) fn is_empty(&self) -> bool {
        self.under_way.is_none() && self.waiting.is_none()
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| {
            let settlement = &waiting.settlement;
            settlement.changes() >= CHANGES_MAX || settlement.mutations.len() >= MUTATIONS_MAX || waiting.bytes >= BYTES_MAX
        })
    }

    pub(super) fn oldest(&self) -> Option<Timestamp> {
        let under_way = self.under_way.as_ref().and_then(|under_way| under_way.oldest);
        let waiting = self.waiting.as_ref().and_then(|waiting| waiting.oldest);
        [under_way, waiting].into_iter().flatten().min()
    }

    pub(super) fn settle(&mut self, settlement: Settlement, oldest: Option<Timestamp>) {
        let bytes = settlement.bytes();
        match &mut self.waiting {
            Some(waiting) => {
                waiting.bytes += bytes;
                waiting.oldest = [waiting.oldest, oldest].into_iter().flatten().min();
                waiting.settlement.absorb(settlement);
            }
            None => self.waiting = Some(Waiting { settlement, bytes, oldest }),
        }
    }

    /// The one under way has ended.
    pub(super) fn ended(&mut self) {
        self.under_way = None;
    }

    /// What is to be committed now, which is then under way. `more`: another settlement is to be expected, for which this one may wait a little.
    pub(super) fn begin(&mut self, now: Timestamp, more: bool, checkpoint: &Checkpoint) -> Option<Settlement> {
        if self.under_way.is_some() || (more && !self.is_full() && self.due().is_some_and(|due| now < due)) {
            return None;
        }
        let Waiting { settlement, oldest, .. } = self.waiting.take()?;
        self.begin_other(now, oldest);
        Some(Settlement { checkpoint: checkpoint.clone(), ..settlement })
    }

    /// One is under way that did not wait here.
    pub(super) fn begin_other(&mut self, now: Timestamp, oldest: Option<Timestamp>) {
        self.under_way = Some(UnderWay { oldest });
        self.begun = Some(now);
    }

    /// When what waits must be committed whatever else is to be expected; none: nothing waits, or only for the commit under way.
    pub(super) fn due(&self) -> Option<Timestamp> {
        let waits = self.waiting.is_some() && self.under_way.is_none();
        waits.then(|| self.begun.map_or(Timestamp::default(), |begun| begun + COMMIT_EVERY))
    }
}
