//! One shard, whole: its feeds, and a lane for each trigger, as one state machine.
//!
//! Invariants: at most two readers, however many triggers, and together they poll no faster than one may; at most one delivery and one commit
//! of each lane are under way; a lane takes every change once, in order, whichever feed it comes from. A lane that falls behind what the main window
//! holds is fed by the second reader until it has caught up: no trigger holds another back.
//! Knows no clock, no tasks: `step` takes what happened and names what to do.

use std::sync::Arc;

use crate::delivery::{Batch, Lane, Report, RunId, Settlement, Step as LaneStep};
use crate::feed::{Feed, ReaderId, Reading};
use crate::filter::{Passes, Scratch};
use crate::gap::Cause;
use crate::item_key::ItemKey;
use crate::mutant::{Mutant, on};
use crate::name::{PluginVersion, ShardId, StreamName};
use crate::port::{Position, ReadError};
use crate::signal::{Signal, Signals};
use crate::slice::Page;
use crate::time::Timestamp;

mod feeding;
mod slot;

use slot::{Fed, Slot};

/// What happened. `asked`: when the call began, by the stream's clock. `trigger`: the caller's number for it.
#[derive(Debug)]
pub enum Event {
    /// The first event; later, that a time came that `wake_at` had named.
    Woke,
    /// One more trigger may read the shard.
    Joined {
        trigger: usize,
        lane: Box<Lane>,
    },
    Opened {
        reader: ReaderId,
        asked: Timestamp,
        result: Result<Box<str>, ReadError>,
    },
    Polled {
        reader: ReaderId,
        asked: Timestamp,
        result: Result<Page, ReadError>,
    },
    /// A delivery ended.
    Reported {
        trigger: usize,
        run: RunId,
        report: Report,
        version: PluginVersion,
    },
    /// A settlement is durable.
    Committed {
        trigger: usize,
    },
    /// A settlement was refused: others have written these keys of the trigger's state since it read them.
    Conflicted {
        trigger: usize,
        keys: Vec<Box<str>>,
    },
    /// So many batches of a trigger may be under way at once from now on.
    Parallel {
        trigger: usize,
        parallelism: usize,
    },
    /// An operator pauses a trigger, or has it go on.
    Paused {
        trigger: usize,
        paused: bool,
    },
    /// A dead letter of these items is to be delivered again: no change of them goes out before `Release`. Answered by `Held`.
    Hold {
        trigger: usize,
        items: Arc<[ItemKey]>,
    },
    Release {
        trigger: usize,
        items: Arc<[ItemKey]>,
    },
    /// No new poll, no new delivery: end when what is under way has ended.
    Drain,
}

/// What to do. Each but `Finished`, `Held` and `End` is answered by one event.
#[derive(Debug)]
pub enum Action {
    Open {
        reader: ReaderId,
        position: Position,
    },
    Poll {
        reader: ReaderId,
        iterator: Box<str>,
    },
    Deliver {
        trigger: usize,
        run: RunId,
        batch: Batch,
    },
    /// To be tried until it is durable: no other of this trigger is committed before.
    Commit {
        trigger: usize,
        settlement: Box<Settlement>,
    },
    /// The trigger has acknowledged all of the shard, durably. `complete_until` is its checkpoint's.
    Finished {
        trigger: usize,
        complete_until: Option<Timestamp>,
    },
    /// None of the items of a `Hold` is under way any more.
    Held {
        trigger: usize,
        items: Arc<[ItemKey]>,
    },
    End(End),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every trigger that joined has acknowledged all of the shard.
    Finished,
    Drained,
}

#[derive(Debug)]
pub struct ShardConsumer {
    stream: StreamName,
    shard: ShardId,
    reading: Reading,
    random: fastrand::Rng,
    signals: Arc<dyn Signals>,
    slots: Vec<Slot>,
    /// For all that keep up; none: nobody has joined yet.
    main: Option<Feed>,
    /// For all that lag.
    catch_up: Option<Feed>,
    /// The slot for which the second reader was set up.
    served: usize,
    readers: u32,
    /// Two readers share a shard's calls.
    poll_at: Timestamp,
    /// Which reader polled last.
    polled: Option<ReaderId>,
    /// The stream's clock, when it was last seen.
    stream_clock: Timestamp,
    draining: bool,
    /// Asked for, and not yet answered.
    holding: Vec<(usize, Arc<[ItemKey]>)>,
    wake_at: Option<Timestamp>,
}

