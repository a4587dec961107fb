//! The shell of a table's follower, as `host/src/stream_task.rs` is: does what it names, and tells it what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use tripline_core::budget::Budget;
use tripline_core::delivery::{Lane, Origin};
use tripline_core::feed::Reading;
use tripline_core::follower::{Begin, Follower, Follows, Step};
use tripline_core::gap::OnGap;
use tripline_core::name::{StreamArn, TriggerName};
use tripline_core::shard::{Event, ShardConsumer};
use tripline_core::start::Repin;
use tripline_core::time::Timestamp;
use tripline_core::view::{View, ViewType};
use tripline_world::TransportFault;

use crate::coverage::Met;
use crate::host::{Answer, Ask, Ears, Host, HostDue, Join, Running};
use crate::scenario::TABLE;
use crate::sim::{Due, Phase, Sim, trace};
use crate::store::Told;
use crate::trace::short;

const VIEW: ViewType = ViewType::NewAndOldImages;

impl Sim {
    pub(crate) fn start_host(&mut self) {
        self.epochs += 1;
        if self.epochs > 1 {
            self.coverage.met(Met::Restarts);
        }
        trace!(self, "host starts: {}", self.epochs);
        let follows: Vec<Follows> = (0..self.triggers.len()).map(|index| self.follows(index)).collect();
        let table: StreamArn = format!("arn:aws:dynamodb:eu-west-1:123456789012:table/{TABLE}/stream/x").into();
        let follower = Follower::new(&table, follows, self.scenario.host.follower, self.rng.u64(..));
        self.host = Some(Host {
            epoch: self.epochs,
            follower,
            wake: 0,
            budget: Budget::new(self.scenario.host.budget_bytes),
            shards: Vec::new(),
            places: BTreeMap::new(),
            ears: Arc::new(Ears::default()),
            draining: false,
            pins_durable: false,
        });
        self.follow();
    }

    fn on_gap(&self, trigger: usize) -> OnGap {
        if self.continues { OnGap::Continue } else { self.triggers[trigger].spec.on_gap }
    }

    fn follows(&self, index: usize) -> Follows {
        let trigger = &self.triggers[index];
        let rows = trigger.way.checkpoints.iter();
        let checkpoints = rows
            .map(|((stream, shard), checkpoint)| (stream.clone(), shard.clone(), checkpoint.clone()))
            .collect();
        Follows { start: trigger.spec.start, view: VIEW, on_gap: self.on_gap(index), pin: trigger.way.pin.clone(), checkpoints }
    }

    pub(crate) fn later(&mut self, at_ms: u64, what: HostDue) {
        if let Some(host) = &self.host {
            self.queue.push(at_ms, Due::Host { epoch: host.epoch, what: Box::new(what) });
        }
    }

    pub(crate) fn happen_in_host(&mut self, what: HostDue) {
        match what {
            HostDue::FollowerWakes(wake) if self.host.as_ref().is_some_and(|host| host.wake == wake) => self.follow(),
            HostDue::FollowerWakes(_) => {}
            HostDue::FollowerServed { ask, clock, spoiled } => {
                let answer = self.serve_follower(&ask, spoiled);
                self.follower_answered(clock, answer);
            }
            HostDue::FollowerAnswered { clock, answer } => self.follower_answered(clock, answer),
            HostDue::PinTried { repins, failures } => self.try_pin(repins, failures),
            HostDue::Pinned(repins) => {
                trace!(self, "pinned");
                if let Some(host) = &mut self.host {
                    host.pins_durable = false;
                    host.follower.pinned(&repins);
                }
                self.follow();
            }
            HostDue::ShardWakes { slot, at_ms } => {
                if self.running(slot).is_some_and(|running| running.wakes_at_ms == Some(at_ms)) {
                    self.step(slot, Event::Woke);
                }
            }
            HostDue::ReaderServed { slot, reader, call, asked, spoiled } => {
                if self.running(slot).is_some() {
                    let event = self.serve_reader(slot, reader, &call, (asked, spoiled));
                    self.told(slot, event);
                }
            }
            HostDue::Told { slot, event } => self.told(slot, event),
            HostDue::Joins(join) => self.join(join),
            HostDue::Reported { slot, trigger, run, report } => self.reported(slot, (trigger, run), report),
            HostDue::CommitTried { slot, trigger, settlement, failures } => self.try_commit(slot, trigger, (settlement, failures)),
            HostDue::Committed { slot, trigger } => {
                if let Some(running) = self.running(slot) {
                    running.committing.retain(|other| *other != trigger);
                    running.durable.retain(|other| *other != trigger);
                }
                self.step(slot, Event::Committed { trigger });
            }
        }
    }

