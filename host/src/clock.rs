//! The one place that reads the system's clock. Everything that decides gets the time as an argument.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tripline_core::time::Timestamp;

/// Wall time as it was last trusted, and when that was.
static ANCHOR: Mutex<Option<(Timestamp, Instant)>> = Mutex::new(None);

/// How far the system's clock may run ahead before it is believed anew.
const DRIFT_MAX: Duration = Duration::from_secs(1);

/// Never runs backward: what waits until a time would wait for as long as the system's clock was set back.
pub fn now() -> Timestamp {
    let mut anchor = ANCHOR.lock().unwrap_or_else(PoisonError::into_inner);
    let (trusted, at) = anchor.get_or_insert_with(|| (wall(), Instant::now()));
    let steady = *trusted + at.elapsed();
    let wall = wall();
    if wall.since(steady) > DRIFT_MAX {
        *anchor = Some((wall, Instant::now()));
        return wall;
    }
    steady
}

#[allow(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
fn wall() -> Timestamp {
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