impl ShardConsumer {
    pub fn new(stream: StreamName, shard: ShardId, reading: Reading, seed: u64, signals: Arc<dyn Signals>) -> Self {
        let stream_clock = reading.lost.unwrap_or_default();
        Self {
            stream,
            shard,
            reading,
            random: fastrand::Rng::with_seed(seed),
            signals,
            slots: Vec::new(),
            main: None,
            catch_up: None,
            served: 0,
            readers: 0,
            poll_at: Timestamp::default(),
            polled: None,
            stream_clock,
            draining: false,
            holding: Vec::new(),
            wake_at: None,
        }
    }

    /// Before the first step: lanes that begin together share a reader, where they are about as far. Later, `Event::Joined`.
    pub fn add(&mut self, trigger: usize, lane: Lane) {
        self.slots.push(Slot::new(trigger, lane.within(&self.reading.budget)));
    }

    /// When to send `Woke`, if nothing else happens before.
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.wake_at
    }

    pub fn step(&mut self, now: Timestamp, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        let touched = match event {
            Event::Woke => None,
            Event::Joined { trigger, lane } => {
                self.add(trigger, *lane);
                None
            }
            Event::Opened { reader, asked, result } => {
                self.opened(now, reader, asked, result);
                None
            }
            Event::Polled { reader, asked, result } => {
                self.polled(now, reader, asked, result);
                None
            }
            Event::Reported { trigger, run, report, version } => self.reported(now, (trigger, run), report, &version),
            Event::Committed { trigger } => self.committed(now, trigger, &mut actions),
            Event::Conflicted { trigger, keys } => self.steer(trigger, |lane| lane.conflicted(now, &keys)),
            Event::Parallel { trigger, parallelism } => self.steer(trigger, |lane| lane.set_parallelism(parallelism)),
            Event::Paused { trigger, paused } => self.steer(trigger, |lane| lane.set_paused(paused)),
            Event::Hold { trigger, items } => {
                let index = self.steer(trigger, |lane| lane.hold(&items));
                self.holding.push((trigger, items));
                index
            }
            Event::Release { trigger, items } => self.steer(trigger, |lane| lane.release(&items)),
            Event::Drain => {
                self.draining = true;
                // What was passed over need not be read again.
                self.slots.iter_mut().for_each(|slot| slot.lane.settle_filtered());
                None
            }
        };
        self.go_on(now, touched, &mut actions);
        actions
    }

    fn opened(&mut self, now: Timestamp, reader: ReaderId, asked: Timestamp, result: Result<Box<str>, ReadError>) {
        self.see_clock(now, reader, asked);
        if result.is_ok() {
            [&mut self.main, &mut self.catch_up]
                .into_iter()
                .flatten()
                .for_each(|feed| feed.reader.has_iterators());
        }
        let Some(feed) = self.feed(reader) else { return };
        let note = feed.reader.opened(now, result);
        let at_horizon = note.is_none() && feed.reader.starts_at_horizon();
        if at_horizon {
            feed.at_horizon();
            self.doubt(reader, Cause::Trimmed);
        }
        self.tell(note, reader);
    }

    /// What an answer says may be as young as itself: a call may have slept with its machine, while things were trimmed.
    fn see_clock(&mut self, now: Timestamp, reader: ReaderId, asked: Timestamp) {
        let took = self.feed(reader).map(|feed| now.since(feed.called)).unwrap_or_default();
        self.stream_clock = asked + took;
    }

    fn polled(&mut self, now: Timestamp, reader: ReaderId, asked: Timestamp, result: Result<Page, ReadError>) {
        self.see_clock(now, reader, asked);
        if result.is_ok() {
            [&mut self.main, &mut self.catch_up].into_iter().flatten().for_each(|feed| feed.reader.is_there());
        }
        // All lanes of a shard are of one stream; without any, nothing is read.
        let Some(arn) = self.slots.first().map(|slot| &slot.lane.origin().stream) else { return };
        let feed = [&mut self.main, &mut self.catch_up].into_iter().flatten().find(|feed| feed.id == reader);
        let Some(feed) = feed else { return };
        let note = match result {
            Ok(mut page) => {
                let note = feed.reader.polled(now, asked, Ok(&mut page));
                let filters = &self.reading.filters;
                // Of this page: thousands of idle shards need none.
                let mut scratch = Scratch::default();
                let is_blind = reader != ReaderId::MAIN && on(Mutant::CatchUpUnfiltered);
                for change in page.changes {
                    let passes = if is_blind { Passes::default() } else { filters.passes(&change, arn, &mut scratch) };
                    feed.window.push(change, passes);
                }
                note
            }
            Err(error) => feed.reader.polled(now, asked, Err(error)),
        };
        if let Some(tip) = feed.reader.tip() {
            let (end, kind) = (feed.window.end(), self.kind(reader));
            let fed = self.slots.iter_mut().filter(|slot| slot.fed == kind);
            fed.for_each(|slot| slot.lane.stood_at_tip(tip, end));
        }
        self.tell(note, reader);
    }

    /// Says what a reader met; where it met the shard's end by its being gone, every lane that it feeds may have lost something.
    fn tell(&mut self, note: Option<crate::reader::Note>, reader: ReaderId) {
        let Some(note) = note else { return };
        let (stream, shard) = (&self.stream, &self.shard);
        self.signals.emit(Signal::PollFailed { stream, shard, result: note.result, reason: &note.reason });
        if self.feed(reader).is_some_and(|feed| feed.reader.has_ended()) {
            self.doubt(reader, Cause::Gone);
        }
    }

    fn reported(&mut self, now: Timestamp, (trigger, run): (usize, RunId), report: Report, version: &PluginVersion) -> Option<usize> {
        let index = self.slots.iter().position(|slot| slot.trigger == trigger)?;
        let lane = &mut self.slots[index].lane;
        let settled = lane.reported(now, run, report, version);
        if let Some(reason) = &settled.reason {
            let (trigger, shard, backtrace) = (&lane.origin().trigger, &self.shard, settled.backtrace.as_deref());
            self.signals
                .emit(Signal::ChangesFailed { trigger, shard, changes: settled.failed, reason, backtrace });
        }
        for stuck in &settled.stuck {
            let trigger = &lane.origin().trigger;
            let (event_id, attempts, reason) = (&*stuck.event_id, stuck.attempts, &*stuck.reason);
            self.signals.emit(Signal::Stuck { trigger, shard: &self.shard, event_id, attempts, reason });
        }
        Some(index)
    }

    /// Which lane it was; none: the trigger has not joined.
    fn steer(&mut self, trigger: usize, steer: impl FnOnce(&mut Lane)) -> Option<usize> {
        let index = self.slots.iter().position(|slot| slot.trigger == trigger)?;
        steer(&mut self.slots[index].lane);
        Some(index)
    }

    /// Answers each `Hold` of which nothing is under way any more.
    fn answer_holds(&mut self, actions: &mut Vec<Action>) {
        let Self { holding, slots, .. } = self;
        holding.retain(|(trigger, items)| {
            let is_clear = slots.iter().filter(|slot| slot.trigger == *trigger).all(|slot| slot.lane.is_clear_of(items));
            if is_clear {
                actions.push(Action::Held { trigger: *trigger, items: items.clone() });
            }
            !is_clear
        });
    }

    fn committed(&mut self, now: Timestamp, trigger: usize, actions: &mut Vec<Action>) -> Option<usize> {
        let index = self.slots.iter().position(|slot| slot.trigger == trigger)?;
        self.slots[index].lane.committed(now);
        if self.slots[index].lane.is_finished() {
            self.tell_lag(index, false);
        }
        let slot = &mut self.slots[index];
        // Once more, though it may be what was told last: so it is seen that the trigger gets on.
        slot.told_oldest = None;
        if slot.lane.is_finished() {
            actions.push(Action::Finished { trigger, complete_until: slot.lane.complete_until() });
        }
        Some(index)
    }

    /// Everything that can be begun now. `touched`: only this lane has moved.
    fn go_on(&mut self, now: Timestamp, touched: Option<usize>, actions: &mut Vec<Action>) {
        self.wake_at = None;
        let moved = self.place_lanes(now);
        let touched = touched.filter(|_| !moved);
        for index in 0..self.slots.len() {
            if touched.is_none_or(|touched| touched == index) {
                self.advance_lane(now, index, actions);
            } else {
                self.wake_lane(now, index);
            }
        }
        self.answer_holds(actions);
        self.release(now);
        self.steer_catch_up(now);
        self.advance_readers(now, actions);
        match self.end() {
            // Who joins within the second gets this reader's pace, not a new one's.
            Some(End::Finished) if now < self.poll_at + 4 * self.reading.pace.busy => {
                wake(&mut self.wake_at, self.poll_at + 4 * self.reading.pace.busy)
            }
            Some(end) => actions.push(Action::End(end)),
            None => {}
        }
    }

    fn advance_lane(&mut self, now: Timestamp, index: usize, actions: &mut Vec<Action>) {
        let slot = &mut self.slots[index];
        let feed = match slot.fed {
            Fed::Main => self.main.as_ref(),
            Fed::CatchUp => self.catch_up.as_ref(),
            Fed::Nothing => None,
        };
        let window = feed.map(|feed| &feed.window);
        if !self.draining {
            let ended = feed.is_some_and(|feed| feed.reader.has_ended());
            loop {
                match slot.lane.next(now, window, ended) {
                    LaneStep::Deliver(run, batch) => actions.push(Action::Deliver { trigger: slot.trigger, run, batch }),
                    LaneStep::WaitUntil(time) => break wake(&mut self.wake_at, time),
                    LaneStep::Idle | LaneStep::Busy | LaneStep::Finished => break,
                }
            }
        }
        // While the shard drains too: what is settled is done, and would only be done again.
        if let Some(settlement) = slot.lane.commit(now) {
            if on(Mutant::ChildBeforeDurable) && settlement.checkpoint.finished {
                let complete_until = settlement.checkpoint.complete_until;
                actions.push(Action::Finished { trigger: slot.trigger, complete_until });
            }
            actions.push(Action::Commit { trigger: slot.trigger, settlement: Box::new(settlement) });
        }
        if let Some(due) = slot.lane.commit_due() {
            wake(&mut self.wake_at, due);
        }
        let blocked = slot.lane.blocked();
        if slot.told_blocked != blocked {
            slot.told_blocked = blocked;
            self.signals.emit(Signal::Blocked {
                stream: &self.stream,
                trigger: &slot.lane.origin().trigger,
                shard: &self.shard,
                changes: blocked,
            });
        }
        let created = slot.lane.oldest(window);
        if slot.told_oldest != Some(created) {
            slot.told_oldest = Some(created);
            self.signals
                .emit(Signal::Oldest { trigger: &slot.lane.origin().trigger, shard: &self.shard, created });
        }
    }

    /// Of a lane in which nothing has happened: when it wants to go on.
    fn wake_lane(&mut self, now: Timestamp, index: usize) {
        let lane = &self.slots[index].lane;
        for time in [lane.commit_due(), lane.due()].into_iter().flatten() {
            wake(&mut self.wake_at, time.max(now));
        }
    }

    fn end(&self) -> Option<End> {
        if !self.slots.is_empty() && self.slots.iter().all(|slot| slot.lane.is_finished()) {
            return Some(End::Finished);
        }
        // A poll under way may be dropped: what it brings is read again.
        let busy = self.slots.iter().any(|slot| slot.lane.is_busy());
        (self.draining && !busy).then_some(End::Drained)
    }
}

fn wake(wake_at: &mut Option<Timestamp>, time: Timestamp) {
    *wake_at = Some(wake_at.map_or(time, |earlier| earlier.min(time)));
}

#[cfg(test)]
mod tests;
