//! One trigger's way through recorded changes: does what the lane names, one thing after the other, in a time that jumps.
//!
//! Always holds: a change counts as handled when a settlement's checkpoint covers it, and as given up when the settlement holds it; state is what
//! settlements hold. Calls are made in the order in which the lane gave them.
//! Decides nothing: see `tripline_core::delivery`.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use anyhow::{Result, bail};
use tripline_core::budget::Budget;
use tripline_core::change::Change;
use tripline_core::checkpoint::Checkpoint;
use tripline_core::delivery::{Batch, Failure, Lane, Origin, Outcome, Policy, Report, RunId, Settlement, Step};
use tripline_core::effect::{DeadLetter, Mutation};
use tripline_core::filter::{FilterSet, Pattern, Scratch};
use tripline_core::item_key::ItemKey;
use tripline_core::sequence::SequenceNumber;
use tripline_core::window::Window;
use tripline_runtime::{Plugin, TriggerContext};

use super::reach::{Measured, Read, Write};
use super::stage::{Clock, Stage};
use super::told::{Call, ChangeTold, EffectTold, End, Failed, Json, Log, More, Told};
use super::web::Request;
use super::{ATTEMPTS_MAX, Events};

const SHARD: &str = "shardId-00000000000000000000-00000000";
/// Of the back-off's jitter, which nobody sees but a plugin that asks for the time.
const SEED: u64 = 1;

pub(super) struct Play<'a> {
    plugin: &'a Plugin,
    context: TriggerContext,
    stage: Arc<Stage>,
    clock: Clock,
    window: Window,
    lane: Lane,
    parts: Vec<Part>,
    /// Places in `parts`.
    by_number: HashMap<SequenceNumber, usize>,
    /// Places of those that were delivered, and have no end yet.
    open: BTreeSet<usize>,
    /// Message-IDs that the outbox has.
    mails: BTreeSet<Box<str>>,
}

/// One change, and what is known of it so far.
struct Part {
    change: Arc<Change>,
    deliveries: u32,
    failures: Vec<Failed>,
    logs: Vec<Log>,
    reads: Vec<Read>,
    writes: Vec<Write>,
    requests: Vec<Request>,
    metrics: Vec<Measured>,
    untold: Vec<More>,
    /// Of its last delivery: they hold once it is acknowledged.
    made: Vec<Mutation>,
    effects: Vec<EffectTold>,
    stuck: Option<(u32, Box<str>)>,
    end: Option<End>,
}

impl Part {
    fn new(change: &Arc<Change>) -> Self {
        Self {
            change: change.clone(),
            deliveries: 0,
            failures: Vec::new(),
            logs: Vec::new(),
            reads: Vec::new(),
            writes: Vec::new(),
            requests: Vec::new(),
            metrics: Vec::new(),
            untold: Vec::new(),
            made: Vec::new(),
            effects: Vec::new(),
            stuck: None,
            end: None,
        }
    }

    fn item(&self) -> ItemKey {
        ItemKey::of(&self.change)
    }
}

impl<'a> Play<'a> {
    pub(super) fn new(
        plugin: &'a Plugin,
        context: TriggerContext,
        (stage, clock): (Arc<Stage>, Clock),
        (origin, policy): (Arc<Origin>, Policy),
        (events, patterns): (&Events, &[Pattern]),
    ) -> Self {
        let mut parts: Vec<Part> = events.changes().iter().map(Part::new).collect();
        let by_number: HashMap<SequenceNumber, usize> =
            parts.iter().enumerate().map(|(place, part)| (part.change.sequence_number.clone(), place)).collect();
        let filter = (!patterns.is_empty()).then_some(0);
        let (filters, mut scratch) = (FilterSet::new(filter.map(|_| patterns)), Scratch::default());
        // A shard is in the order of its numbers, and so are the changes of an item in a file that was recorded from several.
        let mut in_order = events.changes().to_vec();
        in_order.sort_by(|a, b| a.sequence_number.cmp(&b.sequence_number));
        let mut window = Window::new(None, usize::MAX, Budget::new(usize::MAX));
        for change in &in_order {
            let passes = filters.passes(change, events.stream(), &mut scratch);
            if let Some(place) = by_number.get(&change.sequence_number).filter(|_| filter.is_some_and(|filter| !passes.has(filter))) {
                parts[*place].end = Some(End::Filtered);
            }
            window.push(Change::clone(change), passes);
        }
        let lane = Lane::new(origin, SHARD.into(), policy, Checkpoint::default(), SEED).filtered_by(filter);
        Self { plugin, context, stage, clock, window, lane, parts, by_number, open: BTreeSet::new(), mails: BTreeSet::new() }
    }

