//! What deliveries come to: what is acknowledged, what is tried again, and when it is committed.
//!
//! Invariants: of a trigger without state, what a delivery comes to holds at once, and is committed with others. Of one with state it holds with its
//! commit, which may lose to another's write: then the batch runs again, as if it never had.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::time::Duration;

use super::{Lane, Progress, Run, RunId, Taken, Work};
use crate::backoff::Backoff;
use crate::decimal::Decimal;
use crate::delivery::settle::{self, Verdict};
use crate::delivery::{Outcome, Report, Settlement, Then};
use crate::effect::{CounterKey, Effect, Mutation};
use crate::item_key::ItemKey;
use crate::mutant::{Mutant, on};
use crate::name::PluginVersion;
use crate::time::Timestamp;

/// Before a batch that lost to another's write runs again: the other has committed, and yet two that always meet must part.
const CONFLICT_BACKOFF: Backoff = Backoff { first: Duration::from_millis(1), max: Duration::from_millis(200) };

/// What came of a report, to be said. What is to be committed, `commit` gives.
#[derive(Debug, Default)]
pub struct Settled {
    /// Changes whose own failure it was, with the first reason; the batch is delivered again in whole or in part.
    pub failed: usize,
    pub reason: Option<Box<str>>,
    pub backtrace: Option<Box<str>>,
    /// Changes that would have been given up, and are blocked from now on.
    pub stuck: Vec<Stuck>,
}

/// A change that holds up its item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    pub event_id: Box<str>,
    pub attempts: u32,
    pub reason: Box<str>,
}

/// A delivery of a trigger with state that waits for its commit, or is in it.
#[derive(Debug)]
pub(super) struct Settling {
    /// The batch as it went out.
    pub(super) changes: Vec<Taken>,
    free_tries: u32,
    pub(super) is_tracked: bool,
    verdict: Verdict,
    settlement: Settlement,
}

impl Settling {
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        self.changes.first().map(|taken| taken.change.created)
    }

    pub(super) fn oldest_again(&self) -> Option<Timestamp> {
        self.verdict.again.first().map(|taken| taken.change.created)
    }

    fn has_seen(&self, keys: &BTreeSet<&str>) -> bool {
        self.settlement.seen.iter().any(|seen| keys.contains(&*seen.key))
    }
}

/// The commit under way of deliveries of a trigger with state.
#[derive(Debug)]
pub(super) struct Committing {
    pub(super) runs: Vec<Settling>,
    /// What held before.
    before: Progress,
}

impl Lane {
    /// What a delivery under way came to.
    pub fn reported(&mut self, now: Timestamp, id: RunId, report: Report, version: &PluginVersion) -> Settled {
        let Some(place) = self.runs.iter().position(|run| run.id == id) else { return Settled::default() };
        let run = self.runs.remove(place);
        match report.outcome {
            Outcome::NotRun(reason) => {
                self.try_again(now, run, self.policy.backoff);
                Settled { reason: Some(reason.into()), ..Settled::default() }
            }
            Outcome::Failed(failure) if settle::may_bisect(&self.policy, &run.work, &failure) => {
                let failed = run.work.changes.len();
                self.bisect(run.work);
                Settled { failed, reason: Some(failure.reason), backtrace: failure.backtrace, stuck: Vec::new() }
            }
            _ => self.judge(now, run, report, version),
        }
    }

    fn judge(&mut self, now: Timestamp, run: Run, report: Report, version: &PluginVersion) -> Settled {
        let Run { work, is_tracked, .. } = run;
        let (oldest, free_tries) = (work.oldest(), work.free_tries);
        let waits_for_commit = !self.policy.delivers_ahead;
        let changes = if waits_for_commit { work.changes.clone() } else { Vec::new() };
        let items: Vec<ItemKey> = if is_tracked { work.items().collect() } else { Vec::new() };
        let mut verdict = settle::judge(&self.policy, now, work, report.outcome, &report.reads);
        let settled = Settled {
            failed: verdict.failed,
            reason: verdict.reason.take(),
            backtrace: verdict.backtrace.take(),
            stuck: mem::take(&mut verdict.stuck),
        };
        if verdict.done.is_empty() && verdict.given_up.is_empty() {
            self.requeue(now, verdict.again, items);
            return settled;
        }
        let mut settlement = self.settlement(now, &verdict, report.effects, version);
        if waits_for_commit {
            if !on(Mutant::SeenDropped) {
                settlement.seen = report.seen;
            }
            self.settling.push(Settling { changes, free_tries, is_tracked, verdict, settlement });
            return settled;
        }
        let again = mem::take(&mut verdict.again);
        self.requeue(now, again, items);
        self.acknowledge(&verdict);
        self.complete_to_pending();
        self.uncommitted.settle(settlement, oldest);
        settled
    }

