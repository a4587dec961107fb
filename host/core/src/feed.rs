//! A reader of a shard and the window that it fills, for lanes to take from.
//!
//! A shard has one feed for all lanes that keep up, and a second one, now and then, for all that lag.
//! Invariant: what a lane takes from a feed is whole, but for what the stream trimmed; where that may be so, `admits` says so.

use std::sync::Arc;

use crate::budget::Budget;
use crate::filter::FilterSet;
use crate::mutant::{Mutant, on};
use crate::port::Position;
use crate::reader::{Pace, Reader};
use crate::sequence::SequenceNumber;
use crate::time::Timestamp;
use crate::window::Window;

/// Tells the readers of a shard apart: the answer of one that is given up concerns nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReaderId(pub u32);

impl ReaderId {
    /// Of the feed for all that keep up: what it reads is new.
    pub const MAIN: Self = Self(1);
}

#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) id: ReaderId,
    pub(crate) reader: Reader,
    pub(crate) window: Window,
    /// When it was set up.
    pub(crate) begun: Timestamp,
    pub(crate) window_was_full: bool,
    /// When its last call began.
    pub(crate) called: Timestamp,
    /// Window position of the first change that was read from the trim horizon: between it and what came before, some may be missing.
    horizon: Option<u64>,
}

/// How feeds of a shard are made.
#[derive(Clone, Debug)]
pub struct Reading {
    pub pace: Pace,
    pub window_bytes_max: usize,
    pub budget: Budget,
    /// Of all triggers of the stream.
    pub filters: Arc<FilterSet>,
    /// The shard is known to be gone, nothing of it can be read: as of then, by the stream's clock.
    pub lost: Option<Timestamp>,
}

/// Whether a lane may go on in a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    No,
    At(u64),
    /// What the lane needs next may have been trimmed before it was read.
    Trimmed(u64),
}

impl Feed {
    /// Of all changes after this one.
    pub(crate) fn new(reading: &Reading, id: ReaderId, after: Option<SequenceNumber>, now: Timestamp, seed: u64) -> Self {
        let start = after.clone().map_or(Position::TrimHorizon, Position::After);
        let reader = if reading.lost.is_some() {
            Reader::lost(seed, &reading.budget)
        } else {
            Reader::new(start, reading.pace, seed, &reading.budget)
        };
        let window = Window::new(after, reading.window_bytes_max, reading.budget.clone());
        Self { id, reader, window, begun: now, called: now, window_was_full: false, horizon: None }
    }

    /// Reading begins at the trim horizon, for the first time or once more.
    pub(crate) fn at_horizon(&mut self) {
        self.horizon = Some(self.window.end());
    }

    /// Where a lane goes on that has all up to `position`.
    pub(crate) fn admits(&self, position: Option<&SequenceNumber>) -> Admission {
        match self.window.after(position) {
            None => Admission::No,
            Some(cursor) if on(Mutant::MergesEarly) => Admission::At((cursor + 1).min(self.window.end())),
            Some(cursor) if self.horizon.is_some_and(|horizon| cursor <= horizon) => Admission::Trimmed(cursor),
            Some(cursor) => Admission::At(cursor),
        }
    }
}
