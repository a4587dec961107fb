//! What the stream's clock shows: the host's, moved by what the endpoint's answers say of theirs.
//!
//! Always holds: it shows no later time than the endpoint's, as long as the host's clock runs as fast. `Date` is cut to the second and as old as
//! its way was long, so it is behind by that much, and may step back by as much from one answer to the next.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use tripline_core::time::Timestamp;

/// The host's clock: by the same one it asks what the stream's shows.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// No answer came yet, or none that says the time.
const UNKNOWN: i64 = i64::MIN;

#[derive(Clone)]
pub(crate) struct StreamClock {
    host: Clock,
    /// The stream's minus the host's, in ms.
    offset_ms: Arc<AtomicI64>,
}

impl StreamClock {
    pub(crate) fn new(host: Clock) -> Self {
        Self { host, offset_ms: Arc::new(AtomicI64::new(UNKNOWN)) }
    }

    /// `date` is the header of an answer that has just come.
    pub(crate) fn heard(&self, date: &str) {
        let told = DateTime::from_str(date, Format::HttpDate).ok().and_then(|date| date.to_millis().ok());
        if let Some(told) = told
            && let Ok(here) = i64::try_from((self.host)().as_ms())
        {
            self.offset_ms.store(told.saturating_sub(here).max(UNKNOWN + 1), Ordering::Relaxed);
        }
    }

    /// When the host's shows `now`.
    pub(crate) fn at(&self, now: Timestamp) -> Timestamp {
        match self.offset_ms.load(Ordering::Relaxed) {
            UNKNOWN => now,
            offset => Timestamp::from_ms(now.as_ms().saturating_add_signed(offset)),
        }
    }
}

impl fmt::Debug for StreamClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StreamClock").field(&self.offset_ms).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The host's clock shows `here` when `date` comes, and `then` when it is asked.
    #[track_caller]
    fn check(dates: &[(&str, u64)], then: u64, expected: u64) {
        let here = Arc::new(AtomicI64::new(0));
        let host = here.clone();
        let clock = StreamClock::new(Arc::new(move || Timestamp::from_ms(host.load(Ordering::Relaxed).unsigned_abs())));
        for (date, at) in dates {
            here.store(i64::try_from(*at).unwrap(), Ordering::Relaxed);
            clock.heard(date);
        }
        assert_eq!(clock.at(Timestamp::from_ms(then)).as_ms(), expected);
    }

    #[test]
    fn the_last_answer_that_says_the_time_counts() {
        const DATE: &str = "Sun, 22 Nov 2026 19:00:00 GMT";
        const MS: u64 = 1_795_374_000_000;
        check(&[], 7_000, 7_000);
        check(&[("", 1), ("yesterday", 1), ("2026-11-22T19:00:00Z", 1)], 7_000, 7_000);
        check(&[(DATE, MS + 900)], MS + 5_000, MS + 4_100);
        check(&[(DATE, MS - 900)], MS + 5_000, MS + 5_900);
        check(&[(DATE, MS), ("Sun, 22 Nov 2026 18:59:59 GMT", MS)], MS, MS - 1_000);
        check(&[(DATE, MS), ("nonsense", MS + 60_000)], MS, MS);
        // Far off: as tests do that let a day pass.
        check(&[(DATE, 1_000)], 1_500, MS + 500);
        check(&[("Thu, 01 Jan 1970 00:00:00 GMT", MS)], 1_000, 0);
    }
}
