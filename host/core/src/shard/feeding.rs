//! Which feed a lane takes from, and when the feeds read.
//!
//! Invariant: what a window lets go, each lane that it feeds has taken, or is fed by it no longer. The second reader lives only while something lags
//! and wants more, and serves one stretch of the shard at a time; several that lag far apart take turns.

use std::time::Duration;

use super::slot::Fed;
use super::{Action, ShardConsumer, wake};
use crate::feed::{Admission, Feed, ReaderId};
use crate::gap::Cause;
use crate::mutant::{Mutant, on};
use crate::reader::Step as ReaderStep;
use crate::sequence::SequenceNumber;
use crate::signal::Signal;
use crate::time::Timestamp;

/// How long one stretch is served while others wait.
const TURN: Duration = Duration::from_secs(2);

/// Lanes whose checkpoints are complete to within so much of the foremost begin with it; those behind lag from the start.
const NEAR: Duration = Duration::from_secs(60);

impl ShardConsumer {
    pub(super) fn feed(&mut self, reader: ReaderId) -> Option<&mut Feed> {
        [&mut self.main, &mut self.catch_up].into_iter().flatten().find(|feed| feed.id == reader)
    }

    pub(super) fn kind(&self, reader: ReaderId) -> Fed {
        if self.main.as_ref().is_some_and(|main| main.id == reader) { Fed::Main } else { Fed::CatchUp }
    }

    fn new_feed(&mut self, now: Timestamp, after: Option<SequenceNumber>) -> Feed {
        self.readers += 1;
        Feed::new(&self.reading, ReaderId(self.readers), after, now, self.random.u64(..))
    }

    /// What the lanes that this reader feeds need next may be lost to them.
    pub(super) fn doubt(&mut self, reader: ReaderId, cause: Cause) {
        let kind = self.kind(reader);
        for index in 0..self.slots.len() {
            if self.slots[index].fed == kind {
                self.doubt_lane(index, cause);
            }
        }
    }

    fn doubt_lane(&mut self, index: usize, cause: Cause) {
        let lane = &mut self.slots[index].lane;
        if let Some(gap) = lane.doubt(self.stream_clock, cause) {
            let (trigger, stops) = (&lane.origin().trigger, lane.is_stopped());
            self.signals.emit(Signal::Gap { stream: &self.stream, trigger, gap: &gap, stops });
        }
    }

    /// Gives each lane the foremost feed that holds what it needs next. Whether any was moved.
    pub(super) fn place_lanes(&mut self, now: Timestamp) -> bool {
        if self.main.is_none() && !self.slots.is_empty() {
            let after = self.beginning();
            self.main = Some(self.new_feed(now, after));
        }
        let mut moved = self.leave_behind(now);
        for index in 0..self.slots.len() {
            let fed = self.slots[index].fed;
            if fed != Fed::Main && self.slots[index].lane.wants_more() {
                moved |= self.enter(index, Fed::Main) || (fed == Fed::Nothing && self.enter(index, Fed::CatchUp));
            }
        }
        moved
    }

    /// What wanted nothing for a while, as one that was paused, may need more than its feed still has. Whether any does.
    fn leave_behind(&mut self, now: Timestamp) -> bool {
        let mut left = false;
        for slot in &mut self.slots {
            let feed = match slot.fed {
                Fed::Main => &self.main,
                Fed::CatchUp => &self.catch_up,
                Fed::Nothing => continue,
            };
            let has_it = feed.as_ref().is_some_and(|feed| slot.lane.cursor() >= feed.window.first());
            if !has_it && slot.lane.wants_more() {
                slot.leave(now);
                left = true;
            }
        }
        left
    }

    /// After which change the main reader begins: the lowest of those that are about as far as the foremost.
    fn beginning(&self) -> Option<SequenceNumber> {
        let wanting = || self.slots.iter().map(|slot| &slot.lane).filter(|lane| lane.wants_more());
        let foremost = wanting().map(|lane| lane.complete_until()).max().flatten();
        let is_near = |until: Option<Timestamp>| match (until, foremost) {
            (Some(until), Some(foremost)) => foremost.since(until) <= NEAR,
            (None, foremost) => foremost.is_none(),
            (Some(_), None) => true,
        };
        let near = wanting().filter(|lane| is_near(lane.complete_until()));
        near.map(|lane| lane.position().cloned()).min().flatten()
    }

    /// Whether the lane is fed by this feed from now on.
    fn enter(&mut self, index: usize, kind: Fed) -> bool {
        let feed = if kind == Fed::Main { &self.main } else { &self.catch_up };
        let Some(feed) = feed else { return false };
        let (cursor, trimmed) = match feed.admits(self.slots[index].lane.position()) {
            Admission::No => return false,
            Admission::At(cursor) => (cursor, false),
            Admission::Trimmed(cursor) => (cursor, true),
        };
        let lost = self.reading.lost.is_some();
        let slot = &mut self.slots[index];
        slot.fed = kind;
        slot.lane.move_to(cursor);
        if lost {
            self.doubt_lane(index, Cause::Gone);
        } else if trimmed {
            self.doubt_lane(index, Cause::Trimmed);
        }
        if kind == Fed::Main {
            self.tell_lag(index, false);
        }
        true
    }

    pub(super) fn tell_lag(&mut self, index: usize, lags: bool) {
        let slot = &mut self.slots[index];
        if slot.told_lag != lags {
            slot.told_lag = lags;
            let trigger = &slot.lane.origin().trigger;
            self.signals.emit(Signal::Lags { stream: &self.stream, trigger, shard: &self.shard, lags });
        }
    }

