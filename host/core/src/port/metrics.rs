//! Metrics that plugins make of their own.

use crate::effect::CounterKey;

/// Where one trigger's plugin measures.
pub trait MetricSink: Send + Sync {
    /// Counts at once, whatever becomes of the batch. `Err`: the name is another kind of metric already; says which.
    fn record(&self, metric: CounterKey, sample: MetricSample) -> Result<(), String>;
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetricSample {
    Count(u64),
    /// Finite.
    Gauge(f64),
    /// Finite.
    Observe(f64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

impl MetricSample {
    pub fn kind(self) -> MetricKind {
        match self {
            Self::Count(_) => MetricKind::Counter,
            Self::Gauge(_) => MetricKind::Gauge,
            Self::Observe(_) => MetricKind::Histogram,
        }
    }
}

impl MetricKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}
