//! Plugins as they are: right, slow, failing in part or whole, never answering. What they do to their state is what a check can count.

use std::collections::HashMap;

use fastrand::Rng;
use tripline_core::decimal::Decimal;
use tripline_core::delivery::{Batch, FailedChange, Failure, Outcome, ReadFrom, Report};
use tripline_core::effect::{CounterKey, Effect, Mutation};

use crate::facts::Facts;
use crate::scenario::TriggerSpec;
use crate::store::{LOG, Way};

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
    /// By place: whether it ever failed by itself.
    failed: Vec<bool>,
    /// All is well from now on.
    pub(crate) healed: bool,
}

impl Plugin {
    pub(crate) fn has_failed(&self, change: u32) -> bool {
        self.failed.get(change as usize).copied().unwrap_or(false)
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
                Some(Failure::reject("rejected"))
            } else {
                (poisoned || (manner.partial > 0.0 && rng.f32() < manner.partial)).then(|| Failure::retry("failed"))
            };
            failures.extend(failure.map(|failure| FailedChange { index, failure }));
        }
        failures
    }

    fn note(&mut self, outcome: &Outcome, batch: &Batch, facts: &Facts) {
        self.failed.resize(facts.all.len(), false);
        let mut fail = |index: usize| {
            if let Some(change) = batch.changes.get(index).and_then(|change| facts.find(&change.event_id)) {
                self.failed[change as usize] = true;
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

/// Each change is counted and logged, failed ones too: what a failed one leaves behind must not last.
fn handled(batch: &Batch, spec: &TriggerSpec, (facts, way): (&Facts, &Way), failures: Vec<FailedChange>) -> Report {
    let one = Decimal::parse("1").unwrap_or_default();
    let (mut effects, mut reads) = (Vec::with_capacity(batch.changes.len() * 2), Vec::new());
    let mut written: HashMap<&str, (u32, Vec<u8>)> = HashMap::new();
    for (index, change) in (0u32..).zip(&batch.changes) {
        let counter = CounterKey::new(change.event_id.clone(), Vec::new());
        effects.push(Effect { change: index, mutation: Mutation::AddCounter { counter, delta: one.clone() } });
        let key = format!("{LOG}{}", change.event_id).into();
        effects.push(Effect { change: index, mutation: Mutation::SetState { key, value: Vec::new(), expires_ms: None } });
        if !spec.keeps_state {
            continue;
        }
        let item = change.keys_json();
        let mut list = match written.get(item) {
            Some((writer, list)) => {
                reads.push(ReadFrom { reader: index, writer: *writer });
                list.clone()
            }
            None => way.lists.get(item).cloned().unwrap_or_default(),
        };
        list.extend(facts.find(&change.event_id).unwrap_or(u32::MAX).to_le_bytes());
        effects.push(Effect { change: index, mutation: Mutation::SetState { key: item.into(), value: list.clone(), expires_ms: None } });
        written.insert(item, (index, list));
    }
    Report { effects, reads, ..Report::of(Outcome::Handled(failures)) }
}
