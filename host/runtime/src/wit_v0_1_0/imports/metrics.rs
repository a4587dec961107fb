//! The plugin's own metrics. They count at once: what a handler has done is so, whatever becomes of its changes.

use tripline_core::port::MetricSample;

use super::super::bindings::tripline::trigger::metrics::{Host, MetricError};
use super::series;
use crate::guest::{Guest, Purpose};

/// What Prometheus' families of one metric end in: two metrics must not become one.
const ENDINGS: [&str; 4] = ["_total", "_bucket", "_sum", "_count"];
/// What Prometheus keeps for the buckets of histograms.
const BUCKET_LABEL: &str = "le";

impl Host for Guest {
    fn count(&mut self, name: String, labels: Vec<(String, String)>, delta: u64) -> Result<(), MetricError> {
        self.sample(name, labels, MetricSample::Count(delta))
    }

    fn set_gauge(&mut self, name: String, labels: Vec<(String, String)>, value: f64) -> Result<(), MetricError> {
        self.sample(name, labels, MetricSample::Gauge(value))
    }

    fn observe(&mut self, name: String, labels: Vec<(String, String)>, value: f64) -> Result<(), MetricError> {
        self.sample(name, labels, MetricSample::Observe(value))
    }
}

impl Guest {
    fn sample(&self, name: String, labels: Vec<(String, String)>, sample: MetricSample) -> Result<(), MetricError> {
        let Some(sink) = &self.context.grants.metrics else {
            return Err(MetricError::AccessDenied(self.denied("metrics", "metrics = true")));
        };
        let metric = series("metric", name, labels).map_err(MetricError::Invalid)?;
        if let MetricSample::Gauge(value) | MetricSample::Observe(value) = sample
            && !value.is_finite()
        {
            return Err(MetricError::Invalid(format!("the metric `{}`: {value} is no finite number", metric.name)));
        }
        if let Some(ending) = ENDINGS.iter().find(|ending| metric.name.ends_with(**ending)) {
            let reason = format!("the metric's name `{}`: leave out `{ending}`, which Prometheus adds where it belongs", metric.name);
            return Err(MetricError::Invalid(reason));
        }
        if metric.labels().iter().any(|(label, _)| **label == *BUCKET_LABEL) {
            return Err(MetricError::Invalid(format!("the label `{BUCKET_LABEL}`: Prometheus keeps it for the buckets of histograms")));
        }
        // A new version that is probed has done nothing yet.
        if self.purpose == Purpose::Probe {
            return Ok(());
        }
        sink.record(metric, sample).map_err(MetricError::Invalid)
    }
}
