//! What must hold: after each commit, at the end of each phase, and at the end of all.
//!
//! Judged by the world's truth and the durable state alone, never by what core believes.

use std::time::Duration;

use tripline_core::delivery::{Settlement, Then};
use tripline_core::gap::{Cause, RETENTION};
use tripline_core::name::{ShardId, StreamArn};
use tripline_core::start;
use tripline_core::time::Timestamp;
use tripline_world::{ShardRef, World};

use crate::coverage::Met;
use crate::facts::Fact;
use crate::handler::{REJECTED, SUMS, as_sum};
use crate::sim::{Phase, Sim, Trigger};
use crate::store::{Fate, Told, Way};

/// Core counts as trimmed what is this close to it, and as told what is three times as close (`tripline_core::gap`).
const MARGIN_MS: u64 = 5 * 60 * 1000;
/// Creation times are cut to the second, and the host's notion of the stream's clock lags.
const SLACK_MS: u64 = 3_000;

fn day_ms() -> u64 {
    RETENTION.as_millis() as u64
}

/// The durable order of each item, and what was given up or told.
pub(crate) fn after_commit(sim: &mut Sim, index: usize, place: &(StreamArn, ShardId), settlement: &Settlement) -> Result<(), String> {
    let Sim { triggers, facts, endpoint, coverage, now_ms, scenario, .. } = sim;
    let trigger = &mut triggers[index];
    for change in &trigger.way.log[trigger.checked..] {
        let key = &facts.all[*change as usize].key;
        let newest = trigger.durable.entry(key.clone()).or_default();
        if *newest > *change {
            return Err(format!("trigger {index}: change {change} of {key} is durable after change {newest}"));
        }
        *newest = *change;
        coverage.met(Met::Handled);
    }
    trigger.checked = trigger.way.log.len();
    for letter in settlement.dead_letters.iter().chain(&settlement.skipped) {
        let change = facts.find(&letter.event_id).unwrap_or(u32::MAX);
        let (failures, policy) = (trigger.plugin.failures_of(change), &trigger.spec.policy);
        if failures == 0 || letter.attempts > failures {
            return Err(format!(
                "trigger {index} gave up on change {change} after {} attempts; it failed {failures} times",
                letter.attempts
            ));
        }
        let host_ms = now_ms.saturating_add_signed(scenario.host.skew_ms) + SLACK_MS;
        let is_old = facts.all[change as usize].created_ms + policy.age_max.as_millis() as u64 <= host_ms;
        let is_tried = policy.attempts_max.is_some_and(|max| letter.attempts >= max.get());
        if &*letter.reason != REJECTED && !is_old && !is_tried {
            return Err(format!("trigger {index} gave up on change {change} after only {} attempts", letter.attempts));
        }
        if policy.then == Then::Block {
            return Err(format!("trigger {index} gave up on change {change}, and is to block"));
        }
    }
    if !settlement.dead_letters.is_empty() && trigger.spec.policy.then != Then::DeadLetter {
        return Err(format!("trigger {index} has dead letters, and is to skip"));
    }
    coverage.add(Met::Filtered, settlement.filtered as u64);
    coverage.add(Met::DeadLetters, settlement.dead_letters.len() as u64);
    coverage.add(Met::Skipped, settlement.skipped.len() as u64);
    for gap in &settlement.gaps {
        let met = if gap.cause == Cause::Gone { Met::GapsGone } else { Met::GapsTrimmed };
        coverage.met(met);
        justified(&Told { stream: place.0.clone(), gap: gap.clone(), at_ms: *now_ms }, &endpoint.world)
            .map_err(|why| format!("trigger {index} was told a gap without need: {why}: {gap:?}"))?;
    }
    Ok(())
}

/// Whether a gap had to be told: the position was older than a stream remembers, or the shard or stream was gone.
pub(crate) fn justified(told: &Told, world: &World) -> Result<(), String> {
    let gap = &told.gap;
    let ok = match (gap.cause, &gap.shard) {
        (Cause::Trimmed, _) => gap
            .since
            .is_some_and(|since| gap.until.since(since) + Duration::from_millis(MARGIN_MS) >= RETENTION),
        (Cause::Gone, Some(shard)) => match world.find_shard(told.stream.as_str(), shard.as_str()) {
            Some(at) => is_gone(world, at, told.at_ms),
            None => false,
        },
        (Cause::Gone, None) => stream_is_gone(world, &told.stream, told.at_ms),
    };
    if !ok {
        return Err("nothing of it was gone".to_owned());
    }
    if gap.until > Timestamp::from_ms(told.at_ms) {
        return Err("it reaches into the future".to_owned());
    }
    Ok(())
}

