//! The durable half of a host: what a real store keeps, and what it refuses.
//!
//! Invariant: a commit is whole or not at all. It survives every kill.

use std::collections::{BTreeMap, HashMap};

use tripline_core::checkpoint::Checkpoint;
use tripline_core::delivery::Settlement;
use tripline_core::effect::{DeadLetter, Mutation};
use tripline_core::gap::Gap;
use tripline_core::name::{ShardId, StreamArn};
use tripline_core::sequence::SequenceNumber;
use tripline_core::start::{Pin, Repin};

use crate::facts::{Fact, Facts};

/// What became of a change, for one trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Open,
    Handled,
    DeadLettered,
    Skipped,
}

/// A gap that a trigger was told.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) stream: StreamArn,
    pub(crate) gap: Gap,
    pub(crate) at_ms: u64,
}

/// What is stored of one trigger.
#[derive(Debug, Default)]
pub(crate) struct Way {
    pub(crate) pin: Option<Pin>,
    /// The first that was ever durable, and when: what the trigger is owed begins there.
    pub(crate) first_pin: Option<(Pin, u64)>,
    pub(crate) checkpoints: BTreeMap<(StreamArn, ShardId), Checkpoint>,
    fates: Vec<Fate>,
    pub(crate) settled: usize,
    /// Changes in the order in which their handling became durable.
    pub(crate) log: Vec<u32>,
    /// The trigger's state: by the item's key, places of its changes, four bytes each; and sums over many items. Each with its version.
    pub(crate) state: HashMap<Box<str>, (u64, Vec<u8>)>,
    versions: u64,
    /// What the trigger's counters say of each change.
    counts: HashMap<Box<str>, String>,
    pub(crate) gaps: Vec<Told>,
}

/// The key under which a handler logs a change, before its event ID.
pub(crate) const LOG: &str = "log:";
/// The value of a change's counter.
const ONCE: &str = "1";

impl Way {
    pub(crate) fn fate(&self, change: u32) -> Fate {
        self.fates.get(change as usize).copied().unwrap_or(Fate::Open)
    }

    pub(crate) fn repin(&mut self, stream: &StreamArn, repin: &Repin, now_ms: u64) {
        for shard in &repin.finished {
            let checkpoint = Checkpoint { finished: true, complete_until: repin.pin.since, ..Checkpoint::default() };
            self.checkpoints.insert((repin.pin.stream.clone(), shard.clone()), checkpoint);
        }
        if let Some((stream, gap)) = &repin.gap {
            self.gaps.push(Told { stream: stream.clone(), gap: gap.clone(), at_ms: now_ms });
        }
        self.checkpoints
            .retain(|(arn, _), _| arn.table_part() != stream.table_part() || arn.label() >= stream.label());
        self.first_pin.get_or_insert_with(|| (repin.pin.clone(), now_ms));
        self.pin = Some(repin.pin.clone());
    }

    /// Keys that others have written since they were read.
    pub(crate) fn conflicts(&self, settlement: &Settlement) -> Vec<Box<str>> {
        let version = |key: &str| self.state.get(key).map(|(version, _)| *version);
        let stale = settlement.seen.iter().filter(|seen| version(&seen.key) != seen.version);
        stale.map(|seen| seen.key.clone()).collect()
    }

    /// Err: what the real store would refuse, or what must never be asked of it.
    pub(crate) fn commit(
        &mut self,
        place: (&StreamArn, &ShardId),
        settlement: &Settlement,
        now_ms: u64,
        facts: &Facts,
    ) -> Result<(), String> {
        let (stream, shard) = place;
        let key = (stream.clone(), shard.clone());
        let old = self.checkpoints.get(&key).cloned().unwrap_or_default();
        refuse_going_back(&old, &settlement.checkpoint)?;
        self.checkpoints.insert(key, settlement.checkpoint.clone());
        settlement.mutations.iter().try_for_each(|mutation| self.apply(mutation, facts))?;
        self.give_up(&settlement.dead_letters, Fate::DeadLettered, facts)?;
        self.give_up(&settlement.skipped, Fate::Skipped, facts)?;
        let told = settlement.gaps.iter().map(|gap| Told { stream: stream.clone(), gap: gap.clone(), at_ms: now_ms });
        self.gaps.extend(told);
        Ok(())
    }

