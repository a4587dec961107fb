//! A bound on time that several waits share.

use std::time::Duration;

use tokio::time::{Instant, timeout};

pub(super) struct Bound {
    max: Duration,
    left: Duration,
}

impl Bound {
    pub(super) fn new(max: Duration) -> Self {
        Self { max, left: max }
    }

    /// `Err` has the whole bound.
    pub(super) async fn hold<T>(&mut self, doing: impl Future<Output = T>) -> Result<T, Duration> {
        let began = Instant::now();
        let done = timeout(self.left, doing).await;
        self.left = self.left.saturating_sub(began.elapsed());
        done.map_err(|_| self.max)
    }
}