    // ---- The follower ----

    /// Does what the follower wants, until it waits.
    pub(crate) fn follow(&mut self) {
        loop {
            let now = self.host_now();
            let Some(host) = self.host.as_mut().filter(|host| !host.draining) else { return };
            let step = host.follower.next(now);
            match step {
                Step::List => return self.ask(Ask::List),
                Step::Inspect { stream, latest } => return self.ask(Ask::Inspect { stream, latest }),
                Step::Describe(stream) => return self.ask(Ask::Describe(stream)),
                Step::Pin(repins) => {
                    trace!(self, "pin {repins:?}");
                    let at_ms = self.now_ms + self.rng.u64(0..=self.scenario.host.commit_ms_max);
                    return self.later(at_ms, HostDue::PinTried { repins, failures: 0 });
                }
                Step::Begin(begins) => begins.into_iter().for_each(|begin| self.begin(begin)),
                Step::TooSmall { trigger, stream } => trace!(self, "too small for {trigger}: {}", stream.arn.label()),
                Step::Stop { trigger, gap } => {
                    trace!(self, "trigger {trigger} stops before {gap:?}");
                    self.stopped(trigger);
                }
                Step::WaitUntil(time) => {
                    host.wake += 1;
                    let wake = host.wake;
                    let at_ms = self.world_ms(time);
                    return self.later(at_ms, HostDue::FollowerWakes(wake));
                }
                Step::Busy => return,
            }
        }
    }

    /// Until an answer is there; half of the calls are served at once, the others as late as can be.
    fn ask(&mut self, ask: Ask) {
        trace!(self, "ask {ask}");
        let (answered_ms, spoiled) = self.way();
        let clock = self.stream_clock();
        let what = if self.rng.bool() {
            let answer = self.serve_follower(&ask, spoiled);
            HostDue::FollowerAnswered { clock, answer }
        } else {
            HostDue::FollowerServed { ask, clock, spoiled }
        };
        self.later(answered_ms, what);
    }

    /// When a call's answer arrives, and what happens to it.
    pub(crate) fn way(&mut self) -> (u64, Option<TransportFault>) {
        let spoiled = self.endpoint.world.transport_fault();
        let slow = if let Some(TransportFault::Slow(ms)) = spoiled { u64::from(ms) } else { 0 };
        (self.now_ms + slow + self.rng.u64(1..=self.scenario.host.latency_ms_max), spoiled)
    }

    fn serve_follower(&mut self, ask: &Ask, spoiled: Option<TransportFault>) -> Answer {
        let now_ms = self.now_ms;
        match ask {
            Ask::List => Answer::Listed(self.endpoint.list(spoiled, now_ms)),
            Ask::Inspect { stream, latest } => Answer::Inspected(stream.clone(), self.endpoint.inspect(stream, *latest, spoiled, now_ms)),
            Ask::Describe(stream) => Answer::Described(stream.clone(), self.endpoint.shards(stream, spoiled, now_ms)),
        }
    }

    fn follower_answered(&mut self, clock: Timestamp, answer: Answer) {
        let now = self.host_now();
        trace!(self, "answer {answer}");
        let Some(host) = &mut self.host else { return };
        match answer {
            Answer::Listed(result) => host.follower.listed(now, clock, result.as_ref().map(Clone::clone)),
            Answer::Inspected(arn, result) => host.follower.inspected(now, clock, &arn, result.as_ref().map(Clone::clone)),
            Answer::Described(arn, result) => host.follower.described(now, clock, &arn, result.as_ref().map(Clone::clone)),
        }
        self.follow();
    }

    fn try_pin(&mut self, repins: Vec<Repin>, failures: u32) {
        if self.commit_fails() {
            let at_ms = self.now_ms + 100;
            return self.later(at_ms, HostDue::PinTried { repins, failures: failures + 1 });
        }
        trace!(self, "durable pins");
        for repin in &repins {
            let way = &mut self.triggers[repin.trigger].way;
            let moves = way.pin.as_ref().is_some_and(|pin| pin.stream != repin.pin.stream);
            way.repin(&repin.pin.stream.clone(), repin, self.now_ms);
            if moves {
                self.coverage.met(Met::PinsMoved);
            }
            if repin.gap.is_some() {
                self.coverage.met(Met::GapsOfStreams);
            }
        }
        for repin in &repins {
            let told = repin.gap.clone().map(|(stream, gap)| Told { stream, gap, at_ms: self.now_ms });
            let justified = told.map_or(Ok(()), |told| crate::check::justified(&told, &self.endpoint.world));
            self.must(justified.map_err(|why| format!("trigger {} was told a gap without need: {why}", repin.trigger)));
        }
        self.host.iter_mut().for_each(|host| host.pins_durable = true);
        self.news = true;
        let at_ms = self.now_ms + self.rng.u64(0..=self.scenario.host.commit_ms_max);
        self.later(at_ms, HostDue::Pinned(repins));
    }

