//! The shell of a shard, as `host/src/shard_task.rs` is: its reader's calls, its deliveries, its commits.

use std::time::Duration;

use tripline_core::backoff::Backoff;
use tripline_core::delivery::{Batch, Outcome, Report, RunId, Settlement};
use tripline_core::feed::ReaderId;
use tripline_core::follower::Finished;
use tripline_core::item_key::ItemKey;
use tripline_core::name::PluginVersion;
use tripline_core::shard::{Action, End, Event};
use tripline_core::signal::PollResult;
use tripline_core::time::Timestamp;
use tripline_world::TransportFault;

use crate::check;
use crate::coverage::Met;
use crate::handler::{Ends, Plugin};
use crate::host::{Delivery, Heard, HostDue, ReaderCall, Running, Slot};
use crate::sim::{Due, Sim, Trigger, trace};

/// As the host's shell has it.
const COMMIT_BACKOFF: Backoff = Backoff { first: Duration::from_millis(50), max: Duration::from_secs(5) };

/// A delivery that never ends by itself.
#[derive(Debug)]
pub(crate) struct Hanging {
    epoch: u32,
    slot: Slot,
    trigger: usize,
    run: RunId,
    batch: Batch,
}

impl Sim {
    pub(crate) fn running(&mut self, slot: Slot) -> Option<&mut Running> {
        self.host.as_mut()?.running(slot)
    }

    pub(crate) fn told(&mut self, slot: Slot, event: Event) {
        if let (Event::Opened { reader, .. } | Event::Polled { reader, .. }, Some(running)) = (&event, self.running(slot)) {
            let reader = *reader;
            running.asking.retain(|other| *other != reader);
        }
        self.step(slot, event);
    }

    pub(crate) fn step(&mut self, slot: Slot, event: Event) {
        let now = self.host_now();
        let Some(running) = self.host.as_mut().and_then(|host| host.running(slot)) else { return };
        self.trace.line(self.now_ms - self.scenario.start_ms, format_args!("{slot} <- {}", shown(&event)));
        running.fresh = false;
        let actions = running.consumer.step(now, event);
        let wakes_at = running.consumer.wake_at();
        self.hear();
        for action in actions {
            self.act(slot, action);
        }
        let wakes_at_ms = wakes_at.map(|time| self.world_ms(time));
        if let Some(running) = self.running(slot)
            && running.wakes_at_ms != wakes_at_ms
        {
            running.wakes_at_ms = wakes_at_ms;
            wakes_at_ms.into_iter().for_each(|at_ms| self.later(at_ms, HostDue::ShardWakes { slot, at_ms }));
        }
        self.check_memory();
        if std::mem::take(&mut self.finished) {
            self.follow();
        }
    }

    fn act(&mut self, slot: Slot, action: Action) {
        match action {
            Action::Open { reader, position } => self.call(slot, reader, ReaderCall::Open(position)),
            Action::Poll { reader, iterator } => self.call(slot, reader, ReaderCall::Poll(iterator)),
            Action::Deliver { trigger, run, batch } => self.deliver(slot, (trigger, run), batch),
            Action::Commit { trigger, settlement } => {
                trace!(self, "{slot} -> commit t{trigger} {:?}", settlement.checkpoint);
                let beside = self.running(slot).is_some_and(|running| running.committing.contains(&trigger));
                self.must(if beside { Err(format!("two commits of trigger {trigger} under way")) } else { Ok(()) });
                self.running(slot).into_iter().for_each(|running| running.committing.push(trigger));
                let at_ms = self.now_ms + self.rng.u64(0..=self.scenario.host.commit_ms_max);
                self.later(at_ms, HostDue::CommitTried { slot, trigger, settlement, failures: 0 });
            }
            Action::Finished { trigger, complete_until } => {
                trace!(self, "{slot} -> finished t{trigger} {complete_until:?}");
                let now = self.host_now();
                if let Some(host) = &mut self.host
                    && let Some(running) = host.shards.get(slot).and_then(Option::as_ref)
                {
                    let (stream, shard) = (running.arn.clone(), running.shard.clone());
                    self.finished = true;
                    host.follower.finished(now, &Finished { stream, shard, trigger, complete_until });
                }
            }
            Action::End(end) => self.ended(slot, end),
            Action::Held { trigger, items } => self.is_held(slot, trigger, items),
        }
    }

    fn call(&mut self, slot: Slot, reader: ReaderId, call: ReaderCall) {
        let shown = if let ReaderCall::Open(position) = &call { format!("open {position:?}") } else { "poll".to_owned() };
        trace!(self, "{slot} -> {reader:?} {shown}");
        let Some(running) = self.running(slot) else { return };
        let beside = running.asking.contains(&reader);
        running.asking.push(reader);
        let (count, place) = (running.asking.len(), (running.arn.clone(), running.shard.clone()));
        if beside || count > 2 {
            return self.fail(format!("{count} readers of shard {} ask at once", place.1));
        }
        if matches!(call, ReaderCall::Poll(_)) {
            let noted = self.endpoint.note_poll(place, self.now_ms);
            self.must(noted);
        }
        let (answered_ms, spoiled) = self.way();
        let asked = self.stream_clock();
        let what = if self.rng.bool() {
            let event = self.serve_reader(slot, reader, &call, (asked, spoiled));
            HostDue::Told { slot, event }
        } else {
            HostDue::ReaderServed { slot, reader, call, asked, spoiled }
        };
        self.later(answered_ms, what);
    }

