//! What goes wrong, how often, and for how long in a row at most.
//!
//! Invariant: every lie ends. After as many in a row as its bound says, the same question gets one true answer.
//! All is off by default, and what is off costs no randomness.

use fastrand::Rng;

use crate::meter::Operation;

/// A probability for each of the four calls.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PerCall {
    pub list: f32,
    pub describe: f32,
    pub iterator: f32,
    pub records: f32,
}

impl PerCall {
    pub fn all(probability: f32) -> Self {
        Self { list: probability, describe: probability, iterator: probability, records: probability }
    }

    pub(crate) fn of(&self, operation: Operation) -> f32 {
        match operation {
            Operation::ListStreams => self.list,
            Operation::DescribeStream => self.describe,
            Operation::GetShardIterator => self.iterator,
            Operation::GetRecords => self.records,
        }
    }
}

/// Probabilities between 0 and 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    /// LimitExceededException, ProvisionedThroughputExceededException, ThrottlingException.
    pub throttle: PerCall,
    /// 500 and 503 with an error in JSON.
    pub server_error: PerCall,

    // What only the way between can do: `World::transport_fault`.
    pub slow: f32,
    pub slow_ms_max: u32,
    pub cut_off: f32,
    pub no_answer: f32,
    pub html: f32,

    /// GetRecords: no records, though some are there.
    pub empty_page: f32,
    pub empty_pages_max: u8,
    /// After an empty page the iterator that was sent comes back.
    pub same_iterator: f32,
    pub short_page: f32,
    /// A closed shard's last records come with an iterator, which gives one empty page more.
    pub late_end: f32,
    /// ExpiredIteratorException before its time.
    pub early_expiry: f32,
    pub early_expiries_max: u8,
    /// ResourceNotFoundException for a shard that is there.
    pub not_found: f32,
    pub not_found_max: u8,

    // DescribeStream; a lie holds over all pages of a description, and for up to `describe_lies_max` descriptions in a row.
    pub missing_parent: f32,
    pub missing_child: f32,
    /// A shard with both a parent and children.
    pub missing_middle: f32,
    pub no_parent_id: f32,
    /// The last shard of a page again on the next one.
    pub repeated_shard: f32,
    /// A parent without its EndingSequenceNumber beside its open child.
    pub open_parent: f32,
    /// LastEvaluatedShardId although nothing follows.
    pub false_last: f32,
    pub describe_lies_max: u8,

    /// A new stream is in no ListStreams for a while.
    pub list_lag: f32,
    pub list_lag_ms_max: u32,
}

impl Default for Faults {
    /// None.
    fn default() -> Self {
        Self {
            throttle: PerCall::default(),
            server_error: PerCall::default(),
            slow: 0.0,
            slow_ms_max: 5000,
            cut_off: 0.0,
            no_answer: 0.0,
            html: 0.0,
            empty_page: 0.0,
            empty_pages_max: 5,
            same_iterator: 0.0,
            short_page: 0.0,
            late_end: 0.0,
            early_expiry: 0.0,
            early_expiries_max: 3,
            not_found: 0.0,
            not_found_max: 3,
            missing_parent: 0.0,
            missing_child: 0.0,
            missing_middle: 0.0,
            no_parent_id: 0.0,
            repeated_shard: 0.0,
            open_parent: 0.0,
            false_last: 0.0,
            describe_lies_max: 2,
            list_lag: 0.0,
            list_lag_ms_max: 10_000,
        }
    }
}

impl Faults {
    /// Every kind, each with this probability.
    pub fn all(probability: f32) -> Self {
        let p = probability;
        Self {
            throttle: PerCall::all(p),
            server_error: PerCall::all(p),
            slow: p,
            cut_off: p,
            no_answer: p,
            html: p,
            empty_page: p,
            same_iterator: p,
            short_page: p,
            late_end: p,
            early_expiry: p,
            not_found: p,
            missing_parent: p,
            missing_child: p,
            missing_middle: p,
            no_parent_id: p,
            repeated_shard: p,
            open_parent: p,
            false_last: p,
            list_lag: p,
            ..Self::default()
        }
    }
}

/// What the way between client and service does to a call. The service may have done its part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportFault {
    /// The answer is right, and comes so many milliseconds late.
    Slow(u32),
    /// The answer's body ends half way.
    CutOff,
    /// The connection is closed without an answer.
    NoAnswer,
    /// A load balancer's HTML page with this status instead of an answer.
    Html(u16),
}

/// The world's faults and the dice that decide them.
#[derive(Clone, Debug)]
pub(crate) struct Dice {
    pub(crate) faults: Faults,
    rng: Rng,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self { faults: Faults::default(), rng: Rng::with_seed(seed) }
    }

    pub(crate) fn roll(&mut self, probability: f32) -> bool {
        probability > 0.0 && self.rng.f32() < probability
    }

    /// From 1 to `max`; 1 where `max` is 0.
    pub(crate) fn up_to(&mut self, max: u32) -> u32 {
        self.rng.u32(1..=max.max(1))
    }

    pub(crate) fn pick<T: Copy>(&mut self, among: &[T]) -> Option<T> {
        let index = (!among.is_empty()).then(|| self.rng.usize(..among.len()))?;
        among.get(index).copied()
    }

    pub(crate) fn transport(&mut self) -> Option<TransportFault> {
        let (slow_ms_max, [slow, cut_off, no_answer, html]) =
            (self.faults.slow_ms_max, [self.faults.slow, self.faults.cut_off, self.faults.no_answer, self.faults.html]);
        if self.roll(slow) {
            return Some(TransportFault::Slow(self.up_to(slow_ms_max)));
        }
        if self.roll(cut_off) {
            return Some(TransportFault::CutOff);
        }
        if self.roll(no_answer) {
            return Some(TransportFault::NoAnswer);
        }
        self.roll(html).then(|| TransportFault::Html(if self.rng.bool() { 500 } else { 503 }))
    }

    /// `true` at most `max` times in a row, which `in_a_row` counts.
    pub(crate) fn lie(&mut self, probability: f32, in_a_row: &mut u8, max: u8) -> bool {
        let lies = *in_a_row < max && self.roll(probability);
        *in_a_row = if lies { *in_a_row + 1 } else { 0 };
        lies
    }
}