    pub(crate) fn commit_fails(&mut self) -> bool {
        let fails = self.phase == Phase::Story && self.rng.f32() < self.scenario.host.commit_fails;
        if fails {
            self.coverage.met(Met::CommitsFailed);
        }
        fails
    }

    pub(crate) fn stopped(&mut self, trigger: usize) {
        self.coverage.met(Met::GapsStopped);
        self.triggers[trigger].stopped = true;
        self.news = true;
    }

    fn begin(&mut self, begin: Begin) {
        let (arn, shard) = (short(begin.stream.arn.as_str()), short(begin.shard.as_str()));
        trace!(self, "begin t{} {arn} {shard} new {} lost {:?} {:?}", begin.trigger, begin.is_new, begin.lost, begin.checkpoint);
        if begin.lost.is_some() {
            self.coverage.met(Met::LostStreams);
        }
        let spec = &self.triggers[begin.trigger].spec;
        let origin = Arc::new(Origin {
            trigger: TriggerName::new(format!("t{}", begin.trigger)),
            table: begin.stream.table.clone(),
            region: begin.stream.region.clone(),
            stream: begin.stream.arn.clone(),
            view: View::of(VIEW),
        });
        let (policy, on_gap) = (spec.policy.clone(), self.on_gap(begin.trigger));
        let mut lane = Lane::new(origin, begin.shard.clone(), policy, begin.checkpoint, self.rng.u64(..)).with(begin.since, on_gap);
        // Its place among those that filter.
        let filter = spec
            .filter
            .as_ref()
            .map(|_| self.triggers[..begin.trigger].iter().filter(|other| other.spec.filter.is_some()).count());
        lane = lane.filtered_by(filter);
        if begin.is_new {
            lane.announce();
        }
        let join = Join { place: (begin.stream.arn, begin.shard), lost: begin.lost, trigger: begin.trigger, lane: Box::new(lane) };
        let slot = self.host.as_ref().and_then(|host| host.places.get(&join.place)).copied();
        match slot {
            Some(slot) if self.running(slot).is_some_and(|running| !running.fresh) => {
                let now_ms = self.now_ms;
                self.later(now_ms, HostDue::Joins(join));
            }
            _ => self.join(join),
        }
    }

    /// Who comes to a shard whose machine has not begun yet, begins with it; who comes to one that has just ended, with another.
    fn join(&mut self, join: Join) {
        let Join { place, lost, trigger, mut lane } = join;
        let held = self.heed(trigger, &mut lane);
        let seed = self.rng.u64(..);
        let (pace, window_bytes_max) = (self.scenario.host.reader, self.scenario.host.window_bytes_max);
        let now_ms = self.now_ms;
        let Some(host) = &mut self.host else { return };
        if let Some(slot) = host.places.get(&place).copied() {
            host.running(slot)
                .into_iter()
                .for_each(|running| running.held.extend(held.clone().map(|items| (trigger, items))));
            return match host.running(slot).filter(|running| running.fresh) {
                Some(running) => running.consumer.add(trigger, *lane),
                None => self.step(slot, Event::Joined { trigger, lane }),
            };
        }
        let reading = Reading { pace, window_bytes_max, budget: host.budget.clone(), filters: self.filters.clone(), lost };
        let mut consumer = ShardConsumer::new(TABLE.into(), place.1.clone(), reading, seed, host.ears.clone());
        consumer.add(trigger, *lane);
        let slot = host.shards.len();
        self.trace
            .line(now_ms - self.scenario.start_ms, format_args!("{slot} is {}", short(place.1.as_str())));
        let held = held.map(|items| (trigger, items)).into_iter().collect();
        host.shards.push(Some(Running { held, ..Running::new(&place, consumer) }));
        host.places.insert(place, slot);
        self.later(now_ms, HostDue::Told { slot, event: Event::Woke });
    }
}