    pub(crate) fn serve_reader(
        &mut self,
        slot: Slot,
        reader: ReaderId,
        call: &ReaderCall,
        (asked, spoiled): (Timestamp, Option<TransportFault>),
    ) -> Event {
        let now_ms = self.now_ms;
        match call {
            ReaderCall::Open(position) => {
                let place = self.running(slot).map(|running| (running.arn.clone(), running.shard.clone()));
                let (arn, shard) = place.unwrap_or_else(|| ("".into(), "".into()));
                Event::Opened { reader, asked, result: self.endpoint.open((&arn, &shard), position, spoiled, now_ms) }
            }
            ReaderCall::Poll(iterator) => {
                let result = self.endpoint.page(iterator, spoiled, now_ms);
                if let Ok(page) = &result {
                    let (empty, last) = (page.changes.is_empty(), page.next_iterator.is_none());
                    self.coverage.add(Met::EmptyPages, u64::from(empty));
                    self.coverage.add(Met::LastPages, u64::from(last && !empty));
                    self.coverage.add(Met::CatchUpPages, u64::from(!empty && reader > ReaderId(1)));
                }
                Event::Polled { reader, asked, result }
            }
        }
    }

    fn deliver(&mut self, slot: Slot, (trigger, run): (usize, RunId), batch: Batch) {
        let places: Vec<_> = batch.changes.iter().map(|change| self.facts.find(&change.event_id)).collect();
        trace!(self, "{slot} -> deliver t{trigger} {places:?} attempt {}", batch.attempt);
        let unwanted = places
            .iter()
            .flatten()
            .find(|change| !self.triggers[trigger].wants(&self.facts.all[**change as usize]));
        self.must(unwanted.map_or(Ok(()), |change| Err(format!("trigger {trigger} gets change {change}, which its filter does not want"))));
        let items: Vec<ItemKey> = batch.changes.iter().map(|change| ItemKey::of(change)).collect();
        let allowed = self.may_deliver(slot, trigger, &items);
        self.must(allowed);
        let Some(running) = self.running(slot) else { return };
        running.delivering.push(Delivery { trigger, run, items });
        let of = &mut self.triggers[trigger];
        let dice = (self.now_ms, &mut self.rng);
        let ends = of.plugin.call(&batch, &of.spec, (&self.facts, &of.way), dice);
        let runs = !matches!(&ends, Ends::After { report, .. } if matches!(report.outcome, Outcome::NotRun(_)));
        if runs {
            let seen = of.plugin.see(&batch, &self.facts).map(|again| self.coverage.add(Met::Redelivered, again));
            self.must(seen);
        }
        match ends {
            Ends::Never => {
                self.coverage.met(Met::StuckHandlers);
                let epoch = self.epochs;
                self.hanging.push(Hanging { epoch, slot, trigger, run, batch });
            }
            Ends::After { ms, report } => {
                let at_ms = self.now_ms + ms;
                self.later(at_ms, HostDue::Reported { slot, trigger, run, report });
            }
        }
    }

    /// Deliveries that hang come to their end.
    pub(crate) fn recover(&mut self) {
        for Hanging { epoch, slot, trigger, run, batch } in std::mem::take(&mut self.hanging) {
            if epoch == self.epochs {
                let of = &self.triggers[trigger];
                let report = Plugin::recover(&batch, &of.spec, &self.facts, &of.way);
                let now_ms = self.now_ms;
                self.later(now_ms, HostDue::Reported { slot, trigger, run, report });
            }
        }
    }

    pub(crate) fn reported(&mut self, slot: Slot, (trigger, run): (usize, RunId), report: Report) {
        if let Some(running) = self.running(slot) {
            running.delivering.retain(|other| (other.trigger, other.run) != (trigger, run));
            self.step(slot, Event::Reported { trigger, run, report, version: PluginVersion::new("v1") });
        }
    }

