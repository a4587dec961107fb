//! One shard's reader as a state machine: open, poll, expire, trim, throttle, end.
//!
//! Invariant: it ends only where the stream said so, by an answer without a next iterator or by the shard's being gone; the changes of
//! that last answer are handed on like any others. It hands on each change once, in order; whether some are missing, which a trim may mean, it does
//! not judge.
//! Knows no clock: the shell asks `next` what to do at a time, does it, and says what came of it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::budget::{Budget, Entered};
use crate::mutant::{Mutant, on};
use crate::port::{Position, ReadError};
use crate::sequence::SequenceNumber;
use crate::signal::PollResult;
use crate::slice::Page;
use crate::time::Timestamp;

/// How often a shard is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Between two polls while there is data. AWS allows five GetRecords a second per shard.
    pub busy: Duration,
    /// The first wait after an empty page; it doubles with every further one,
    pub idle_first: Duration,
    /// up to this; or longer, where a host reads so many shards that idle ones must take turns (`Budget`).
    pub idle_max: Duration,
    pub backoff: Backoff,
}

impl Pace {
    /// Within the limits of AWS.
    pub fn aws() -> Self {
        Self {
            busy: Duration::from_millis(200),
            idle_first: Duration::from_millis(200),
            idle_max: Duration::from_secs(1),
            backoff: Backoff { first: Duration::from_millis(250), max: Duration::from_secs(20) },
        }
    }

    /// For an endpoint of one's own, which has no limits but the machine's.
    pub fn unlimited() -> Self {
        Self { busy: Duration::ZERO, idle_first: Duration::from_millis(10), idle_max: Duration::from_millis(250), ..Self::aws() }
    }
}

/// What the shell does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Get an iterator.
    Open(Position),
    /// Get a page with this iterator.
    Poll(Box<str>),
    WaitUntil(Timestamp),
    /// A call is under way: its end decides.
    Busy,
    Ended,
}

/// What an operator must know of an answer, and the shard's lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub result: PollResult,
    pub reason: String,
}

#[derive(Debug)]
pub struct Reader {
    pace: Pace,
    random: fastrand::Rng,
    /// Where the next iterator begins.
    start: Position,
    last_read: Option<SequenceNumber>,
    iterator: Option<Box<str>>,
    /// A call is under way.
    busy: bool,
    ended: bool,
    /// Set by pace and back-off.
    not_before: Timestamp,
    idle: Duration,
    failures: u32,
    /// Answers in a row that the shard is gone, iterators and pages alike;
    gone: u32,
    /// and pages alone.
    denied: u32,
    /// When the last empty pages in a row were asked for, by the stream's clock; `TIP_MIN` at most.
    empty: VecDeque<Timestamp>,
    shared: Entered,
}

/// An end that the stream did not say is durable for every trigger, and endpoints that restart, or lag behind their own DescribeStream, say "not
/// found" of shards that are there: so many answers in a row, some twenty seconds of back-off, it takes to believe it.
const GONE_MIN: u32 = 7;
/// The same of pages, where iterators are still given: by the shard's being there, or by an endpoint that gives them for any.
const DENIED_MIN: u32 = 3 * GONE_MIN;

/// An empty page is not the tip, and no answer says what is. So many in a row are taken for it.
const TIP_MIN: usize = 30;

impl Reader {
    /// `seed` spreads the back-off of many readers.
    pub fn new(start: Position, pace: Pace, seed: u64, budget: &Budget) -> Self {
        let last_read = match &start {
            Position::After(number) => Some(number.clone()),
            Position::TrimHorizon => None,
        };
        Self {
            pace,
            random: fastrand::Rng::with_seed(seed),
            start,
            last_read,
            iterator: None,
            busy: false,
            ended: false,
            not_before: Timestamp::default(),
            idle: pace.idle_first,
            failures: 0,
            gone: 0,
            denied: 0,
            empty: VecDeque::new(),
            shared: budget.enter(),
        }
    }

    /// Of a shard that is known to be gone: there is nothing to ask.
    pub fn lost(seed: u64, budget: &Budget) -> Self {
        Self { ended: true, ..Self::new(Position::TrimHorizon, Pace::aws(), seed, budget) }
    }

    pub fn has_ended(&self) -> bool {
        self.ended
    }

    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// Up to when nothing is unread, by the stream's clock; none: the reader does not stand at the tip.
    pub fn tip(&self) -> Option<Timestamp> {
        if on(Mutant::TipAtOnce) {
            return self.empty.back().copied();
        }
        // That one of so many told the truth is what is believed, and not which.
        self.empty.front().filter(|_| self.empty.len() >= TIP_MIN).copied()
    }

    /// Another reader of the shard has got an iterator,
    pub fn has_iterators(&mut self) {
        self.gone = 0;
    }

