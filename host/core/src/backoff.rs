//! Exponential back-off with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter").

use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    pub first: Duration,
    pub max: Duration,
}

impl Backoff {
    /// Every wait as long as the longest.
    pub fn slowest(self) -> Self {
        Self { first: self.max, max: self.max }
    }

    /// The wait after the `failures`-th failure in a row (1, 2, …): between half of and the whole of `first` · 2^(failures-1), at most `max`.
    /// Half is kept, so that a retry never comes at once.
    pub fn delay(&self, failures: u32, random: &mut fastrand::Rng) -> Duration {
        let doublings = failures.saturating_sub(1).min(32);
        let ceiling = self.first.saturating_mul(1u32.checked_shl(doublings).unwrap_or(u32::MAX)).min(self.max);
        ceiling.mul_f64(0.5 + random.f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_the_maximum_and_never_retries_at_once() {
        let backoff = Backoff { first: Duration::from_millis(100), max: Duration::from_secs(30) };
        let mut random = fastrand::Rng::with_seed(7);
        for (failures, ceiling_ms) in [(1, 100), (2, 200), (5, 1600), (9, 25_600), (10, 30_000), (40, 30_000), (u32::MAX, 30_000)] {
            for _ in 0..100 {
                let delay = backoff.delay(failures, &mut random);
                assert!(delay <= Duration::from_millis(ceiling_ms), "{failures}: {delay:?}");
                assert!(delay >= Duration::from_millis(ceiling_ms / 2), "{failures}: {delay:?}");
            }
        }
    }
}