    fn apply(&mut self, mutation: &Mutation, facts: &Facts) -> Result<(), String> {
        match mutation {
            Mutation::AddCounter { counter, delta } => {
                let text = delta.to_string();
                match self.counts.insert(counter.name.clone(), text.clone()) {
                    None if text == ONCE => Ok(()),
                    before => Err(format!("change {} was counted {text} times, after {before:?}", counter.name)),
                }
            }
            Mutation::SetState { key, value, .. } => match key.strip_prefix(LOG) {
                Some(event_id) => {
                    let change = facts.find(event_id).ok_or_else(|| format!("change {event_id} was never written"))?;
                    self.log.push(change);
                    self.settle(change, Fate::Handled)
                }
                None => {
                    self.versions += 1;
                    self.state.insert(key.clone(), (self.versions, value.clone()));
                    Ok(())
                }
            },
            other => Err(format!("no handler of the simulator makes {other:?}")),
        }
    }

    fn give_up(&mut self, letters: &[DeadLetter], fate: Fate, facts: &Facts) -> Result<(), String> {
        letters.iter().try_for_each(|letter| {
            let change = facts
                .find(&letter.event_id)
                .ok_or_else(|| format!("change {} was never written", letter.event_id))?;
            self.settle(change, fate)
        })
    }

    fn settle(&mut self, change: u32, fate: Fate) -> Result<(), String> {
        if self.fates.len() <= change as usize {
            self.fates.resize(change as usize + 1, Fate::Open);
        }
        match std::mem::replace(&mut self.fates[change as usize], fate) {
            Fate::Open => {
                self.settled += 1;
                Ok(())
            }
            before => Err(format!("change {change} is {fate:?} and was {before:?} already")),
        }
    }

    /// Whether the checkpoint is past this change, or the trigger past its stream.
    pub(crate) fn has_passed(&self, fact: &Fact) -> bool {
        let arn = StreamArn::new(fact.arn.clone());
        let is_left = self
            .pin
            .as_ref()
            .is_some_and(|pin| arn.label() < pin.stream.label() || (pin.over && arn == pin.stream));
        let checkpoint = self.checkpoints.get(&(arn, ShardId::new(fact.shard.clone())));
        is_left || checkpoint.is_some_and(|checkpoint| checkpoint.finished || checkpoint.covers(&fact.number))
    }

    /// Whether each change that is handled was counted, and no other.
    pub(crate) fn counts_agree(&self, facts: &Facts) -> bool {
        let handled = |event_id: &str| facts.find(event_id).is_some_and(|change| self.fate(change) == Fate::Handled);
        self.counts.len() == self.log.len() && self.counts.keys().all(|event_id| handled(event_id))
    }
}

/// As tripline-store does.
fn refuse_going_back(old: &Checkpoint, new: &Checkpoint) -> Result<(), String> {
    if old.finished && !new.finished {
        return Err("a finished shard would be reopened".to_owned());
    }
    if new.watermark < old.watermark {
        return Err(format!("the watermark would go back from {:?} to {:?}", old.watermark, new.watermark));
    }
    if new.complete_until < old.complete_until {
        return Err(format!("complete_until would go back from {:?} to {:?}", old.complete_until, new.complete_until));
    }
    let is_kept = |first: &SequenceNumber, last: &SequenceNumber| {
        new.finished || new.watermark.as_ref().is_some_and(|mark| last <= mark) || new.acknowledged.covers(first, last)
    };
    match old.acknowledged.iter().find(|(first, last)| !is_kept(first, last)) {
        Some((first, last)) => Err(format!("the acknowledged changes {first} to {last} would be forgotten")),
        None => Ok(()),
    }
}