    /// or a page.
    pub fn is_there(&mut self) {
        (self.gone, self.denied) = (0, 0);
    }

    /// Whether it began, or begins again, at the trim horizon.
    pub fn starts_at_horizon(&self) -> bool {
        self.start == Position::TrimHorizon
    }

    /// What to do at `now`. A call that this names must be made, and its end told.
    pub fn next(&mut self, now: Timestamp) -> Step {
        if self.ended {
            return Step::Ended;
        }
        if self.busy {
            return Step::Busy;
        }
        if now < self.not_before {
            return Step::WaitUntil(self.not_before);
        }
        self.busy = true;
        match &self.iterator {
            Some(iterator) => Step::Poll(iterator.clone()),
            None => Step::Open(self.start.clone()),
        }
    }

    pub fn opened(&mut self, now: Timestamp, result: Result<Box<str>, ReadError>) -> Option<Note> {
        self.busy = false;
        match result {
            Ok(iterator) => {
                self.iterator = Some(iterator);
                self.gone = 0;
                None
            }
            Err(error) => Some(self.failed(now, &error)),
        }
    }

    /// Takes a page's end; `page` keeps only changes that were not handed on before. `asked`: when the call began, by the stream's clock.
    pub fn polled(&mut self, now: Timestamp, asked: Timestamp, result: Result<&mut Page, ReadError>) -> Option<Note> {
        self.busy = false;
        let denied = matches!(result, Err(ReadError::Gone(_)));
        self.denied = if denied { self.denied + 1 } else { 0 };
        let page = match result {
            Ok(page) => page,
            Err(error) => return Some(self.failed(now, &error)),
        };
        self.failures = 0;
        self.gone = 0;
        if on(Mutant::ChildAtLatest)
            && self.last_read.is_none()
            && let Some(newest) = page.changes.pop()
        {
            self.last_read = Some(newest.sequence_number);
        }
        if on(Mutant::LastPageDropped) && page.next_iterator.is_none() {
            page.changes.clear();
        }
        // From the horizon, a page may begin with what is known already.
        if let Some(last) = &self.last_read {
            page.changes.retain(|change| change.sequence_number > *last);
        }
        self.not_before = now + self.wait(asked, page);
        self.iterator = page.next_iterator.take();
        self.ended = self.iterator.is_none() || (on(Mutant::EndedOnEmptyPage) && page.changes.is_empty());
        None
    }

    /// Until the next poll.
    fn wait(&mut self, asked: Timestamp, page: &Page) -> Duration {
        if let Some(newest) = page.changes.last() {
            self.last_read = Some(newest.sequence_number.clone());
            self.idle = self.pace.idle_first;
            self.empty.clear();
            return self.pace.busy;
        }
        if self.empty.len() >= TIP_MIN {
            self.empty.pop_front();
        }
        self.empty.push_back(asked);
        let crowded = self.shared.budget().idle_min();
        let wait = self.idle;
        self.idle = (self.idle * 2).min(self.pace.idle_max.max(crowded));
        // Spread, so that shards that were opened together are not asked together for ever.
        wait.mul_f64(0.75 + self.random.f64() / 4.0).max(self.pace.busy)
    }

    fn failed(&mut self, now: Timestamp, error: &ReadError) -> Note {
        self.failures = self.failures.saturating_add(1);
        self.empty.clear();
        // An endpoint that expires every iterator, or trims every position, must not make this a busy loop.
        self.not_before = now + self.pace.backoff.delay(self.failures, &mut self.random);
        let result = match error {
            // The iterator is as good as before.
            ReadError::Throttled(_) => return note(PollResult::Throttled, error),
            ReadError::Trimmed(_) => PollResult::Trimmed,
            ReadError::IteratorExpired => PollResult::Expired,
            ReadError::Refused(_) => PollResult::Refused,
            ReadError::Gone(_) => PollResult::Gone,
            ReadError::Unavailable(_) => PollResult::Unavailable,
        };
        self.gone = if result == PollResult::Gone { self.gone + 1 } else { 0 };
        self.ended = self.gone >= GONE_MIN || self.denied >= DENIED_MIN || (on(Mutant::GoneAtOnce) && self.gone > 0);
        self.iterator = None;
        if on(Mutant::ExpiredAtHorizon) && result == PollResult::Expired {
            (self.last_read, self.start) = (None, Position::TrimHorizon);
        }
        match &self.last_read {
            _ if result == PollResult::Trimmed => self.start = Position::TrimHorizon,
            Some(last) => self.start = Position::After(last.clone()),
            None => {}
        }
        note(result, error)
    }
}

fn note(result: PollResult, error: &ReadError) -> Note {
    Note { result, reason: error.to_string() }
}

#[cfg(test)]
mod tests;
