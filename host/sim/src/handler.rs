//! Plugins as they are: right, slow, failing in part or whole, never answering. What they do to their state is what a check can count.

use std::collections::HashMap;

use fastrand::Rng;
use tripline_core::decimal::Decimal;
use tripline_core::delivery::{Batch, FailedChange, Failure, Outcome, ReadFrom, Report, Seen};
use tripline_core::effect::{CounterKey, Effect, Mutation};
use tripline_core::time::Timestamp;

use crate::facts::Facts;
use crate::scenario::TriggerSpec;
use crate::store::{LOG, Way};

/// Why a change is never to be tried again.
pub(crate) const REJECTED: &str = "rejected";

/// How a call will end; chosen when it begins.
#[derive(Clone, Debug)]
pub(crate) enum Ends {
    Never,
    After { ms: u64, report: Report },
}

/// One trigger's plugin, over all restarts.
#[derive(Debug, Default)]
pub(crate) struct Plugin {
    /// By place of the change: whether some call has seen it.
    seen: Vec<bool>,
    /// By item: the newest change that was seen.
    newest: HashMap<Box<str>, u32>,
    /// By place: how often it failed, by itself or with its batch.
    failed: Vec<u32>,
    /// All is well from now on.
    pub(crate) healed: bool,
}

impl Plugin {
    pub(crate) fn failures_of(&self, change: u32) -> u32 {
        self.failed.get(change as usize).copied().unwrap_or(0)
    }

    /// Sees the batch's changes. How many of them again; Err: one comes before what was seen of its item already, and was not seen.
    pub(crate) fn see(&mut self, batch: &Batch, facts: &Facts) -> Result<u64, String> {
        let mut again = 0;
        self.seen.resize(facts.all.len(), false);
        for change in &batch.changes {
            let place = facts
                .find(&change.event_id)
                .ok_or_else(|| format!("change {} was never written", change.event_id))?;
            if std::mem::replace(&mut self.seen[place as usize], true) {
                again += 1;
                continue;
            }
            let newest = self.newest.entry(change.keys_json().into()).or_default();
            if *newest > place {
                return Err(format!("disorder: change {place} of {} comes after change {newest}", change.keys_json()));
            }
            *newest = place;
        }
        Ok(again)
    }

    /// How the call goes. `now_ms`: the world's time.
    pub(crate) fn call(&mut self, batch: &Batch, spec: &TriggerSpec, (facts, way): (&Facts, &Way), (now_ms, rng): (u64, &mut Rng)) -> Ends {
        let manner = &spec.manner;
        let chance = |rng: &mut Rng, share: f32| !self.healed && share > 0.0 && rng.f32() < share;
        if !self.healed && manner.stuck.is_some_and(|(from_ms, until_ms)| (from_ms..until_ms).contains(&now_ms)) {
            let until_ms = manner.stuck.map_or(0, |(_, until_ms)| until_ms);
            if until_ms == u64::MAX {
                return Ends::Never;
            }
            let report = failed("no answer in time");
            self.note(&report.outcome, batch, facts);
            return Ends::After { ms: until_ms - now_ms, report };
        }
        let ms = if self.healed { 1 } else { rng.u64(0..=manner.took_ms_max) };
        let report = if chance(rng, manner.not_run) {
            Report::of(Outcome::NotRun("no free instance".to_owned()))
        } else if chance(rng, manner.whole) {
            failed("trap")
        } else {
            let failures = self.failures(batch, spec, facts, rng);
            handled(batch, spec, (facts, way), failures)
        };
        self.note(&report.outcome, batch, facts);
        Ends::After { ms, report }
    }

    fn failures(&self, batch: &Batch, spec: &TriggerSpec, facts: &Facts, rng: &mut Rng) -> Vec<FailedChange> {
        let manner = &spec.manner;
        let mut failures = Vec::new();
        for (index, change) in (0u32..).zip(&batch.changes) {
            let place = facts.find(&change.event_id).unwrap_or_default();
            let poisoned = manner.poison_every > 0 && place.is_multiple_of(manner.poison_every);
            let failure = if self.healed {
                None
            } else if manner.reject > 0.0 && rng.f32() < manner.reject {
                Some(Failure::reject(REJECTED))
            } else {
                (poisoned || (manner.partial > 0.0 && rng.f32() < manner.partial)).then(|| Failure::retry("failed"))
            };
            failures.extend(failure.map(|failure| FailedChange { index, failure }));
        }
        if !self.healed && manner.lies > 0.0 && rng.f32() < manner.lies {
            let index = batch.changes.len() as u32 + rng.u32(..3);
            failures.push(FailedChange { index, failure: Failure::retry("of nothing") });
        }
        failures
    }