    /// `allowed`: the trigger's own policy.
    pub(super) async fn run(mut self, allowed: &Policy) -> Result<Told> {
        let mut given = VecDeque::new();
        loop {
            let now = self.clock.now();
            match self.lane.next(now, Some(&self.window), true) {
                Step::Deliver(id, batch) => {
                    given.push_back((id, batch));
                    continue;
                }
                Step::Finished => break,
                Step::WaitUntil(_) | Step::Idle | Step::Busy => {}
            }
            if let Some((id, batch)) = given.pop_front() {
                self.deliver(id, &batch).await?;
                self.commit();
                continue;
            }
            if self.commit() {
                continue;
            }
            if self.only_blocked_are_left() {
                break;
            }
            let Some(due) = [self.lane.due(), self.lane.commit_due()].into_iter().flatten().min() else {
                bail!("the lane waits for nothing, and has not finished: please report this, with the events and the plugin");
            };
            self.clock.reach(due.max(now + std::time::Duration::from_millis(1)));
        }
        Ok(self.told(allowed))
    }

    async fn deliver(&mut self, id: RunId, batch: &Batch) -> Result<()> {
        // As if the host had been at the tip: no change is handled before it was made.
        let newest = batch.changes.iter().map(|change| change.created).max();
        self.clock.reach(newest.unwrap_or_default());
        let report = self.plugin.handle(batch, &self.context).await;
        if let Outcome::NotRun(reason) = &report.outcome {
            bail!("the plugin could not be called: {reason}");
        }
        self.record(batch, &report);
        let settled = self.lane.reported(self.clock.now(), id, report, self.plugin.version());
        for stuck in settled.stuck {
            let part = self.parts.iter_mut().find(|part| part.change.event_id == stuck.event_id && part.end.is_none());
            if let Some(part) = part {
                part.stuck = Some((stuck.attempts, stuck.reason));
            }
        }
        Ok(())
    }

    /// What the call did, with the changes that it was about.
    fn record(&mut self, batch: &Batch, report: &Report) {
        let places: Vec<usize> = batch
            .changes
            .iter()
            .filter_map(|change| self.by_number.get(&change.sequence_number).copied())
            .collect();
        let mut changes: Vec<usize> = places.iter().map(|place| place + 1).filter(|_| places.len() > 1).collect();
        changes.sort_unstable();
        let call = Call { attempt: batch.attempt, changes: changes.into() };
        let said = self.stage.take();
        if let Some(first) = places.iter().min() {
            let first = &mut self.parts[*first];
            first.logs.extend(said.logs.into_iter().map(|line| Log::of(line, &call)));
            first.reads.extend(said.reads.into_iter().map(|looked| Read::of(looked, &call)));
            first
                .metrics
                .extend(said.metrics.into_iter().map(|(metric, sample)| Measured::of(&metric, sample, &call)));
            first.writes.extend(said.writes.into_iter().map(|written| Write::of(written, &call)));
            if !said.untold.is_empty() {
                first.untold.push(More { untold: said.untold, call: call.clone() });
            }
            first.requests.extend(said.requests.into_iter().map(|requested| Request::of(requested, &call)));
        }
        for (index, place) in (0u32..).zip(&places) {
            let part = &mut self.parts[*place];
            part.deliveries += 1;
            self.open.insert(*place);
            part.made = report
                .effects
                .iter()
                .filter(|effect| effect.change == index)
                .map(|effect| effect.mutation.clone())
                .collect();
            if let Some(failure) = failure_of(&report.outcome, index) {
                // Its own failure is not the others' business.
                let changes = if matches!(report.outcome, Outcome::Failed(_)) { call.changes.clone() } else { Arc::default() };
                part.failures
                    .push(Failed { reason: failure.reason.clone(), call: Call { attempt: call.attempt, changes } });
            }
        }
    }

