//! One shard's reader as a state machine: open, poll, expire, trim, throttle, end.
//!
//! Invariant: it ends only where the stream said so, by an answer without a next iterator or by the shard's being gone; the changes of
//! that last answer are handed on like any others. It hands on each change once, in order.
//! Knows no clock: the shell asks `next` what to do at a time, does it, and says what came of it.

use std::time::Duration;

use crate::backoff::Backoff;
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
    /// up to this.
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

/// What an operator must know of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Changes after this one may be lost; none: nothing had been read.
    Gap {
        after: Option<SequenceNumber>,
        result: PollResult,
        reason: String,
    },
    Failed {
        result: PollResult,
        reason: String,
    },
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
    /// Answers in a row that the shard is gone.
    gone: u32,
}

/// An end that the stream did not say is durable for every trigger, and endpoints that restart, or lag behind their own DescribeStream, say "not
/// found" of shards that are there: so many answers in a row, some twenty seconds of back-off, it takes to believe it.
const GONE_MIN: u32 = 7;

impl Reader {
    /// `seed` spreads the back-off of many readers.
    pub fn new(start: Position, pace: Pace, seed: u64) -> Self {
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
        }
    }

    pub fn has_ended(&self) -> bool {
        self.ended
    }

    pub fn is_busy(&self) -> bool {
        self.busy
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
                None
            }
            Err(error) => Some(self.failed(now, &error)),
        }
    }

    /// Takes a page's end; `page` keeps only changes that were not handed on before.
    pub fn polled(&mut self, now: Timestamp, result: Result<&mut Page, ReadError>) -> Option<Note> {
        self.busy = false;
        let page = match result {
            Ok(page) => page,
            Err(error) => return Some(self.failed(now, &error)),
        };
        self.failures = 0;
        self.gone = 0;
        // From the horizon, a page may begin with what is known already.
        if let Some(last) = &self.last_read {
            page.changes.retain(|change| change.sequence_number > *last);
        }
        let wait = match page.changes.last() {
            Some(newest) => {
                self.last_read = Some(newest.sequence_number.clone());
                self.idle = self.pace.idle_first;
                self.pace.busy
            }
            None => {
                let wait = self.idle;
                self.idle = (self.idle * 2).min(self.pace.idle_max);
                wait
            }
        };
        self.not_before = now + wait;
        self.iterator = page.next_iterator.take();
        self.ended = self.iterator.is_none();
        None
    }

    fn failed(&mut self, now: Timestamp, error: &ReadError) -> Note {
        self.failures = self.failures.saturating_add(1);
        // An endpoint that expires every iterator, or trims every position, must not make this a busy loop.
        self.not_before = now + self.pace.backoff.delay(self.failures, &mut self.random);
        match error {
            ReadError::Throttled(_) => return failure(PollResult::Throttled, error),
            ReadError::Gone(_) => self.gone += 1,
            _ => self.gone = 0,
        }
        match error {
            ReadError::Trimmed(_) if self.start != Position::TrimHorizon || self.iterator.is_some() && self.last_read.is_some() => {
                self.iterator = None;
                self.start = Position::TrimHorizon;
                return self.gap(PollResult::Trimmed, error);
            }
            // The horizon moved while the first page was asked for: nothing that was there at the start is skipped unseen.
            ReadError::Trimmed(_) => {
                self.iterator = None;
                return failure(PollResult::Trimmed, error);
            }
            // Whatever it still held is lost; that it held nothing cannot be known.
            ReadError::Gone(_) if self.gone >= GONE_MIN => {
                self.ended = true;
                return self.gap(PollResult::Gone, error);
            }
            _ => {}
        }
        self.iterator = None;
        if let Some(last) = &self.last_read {
            self.start = Position::After(last.clone());
        }
        match error {
            ReadError::IteratorExpired => failure(PollResult::Expired, error),
            ReadError::Refused(_) => failure(PollResult::Refused, error),
            ReadError::Gone(_) => failure(PollResult::Gone, error),
            _ => failure(PollResult::Unavailable, error),
        }
    }
}

impl Reader {
    fn gap(&self, result: PollResult, error: &ReadError) -> Note {
        Note::Gap { after: self.last_read.clone(), result, reason: error.to_string() }
    }
}

fn failure(result: PollResult, error: &ReadError) -> Note {
    Note::Failed { result, reason: error.to_string() }
}

#[cfg(test)]
mod tests;
