//! One run: the world's events and a host's, in virtual time, until all that was written is accounted for.
//!
//! Invariant: everything that a run does comes from its scenario and its own dice: the same seed gives the same trace, byte for byte.

use std::collections::HashMap;
use std::sync::Arc;

use fastrand::Rng;
use tripline_core::filter::FilterSet;
use tripline_core::item_key::ItemKey;
use tripline_core::time::Timestamp;
use tripline_world::{Faults, Op, SECOND_MS, World};

use crate::check;
use crate::coverage::{Coverage, Met};
use crate::endpoint::Endpoint;
use crate::facts::{Fact, Facts};
use crate::handler::Plugin;
use crate::host::{Host, HostDue};
use crate::queue::Queue;
use crate::scenario::{Scenario, TABLE, TriggerSpec};
use crate::store::Way;
use crate::trace::Trace;

/// A run that does more than this is one that never ends.
const EVENTS_MAX: u64 = 2_000_000;
/// At one moment of virtual time.
const EVENTS_AT_ONCE_MAX: u32 = 20_000;

#[derive(Debug)]
pub(crate) enum Due {
    /// The story's operation of this place.
    Op(usize),
    Start,
    Down(usize),
    /// The operator's act of this place.
    Steer(usize),
    /// A hold of this trigger ends.
    Release(usize),
    /// The story is told: nothing goes wrong from now on.
    Epilogue,
    Deadline(Phase),
    /// A host that drains goes, whatever is still under way.
    Drained {
        epoch: u32,
        for_ms: u64,
    },
    Host {
        epoch: u32,
        what: Box<HostDue>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Story,
    /// Faults are off; handlers are as they were: who is healthy gets to the tip.
    Healthy,
    /// Handlers are well: all get there.
    Healed,
    Done,
}

/// One trigger, over all restarts.
#[derive(Debug)]
pub(crate) struct Trigger {
    pub(crate) spec: TriggerSpec,
    pub(crate) plugin: Plugin,
    pub(crate) way: Way,
    /// By item: the newest change whose handling is durable.
    pub(crate) durable: HashMap<Arc<str>, u32>,
    /// How much of the way's log is checked.
    pub(crate) checked: usize,
    /// It stands at a gap.
    pub(crate) stopped: bool,
    pub(crate) paused: bool,
    pub(crate) parallelism: usize,
    /// The most that was ever allowed: what is under way ends.
    pub(crate) parallelism_max: usize,
    /// Items of which a dead letter would be delivered again.
    pub(crate) held: Option<Arc<[ItemKey]>>,
}

impl Trigger {
    pub(crate) fn wants(&self, fact: &Fact) -> bool {
        self.spec.filter.as_ref().is_none_or(|filter| filter.wants(fact))
    }
}

#[derive(Debug)]
pub(crate) struct Sim {
    pub(crate) scenario: Scenario,
    pub(crate) now_ms: u64,
    pub(crate) rng: Rng,
    pub(crate) queue: Queue<Due>,
    pub(crate) endpoint: Endpoint,
    pub(crate) facts: Facts,
    pub(crate) triggers: Vec<Trigger>,
    /// Of all triggers: one that wants all has none.
    pub(crate) filters: Arc<FilterSet>,
    pub(crate) host: Option<Host>,
    pub(crate) epochs: u32,
    /// When the host is up again, where it is down.
    up_at_ms: u64,
    /// Somebody has set `on_gap = "continue"`.
    pub(crate) continues: bool,
    pub(crate) phase: Phase,
    /// Deliveries that hang.
    pub(crate) hanging: Vec<crate::shards::Hanging>,
    /// The follower was told of a shard's end.
    pub(crate) finished: bool,
    /// Something became durable since it was last looked at whether all is done.
    pub(crate) news: bool,
    pub(crate) trace: Trace,
    pub(crate) coverage: Coverage,
    pub(crate) broken: Option<String>,
}

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) broken: Option<String>,
    pub(crate) hash: u64,
    pub(crate) lines: String,
    pub(crate) coverage: Coverage,
    pub(crate) events: u64,
}

macro_rules! trace {
    ($sim:expr, $($what:tt)*) => {
        $sim.trace.line($sim.now_ms - $sim.scenario.start_ms, format_args!($($what)*))
    };
}
pub(crate) use trace;