    /// One settlement, if the lane has any.
    fn commit(&mut self) -> bool {
        let now = self.clock.now();
        let Some(settlement) = self.lane.commit(now) else { return false };
        match self.stage.commit(&settlement.mutations, &settlement.seen) {
            Ok(()) => {
                self.lane.committed(now);
                self.settle(settlement);
            }
            Err(keys) => self.lane.conflicted(now, &keys),
        }
        true
    }

    fn settle(&mut self, settlement: Settlement) {
        let letters = settlement.dead_letters.into_iter().map(|letter| (letter, false));
        for (DeadLetter { sequence_number, attempts, reason, .. }, skipped) in
            letters.chain(settlement.skipped.into_iter().map(|letter| (letter, true)))
        {
            let place = SequenceNumber::parse(&sequence_number).ok().and_then(|number| self.by_number.get(&number));
            if let Some(place) = place {
                let end = if skipped { End::Skipped { attempts, reason } } else { End::DeadLetter { attempts, reason } };
                self.parts[*place].end = Some(end);
            }
        }
        let (parts, mails) = (&mut self.parts, &mut self.mails);
        self.open.retain(|place| {
            let part = &mut parts[*place];
            if part.end.is_none() && settlement.checkpoint.covers(&part.change.sequence_number) {
                part.end = Some(End::Ok);
                let told = |mutation| EffectTold::of(mutation, |id| !mails.insert(id.into()));
                part.effects = std::mem::take(&mut part.made).into_iter().map(told).collect();
            }
            part.end.is_none()
        });
    }

    /// Nothing more can come of it but the same again.
    fn only_blocked_are_left(&self) -> bool {
        if self.lane.blocked() == 0 {
            return false;
        }
        let blocked: BTreeSet<ItemKey> = self.parts.iter().filter(|part| part.stuck.is_some()).map(Part::item).collect();
        self.parts.iter().filter(|part| part.end.is_none()).all(|part| blocked.contains(&part.item()))
    }

    fn told(mut self, allowed: &Policy) -> Told {
        let goes_on = allowed.attempts_max.is_none_or(|max| max.get() > ATTEMPTS_MAX);
        let blocked: Vec<(ItemKey, usize)> = (1..)
            .zip(&self.parts)
            .filter(|(_, part)| part.stuck.is_some())
            .map(|(no, part)| (part.item(), no))
            .collect();
        let behind = |part: &Part| blocked.iter().find(|(item, _)| *item == part.item()).map_or(0, |(_, no)| *no);
        let mut changes = Vec::with_capacity(self.parts.len());
        for (no, mut part) in (1..).zip(std::mem::take(&mut self.parts)) {
            let end = match (part.end.take(), part.stuck.take()) {
                (Some(End::DeadLetter { attempts, reason } | End::Skipped { attempts, reason }), _) | (None, Some((attempts, reason)))
                    if goes_on && attempts >= ATTEMPTS_MAX =>
                {
                    End::GivenUp { attempts, reason }
                }
                (Some(end), _) => end,
                (None, Some((attempts, reason))) => End::Blocked { attempts, reason },
                (None, None) => End::Waiting { behind: behind(&part) },
            };
            changes.push(part.told(no, end));
        }
        Told(changes)
    }
}

impl Part {
    fn told(self, change: usize, end: End) -> ChangeTold {
        ChangeTold {
            change,
            event_name: self.change.event_name.as_str(),
            keys: Json::of(self.change.keys_json()),
            by: self.change.user_identity.as_ref().map(|identity| identity.principal_id.clone()),
            end,
            deliveries: self.deliveries,
            failures: self.failures,
            logs: self.logs,
            reads: self.reads,
            writes: self.writes,
            requests: self.requests,
            metrics: self.metrics,
            untold: self.untold,
            effects: self.effects,
        }
    }
}

fn failure_of(outcome: &Outcome, index: u32) -> Option<&Failure> {
    match outcome {
        Outcome::Handled(failed) => failed.iter().find(|failed| failed.index == index).map(|failed| &failed.failure),
        Outcome::Failed(failure) => Some(failure),
        Outcome::NotRun(_) => None,
    }
}
