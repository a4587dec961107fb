//! One trigger's way through one shard: batches of its changes, some at once, each item's in stream order.
//!
//! Invariants: a change is acknowledged only in a settlement, which holds what it left behind; the checkpoint never covers a change that
//! is neither acknowledged nor given up; an item has changes in one delivery at a time, and they are acknowledged in stream order. At most
//! `parallelism` deliveries and one commit are under way; settlements become durable in the order in which they were made.
//! Knows nothing of who calls the plugin or writes the settlement; of what a mutation is, only which change it belongs to.

use std::sync::Arc;
use std::time::Duration;

use super::progress::Progress;
use super::settlement::{Settlement, Uncommitted};
use super::waiting::Waiting;
use super::work::{Taken, Work};
use super::{Batch, Origin, Policy, Then};
use crate::budget::Budget;
use crate::checkpoint::Checkpoint;
use crate::gap::{self, Cause, Gap, OnGap};
use crate::item_key::ItemKey;
use crate::mutant::{Mutant, on};
use crate::name::ShardId;
use crate::sequence::SequenceNumber;
use crate::time::Timestamp;
use crate::window::Window;

mod filtered;
mod outcome;
mod take;

pub use outcome::{Settled, Stuck};

use filtered::Filtered;
use outcome::{Committing, Settling};
use take::Gathering;

/// Tells a lane's deliveries apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// What the shell does next.
#[derive(Debug)]
pub enum Step {
    Deliver(RunId, Batch),
    WaitUntil(Timestamp),
    /// Nothing to do until the window has more.
    Idle,
    /// As many batches are under way as may be, or a settlement that all wait for.
    Busy,
    Finished,
}

/// A delivery under way.
#[derive(Debug)]
struct Run {
    id: RunId,
    work: Work,
    /// Its items are busy. Where one batch goes at a time nobody needs to know.
    is_tracked: bool,
}

/// How old the durable `complete_until` of a lane at the tip may become: far less than a stream remembers.
const TIP_EVERY: Duration = Duration::from_secs(15 * 60);

#[derive(Debug)]
pub struct Lane {
    origin: Arc<Origin>,
    shard: ShardId,
    policy: Policy,
    random: fastrand::Rng,
    progress: Progress,
    /// Changes that were created before are passed over.
    since: Option<Timestamp>,
    on_gap: OnGap,
    /// Place of its filter in the stream's; none: it takes every change.
    filter: Option<usize>,
    filtered: Filtered,
    /// Window position of the next change to take.
    cursor: u64,
    /// The newest change taken or passed over, and when it was created.
    frontier: Option<(SequenceNumber, Timestamp)>,
    /// Changes taken.
    taken: u64,
    /// What is durable, or on its way there, of the checkpoint's `complete_until`.
    told_complete: Option<Timestamp>,
    /// Up to when gaps are told in this run.
    told_gap: Option<Timestamp>,
    /// A gap, and `OnGap::Stop`: it takes nothing more.
    stopped: bool,
    /// An operator wants nothing delivered for now.
    paused: bool,
    waiting: Waiting,
    gathering: Gathering,
    runs: Vec<Run>,
    run_count: u64,
    /// Of a trigger with state: reported, and not begun to be committed.
    settling: Vec<Settling>,
    committing: Option<Committing>,
    uncommitted: Uncommitted,
    finished: bool,
}

impl Lane {
    /// Passes over what the checkpoint covers.
    pub fn new(origin: Arc<Origin>, shard: ShardId, policy: Policy, mut checkpoint: Checkpoint, seed: u64) -> Self {
        if on(Mutant::AcknowledgedForgotten) {
            checkpoint.acknowledged.clear();
        }
        Self {
            origin,
            shard,
            policy,
            random: fastrand::Rng::with_seed(seed),
            finished: checkpoint.finished,
            told_complete: checkpoint.complete_until,
            progress: Progress::new(checkpoint),
            since: None,
            on_gap: OnGap::default(),
            filter: None,
            filtered: Filtered::default(),
            cursor: 0,
            frontier: None,
            taken: 0,
            told_gap: None,
            stopped: false,
            paused: false,
            waiting: Waiting::new(Budget::new(usize::MAX)),
            gathering: Gathering::default(),
            runs: Vec::new(),
            run_count: 0,
            settling: Vec::new(),
            committing: None,
            uncommitted: Uncommitted::default(),
        }
    }