    /// Lets go of what all have taken; where a window is full and some have taken all of it, of its older half, whoever needs that.
    pub(super) fn release(&mut self, now: Timestamp) {
        for kind in [Fed::Main, Fed::CatchUp] {
            let feed = if kind == Fed::Main { &mut self.main } else { &mut self.catch_up };
            let Some(feed) = feed else { continue };
            let fed = || {
                self.slots
                    .iter()
                    .filter(|slot| slot.fed == kind && slot.lane.wants_more())
                    .map(|slot| slot.lane.cursor())
            };
            let end = feed.window.end();
            feed.window.release_below(fed().min().unwrap_or(end));
            // Until there is room: nothing else may wake who has all of it.
            while !feed.window.has_room() && fed().any(|cursor| cursor == end) {
                feed.window.evict();
                if on(Mutant::StaysFull) {
                    break;
                }
            }
            let first = feed.window.first();
            for index in 0..self.slots.len() {
                let slot = &mut self.slots[index];
                if slot.fed == kind && slot.lane.cursor() < first && slot.lane.wants_more() {
                    match on(Mutant::EvictedLost) {
                        true => slot.lane.move_to(first),
                        false => slot.leave(now),
                    }
                }
            }
            if on(Mutant::StaysFull) {
                continue;
            }
            // What only those who have left still needed goes too: else a window that one change fills stays full, and nothing wakes its reader.
            let fed = self
                .slots
                .iter()
                .filter(|slot| slot.fed == kind && slot.lane.wants_more())
                .map(|slot| slot.lane.cursor());
            feed.window.release_below(fed.min().unwrap_or(end));
        }
    }

    /// Sets the second reader to what lags and wants more; ends it where nothing does.
    pub(super) fn steer_catch_up(&mut self, now: Timestamp) {
        let is_free = self.catch_up.as_ref().is_none_or(|feed| !feed.reader.is_busy());
        if !self.slots.iter().any(|slot| slot.fed == Fed::CatchUp && slot.lane.wants_more()) && is_free {
            self.catch_up = None;
            // Who is paused, or full, will need another.
            self.end_turn(now);
        }
        for index in 0..self.slots.len() {
            if self.slots[index].fed == Fed::Nothing && self.slots[index].lane.wants_more() {
                self.tell_lag(index, true);
            }
        }
        if !self.slots.iter().any(|slot| slot.fed == Fed::Nothing && slot.lane.is_hungry()) {
            return;
        }
        if let Some(feed) = &self.catch_up {
            let turn_ends = feed.begun + TURN;
            if now < turn_ends {
                return wake(&mut self.wake_at, turn_ends);
            }
            // Its answer comes first.
            if !is_free {
                return;
            }
            self.end_turn(now);
        }
        // Whoever waits longest, also of those whom the last turn fed without coming to where they stand.
        let hungry = self.slots.iter().enumerate().filter(|(_, slot)| slot.fed == Fed::Nothing && slot.lane.is_hungry());
        let Some((next, slot)) = hungry.min_by_key(|(_, slot)| (slot.left_at, slot.lane.position())) else { return };
        let after = slot.lane.position().cloned();
        self.served = next;
        let feed = self.new_feed(now, after);
        if feed.reader.has_ended() {
            wake(&mut self.wake_at, now);
        }
        self.catch_up = Some(feed);
        for index in 0..self.slots.len() {
            if self.slots[index].fed == Fed::Nothing && self.slots[index].lane.wants_more() {
                self.enter(index, Fed::CatchUp);
            }
        }
    }

    /// Nothing is fed by the second reader any more. Only whose turn it was begins to wait anew: others were fed where they could be, and may stand too
    /// far ahead for what a turn reads.
    fn end_turn(&mut self, now: Timestamp) {
        for (index, slot) in self.slots.iter_mut().enumerate().filter(|(_, slot)| slot.fed == Fed::CatchUp) {
            slot.leave(if index == self.served { now } else { slot.left_at });
        }
    }

    /// The reader that did not poll last has the first choice: the two share what a shard allows.
    pub(super) fn advance_readers(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        if self.draining {
            return;
        }
        let main_was_last = self.main.as_ref().map(|main| main.id) == self.polled;
        let order = if main_was_last { [Fed::CatchUp, Fed::Main] } else { [Fed::Main, Fed::CatchUp] };
        order.into_iter().for_each(|kind| self.advance_reader(now, kind, actions));
    }

    fn advance_reader(&mut self, now: Timestamp, kind: Fed, actions: &mut Vec<Action>) {
        let is_needed = self.slots.iter().any(|slot| slot.fed == kind && slot.lane.wants_more());
        let feed = if kind == Fed::Main { &mut self.main } else { &mut self.catch_up };
        let Some(feed) = feed.as_mut().filter(|feed| is_needed && !feed.reader.has_ended()) else { return };
        let full = !feed.window.has_room() && !feed.reader.is_busy();
        if full && !feed.window_was_full {
            let bytes = feed.window.bytes();
            self.signals.emit(Signal::WindowFull { stream: &self.stream, shard: &self.shard, bytes });
        }
        feed.window_was_full = full;
        if full {
            return;
        }
        if !feed.reader.is_busy() && now < self.poll_at && !on(Mutant::TwoPaces) {
            return wake(&mut self.wake_at, self.poll_at);
        }
        let reader = feed.id;
        let called = std::mem::replace(&mut feed.called, now);
        match feed.reader.next(now) {
            ReaderStep::Open(position) => actions.push(Action::Open { reader, position }),
            ReaderStep::Poll(iterator) => {
                self.poll_at = now + self.reading.pace.busy;
                self.polled = Some(reader);
                actions.push(Action::Poll { reader, iterator });
            }
            ReaderStep::WaitUntil(time) => wake(&mut self.wake_at, time),
            ReaderStep::Busy | ReaderStep::Ended => feed.called = called,
        }
    }
}
