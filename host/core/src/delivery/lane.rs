//! One trigger's way through one shard: one batch at a time, in stream order.
//!
//! Invariants: a change is acknowledged only in a settlement, which holds what it left behind; the checkpoint never covers a change that
//! is neither acknowledged nor given up; the changes of one item are acknowledged in stream order. One delivery and one commit are under way
//! at most; settlements become durable in the order in which they were made.
//! Knows nothing of who calls the plugin or writes the settlement; of what a mutation is, only which change it belongs to.

use std::collections::VecDeque;
use std::sync::Arc;

use super::settle::{self, Verdict};
use super::settlement::{Settlement, Uncommitted};
use super::{Batch, Origin, Outcome, Policy, Report, Then};
use crate::change::Change;
use crate::checkpoint::Checkpoint;
use crate::effect::Effect;
use crate::name::{PluginVersion, ShardId};
use crate::sequence::SequenceNumber;
use crate::time::Timestamp;
use crate::window::Window;

/// A change that was taken from the window, and how often it was delivered to no avail.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) change: Arc<Change>,
    pub(super) attempts: u32,
    pub(super) first_attempt: Option<Timestamp>,
}

/// Changes that go out together.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) changes: Vec<Taken>,
    pub(super) not_before: Timestamp,
    /// Deliveries in a row that ended before the plugin ran: they cost no attempt, and yet must not come at once again.
    pub(super) not_run: u32,
}

impl Work {
    /// Changes are in stream order, so the first was created first, to the second that creation is cut to.
    fn oldest(&self) -> Option<Timestamp> {
        self.changes.first().map(|taken| taken.change.created)
    }
}

/// What the shell does next.
#[derive(Debug)]
pub enum Step {
    Deliver(Batch),
    /// To be committed: the shard is closed and all of it is acknowledged.
    Finish(Settlement),
    WaitUntil(Timestamp),
    /// Nothing to do until the window has more.
    Idle,
    /// A batch or a settlement is under way.
    Busy,
    Finished,
}

/// What came of a report: what to commit, if anything, and what to say.
#[derive(Debug)]
pub struct Settled {
    /// To be committed now; none: nothing was acknowledged or given up, or it waits for the commit under way.
    pub settlement: Option<Settlement>,
    /// Changes whose own failure it was, with the first reason; the batch is delivered again in whole or in part.
    pub failed: usize,
    pub reason: Option<Box<str>>,
    pub backtrace: Option<Box<str>>,
}

#[derive(Debug)]
pub struct Lane {
    origin: Arc<Origin>,
    shard: ShardId,
    policy: Policy,
    random: fastrand::Rng,
    checkpoint: Checkpoint,
    /// Window position of the next change to take.
    cursor: u64,
    /// The newest change taken.
    frontier: Option<SequenceNumber>,
    /// Taken and to be delivered again, in stream order.
    again: VecDeque<Work>,
    delivering: Option<Work>,
    uncommitted: Uncommitted,
    finished: bool,
}

impl Lane {
    /// Takes from the window's beginning, passing over what the checkpoint covers.
    pub fn new(origin: Arc<Origin>, shard: ShardId, policy: Policy, checkpoint: Checkpoint, seed: u64) -> Self {
        Self {
            origin,
            shard,
            policy,
            random: fastrand::Rng::with_seed(seed),
            finished: checkpoint.finished,
            checkpoint,
            cursor: 0,
            frontier: None,
            again: VecDeque::new(),
            delivering: None,
            uncommitted: Uncommitted::default(),
        }
    }

    pub fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// Window position below which this lane needs nothing more: what it has taken it holds itself.
    pub fn cursor(&self) -> u64 {
        if self.finished { u64::MAX } else { self.cursor }
    }

    /// All of the shard is acknowledged, and that is durable.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// A delivery or a commit is under way.
    pub fn is_busy(&self) -> bool {
        self.delivering.is_some() || self.uncommitted.is_under_way()
    }

    /// When the oldest change that is not durable yet, of those that are taken or wait in the window, was created; none: at the tip.
    pub fn oldest(&self, window: &Window) -> Option<Timestamp> {
        let delivering = self.delivering.as_ref().and_then(Work::oldest);
        let again = self.again.front().and_then(Work::oldest);
        let taken = [self.uncommitted.oldest(), delivering, again].into_iter().flatten().min();
        taken.or_else(|| window.get(self.cursor).map(|change| change.created))
    }

    /// What to do at `now`. `ended`: the window will get no more changes. A batch that this names must be reported on, a settlement
    /// committed.
    pub fn next(&mut self, now: Timestamp, window: &Window, ended: bool) -> Step {
        if self.finished {
            return Step::Finished;
        }
        if self.delivering.is_some() || self.must_wait_for_commit() {
            return Step::Busy;
        }
        match self.again.front() {
            Some(work) if now < work.not_before => return Step::WaitUntil(work.not_before),
            Some(_) => {}
            None => self.take(window),
        }
        if let Some(mut work) = self.again.pop_front() {
            for taken in &mut work.changes {
                taken.first_attempt.get_or_insert(now);
            }
            let batch = self.batch(&work);
            self.delivering = Some(work);
            return Step::Deliver(batch);
        }
        if !ended || window.get(self.cursor).is_some() {
            return Step::Idle;
        }
        self.finish()
    }

    fn must_wait_for_commit(&self) -> bool {
        self.uncommitted.is_under_way() && (!self.policy.delivers_ahead || self.uncommitted.is_full())
    }

