//! One trigger's way through one shard: one batch at a time, in stream order.
//!
//! Invariants: a change is acknowledged only in a settlement, which holds what it left behind; the checkpoint never covers a change that
//! is neither acknowledged nor given up; the changes of one item are acknowledged in stream order. One delivery and one commit are under way
//! at most; settlements become durable in the order in which they were made.
//! Knows nothing of who calls the plugin or writes the settlement; of what a mutation is, only which change it belongs to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::settle::{self, Verdict};
use super::settlement::{Settlement, Uncommitted};
use super::{Batch, Origin, Outcome, Policy, Report, Then};
use crate::change::Change;
use crate::checkpoint::Checkpoint;
use crate::decimal::Decimal;
use crate::effect::{CounterKey, Effect, Mutation};
use crate::gap::{self, Cause, Gap, OnGap};
use crate::item_key::ItemKey;
use crate::mutant::{Mutant, on};
use crate::name::{PluginVersion, ShardId};
use crate::sequence::SequenceNumber;
use crate::start;
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
    WaitUntil(Timestamp),
    /// Nothing to do until the window has more.
    Idle,
    /// A batch or a settlement is under way.
    Busy,
    Finished,
}

/// What came of a report, to be said. What is to be committed, `commit` gives.
#[derive(Debug)]
pub struct Settled {
    /// Changes whose own failure it was, with the first reason; the batch is delivered again in whole or in part.
    pub failed: usize,
    pub reason: Option<Box<str>>,
    pub backtrace: Option<Box<str>>,
}

/// How old the durable `complete_until` of a lane at the tip may become: far less than a stream remembers.
const TIP_EVERY: Duration = Duration::from_secs(15 * 60);

#[derive(Debug)]
pub struct Lane {
    origin: Arc<Origin>,
    shard: ShardId,
    policy: Policy,
    random: fastrand::Rng,
    checkpoint: Checkpoint,
    /// Changes that were created before are passed over.
    since: Option<Timestamp>,
    on_gap: OnGap,
    /// Window position of the next change to take.
    cursor: u64,
    /// The newest change taken, and when it was created.
    frontier: Option<(SequenceNumber, Timestamp)>,
    /// What is durable, or on its way there, of the checkpoint's `complete_until`.
    told_complete: Option<Timestamp>,
    /// Up to when gaps are told in this run.
    told_gap: Option<Timestamp>,
    /// A gap, and `OnGap::Stop`: it takes nothing more.
    stopped: bool,
    /// An operator wants nothing delivered for now.
    paused: bool,
    /// How often `hold` was asked for and not yet ended.
    holds: u32,
    /// Taken and to be delivered again, in stream order.
    again: VecDeque<Work>,
    delivering: Option<Work>,
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
            checkpoint,
            since: None,
            on_gap: OnGap::default(),
            cursor: 0,
            frontier: None,
            told_gap: None,
            stopped: false,
            paused: false,
            holds: 0,
            again: VecDeque::new(),
            delivering: None,
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

    /// To be made durable before anything else: that the trigger has begun the shard.
    pub fn announce(&mut self) {
        self.uncommitted.settle(Settlement::of(self.checkpoint.clone()), None);
    }

    /// Up to which change it has taken or acknowledged all; none: it begins with the first.
    pub fn position(&self) -> Option<&SequenceNumber> {
        self.frontier.as_ref().map(|(number, _)| number).max(self.checkpoint.watermark.as_ref())
    }

    /// Window position below which this lane needs nothing more: what it has taken it holds itself.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    /// From now on it takes from a window's position `cursor` on: it has all that is before.
    pub fn move_to(&mut self, cursor: u64) {
        self.cursor = cursor;
    }

    /// Whether it would take more changes, now or once those under way are done.
    pub fn wants_more(&self) -> bool {
        !self.finished && !self.stopped && !self.paused
    }

    /// From now on it delivers nothing, and holds no reader; or goes on.
    pub fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Delivers none of these items' changes until `release` has been called as often.
    pub fn hold(&mut self, _items: &[ItemKey]) {
        self.holds += 1;
    }

    pub fn release(&mut self, _items: &[ItemKey]) {
        self.holds = self.holds.saturating_sub(1);
    }

    /// Whether no change of these items is under way: not delivered, and not waiting for its commit.
    pub fn is_clear_of(&self, _items: &[ItemKey]) -> bool {
        !self.is_busy()
    }

    /// Whether it would take changes now.
    pub fn is_hungry(&self) -> bool {
        self.wants_more() && self.again.is_empty() && self.delivering.is_none() && !self.must_wait_for_commit()
    }

    /// It stands at a gap, and `OnGap::Stop` says to go no further.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Up to when all is acknowledged or told as a gap, by the stream's clock.
    pub fn complete_until(&self) -> Option<Timestamp> {
        self.checkpoint.complete_until
    }

