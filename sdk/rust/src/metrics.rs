//! The plugin's own metrics, scraped by Prometheus as `tripline_custom_<name>`.
//!
//! They tell what this host's plugins have done since it started: a sample counts at once, stays when its change fails, and counts again where
//! the change is handled again. What must be exact is [`crate::counters`]' business. The trigger needs `grants = { metrics = true }`.
//!
//! Names: `[a-z][a-z0-9_]*`, at most 64 characters, without the endings `_total`, `_bucket`, `_sum` and `_count`; at most 8 labels.
//!
//! ```
//! use tripline_sdk::{Change, Failure, metrics};
//!
//! fn on_change(change: Change) -> Result<(), Failure> {
//!     metrics::count("seen", &[("event", change.event_name().as_str())], 1)?;
//!     metrics::set_gauge("size_bytes", &[], change.size_bytes() as f64)?;
//!     metrics::observe("work_seconds", &[], 0.012)
//! }
//! # use tripline_sdk::testing::{self, Host, Measured};
//! # let host = Host::new();
//! # assert!(testing::run(on_change, testing::batch([testing::insert("{}", "{}")])).is_empty());
//! # assert_eq!(host.metric("work_seconds", &[]), [Measured::Observed(0.012)]);
//! ```

use crate::failure::Failure;
use crate::host::{self, MetricError};

/// Adds to a counter.
pub fn count(name: &str, labels: &[(&str, &str)], delta: u64) -> Result<(), Failure> {
    host::metrics::count(name, &owned(labels), delta).map_err(Failure::from)
}

/// Sets a gauge.
pub fn set_gauge(name: &str, labels: &[(&str, &str)], value: f64) -> Result<(), Failure> {
    host::metrics::set_gauge(name, &owned(labels), value).map_err(Failure::from)
}

/// Adds to a histogram, whose buckets go from 0.001 to 1000: made for seconds.
pub fn observe(name: &str, labels: &[(&str, &str)], value: f64) -> Result<(), Failure> {
    host::metrics::observe(name, &owned(labels), value).map_err(Failure::from)
}

fn owned(labels: &[(&str, &str)]) -> Vec<(String, String)> {
    labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

impl From<MetricError> for Failure {
    fn from(error: MetricError) -> Self {
        match error {
            MetricError::AccessDenied(reason) | MetricError::Invalid(reason) => Self::Reject(reason),
        }
    }
}