    pub fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// Where it begins, of a trigger that is to see only what was created from then on; and what it does at a gap.
    #[must_use]
    pub fn with(self, since: Option<Timestamp>, on_gap: OnGap) -> Self {
        Self { since, on_gap, ..self }
    }

    /// Of all changes it takes those that pass this filter of the stream, and acknowledges the others.
    #[must_use]
    pub fn filtered_by(self, filter: Option<usize>) -> Self {
        Self { filter, ..self }
    }

    /// Before it takes anything: what waits in it counts as what windows hold.
    #[must_use]
    pub fn within(mut self, budget: &Budget) -> Self {
        self.waiting.share(budget.clone());
        self
    }

    /// To be made durable before anything else: that the trigger has begun the shard.
    pub fn announce(&mut self) {
        self.uncommitted.settle(Settlement::default(), None);
    }

    /// Up to which change it has taken or acknowledged all; none: it begins with the first.
    pub fn position(&self) -> Option<&SequenceNumber> {
        self.frontier.as_ref().map(|(number, _)| number).max(self.progress.checkpoint.watermark.as_ref())
    }

    /// Window position below which this lane needs nothing more: what it has taken it holds itself.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// From now on it takes from a window's position `cursor` on: it has all that is before.
    pub fn move_to(&mut self, cursor: u64) {
        self.cursor = cursor;
    }

    /// Whether it would take more changes, now or once those under way are done. One that is full of what nobody can say when it is done wants no reader.
    pub fn wants_more(&self) -> bool {
        let is_jammed = self.is_at_limit() && self.runs.is_empty() && self.settling.is_empty() && self.committing.is_none();
        !self.finished && !self.stopped && !self.paused && !is_jammed
    }

    /// Whether it would take changes now.
    pub fn is_hungry(&self) -> bool {
        self.wants_more() && self.has_slot() && !self.is_full()
    }

    /// It stands at a gap, and `OnGap::Stop` says to go no further.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// From now on it delivers nothing, and holds no reader; or goes on.
    pub fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// So many batches may be under way from now on.
    pub fn set_parallelism(&mut self, parallelism: usize) {
        self.policy.parallelism = parallelism.max(1);
        if self.tracks() {
            let runs = self.runs.iter_mut().map(|run| (&mut run.is_tracked, &run.work.changes));
            let committing = self.committing.iter_mut().flat_map(|committing| &mut committing.runs);
            let settling = self.settling.iter_mut().chain(committing).map(|run| (&mut run.is_tracked, &run.changes));
            for (is_tracked, changes) in runs.chain(settling) {
                self.waiting.occupy(changes);
                *is_tracked = true;
            }
        }
    }

    /// Delivers none of these items' changes until `release` has been called as often.
    pub fn hold(&mut self, items: &[ItemKey]) {
        self.waiting.hold(items);
        self.gathering.give_up(items, &mut self.waiting);
    }

    pub fn release(&mut self, items: &[ItemKey]) {
        self.waiting.release(items);
    }

    /// Whether no change of these items is under way: not delivered, and not waiting for a commit that later ones wait for.
    pub fn is_clear_of(&self, items: &[ItemKey]) -> bool {
        let runs = self.runs.iter().map(|run| &run.work.changes);
        let settling = self.settling.iter().chain(self.committing.iter().flat_map(|committing| &committing.runs));
        let mut under_way = runs.chain(settling.map(|settling| &settling.changes)).flatten();
        !under_way.any(|taken| items.contains(&taken.item()))
    }

    /// Up to when all is acknowledged or told as a gap, by the stream's clock.
    pub fn complete_until(&self) -> Option<Timestamp> {
        self.progress.checkpoint.complete_until
    }