    /// All of the shard is acknowledged, and that is durable.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// A delivery or a commit is under way.
    pub fn is_busy(&self) -> bool {
        self.delivering.is_some() || !self.uncommitted.is_empty()
    }

    /// When the oldest change that is not durable yet, of those that are taken or wait in the window, was created; none: at the tip. Without a window
    /// the lane lags: there is more, created then or later.
    pub fn oldest(&self, window: Option<&Window>) -> Option<Timestamp> {
        let delivering = self.delivering.as_ref().and_then(Work::oldest);
        let again = self.again.front().and_then(Work::oldest);
        let taken = [self.uncommitted.oldest(), delivering, again].into_iter().flatten().min();
        taken.or_else(|| match window {
            Some(window) => window.get(self.cursor).map(|change| change.created),
            None if self.wants_more() => self.frontier.as_ref().map(|(_, created)| *created).or(self.checkpoint.complete_until),
            None => None,
        })
    }

    /// What to do at `now`. `window`: what it takes from, none where nothing feeds it. `ended`: the window will get no more changes. A batch that this names
    /// must be reported on, a settlement committed.
    pub fn next(&mut self, now: Timestamp, window: Option<&Window>, ended: bool) -> Step {
        if self.finished {
            return Step::Finished;
        }
        if self.delivering.is_some() || self.must_wait_for_commit() {
            return Step::Busy;
        }
        if self.paused || self.holds > 0 {
            return Step::Idle;
        }
        let window = window.filter(|_| !self.stopped);
        match (self.again.front(), window) {
            (Some(work), _) if now < work.not_before => return Step::WaitUntil(work.not_before),
            (None, Some(window)) => self.take(window),
            _ => {}
        }
        if let Some(mut work) = self.again.pop_front() {
            for taken in &mut work.changes {
                taken.first_attempt.get_or_insert(now);
            }
            let batch = self.batch(&work);
            self.delivering = Some(work);
            return Step::Deliver(batch);
        }
        if !ended || window.is_none_or(|window| window.get(self.cursor).is_some()) {
            return Step::Idle;
        }
        self.finish();
        Step::Busy
    }

    fn must_wait_for_commit(&self) -> bool {
        let ahead = self.policy.delivers_ahead || on(Mutant::StateAhead);
        !self.uncommitted.is_empty() && (!ahead || self.uncommitted.is_full())
    }

    /// The shard is closed and all of it is acknowledged.
    fn finish(&mut self) {
        if !self.checkpoint.finished {
            self.checkpoint.finished = true;
            self.checkpoint.acknowledged.clear();
            self.complete(self.frontier.as_ref().map(|(_, created)| *created));
            self.told_complete = self.checkpoint.complete_until;
            self.uncommitted.settle(Settlement::of(self.checkpoint.clone()), None);
        }
    }

    /// What to commit at `now`, if anything. To be asked after `next`, and again at `commit_due`.
    pub fn commit(&mut self, now: Timestamp) -> Option<Settlement> {
        let more = self.delivering.is_some() && self.policy.delivers_ahead;
        self.uncommitted.begin(now, more)
    }

    /// When `commit` has something at the latest, as far as is known now.
    pub fn commit_due(&self) -> Option<Timestamp> {
        self.uncommitted.due()
    }

    /// When what failed is due again; none: nothing waits for that alone.
    pub fn retry_due(&self) -> Option<Timestamp> {
        let waits = self.delivering.is_none() && self.wants_more() && self.holds == 0;
        self.again.front().filter(|_| waits).map(|work| work.not_before)
    }

