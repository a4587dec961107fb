//! A limit on calls: at most so many in any stretch of a length, and who came first goes first.
//!
//! Invariant: of the times that `reserve` hands out, no `calls + 1` lie within `per`, and none lies before an earlier one.
//! A bucket that refills would let through twice its size within one second, which is what AWS counts by.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Timestamp;

#[derive(Clone, Debug)]
pub struct Rate {
    calls: usize,
    per: Duration,
    /// The last `calls` of them.
    handed_out: VecDeque<Timestamp>,
}

impl Rate {
    /// Of no calls at all there is no rate: 0 is taken for 1.
    pub fn new(calls: usize, per: Duration) -> Self {
        let calls = calls.max(1);
        Self { calls, per, handed_out: VecDeque::with_capacity(calls) }
    }

    /// When the next call may be made, at `now` or later. It counts, whether it is made or not.
    pub fn reserve(&mut self, now: Timestamp) -> Timestamp {
        let mut at = self.handed_out.back().map_or(now, |last| now.max(*last));
        if self.handed_out.len() == self.calls
            && let Some(first) = self.handed_out.pop_front()
        {
            at = at.max(first + self.per);
        }
        self.handed_out.push_back(at);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls wanted at `wanted` (ms), of which three may be in any 100 ms, are made at `made`.
    #[track_caller]
    fn check(wanted: &[u64], made: &[u64]) {
        let mut rate = Rate::new(3, Duration::from_millis(100));
        let times: Vec<_> = wanted.iter().map(|ms| rate.reserve(Timestamp::from_ms(*ms)).as_ms()).collect();
        assert_eq!(times, made);
    }

    #[test]
    fn so_many_at_once_and_no_more_in_any_stretch() {
        check(&[0, 0, 0], &[0, 0, 0]);
        check(&[0, 0, 0, 0, 0, 0, 0], &[0, 0, 0, 100, 100, 100, 200]);
        check(&[0, 60, 90, 90, 90, 90], &[0, 60, 90, 100, 160, 190]);
        check(&[0, 0, 0, 99, 100, 350, 350, 350, 350], &[0, 0, 0, 100, 100, 350, 350, 350, 450]);
        check(&[0, 1000, 1000, 1000, 1000], &[0, 1000, 1000, 1000, 1100]);
    }

    #[test]
    fn a_clock_that_is_read_late_overtakes_nobody() {
        check(&[50, 40, 30, 20], &[50, 50, 50, 150]);
    }

    #[test]
    fn whatever_is_wanted_no_stretch_holds_too_many() {
        let mut random = fastrand::Rng::with_seed(4);
        for calls in [0, 1, 5, 10] {
            let mut rate = Rate::new(calls, Duration::from_millis(1000));
            let (mut now, mut times) = (0, Vec::new());
            for _ in 0..2000 {
                now += if random.u8(..4) == 0 { random.u64(..900) } else { 0 };
                times.push(rate.reserve(Timestamp::from_ms(now)).as_ms());
            }
            let calls = calls.max(1);
            assert!(times.windows(calls + 1).all(|window| window[calls] - window[0] >= 1000), "{calls}");
            assert!(times.is_sorted());
        }
    }
}