impl Sim {
    pub(crate) fn new(scenario: Scenario, keep_trace: bool) -> Self {
        let mut rng = Rng::with_seed(scenario.seed ^ 0x5eed_0001);
        let mut world = World::new(rng.u64(..));
        world.set_faults(scenario.faults.clone());
        world.limit_calls(scenario.limited);
        let trigger = |spec: &TriggerSpec| Trigger {
            spec: spec.clone(),
            plugin: Plugin::default(),
            way: Way::default(),
            durable: HashMap::new(),
            checked: 0,
            stopped: false,
            paused: false,
            parallelism: spec.policy.parallelism,
            parallelism_max: spec.policy.parallelism,
            held: None,
        };
        let mut queue = Queue::new();
        if let Some((at_ms, _)) = scenario.story.first() {
            queue.push(*at_ms, Due::Op(0));
        }
        queue.push(scenario.host_starts_ms, Due::Start);
        scenario.downs.iter().enumerate().for_each(|(index, down)| queue.push(down.at_ms, Due::Down(index)));
        scenario
            .steers
            .iter()
            .enumerate()
            .for_each(|(index, steer)| queue.push(steer.at_ms, Due::Steer(index)));
        queue.push(scenario.end_ms, Due::Epilogue);
        let patterns: Vec<_> = scenario.triggers.iter().filter_map(|spec| Some(spec.filter.as_ref()?.patterns())).collect();
        Self {
            filters: Arc::new(FilterSet::new(patterns.iter().map(Vec::as_slice))),
            now_ms: scenario.start_ms,
            triggers: scenario.triggers.iter().map(trigger).collect(),
            endpoint: Endpoint::new(world, scenario.host.shards_a_page, scenario.host.records_a_page),
            rng,
            queue,
            facts: Facts::default(),
            host: None,
            epochs: 0,
            up_at_ms: 0,
            continues: false,
            phase: Phase::Story,
            hanging: Vec::new(),
            finished: false,
            news: false,
            trace: Trace::new(keep_trace),
            coverage: Coverage::default(),
            broken: None,
            scenario,
        }
    }

    pub(crate) fn run(mut self) -> Ended {
        let (mut events, mut at_once) = (0, 0);
        while self.phase != Phase::Done && self.broken.is_none() {
            let Some((at_ms, due)) = self.queue.pop() else {
                self.fail("nothing is due, and not all is done".to_owned());
                break;
            };
            at_once = if at_ms > self.now_ms { 0 } else { at_once + 1 };
            events += 1;
            self.now_ms = self.now_ms.max(at_ms);
            if events > EVENTS_MAX || at_once > EVENTS_AT_ONCE_MAX {
                self.fail(format!("a busy loop: {events} events, {at_once} of them at one moment; the last: {due:?}"));
                break;
            }
            self.happen(due);
            if std::mem::take(&mut self.news) {
                self.look();
            }
        }
        if self.broken.is_none() {
            self.broken = check::at_the_end(&mut self).err();
        }
        let hash = self.trace.hash();
        Ended { broken: self.broken, hash, lines: self.trace.into_lines(), coverage: self.coverage, events }
    }

    pub(crate) fn fail(&mut self, what: String) {
        if self.broken.is_none() {
            trace!(self, "BROKEN {what}");
            self.broken = Some(what);
        }
    }

    /// Err is a broken rule.
    pub(crate) fn must(&mut self, holds: Result<(), String>) {
        if let Err(what) = holds {
            self.fail(what);
        }
    }

    /// The host's clock.
    pub(crate) fn host_now(&self) -> Timestamp {
        Timestamp::from_ms(self.now_ms.saturating_add_signed(self.scenario.host.skew_ms))
    }

    /// When the host's clock shows this; now where that is over.
    pub(crate) fn world_ms(&self, host: Timestamp) -> u64 {
        host.as_ms().saturating_add_signed(-self.scenario.host.skew_ms).max(self.now_ms)
    }