    /// All of the shard is acknowledged, and that is durable.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// A delivery or a commit is under way.
    pub fn is_busy(&self) -> bool {
        !self.runs.is_empty() || !self.settling.is_empty() || !self.uncommitted.is_empty()
    }

    /// Changes that are tried again and again, since `Then::Block` says so.
    pub fn blocked(&self) -> usize {
        // Asked after every step: nobody else pays for it.
        if self.policy.then != Then::Block {
            return 0;
        }
        let under_way = self.runs.iter().flat_map(|run| &run.work.changes).filter(|taken| taken.blocked);
        self.waiting.blocked() + under_way.count()
    }

    /// Nothing that was taken is pending.
    fn is_clear(&self) -> bool {
        self.runs.is_empty()
            && self.settling.is_empty()
            && self.committing.is_none()
            && self.waiting.is_empty()
            && self.gathering.is_empty()
    }

    /// Whether the items of what is under way must be known.
    fn tracks(&self) -> bool {
        self.policy.parallelism > 1 || !self.policy.window.is_zero()
    }

    fn has_slot(&self) -> bool {
        // Where the next change of an item waits for the commit, so does the batch's place.
        let committing = self.committing.as_ref().map_or(0, |committing| committing.runs.len());
        let under_way = self.runs.len() + self.settling.len() + committing;
        under_way < self.policy.parallelism && !self.uncommitted.is_full()
    }

    /// When the oldest change that is not durable yet, of those that are taken or wait in the window, was created; none: at the tip. Without a window
    /// the lane lags: there is more, created then or later.
    pub fn oldest(&self, window: Option<&Window>) -> Option<Timestamp> {
        let taken = [self.uncommitted.oldest(), self.oldest_pending()].into_iter().flatten().min();
        taken.or_else(|| match window {
            Some(window) => window.get(self.cursor).map(|change| change.created),
            None if self.wants_more() => self.frontier.as_ref().map(|(_, created)| *created).or(self.complete_until()),
            None => None,
        })
    }

    /// Of what is taken and not acknowledged: changes are in stream order.
    fn oldest_pending(&self) -> Option<Timestamp> {
        let runs = self.runs.iter().filter_map(|run| run.work.oldest());
        let settling = self.settling.iter().filter_map(Settling::oldest);
        let committing = self.committing.iter().flat_map(|committing| &committing.runs).filter_map(Settling::oldest_again);
        let waiting = self.waiting.oldest().into_iter().chain(self.gathering.oldest());
        runs.chain(settling).chain(committing).chain(waiting).min()
    }

    /// What to do at `now`; to be asked again until it is no delivery. `window`: what it takes from, none where nothing feeds it. `ended`: the window will
    /// get no more changes. A batch that this names must be reported on, a settlement committed.
    pub fn next(&mut self, now: Timestamp, window: Option<&Window>, ended: bool) -> Step {
        if self.finished {
            return Step::Finished;
        }
        if self.paused {
            return if self.is_busy() { Step::Busy } else { Step::Idle };
        }
        let has_slot = self.has_slot();
        if has_slot && let Some(work) = self.waiting.pop_again(now) {
            return self.deliver(now, work, true);
        }
        let window = window.filter(|_| !self.stopped);
        if has_slot || !self.policy.window.is_zero() {
            self.gather(now, window);
        }
        if self.filtered_due().is_some_and(|due| due <= now) {
            self.settle_filtered();
        }
        let is_last = ended && window.is_none_or(|window| self.cursor >= window.end()) && !self.waiting.has_ready();
        if has_slot && self.gathering.is_due(now, self.policy.window, is_last) {
            let work = Work::of(self.gathering.take());
            let tracks = self.tracks();
            if tracks {
                self.waiting.occupy(&work.changes);
            }
            return self.deliver(now, work, tracks);
        }
        if !has_slot {
            return Step::Busy;
        }
        if is_last && window.is_some() && (self.is_clear() || on(Mutant::FinishesEarly)) {
            self.finish();
            return Step::Busy;
        }
        match self.due() {
            Some(time) => Step::WaitUntil(time),
            None if self.is_busy() => Step::Busy,
            None => Step::Idle,
        }
    }