    pub(crate) fn try_commit(&mut self, slot: Slot, trigger: usize, (settlement, failures): (Box<Settlement>, u32)) {
        if self.commit_fails() {
            let at_ms = self.now_ms + COMMIT_BACKOFF.delay(failures + 1, &mut self.rng).as_millis() as u64;
            return self.later(at_ms, HostDue::CommitTried { slot, trigger, settlement, failures: failures + 1 });
        }
        let conflicts = self.triggers[trigger].way.conflicts(&settlement);
        let Some(running) = self.host.as_mut().and_then(|host| host.running(slot)) else { return };
        if !conflicts.is_empty() {
            running.committing.retain(|other| *other != trigger);
            self.coverage.met(Met::Conflicts);
            let event = Event::Conflicted { trigger, keys: conflicts };
            let at_ms = self.now_ms + self.rng.u64(0..=self.scenario.host.commit_ms_max / 2);
            return self.later(at_ms, HostDue::Told { slot, event });
        }
        running.durable.push(trigger);
        let place = (running.arn.clone(), running.shard.clone());
        let of = &mut self.triggers[trigger];
        let done = of.way.commit((&place.0, &place.1), &settlement, self.now_ms, &self.facts);
        trace!(self, "{slot} durable t{trigger}");
        self.must(done.map_err(|error| format!("trigger {trigger}, shard {}: {error}", place.1)));
        let checked = check::after_commit(self, trigger, &place, &settlement);
        self.must(checked);
        self.news = true;
        let at_ms = self.now_ms + self.rng.u64(0..=self.scenario.host.commit_ms_max / 2);
        self.later(at_ms, HostDue::Committed { slot, trigger });
    }

    fn ended(&mut self, slot: Slot, end: End) {
        trace!(self, "{slot} -> {end:?}");
        let Some(host) = &mut self.host else { return };
        if let Some(running) = host.shards.get_mut(slot).and_then(Option::take) {
            host.places.remove(&(running.arn, running.shard));
        }
    }

    fn hear(&mut self) {
        let heard = self.host.as_ref().map(|host| host.ears.take()).unwrap_or_default();
        for heard in heard {
            trace!(self, "heard {heard:?}");
            match heard {
                Heard::Gap { stops: true, trigger } => {
                    let trigger = trigger.trim_start_matches('t').parse().unwrap_or(usize::MAX);
                    self.stopped(trigger);
                }
                Heard::Gap { .. } => {}
                Heard::Lags(lags) => self.coverage.met(if lags { Met::Lags } else { Met::Merges }),
                Heard::Stuck => self.coverage.met(Met::Blocked),
                Heard::WindowFull => self.coverage.met(Met::WindowsFull),
                Heard::PollFailed(result) => self.coverage.met(met(result)),
            }
        }
    }

    /// What windows and lanes hold together: their budget, one page for each of two feeds, which an answer of `records_a_page` bounds, and what a lane's
    /// deliveries may come back with.
    fn check_memory(&mut self) {
        const CHANGE_BYTES_MAX: usize = 2_000;
        let spec = &self.scenario.host;
        let Some(host) = &self.host else { return };
        let feeds = 2 * host.places.len();
        let page = CHANGE_BYTES_MAX * (spec.records_a_page as usize).min(self.facts.all.len().max(1));
        let batch = |trigger: &Trigger| trigger.parallelism_max * trigger.spec.policy.records_max.min(self.facts.all.len());
        let batches = CHANGE_BYTES_MAX * host.places.len() * self.triggers.iter().map(batch).sum::<usize>();
        let parked = CHANGE_BYTES_MAX * host.places.len() * self.triggers.len() * self.facts.all.len();
        let bound = spec.budget_bytes.min(feeds * spec.window_bytes_max + parked) + feeds * page + batches;
        let bytes = host.budget.bytes();
        if bytes > bound {
            self.fail(format!("windows hold {bytes} bytes, and may hold {bound}"));
        }
    }

    /// The host finishes what is under way, and goes.
    pub(crate) fn drain(&mut self, for_ms: u64) {
        trace!(self, "drain for {for_ms} ms");
        let Some(host) = &mut self.host else { return };
        host.draining = true;
        for slot in 0..host.shards.len() {
            self.step(slot, Event::Drain);
        }
        // What hangs is abandoned after the drain time.
        let grace_ms = 10_000;
        self.queue.push(self.now_ms + grace_ms, Due::Drained { epoch: self.epochs, for_ms });
    }
}

fn met(result: tripline_core::signal::PollResult) -> Met {
    match result {
        PollResult::Expired => Met::Expired,
        PollResult::Trimmed => Met::Trimmed,
        PollResult::Gone => Met::NotFound,
        PollResult::Throttled => Met::Throttled,
        _ => Met::Unavailable,
    }
}

/// An event in a few words.
fn shown(event: &Event) -> String {
    match event {
        Event::Joined { trigger, lane } => format!("joined t{trigger} at {:?}", lane.position()),
        Event::Polled { reader, result: Ok(page), .. } => {
            let numbers: Vec<_> = page.changes.iter().map(|change| &change.sequence_number).collect();
            format!("{reader:?} page {numbers:?}{}", if page.next_iterator.is_none() { ", the last" } else { "" })
        }
        Event::Reported { trigger, report, .. } => format!("reported t{trigger} {:?}", report.outcome),
        Event::Opened { reader, result: Ok(_), .. } => format!("{reader:?} opened"),
        Event::Opened { reader, result: Err(error), .. } | Event::Polled { reader, result: Err(error), .. } => {
            format!("{reader:?} {:.90}", error.to_string())
        }
        other => format!("{other:?}"),
    }
}