    /// What the host believes of the stream's clock: never more than it shows.
    pub(crate) fn stream_clock(&self) -> Timestamp {
        Timestamp::from_ms(self.now_ms - self.scenario.host.clock_lag_ms)
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Op(index) => self.play(index),
            Due::Start if self.host.is_some() => {}
            Due::Start if self.now_ms < self.up_at_ms => self.queue.push(self.up_at_ms, Due::Start),
            Due::Start => self.start_host(),
            Due::Down(index) => self.go_down(index),
            Due::Steer(index) => self.steer(index),
            Due::Release(trigger) => self.release(trigger),
            Due::Epilogue => self.epilogue(),
            Due::Deadline(phase) => self.deadline(phase),
            Due::Drained { epoch, for_ms } => {
                if self.host.as_ref().is_some_and(|host| host.epoch == epoch) {
                    self.kill(for_ms);
                }
            }
            Due::Host { epoch, what } => {
                if self.host.as_ref().is_some_and(|host| host.epoch == epoch) {
                    self.happen_in_host(*what);
                }
            }
        }
    }

    fn play(&mut self, index: usize) {
        if let Some((at_ms, _)) = self.scenario.story.get(index + 1) {
            self.queue.push(*at_ms, Due::Op(index + 1));
        }
        let op = self.scenario.story[index].1.clone();
        trace!(self, "story: {op}");
        if let Op::JumpClock { ms } = op {
            return self.pause(ms);
        }
        self.apply(&op);
    }

    fn apply(&mut self, op: &Op) {
        match self.endpoint.world.apply(op, self.now_ms) {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => return self.fail(format!("the story cannot be told: {op}: {error}")),
        }
        let met = match op {
            Op::Split { .. } => Met::Splits,
            Op::Roll { .. } => Met::Rolls,
            Op::Enable { .. } => Met::Reenablings,
            Op::MakeTable { .. } if self.endpoint.world.streams().len() > 1 => Met::Remakes,
            Op::Put { .. } | Op::Delete { .. } | Op::Expire { .. } => Met::Changes,
            _ => return,
        };
        self.coverage.met(met);
        self.facts.learn(&self.endpoint.world);
    }

    /// Nothing runs for so long. What the story tells next comes so much later already.
    fn pause(&mut self, ms: u64) {
        self.up_at_ms = self.up_at_ms.max(self.now_ms + ms);
        if self.host.is_none() {
            return;
        }
        if self.scenario.host.sleeps {
            self.coverage.met(Met::Sleeps);
            return self.queue.delay(ms, |due| matches!(due, Due::Host { .. }));
        }
        self.kill(SECOND_MS);
    }

    /// A machine that sleeps does nothing before.
    pub(crate) fn sleeps_until(&self) -> Option<u64> {
        (self.host.is_some() && self.now_ms < self.up_at_ms).then_some(self.up_at_ms)
    }

    /// The process is gone, at once, and comes again.
    pub(crate) fn kill(&mut self, for_ms: u64) {
        let Some(host) = self.host.take() else { return };
        trace!(self, "killed for {for_ms} ms");
        self.coverage.met(Met::Kills);
        let lost = host.shards.iter().flatten().map(|running| running.durable.len()).sum::<usize>();
        self.coverage.add(Met::CommitsLost, lost as u64);
        self.coverage.add(Met::PinsLost, u64::from(host.pins_durable));
        self.hanging.clear();
        self.comes_again(for_ms);
        drop(host);
    }

    pub(crate) fn comes_again(&mut self, for_ms: u64) {
        self.up_at_ms = self.up_at_ms.max(self.now_ms) + for_ms;
        self.queue.push(self.up_at_ms, Due::Start);
    }

    fn go_down(&mut self, index: usize) {
        let down = self.scenario.downs[index].clone();
        let Some(host) = &self.host else { return };
        if down.drains && !host.draining {
            self.coverage.met(Met::Drains);
            self.drain(down.for_ms);
        } else {
            self.kill(down.for_ms);
        }
    }

    /// Some last changes for all, so that nobody can be done who stands still.
    fn epilogue(&mut self) {
        if self.host.as_ref().is_none_or(|host| host.draining) {
            let at_ms = self.up_at_ms.max(self.now_ms) + SECOND_MS;
            return self.queue.push(at_ms, Due::Epilogue);
        }
        trace!(self, "epilogue");
        self.end_steering();
        self.endpoint.world.set_faults(Faults::default());
        let table = self.endpoint.world.describe_table(TABLE).ok();
        let (table_name, view) = (Arc::from(TABLE), tripline_world::View::NewAndOldImages);
        match table.map(|table| table.view.is_some()) {
            None => self.apply(&Op::MakeTable { table: table_name, view, shards: 2 }),
            Some(false) => self.apply(&Op::Enable { table: table_name, view }),
            Some(true) => {}
        }
        for item in 0..4 {
            self.apply(&Op::Put { table: TABLE.into(), item, version: u64::MAX - 1 });
        }
        self.enter(Phase::Healthy);
    }

    fn enter(&mut self, phase: Phase) {
        trace!(self, "phase {phase:?}");
        self.phase = phase;
        self.news = true;
        let idle_ms = self.scenario.host.reader.idle_max.as_millis() as u64;
        self.queue.push(self.now_ms + 60 * idle_ms + 2 * 3600 * SECOND_MS, Due::Deadline(phase));
        if phase == Phase::Healed {
            self.triggers.iter_mut().for_each(|trigger| trigger.plugin.healed = true);
            self.recover();
        }
    }

    fn deadline(&mut self, phase: Phase) {
        if phase == self.phase {
            let what = if phase == Phase::Healthy { "a healthy trigger is held back" } else { "stuck" };
            let missing = check::missing(self, phase);
            self.fail(format!("{what}: {missing}"));
        }
    }

    /// Whether the phase is over.
    fn look(&mut self) {
        if self.phase == Phase::Story || self.phase == Phase::Done {
            return;
        }
        let stands = self.triggers.iter().any(|trigger| trigger.stopped);
        if self.phase == Phase::Healed && stands && !self.continues {
            trace!(self, "somebody sets on_gap = continue");
            self.continues = true;
            self.triggers.iter_mut().for_each(|trigger| trigger.stopped = false);
            return self.kill(SECOND_MS);
        }
        if check::is_complete(self, self.phase) {
            self.enter(if self.phase == Phase::Healthy { Phase::Healed } else { Phase::Done });
        }
    }
}