    /// The shard's last settlement says only that: whatever it may not overtake is durable before.
    fn finish(&mut self) -> Step {
        if self.uncommitted.is_under_way() {
            return Step::Busy;
        }
        self.checkpoint.finished = true;
        self.checkpoint.acknowledged.clear();
        let end = self.uncommitted.settle(Settlement::of(self.checkpoint.clone()), None);
        end.map_or(Step::Busy, Step::Finish)
    }

    /// What the delivery under way came to. Where there is a settlement, it must be committed.
    pub fn reported(&mut self, now: Timestamp, report: Report, version: &PluginVersion) -> Settled {
        let Some(work) = self.delivering.take() else { return Settled::nothing() };
        match report.outcome {
            Outcome::NotRun(reason) => {
                self.put_back(now, work);
                Settled { reason: Some(reason.into()), ..Settled::nothing() }
            }
            Outcome::Failed(failure) if settle::may_bisect(&self.policy, &work, &failure) => {
                let failed = work.changes.len();
                self.bisect(work);
                Settled { settlement: None, failed, reason: Some(failure.reason), backtrace: failure.backtrace }
            }
            outcome => {
                let oldest = work.oldest();
                let verdict = settle::judge(&self.policy, now, work, outcome, &report.reads);
                let mut settled = self.conclude(now, verdict, report.effects, version);
                settled.settlement = settled.settlement.and_then(|settlement| self.uncommitted.settle(settlement, oldest));
                settled
            }
        }
    }

    /// The settlement under way is durable. What was settled meanwhile must be committed next.
    pub fn committed(&mut self) -> Option<Settlement> {
        let next = self.uncommitted.committed();
        self.finished = self.checkpoint.finished && next.is_none();
        next
    }

    /// Takes the next batch's worth of changes from the window, passing over what is acknowledged already.
    fn take(&mut self, window: &Window) {
        let mut changes = Vec::new();
        let mut bytes = 0;
        let mut newest = None;
        while let Some(change) = window.get(self.cursor) {
            let covered = self.checkpoint.covers(&change.sequence_number);
            let size = self.origin.view.len_bytes(change);
            let full = changes.len() == self.policy.records_max || bytes + size > self.policy.bytes_max;
            if !covered && full && !changes.is_empty() {
                break;
            }
            self.cursor += 1;
            newest = Some(change);
            if !covered {
                bytes += size;
                changes.push(Taken { change: change.clone(), attempts: 0, first_attempt: None });
            }
        }
        if let Some(newest) = newest {
            self.frontier = Some(newest.sequence_number.clone());
        }
        if !changes.is_empty() {
            self.again.push_back(Work { changes, not_before: Timestamp::default(), not_run: 0 });
        }
    }

    fn batch(&self, work: &Work) -> Batch {
        let attempts = work.changes.iter().map(|taken| taken.attempts).max().unwrap_or(0);
        Batch {
            origin: self.origin.clone(),
            shard: self.shard.clone(),
            attempt: attempts + 1,
            changes: work.changes.iter().map(|taken| taken.change.clone()).collect(),
        }
    }

    fn put_back(&mut self, now: Timestamp, mut work: Work) {
        work.not_run = work.not_run.saturating_add(1);
        work.not_before = now + self.policy.backoff.delay(work.not_run, &mut self.random);
        self.again.push_front(work);
    }

    fn bisect(&mut self, mut work: Work) {
        let second = work.changes.split_off(work.changes.len() / 2);
        self.again.push_front(Work { changes: second, not_before: work.not_before, not_run: 0 });
        self.again.push_front(work);
    }

    fn conclude(&mut self, now: Timestamp, verdict: Verdict, effects: Vec<Effect>, version: &PluginVersion) -> Settled {
        let settlement = self.settlement(now, &verdict, effects, version);
        if !verdict.again.is_empty() {
            let attempts = verdict.again.iter().map(|taken| taken.attempts).max().unwrap_or(1);
            let not_before = now + self.policy.backoff.delay(attempts, &mut self.random);
            self.again.push_front(Work { changes: verdict.again, not_before, not_run: 0 });
        }
        let settled = verdict.done.iter().chain(verdict.given_up.iter().map(|given_up| &given_up.taken));
        let settled = settled.map(|taken| &taken.change.sequence_number);
        if let Some(frontier) = &self.frontier {
            match self.again.front().and_then(|work| work.changes.first()) {
                Some(pending) => self.checkpoint.settle(settled, frontier, &pending.change.sequence_number),
                None => self.checkpoint.advance(frontier),
            }
        }
        let settlement = settlement.map(|settlement| Settlement { checkpoint: self.checkpoint.clone(), ..settlement });
        Settled { settlement, failed: verdict.failed, reason: verdict.reason, backtrace: verdict.backtrace }
    }

    /// What the verdict says is done or given up, but for the checkpoint; none where that is nothing.
    fn settlement(&self, now: Timestamp, verdict: &Verdict, effects: Vec<Effect>, version: &PluginVersion) -> Option<Settlement> {
        if verdict.done.is_empty() && verdict.given_up.is_empty() {
            return None;
        }
        let mut settlement = Settlement::of(Checkpoint::default());
        for given_up in &verdict.given_up {
            let letter = given_up.dead_letter(now, version);
            match self.policy.then {
                Then::DeadLetter => settlement.dead_letters.push(letter),
                Then::Skip => settlement.skipped.push(letter),
            }
        }
        settlement.acknowledged = verdict.done.len();
        let is_done = |effect: &Effect| verdict.is_done.get(effect.change as usize).copied().unwrap_or(false);
        let kept = effects.into_iter().filter(is_done);
        settlement.mutations = kept.map(|effect| effect.mutation).collect();
        Some(settlement)
    }
}

impl Settled {
    fn nothing() -> Self {
        Self { settlement: None, failed: 0, reason: None, backtrace: None }
    }
}
