//! The world's clock: the real one, put forward or run faster as a test asks for.
//!
//! Invariant: it never runs backward.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockConfig {
    /// Milliseconds since 1970; none: the real time.
    pub start_ms: Option<u64>,
    /// How many times as fast as the real clock it runs; 0: it stands, and only `advance` moves it.
    pub rate: u32,
}

impl Default for ClockConfig {
    fn default() -> Self {
        Self { start_ms: None, rate: 1 }
    }
}

#[derive(Debug)]
pub(super) struct WorldClock {
    begun: Instant,
    state: Mutex<State>,
}

/// The world's time was `at_ms` at `since`.
#[derive(Clone, Copy, Debug)]
struct State {
    at_ms: u64,
    since: Instant,
    rate: u32,
}

impl State {
    fn now_ms(&self) -> u64 {
        let elapsed_ms = self.since.elapsed().as_micros().saturating_mul(u128::from(self.rate)) / 1000;
        self.at_ms.saturating_add(u64::try_from(elapsed_ms).unwrap_or(u64::MAX))
    }
}

impl WorldClock {
    pub(super) fn start(config: ClockConfig) -> Self {
        let state = State { at_ms: config.start_ms.unwrap_or_else(wall_ms), since: Instant::now(), rate: config.rate };
        Self { begun: state.since, state: Mutex::new(state) }
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).now_ms()
    }

    /// Real milliseconds since the start: by these calls are counted.
    pub(super) fn real_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn advance(&self, by: Duration) {
        let by_ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.change(|state| state.at_ms = state.at_ms.saturating_add(by_ms));
    }

    pub(super) fn set_rate(&self, rate: u32) {
        self.change(|state| state.rate = rate);
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.at_ms, state.since) = (state.now_ms(), Instant::now());
        change(&mut state);
    }
}

#[allow(clippy::disallowed_methods, reason = "an endpoint of its own has a clock of its own, as another machine would")]
fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