fn label(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn is_gone(world: &World, at: ShardRef, at_ms: u64) -> bool {
    let closed = world.closed_ms(at).is_some_and(|closed_ms| closed_ms + day_ms() <= at_ms);
    closed
        || world
            .streams()
            .nth(at.stream as usize)
            .is_some_and(|stream| stream.gone_at_ms().is_some_and(|gone_ms| gone_ms <= at_ms))
}

fn stream_is_gone(world: &World, arn: &StreamArn, at_ms: u64) -> bool {
    let found = world.streams().find(|stream| **stream.arn == *arn.as_str());
    found.is_some_and(|stream| stream.gone_at_ms().is_some_and(|gone_ms| gone_ms <= at_ms))
}

/// Whether this change lies in a gap that the trigger was told, and could not be read any more. A gap of a shard is one of what came of that shard too,
/// and a gap of a stream one of the streams that came after it: `since` and `until` say what of it.
fn is_told(fact: &Fact, way: &Way, world: &World) -> bool {
    let comes_from = |at: ShardRef, shard: &str| {
        let line = std::iter::successors(Some(at), |at| world.parent_of(*at));
        line.skip(1).any(|at| world.shard_id(at).is_some_and(|id| **id == *shard))
    };
    way.gaps.iter().any(|told| {
        let gap = &told.gap;
        // A stream that came and went unseen is told by what came after it.
        let passed = told.stream.label() > label(&fact.arn) && is_gone(world, fact.at, told.at_ms);
        let same = *told.stream.as_str() == *fact.arn;
        let shard = gap.shard.as_ref().map(ShardId::as_str);
        let here = same && shard.is_none_or(|shard| *shard == *fact.shard || comes_from(fact.at, shard));
        // So is a parent that aged out before anybody had seen it.
        let child = shard.filter(|_| same).and_then(|shard| world.find_shard(told.stream.as_str(), shard));
        // Of a stream that is gone as a whole, a trigger knows only the shards that it had begun.
        let whole = same && gap.cause == Cause::Gone && stream_is_gone(world, &told.stream, told.at_ms);
        let unseen = child.is_some_and(|child| comes_from(child, &fact.shard)) && is_gone(world, fact.at, told.at_ms);
        let elsewhere = told.stream.label() < label(&fact.arn) || passed || unseen || whole;
        let within = (elsewhere || gap.after.as_ref().is_none_or(|after| fact.number > *after))
            && gap.since.is_none_or(|since| since.as_ms() <= fact.created_ms)
            && fact.created_ms <= gap.until.as_ms() + SLACK_MS;
        let lost = match gap.cause {
            Cause::Trimmed => fact.trimmed_at_ms <= told.at_ms + 3 * MARGIN_MS + SLACK_MS,
            Cause::Gone => fact.trimmed_at_ms <= told.at_ms + 3 * MARGIN_MS + SLACK_MS || is_gone(world, fact.at, told.at_ms),
        };
        (here || elsewhere) && within && lost
    })
}

/// Changes that the trigger is owed, and that are neither settled nor told as lost. Err: it has not even begun.
fn open(trigger: &Trigger, sim: &Sim) -> Result<Vec<u32>, ()> {
    let (pin, at_ms) = trigger.way.first_pin.as_ref().ok_or(())?;
    let world = &sim.endpoint.world;
    let first = world.streams().position(|stream| **stream.arn == *pin.stream.as_str()).ok_or(())?;
    // `gap::owed_from`.
    let horizon_ms = at_ms.saturating_sub(day_ms() - 60 * 60_000);
    let owed_ms = horizon_ms.max(pin.since.unwrap_or_default().as_ms());
    let owed = (0u32..)
        .zip(&sim.facts.all)
        .filter(|(_, fact)| fact.at.stream as usize >= first && fact.created_ms >= owed_ms);
    let is_done = |change: u32, fact: &Fact| match trigger.wants(fact) {
        true => trigger.way.fate(change) != Fate::Open,
        // What nobody wants is acknowledged, and not read again after a restart.
        false => trigger.way.has_passed(fact),
    };
    let open = owed.filter(|(change, fact)| !is_done(*change, fact) && !is_told(fact, &trigger.way, world));
    Ok(open.map(|(change, _)| change).collect())
}

fn concerns(trigger: &Trigger, phase: Phase) -> bool {
    phase > Phase::Healthy || (trigger.spec.manner.is_healthy(&trigger.spec.policy) && !trigger.stopped)
}

pub(crate) fn is_complete(sim: &Sim, phase: Phase) -> bool {
    sim.triggers
        .iter()
        .all(|trigger| !concerns(trigger, phase) || open(trigger, sim).is_ok_and(|open| open.is_empty()))
}

/// What keeps the phase from ending, in words.
pub(crate) fn missing(sim: &Sim, phase: Phase) -> String {
    let mut text = String::new();
    for (index, trigger) in sim.triggers.iter().enumerate().filter(|(_, trigger)| concerns(trigger, phase)) {
        match open(trigger, sim) {
            Err(()) => text += &format!("trigger {index} has no pin; "),
            Ok(open) if open.is_empty() => {}
            Ok(open) => {
                let first = &sim.facts.all[open[0] as usize];
                let shard = ShardId::new(first.shard.clone());
                let arn = StreamArn::new(first.arn.clone());
                let stored = trigger.way.checkpoints.get(&(arn.clone(), shard.clone()));
                let how = if first.trimmed_at_ms <= sim.now_ms { "lost, and not told," } else { "there" };
                text += &format!(
                    "trigger {index} wants {} changes, the first {} ({how}) of shard {shard} in stream {}, number {}, created +{} ms, whose \
                     checkpoint is {stored:?}; its pin is {:?}; its gaps: {:?}; ",
                    open.len(),
                    open[0],
                    arn.label(),
                    first.number,
                    first.created_ms - sim.scenario.start_ms,
                    trigger.way.pin,
                    trigger.way.gaps
                );
            }
        }
    }
    text
}

/// What the durable state says of all that was done.
pub(crate) fn at_the_end(sim: &mut Sim) -> Result<(), String> {
    let world = &sim.endpoint.world;
    let mut lost = 0;
    for (index, trigger) in sim.triggers.iter().enumerate() {
        of_trigger(index, trigger, sim)?;
        let told = (0u32..).zip(&sim.facts.all);
        lost += told
            .filter(|(change, fact)| trigger.way.fate(*change) == Fate::Open && is_told(fact, &trigger.way, world))
            .count();
    }
    for stream in world.streams() {
        if let Some(shard) = stream.shards().find(|shard| world.readers_peak(*shard) > 2) {
            return Err(format!("shard {:?} had {} readers at once", world.shard_id(shard), world.readers_peak(shard)));
        }
    }
    sim.coverage.add(Met::ChangesLost, lost as u64);
    if let Some(host) = sim.host.take() {
        let budget = host.budget.clone();
        drop(host);
        if budget.bytes() > 0 {
            return Err(format!("{} bytes of the windows' budget were never given back", budget.bytes()));
        }
    }
    Ok(())
}

fn of_trigger(index: usize, trigger: &Trigger, sim: &Sim) -> Result<(), String> {
    let way = &trigger.way;
    if !way.counts_agree(&sim.facts) {
        return Err(format!("trigger {index}: the counters are not those of the changes that were handled"));
    }
    let since = way.first_pin.as_ref().and_then(|(pin, _)| pin.since);
    let cut = |fact: &Fact| Timestamp::from_ms(fact.created_ms / 1000 * 1000);
    let early = way
        .log
        .iter()
        .find(|change| since.is_some_and(|since| start::is_older(cut(&sim.facts.all[**change as usize]), since)));
    if let Some(change) = early {
        return Err(format!("trigger {index} has handled change {change}, which is older than its beginning"));
    }
    if !trigger.spec.keeps_state {
        return Ok(());
    }
    let mut lists = std::collections::HashMap::<&str, Vec<u8>>::new();
    for change in &way.log {
        lists.entry(&*sim.facts.all[*change as usize].key).or_default().extend(change.to_le_bytes());
    }
    for (place, key) in SUMS.iter().enumerate() {
        let handled = way.log.iter().filter(|change| **change as usize % SUMS.len() == place).count() as u64;
        let sum = way.state.get(*key).map_or(0, |(_, value)| as_sum(value));
        if sum != handled {
            return Err(format!("trigger {index}: {key} says {sum}, and {handled} changes were handled"));
        }
    }
    let differs = lists
        .iter()
        .find(|(key, list)| way.state.get(**key).map(|(_, value)| value) != Some(*list))
        .map(|(key, _)| *key);
    match differs {
        Some(key) => Err(format!("trigger {index}: the state of {key} is not the list of its changes")),
        None if lists.len() != way.state.keys().filter(|key| !SUMS.contains(&&***key)).count() => {
            Err(format!("trigger {index}: state of changes that were not handled"))
        }
        None => Ok(()),
    }
}