    /// At no cost in attempts.
    fn try_again(&mut self, now: Timestamp, run: Run, backoff: Backoff) {
        let mut work = run.work;
        work.free_tries = work.free_tries.saturating_add(1);
        work.not_before = now + backoff.delay(work.free_tries, &mut self.random);
        if on(Mutant::FreeTryCosts) {
            work.changes.iter_mut().for_each(|taken| taken.attempts += 1);
        }
        self.waiting.push_again(work);
    }

    /// Both halves, at once where they may be; what has an item in the first waits for that.
    fn bisect(&mut self, mut work: Work) {
        let second = work.changes.split_off(work.changes.len() / 2);
        let items: BTreeSet<ItemKey> = work.items().collect();
        let (behind, second) = second.into_iter().partition(|taken| items.contains(&taken.item()) && !on(Mutant::HalvesBeside));
        self.waiting.park_before(behind);
        self.waiting.push_again(Work::of(work.changes));
        self.waiting.push_again(Work::of(second));
    }

    /// What failed is due after its back-off. `items`: those of the whole batch, where they are busy.
    fn requeue(&mut self, now: Timestamp, again: Vec<Taken>, items: Vec<ItemKey>) {
        let stuck: BTreeSet<ItemKey> = again.iter().filter(|taken| taken.blocked).map(Taken::item).collect();
        let (stuck, again): (Vec<_>, Vec<_>) = again.into_iter().partition(|taken| stuck.contains(&taken.item()));
        let mut kept = BTreeSet::new();
        for (changes, backoff) in [(again, self.policy.backoff), (stuck, self.policy.backoff.slowest())] {
            kept.extend(changes.iter().map(Taken::item).filter(|_| !on(Mutant::RetryOvertaken)));
            let attempts = changes.iter().map(|taken| taken.attempts).max().unwrap_or(1);
            let not_before = now + backoff.delay(attempts, &mut self.random);
            self.waiting.push_again(Work { not_before, ..Work::of(changes) });
        }
        self.waiting.free(items.into_iter().filter(|item| !kept.contains(item)));
    }

    fn acknowledge(&mut self, verdict: &Verdict) {
        let mut done: Vec<&Taken> = verdict.done.iter().chain(verdict.given_up.iter().map(|given_up| &given_up.taken)).collect();
        if !verdict.given_up.is_empty() {
            done.sort_by_key(|taken| taken.no);
        }
        let frontier = self.frontier.as_ref().map(|(number, _)| number);
        self.progress.settle(done.into_iter(), self.taken, frontier);
    }

    /// Changes are in stream order: what was created before the oldest that is pending is done.
    pub(super) fn complete_to_pending(&mut self) {
        let frontier = self.frontier.as_ref().map(|(_, created)| *created);
        self.complete(self.oldest_pending().or(frontier));
        self.told_complete = self.complete_until();
    }

    /// What the verdict says is done or given up, but for the checkpoint.
    fn settlement(&self, now: Timestamp, verdict: &Verdict, effects: Vec<Effect>, version: &PluginVersion) -> Settlement {
        let mut settlement = Settlement { acknowledged: verdict.done.len(), ..Settlement::default() };
        for given_up in &verdict.given_up {
            let letter = given_up.dead_letter(now, version);
            match self.policy.then {
                Then::Skip => settlement.skipped.push(letter),
                // `Then::Block` gives nothing up.
                Then::DeadLetter | Then::Block => settlement.dead_letters.push(letter),
            }
        }
        let is_done = |effect: &Effect| verdict.is_done.get(effect.change as usize).copied().unwrap_or(false);
        let kept = effects.into_iter().filter(is_done);
        settlement.mutations = summed(kept.map(|effect| effect.mutation));
        settlement
    }