    fn deliver(&mut self, now: Timestamp, mut work: Work, is_tracked: bool) -> Step {
        for taken in &mut work.changes {
            taken.first_attempt.get_or_insert(now);
        }
        let attempts = work.changes.iter().map(|taken| taken.attempts).max().unwrap_or(0);
        let batch = Batch {
            origin: self.origin.clone(),
            shard: self.shard.clone(),
            attempt: attempts + 1,
            changes: work.changes.iter().map(|taken| taken.change.clone()).collect(),
        };
        self.run_count += 1;
        let id = RunId(self.run_count);
        self.runs.push(Run { id, work, is_tracked });
        Step::Deliver(id, batch)
    }

    /// The shard is closed and all of it is acknowledged.
    fn finish(&mut self) {
        let checkpoint = &mut self.progress.checkpoint;
        if !checkpoint.finished {
            checkpoint.finished = true;
            checkpoint.acknowledged.clear();
            self.complete(self.frontier.as_ref().map(|(_, created)| *created));
            self.told_complete = self.complete_until();
            self.uncommitted.settle(Settlement::default(), None);
        }
    }

    /// When `next` has something that waits for a time; none: for nothing but changes, reports and commits.
    pub fn due(&self) -> Option<Timestamp> {
        let goes = self.has_slot() && !self.paused && !self.finished;
        let due = [self.waiting.due(), self.gathering.due(self.policy.window), self.filtered_due()];
        let due = due.into_iter().flatten().min();
        due.filter(|_| goes)
    }

    /// The reader stood at the tip at `tip`, the window's end being `end`: if this lane is there too, it is complete until then. That is made durable
    /// now and then, so that a quiet shard's trimmed position is known to be no loss.
    pub fn stood_at_tip(&mut self, tip: Timestamp, end: u64) {
        if self.finished || self.stopped || self.is_busy() || !self.is_clear() || self.cursor != end {
            return;
        }
        self.complete(Some(tip));
        if self.told_complete.is_none_or(|told| tip.since(told) >= TIP_EVERY) {
            if let Some((frontier, _)) = &self.frontier {
                self.progress.pass(frontier);
            }
            self.told_complete = self.complete_until();
            self.uncommitted.settle(Settlement::default(), None);
        }
    }

    /// What it needs next may be lost to it, as of `now` by the stream's clock; none: it is not, or that was told before.
    pub fn doubt(&mut self, now: Timestamp, cause: Cause) -> Option<Gap> {
        // What it may miss was created after what it has taken last.
        let taken = self.frontier.as_ref().map(|(_, created)| *created);
        let checkpoint = &self.progress.checkpoint;
        let since = checkpoint.complete_until.max(taken).max(self.told_gap);
        let is_new = since.is_none() && checkpoint.watermark.is_none() && checkpoint.acknowledged.is_empty();
        let is_young = since.is_some_and(|since| !gap::may_be_trimmed(since, now));
        if self.finished || self.stopped || (cause == Cause::Trimmed && (is_new || is_young)) || on(Mutant::GapSwallowed) {
            return None;
        }
        let gap = Gap { shard: Some(self.shard.clone()), after: self.position().cloned(), since, until: now, cause };
        match self.on_gap {
            OnGap::Stop => self.stopped = true,
            OnGap::Continue => {
                self.told_gap = Some(gap::told_until(now));
                // Not while older changes are pending: a crash would lose them, and that must be told then.
                if self.is_clear() {
                    self.complete(self.told_gap);
                    self.told_complete = self.complete_until();
                }
                let gaps = if on(Mutant::GapNotDurable) { Vec::new() } else { vec![gap.clone()] };
                self.uncommitted.settle(Settlement { gaps, ..Settlement::default() }, None);
            }
        }
        Some(gap)
    }

    fn complete(&mut self, until: Option<Timestamp>) {
        let complete_until = &mut self.progress.checkpoint.complete_until;
        *complete_until = (*complete_until).max(until);
    }
}