    /// What the delivery under way came to.
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
                Settled { failed, reason: Some(failure.reason), backtrace: failure.backtrace }
            }
            outcome => {
                let oldest = work.oldest();
                let mut verdict = settle::judge(&self.policy, now, work, outcome, &report.reads);
                if let Some(settlement) = self.conclude(now, &mut verdict, report.effects, version) {
                    self.uncommitted.settle(settlement, oldest);
                }
                Settled { failed: verdict.failed, reason: verdict.reason, backtrace: verdict.backtrace }
            }
        }
    }

    /// The settlement under way is durable.
    pub fn committed(&mut self) {
        self.uncommitted.committed();
        self.finished = self.checkpoint.finished && self.uncommitted.is_empty();
    }

    /// The reader stood at the tip at `tip`, the window's end being `end`: if this lane is there too, it is complete until then. That is made durable
    /// now and then, so that a quiet shard's trimmed position is known to be no loss.
    pub fn stood_at_tip(&mut self, tip: Timestamp, end: u64) {
        if self.finished || self.stopped || self.is_busy() || !self.again.is_empty() || self.cursor != end {
            return;
        }
        self.complete(Some(tip));
        if self.told_complete.is_none_or(|told| tip.since(told) >= TIP_EVERY) {
            if let Some((frontier, _)) = &self.frontier {
                self.checkpoint.advance(frontier);
            }
            self.told_complete = self.checkpoint.complete_until;
            self.uncommitted.settle(Settlement::of(self.checkpoint.clone()), None);
        }
    }

    /// What it needs next may be lost to it, as of `now` by the stream's clock; none: it is not, or that was told before.
    pub fn doubt(&mut self, now: Timestamp, cause: Cause) -> Option<Gap> {
        // What it may miss was created after what it has taken last.
        let taken = self.frontier.as_ref().map(|(_, created)| *created);
        let since = self.checkpoint.complete_until.max(taken).max(self.told_gap);
        let is_new = since.is_none() && self.checkpoint.watermark.is_none() && self.checkpoint.acknowledged.is_empty();
        let is_young = since.is_some_and(|since| !gap::may_be_trimmed(since, now));
        if !self.wants_more() || (cause == Cause::Trimmed && (is_new || is_young)) || on(Mutant::GapSwallowed) {
            return None;
        }
        let gap = Gap { shard: Some(self.shard.clone()), after: self.position().cloned(), since, until: now, cause };
        match self.on_gap {
            OnGap::Stop => self.stopped = true,
            OnGap::Continue => {
                self.told_gap = Some(gap::told_until(now));
                // Not while older changes are pending: a crash would lose them, and that must be told then.
                if self.delivering.is_none() && self.again.is_empty() {
                    self.complete(self.told_gap);
                    self.told_complete = self.checkpoint.complete_until;
                }
                let gaps = if on(Mutant::GapNotDurable) { Vec::new() } else { vec![gap.clone()] };
                let settlement = Settlement { gaps, ..Settlement::of(self.checkpoint.clone()) };
                self.uncommitted.settle(settlement, None);
            }
        }
        Some(gap)
    }

    fn complete(&mut self, until: Option<Timestamp>) {
        self.checkpoint.complete_until = self.checkpoint.complete_until.max(until);
    }

    /// Takes the next batch's worth of changes from the window, passing over what is acknowledged already or older than the trigger's beginning.
    fn take(&mut self, window: &Window) {
        let mut changes = Vec::new();
        let mut bytes = 0;
        let mut newest = None;
        while let Some(change) = window.get(self.cursor) {
            let too_old = self.since.is_some_and(|since| start::is_older(change.created, since));
            let covered = too_old || self.checkpoint.covers(&change.sequence_number);
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
            self.frontier = Some((newest.sequence_number.clone(), newest.created));
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

    /// Moves the checkpoint, and takes what is to be delivered again out of the verdict.
    fn conclude(&mut self, now: Timestamp, verdict: &mut Verdict, effects: Vec<Effect>, version: &PluginVersion) -> Option<Settlement> {
        let settlement = self.settlement(now, verdict, effects, version);
        let again = std::mem::take(&mut verdict.again);
        if !again.is_empty() {
            let attempts = again.iter().map(|taken| taken.attempts).max().unwrap_or(1);
            let not_before = now + self.policy.backoff.delay(attempts, &mut self.random);
            self.again.push_front(Work { changes: again, not_before, not_run: 0 });
        }
        let settled = verdict.done.iter().chain(verdict.given_up.iter().map(|given_up| &given_up.taken));
        let settled = settled.map(|taken| &taken.change.sequence_number);
        if let Some((frontier, created)) = &self.frontier {
            // Changes are in stream order: what was created before the oldest that is pending is done.
            let until = match self.again.front().and_then(|work| work.changes.first()) {
                Some(pending) => {
                    self.checkpoint.settle(settled, frontier, &pending.change.sequence_number);
                    pending.change.created
                }
                None => {
                    self.checkpoint.advance(frontier);
                    *created
                }
            };
            self.complete(Some(until));
        }
        if settlement.is_some() {
            self.told_complete = self.checkpoint.complete_until;
        }
        settlement.map(|settlement| Settlement { checkpoint: self.checkpoint.clone(), ..settlement })
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
        settlement.mutations = summed(kept.map(|effect| effect.mutation));
        Some(settlement)
    }
}

/// What is added to one counter, added up: sums commute, and a commit writes each counter once. All else in its order.
fn summed(mutations: impl Iterator<Item = Mutation>) -> Vec<Mutation> {
    let mut sums: BTreeMap<CounterKey, Decimal> = BTreeMap::new();
    let mut others = Vec::new();
    for mutation in mutations {
        match mutation {
            Mutation::AddCounter { counter, delta } => *sums.entry(counter).or_default() += &delta,
            other => others.push(other),
        }
    }
    others.extend(sums.into_iter().map(|(counter, delta)| Mutation::AddCounter { counter, delta }));
    others
}

impl Settled {
    pub(super) fn nothing() -> Self {
        Self { failed: 0, reason: None, backtrace: None }
    }
}