    fn note(&mut self, outcome: &Outcome, batch: &Batch, facts: &Facts) {
        self.failed.resize(facts.all.len(), 0);
        let mut fail = |index: usize| {
            if let Some(change) = batch.changes.get(index).and_then(|change| facts.find(&change.event_id)) {
                self.failed[change as usize] += 1;
            }
        };
        match outcome {
            Outcome::Handled(failures) => failures.iter().for_each(|failed| fail(failed.index as usize)),
            Outcome::Failed(_) => (0..batch.changes.len()).for_each(fail),
            Outcome::NotRun(_) => {}
        }
    }

    /// What a call that hung until all was healed comes to.
    pub(crate) fn recover(batch: &Batch, spec: &TriggerSpec, facts: &Facts, way: &Way) -> Report {
        handled(batch, spec, (facts, way), Vec::new())
    }
}

fn failed(reason: &str) -> Report {
    Report::of(Outcome::Failed(Failure::retry(reason)))
}

/// Each change is counted and logged, failed ones too: what a failed one leaves behind must not last. One with state keeps a list of each item's changes, and
/// sums over many items.
fn handled(batch: &Batch, spec: &TriggerSpec, (facts, way): (&Facts, &Way), failures: Vec<FailedChange>) -> Report {
    let one = Decimal::parse("1").unwrap_or_default();
    let mut call = Call { way, effects: Vec::new(), reads: Vec::new(), seen: Vec::new(), written: HashMap::new() };
    for (index, change) in (0u32..).zip(&batch.changes) {
        let counter = CounterKey::new(change.event_id.clone(), Vec::new());
        call.effects
            .push(Effect { change: index, mutation: Mutation::AddCounter { counter, delta: one.clone() } });
        call.set(index, format!("{LOG}{}", change.event_id).into(), Vec::new());
        if spec.keeps_state {
            let place = facts.find(&change.event_id).unwrap_or(u32::MAX);
            call.update(index, change.keys_json(), |list| list.extend(place.to_le_bytes()));
            call.update(index, SUMS[place as usize % SUMS.len()], |sum| *sum = (as_sum(sum) + 1).to_le_bytes().into());
        }
    }
    let Call { effects, reads, seen, .. } = call;
    Report { effects, reads, seen, ..Report::of(Outcome::Handled(failures)) }
}

/// Keys of a trigger's state that changes of all shards write.
pub(crate) const SUMS: [&str; 3] = ["sum:0", "sum:1", "sum:2"];

pub(crate) fn as_sum(value: &[u8]) -> u64 {
    value.try_into().map_or(0, u64::from_le_bytes)
}

/// What a call has done so far.
struct Call<'a> {
    way: &'a Way,
    effects: Vec<Effect>,
    reads: Vec<ReadFrom>,
    seen: Vec<Seen>,
    written: HashMap<Box<str>, (u32, Vec<u8>)>,
}

impl Call<'_> {
    fn update(&mut self, change: u32, key: &str, update: impl FnOnce(&mut Vec<u8>)) {
        let mut value = match self.written.get(key) {
            Some((writer, value)) => {
                self.reads.push(ReadFrom { reader: change, writer: *writer });
                value.clone()
            }
            None => {
                let stored = self.way.state.get(key);
                self.seen
                    .push(Seen { key: key.into(), version: stored.map(|(version, _)| *version), at: Timestamp::default() });
                stored.map(|(_, value)| value.clone()).unwrap_or_default()
            }
        };
        update(&mut value);
        self.written.insert(key.into(), (change, value.clone()));
        self.set(change, key.into(), value);
    }

    fn set(&mut self, change: u32, key: Box<str>, value: Vec<u8>) {
        self.effects.push(Effect { change, mutation: Mutation::SetState { key, value, expires_ms: None } });
    }
}
