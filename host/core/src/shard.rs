//! One shard, whole: its reader, the window, and a lane for each trigger, as one state machine.
//!
//! Invariants: one reader, however many triggers; at most one call of the reader, and one delivery and one commit of each lane, are under way;
//! what the window let go every lane has taken. A slow trigger holds the others back once the window is full.
//! Knows no clock, no tasks: `step` takes what happened and names what to do.

use std::sync::Arc;

use crate::delivery::{Batch, Lane, Report, Settlement, Step as LaneStep};
use crate::name::{PluginVersion, ShardId, StreamName};
use crate::port::{Position, ReadError};
use crate::reader::{Note, Reader, Step as ReaderStep};
use crate::signal::{Signal, Signals};
use crate::slice::Page;
use crate::time::Timestamp;
use crate::window::Window;

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// The first event; later, that a time came that `wake_at` had named.
    Woke,
    Opened(Result<Box<str>, ReadError>),
    Polled(Result<Page, ReadError>),
    /// A delivery ended. `lane` is the index of the trigger's lane.
    Reported {
        lane: usize,
        report: Report,
        version: PluginVersion,
    },
    /// A settlement is durable.
    Committed {
        lane: usize,
    },
    /// No new poll, no new delivery: end when what is under way has ended.
    Drain,
}

/// What to do. Each but `End` is answered by one event.
#[derive(Debug)]
pub enum Action {
    Open(Position),
    Poll(Box<str>),
    Deliver {
        lane: usize,
        batch: Batch,
    },
    /// To be tried until it is durable: no other of this lane is committed before.
    Commit {
        lane: usize,
        settlement: Box<Settlement>,
    },
    End(End),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every trigger has acknowledged all of the shard: its children may begin.
    Finished,
    Drained,
}

#[derive(Debug)]
pub struct ShardConsumer {
    stream: StreamName,
    shard: ShardId,
    reader: Reader,
    window: Window,
    lanes: Vec<Lane>,
    signals: Arc<dyn Signals>,
    draining: bool,
    window_was_full: bool,
    wake_at: Option<Timestamp>,
}

impl ShardConsumer {
    pub fn new(stream: StreamName, shard: ShardId, reader: Reader, window: Window, signals: Arc<dyn Signals>) -> Self {
        Self { stream, shard, reader, window, lanes: Vec::new(), signals, draining: false, window_was_full: false, wake_at: None }
    }

    /// Only before the first step. Lanes are named by the order in which they were added.
    pub fn add_lane(&mut self, lane: Lane) {
        self.lanes.push(lane);
    }

    /// When to send `Woke`, if nothing else happens before.
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.wake_at
    }

    pub fn step(&mut self, now: Timestamp, event: Event) -> Vec<Action> {
        match event {
            Event::Woke => {}
            Event::Opened(result) => {
                let note = self.reader.opened(now, result);
                self.tell(note);
            }
            Event::Polled(result) => self.polled(now, result),
            Event::Reported { lane, report, version } => self.reported(now, lane, report, &version),
            Event::Committed { lane } => self.lanes[lane].committed(),
            Event::Drain => self.draining = true,
        }
        self.go_on(now)
    }

    fn polled(&mut self, now: Timestamp, result: Result<Page, ReadError>) {
        match result {
            Ok(mut page) => {
                let note = self.reader.polled(now, Ok(&mut page));
                page.changes.into_iter().for_each(|change| self.window.push(change));
                self.tell(note);
            }
            Err(error) => {
                let note = self.reader.polled(now, Err(error));
                self.tell(note);
            }
        }
    }

    fn reported(&mut self, now: Timestamp, lane: usize, report: Report, version: &PluginVersion) {
        let settled = self.lanes[lane].reported(now, report, version);
        let trigger = &self.lanes[lane].origin().trigger;
        if let Some(reason) = &settled.reason {
            let backtrace = settled.backtrace.as_deref();
            self.signals
                .emit(Signal::ChangesFailed { trigger, shard: &self.shard, changes: settled.failed, reason, backtrace });
        }
    }

    /// Everything that can be begun now.
    fn go_on(&mut self, now: Timestamp) -> Vec<Action> {
        let mut actions = Vec::new();
        self.wake_at = None;
        for index in 0..self.lanes.len() {
            self.advance_lane(now, index, &mut actions);
        }
        if let Some(lowest) = self.lanes.iter().map(Lane::cursor).min() {
            self.window.release_below(lowest.min(self.window.end()));
        }
        self.advance_reader(now, &mut actions);
        if let Some(end) = self.end() {
            actions.push(Action::End(end));
        }
        actions
    }

    fn advance_lane(&mut self, now: Timestamp, index: usize, actions: &mut Vec<Action>) {
        let lane = &mut self.lanes[index];
        if !self.draining {
            match lane.next(now, &self.window, self.reader.has_ended()) {
                LaneStep::Deliver(batch) => actions.push(Action::Deliver { lane: index, batch }),
                LaneStep::WaitUntil(time) => wake(&mut self.wake_at, time),
                LaneStep::Idle | LaneStep::Busy | LaneStep::Finished => {}
            }
        }
        // While the shard drains too: what is settled is done, and would only be done again.
        if let Some(settlement) = lane.commit(now) {
            actions.push(Action::Commit { lane: index, settlement: Box::new(settlement) });
        }
        if let Some(due) = lane.commit_due() {
            wake(&mut self.wake_at, due);
        }
        let created = lane.oldest(&self.window);
        self.signals.emit(Signal::Oldest { trigger: &lane.origin().trigger, shard: &self.shard, created });
    }

    fn advance_reader(&mut self, now: Timestamp, actions: &mut Vec<Action>) {
        if self.draining || self.reader.has_ended() {
            return;
        }
        let full = !self.window.has_room() && !self.reader.is_busy();
        if full && !self.window_was_full {
            self.signals
                .emit(Signal::WindowFull { stream: &self.stream, shard: &self.shard, bytes: self.window.bytes() });
        }
        self.window_was_full = full;
        if full {
            return;
        }
        match self.reader.next(now) {
            ReaderStep::Open(position) => actions.push(Action::Open(position)),
            ReaderStep::Poll(iterator) => actions.push(Action::Poll(iterator)),
            ReaderStep::WaitUntil(time) => wake(&mut self.wake_at, time),
            ReaderStep::Busy | ReaderStep::Ended => {}
        }
    }

    fn end(&self) -> Option<End> {
        if self.lanes.iter().all(Lane::is_finished) {
            return Some(End::Finished);
        }
        // A poll under way may be dropped: what it brings is read again.
        let busy = self.lanes.iter().any(Lane::is_busy);
        (self.draining && !busy).then_some(End::Drained)
    }

    fn tell(&self, note: Option<Note>) {
        match note {
            None => {}
            Some(Note::Gap { after, result, reason }) => {
                self.signals
                    .emit(Signal::PollFailed { stream: &self.stream, shard: &self.shard, result, reason: &reason });
                self.signals.emit(Signal::Gap { stream: &self.stream, shard: &self.shard, after: after.as_ref() });
            }
            Some(Note::Failed { result, reason }) => {
                self.signals
                    .emit(Signal::PollFailed { stream: &self.stream, shard: &self.shard, result, reason: &reason });
            }
        }
    }
}

fn wake(wake_at: &mut Option<Timestamp>, time: Timestamp) {
    *wake_at = Some(wake_at.map_or(time, |earlier| earlier.min(time)));
}

#[cfg(test)]
mod tests;
