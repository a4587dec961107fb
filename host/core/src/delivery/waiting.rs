//! Changes that were taken and are not under way: for another try, for their item's turn, or for the next batch.
//!
//! Invariants: an item has changes in one delivery, or one that is to be tried again, at most; all later ones of it wait here, in stream order. What waits is
//! bounded, and keeps no page alive. Nothing here depends on the order of a hash.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::work::{Taken, Work};
use crate::budget::{Budget, Share};
use crate::item_key::ItemKey;
use crate::mutant::{Mutant, on};
use crate::time::Timestamp;

/// More is not taken from the window meanwhile.
const CHANGES_MAX: usize = 10_000;
const BYTES_MAX: usize = 8 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Waiting {
    /// To be tried again: their items are in `busy`. In stream order of their first changes.
    again: Vec<Work>,
    /// Nothing is before them any more.
    ready: BTreeMap<u64, Taken>,
    /// Behind others of their item.
    parked: BTreeMap<ItemKey, VecDeque<Taken>>,
    /// Items that later changes must wait for.
    busy: BTreeSet<ItemKey>,
    /// Items of which nothing may go out, and how often that was asked for.
    held: BTreeMap<ItemKey, u32>,
    changes: usize,
    share: Share,
}

impl Waiting {
    pub(super) fn new(budget: Budget) -> Self {
        Self {
            again: Vec::new(),
            ready: BTreeMap::new(),
            parked: BTreeMap::new(),
            busy: BTreeSet::new(),
            held: BTreeMap::new(),
            changes: 0,
            share: Share::of(budget),
        }
    }

    /// Where nothing waits yet: what will, is taken of this budget.
    pub(super) fn share(&mut self, budget: Budget) {
        self.share = Share::of(budget);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes == 0
    }

    /// No more may come in now: by its own bounds, or since all that the host may hold is taken.
    pub(super) fn is_full(&self) -> bool {
        self.is_at_limit() || !self.share.has_room()
    }

    /// By its own bounds.
    pub(super) fn is_at_limit(&self) -> bool {
        self.changes >= CHANGES_MAX || self.share.bytes() >= BYTES_MAX
    }

    /// Whether changes may have to wait for others of their item.
    pub(super) fn is_choosy(&self) -> bool {
        !self.busy.is_empty() || !self.held.is_empty()
    }

    fn must_wait(&self, item: ItemKey) -> bool {
        self.busy.contains(&item) || self.held.contains_key(&item)
    }

    /// Hands a change back that may go out now; keeps one that must wait.
    pub(super) fn admit(&mut self, taken: Taken) -> Option<Taken> {
        if !self.must_wait(taken.item()) {
            return Some(taken);
        }
        self.park(taken);
        None
    }

    fn park(&mut self, mut taken: Taken) {
        taken.stay();
        self.enter(&taken);
        self.parked.entry(taken.item()).or_default().push_back(taken);
    }

    /// These come before all that is parked of their items.
    pub(super) fn park_before(&mut self, changes: Vec<Taken>) {
        for mut taken in changes.into_iter().rev() {
            taken.stay();
            self.enter(&taken);
            self.parked.entry(taken.item()).or_default().push_front(taken);
        }
    }

    /// The first change that waits for nothing but its turn.
    pub(super) fn pop_ready(&mut self) -> Option<Taken> {
        while let Some((_, taken)) = self.ready.pop_first() {
            self.leave(&taken);
            if let Some(taken) = self.admit(taken) {
                return Some(taken);
            }
        }
        None
    }

    /// Not now: it keeps its turn.
    pub(super) fn push_ready(&mut self, mut taken: Taken) {
        taken.stay();
        self.enter(&taken);
        self.ready.insert(taken.no, taken);
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// To be tried again. Its items are busy from now on.
    pub(super) fn push_again(&mut self, mut work: Work) {
        let Some(first) = work.changes.first().map(|taken| taken.no) else { return };
        for taken in &mut work.changes {
            taken.stay();
            self.enter(taken);
        }
        self.occupy(&work.changes);
        let place = self.again.partition_point(|other| other.changes[0].no < first);
        self.again.insert(place, work);
    }

    /// The first that is due, if any. Its items stay busy.
    pub(super) fn pop_again(&mut self, now: Timestamp) -> Option<Work> {
        let place = self.again.iter().position(|work| work.not_before <= now && !self.is_held(work))?;
        let work = self.again.remove(place);
        work.changes.iter().for_each(|taken| self.leave(taken));
        Some(work)
    }

    fn is_held(&self, work: &Work) -> bool {
        !self.held.is_empty() && work.items().any(|item| self.held.contains_key(&item))
    }

    /// When the next of what is to be tried again is due.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.again.iter().filter(|work| !self.is_held(work)).map(|work| work.not_before).min()
    }

    /// Later changes of these items wait.
    pub(super) fn occupy(&mut self, changes: &[Taken]) {
        if !on(Mutant::ItemsBeside) {
            self.busy.extend(changes.iter().map(Taken::item));
        }
    }

    /// Nothing of these items is under way or to be tried again.
    pub(super) fn free(&mut self, items: impl IntoIterator<Item = ItemKey>) {
        for item in items {
            self.busy.remove(&item);
            self.wake(item);
        }
    }

    fn wake(&mut self, item: ItemKey) {
        if self.must_wait(item) {
            return;
        }
        for taken in self.parked.remove(&item).into_iter().flatten() {
            if on(Mutant::ParkedForgotten) {
                self.leave(&taken);
                continue;
            }
            self.ready.insert(taken.no, taken);
        }
    }

    pub(super) fn hold(&mut self, items: &[ItemKey]) {
        for item in items {
            *self.held.entry(*item).or_default() += 1;
        }
    }

    pub(super) fn release(&mut self, items: &[ItemKey]) {
        for item in items {
            if let Some(holds) = self.held.get_mut(item) {
                *holds -= 1;
                if *holds == 0 {
                    self.held.remove(item);
                    self.wake(*item);
                }
            }
        }
    }

    /// When the oldest of them was created.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        let again = self.again.first().and_then(Work::oldest);
        let ready = self.ready.first_key_value().map(|(_, taken)| taken.change.created);
        // What it waits for is older, and may be on its way into a commit that counts it as done.
        let parked = self.parked.values().filter_map(|parked| parked.front());
        let parked = parked.map(|taken| taken.change.created);
        parked.chain(again).chain(ready).min()
    }

    /// Changes that `Then::Block` keeps from being given up.
    pub(super) fn blocked(&self) -> usize {
        self.again.iter().flat_map(|work| &work.changes).filter(|taken| taken.blocked).count()
    }

    fn enter(&mut self, taken: &Taken) {
        self.changes += 1;
        self.share.take(taken.weight());
    }

    fn leave(&mut self, taken: &Taken) {
        self.changes -= 1;
        self.share.give_back(taken.weight());
    }
}