    /// What to commit at `now`, if anything. To be asked after `next`, and again at `commit_due`.
    pub fn commit(&mut self, now: Timestamp) -> Option<Settlement> {
        let more = !self.runs.is_empty() && self.policy.delivers_ahead;
        let eager = self.uncommitted.begin(now, more, &self.progress.checkpoint);
        let mut settlement = eager.or_else(|| self.begin_settling(now))?;
        settlement.filtered = self.filtered.begin();
        Some(settlement)
    }

    /// When `commit` has something at the latest, as far as is known now.
    pub fn commit_due(&self) -> Option<Timestamp> {
        self.uncommitted.due()
    }

    /// All that has been reported goes into one commit, but for what has read what another of them writes: that waits for the next.
    fn begin_settling(&mut self, now: Timestamp) -> Option<Settlement> {
        if self.settling.is_empty() || !self.uncommitted.is_empty() {
            return None;
        }
        let before = self.progress.clone();
        let mut settlement = Settlement::default();
        let settling = mem::take(&mut self.settling);
        let mut written = BTreeSet::new();
        let joins: Vec<bool> = settling
            .iter()
            .map(|run| {
                let joins = !run.has_seen(&written);
                written.extend(keys_written(&run.settlement).into_iter().filter(|_| joins));
                joins
            })
            .collect();
        let mut runs = Vec::new();
        for (run, joins) in settling.into_iter().zip(joins) {
            if !joins {
                self.settling.push(run);
                continue;
            }
            settlement.absorb(run.settlement.clone());
            self.acknowledge(&run.verdict);
            runs.push(run);
        }
        let oldest = runs.iter().filter_map(Settling::oldest).min();
        self.uncommitted.begin_other(now, oldest);
        self.committing = Some(Committing { runs, before });
        self.complete_to_pending();
        Some(Settlement { checkpoint: self.progress.checkpoint.clone(), ..settlement })
    }

    /// The settlement under way is durable.
    pub fn committed(&mut self, now: Timestamp) {
        self.uncommitted.ended();
        self.filtered.committed();
        self.finished = self.progress.checkpoint.finished && self.uncommitted.is_empty();
        let Some(committing) = self.committing.take() else { return };
        for run in committing.runs {
            let written = keys_written(&run.settlement);
            let (lost, kept): (Vec<_>, Vec<_>) = mem::take(&mut self.settling).into_iter().partition(|other| other.has_seen(&written));
            self.settling = kept;
            lost.into_iter().for_each(|lost| self.lose(now, lost));
            let items = if run.is_tracked { run.changes.iter().map(Taken::item).collect() } else { Vec::new() };
            self.requeue(now, run.verdict.again, items);
        }
    }

    /// The settlement under way was refused: others have written what was read of these keys.
    pub fn conflicted(&mut self, now: Timestamp, keys: &[Box<str>]) {
        self.uncommitted.ended();
        self.filtered.refused();
        let Some(Committing { runs, before }) = self.committing.take() else { return };
        if on(Mutant::ConflictAcknowledged) {
            return;
        }
        self.progress = before;
        self.told_complete = self.complete_until();
        let keys: BTreeSet<&str> = keys.iter().map(AsRef::as_ref).collect();
        let is_named = runs.iter().any(|run| run.has_seen(&keys));
        for run in runs {
            if run.has_seen(&keys) || !is_named {
                self.lose(now, run);
            } else {
                self.settling.push(run);
            }
        }
    }

    /// It runs again, as if it never had.
    fn lose(&mut self, now: Timestamp, run: Settling) {
        let Settling { changes, free_tries, is_tracked, .. } = run;
        let work = Work { free_tries, ..Work::of(changes) };
        self.try_again(now, Run { id: RunId(0), work, is_tracked }, CONFLICT_BACKOFF);
    }
}

fn keys_written(settlement: &Settlement) -> BTreeSet<&str> {
    settlement.mutations.iter().filter_map(Mutation::state_key).collect()
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
