//! The one place that reads the system's clock. Everything that decides gets the time as an argument.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tripline_core::time::Timestamp;

#[allow(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The clock as a value, for the crates that take one.
pub fn shared() -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
    Arc::new(now)
}

/// Until `time`, from now; zero when it is past.
pub fn until(time: Timestamp) -> std::time::Duration {
    time.since(now())
}
