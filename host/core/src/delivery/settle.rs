//! What becomes of each change of a batch after a delivery.
//!
//! Invariants: a change that failed is never done; a later change of its item in the batch is not done either while it is to be delivered
//! again; nor is a change that read what a change which is not done had written. Those others pay no attempt for it.

use std::collections::{BTreeMap, BTreeSet};

use super::lane::Stuck;
use super::work::{Taken, Work};
use super::{Failure, FailureKind, Outcome, Policy, ReadFrom, Then};
use crate::effect::DeadLetter;
use crate::item_key::ItemKey;
use crate::mutant::{Mutant, on};
use crate::name::PluginVersion;
use crate::time::Timestamp;

/// The fate of a batch.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) done: Vec<Taken>,
    /// For each position of the batch, whether its change is done.
    pub(super) is_done: Vec<bool>,
    pub(super) given_up: Vec<GivenUp>,
    /// To be delivered again, in stream order.
    pub(super) again: Vec<Taken>,
    /// Of them those that would have been given up now, were it not for `Then::Block`.
    pub(super) stuck: Vec<Stuck>,
    /// Changes that failed by themselves.
    pub(super) failed: usize,
    /// Of the first failure.
    pub(super) reason: Option<Box<str>>,
    pub(super) backtrace: Option<Box<str>>,
}

#[derive(Debug)]
pub(super) struct GivenUp {
    pub(super) taken: Taken,
    failure: Failure,
}

impl GivenUp {
    pub(super) fn dead_letter(&self, now: Timestamp, version: &PluginVersion) -> DeadLetter {
        let change = &self.taken.change;
        DeadLetter {
            event_id: change.event_id.clone(),
            sequence_number: change.sequence_number.as_str().into(),
            record_json: change.record_json().into(),
            reason: self.failure.reason.clone(),
            backtrace: self.failure.backtrace.clone(),
            attempts: self.taken.attempts,
            plugin_version: version.as_str().into(),
            first_attempt_ms: self.taken.first_attempt.unwrap_or(now).as_ms(),
            last_attempt_ms: now.as_ms(),
        }
    }
}

/// Whether a failure of the whole batch is met by halving it.
pub(super) fn may_bisect(policy: &Policy, work: &Work, failure: &Failure) -> bool {
    policy.bisect && failure.kind == FailureKind::Retry && work.changes.len() > 1
}

/// `outcome` is not `NotRun`: that judges nothing.
pub(super) fn judge(policy: &Policy, now: Timestamp, work: Work, outcome: Outcome, reads: &[ReadFrom]) -> Verdict {
    let mut failures = failures_by_position(outcome, work.changes.len());
    let mut verdict = Verdict { failed: failures.len(), ..Verdict::default() };
    if let Some(first) = failures.values().next() {
        verdict.reason = Some(first.reason.clone());
        verdict.backtrace.clone_from(&first.backtrace);
    }
    let is_final = |index: u32, failure: &Failure| is_final(policy, now, &work.changes[index as usize], failure);
    let is_stuck = |index: u32, failure: &Failure| policy.then == Then::Block && !on(Mutant::BlockGivesUp) && is_final(index, failure);
    let stuck: BTreeSet<u32> = failures
        .iter()
        .filter(|(index, failure)| is_stuck(**index, failure))
        .map(|(index, _)| *index)
        .collect();
    let retried: BTreeSet<u32> = failures
        .iter()
        .filter(|(index, failure)| stuck.contains(index) || !is_final(**index, failure))
        .map(|(index, _)| *index)
        .collect();
    let behind = behind_retried(&work.changes, &retried);
    let held = held_back(&work.changes, &failures, &retried, reads);
    for (index, mut taken) in (0u32..).zip(work.changes) {
        let failure = failures.remove(&index);
        verdict.is_done.push(failure.is_none() && !held.contains(&index));
        taken.attempts += u32::from(failure.is_some() && !behind.contains(&index));
        match failure {
            Some(failure) if !retried.contains(&index) => verdict.given_up.push(GivenUp { taken, failure }),
            Some(failure) if stuck.contains(&index) && !taken.blocked && !behind.contains(&index) => {
                taken.blocked = true;
                let (event_id, attempts) = (taken.change.event_id.clone(), taken.attempts);
                verdict.stuck.push(Stuck { event_id, attempts, reason: failure.reason });
                verdict.again.push(taken);
            }
            Some(_) => verdict.again.push(taken),
            None if held.contains(&index) => verdict.again.push(taken),
            None => verdict.done.push(taken),
        }
    }
    verdict
}

/// Positions of changes behind a retried one of the same item: where they failed too, it was for want of the first.
fn behind_retried(changes: &[Taken], retried: &BTreeSet<u32>) -> BTreeSet<u32> {
    let mut behind = BTreeSet::new();
    if retried.len() < 2 {
        return behind;
    }
    let mut items = BTreeSet::new();
    for index in retried {
        if !items.insert(ItemKey::of(&changes[*index as usize].change)) {
            behind.insert(*index);
        }
    }
    behind
}

fn failures_by_position(outcome: Outcome, len: usize) -> BTreeMap<u32, Failure> {
    match outcome {
        Outcome::Handled(failed) => {
            let within = failed.into_iter().filter(|failed| (failed.index as usize) < len);
            within.map(|failed| (failed.index, failed.failure)).collect()
        }
        Outcome::Failed(failure) => (0u32..).take(len).map(|index| (index, failure.clone())).collect(),
        Outcome::NotRun(_) => BTreeMap::new(),
    }
}

/// Whether this failure is the change's last: rejected, too often, or too old.
fn is_final(policy: &Policy, now: Timestamp, taken: &Taken, failure: &Failure) -> bool {
    let too_often = policy.attempts_max.is_some_and(|max| taken.attempts + 1 >= max.get());
    failure.kind == FailureKind::Reject || too_often || now.since(taken.change.created) > policy.age_max
}

/// Positions of changes that did not fail and yet are not done: later changes of a retried item, and readers of what is undone.
/// A handler may go through its batch in any order, so passes repeat until nothing more is held.
fn held_back(changes: &[Taken], failures: &BTreeMap<u32, Failure>, retried: &BTreeSet<u32>, reads: &[ReadFrom]) -> BTreeSet<u32> {
    let mut held = BTreeSet::new();
    if failures.is_empty() || on(Mutant::HeldDone) {
        return held;
    }
    let keys: Vec<ItemKey> = changes.iter().map(|taken| ItemKey::of(&taken.change)).collect();
    loop {
        let before = held.len();
        for read in reads {
            if failures.contains_key(&read.writer) || held.contains(&read.writer) {
                held.insert(read.reader);
            }
        }
        let mut waiting = BTreeSet::new();
        for (index, key) in (0u32..).zip(&keys) {
            if retried.contains(&index) || held.contains(&index) {
                waiting.insert(key);
            } else if waiting.contains(key) {
                held.insert(index);
            }
        }
        held.retain(|index| !failures.contains_key(index));
        if held.len() == before {
            return held;
        }
    }
}
