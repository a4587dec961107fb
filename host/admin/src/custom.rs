//! The metrics of plugins as metric families: `tripline_custom_<name>`, with the trigger and the plugin's own labels.
//!
//! Always holds: a name is one kind of metric, whichever trigger's plugin uses it; a trigger has at most so many series; whatever a guest calls its
//! metrics and labels, the answer stays one that Prometheus reads.
//! In memory only: they tell what has happened since the host started. One trigger's plugin never waits for another's, but when it begins a series.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use tripline_core::effect::CounterKey;
use tripline_core::limits::{METRIC_BUCKETS, METRIC_SERIES_MAX};
use tripline_core::name::TriggerName;
use tripline_core::port::{MetricKind, MetricSample, MetricSink};
use tripline_core::signal::{Signal, Signals};

use crate::counters::{labels, one_series};
use crate::telemetry::Telemetry;

pub(crate) const PREFIX: &str = "tripline_custom_";

/// All that plugins have measured.
#[derive(Debug, Default)]
pub(crate) struct Custom {
    kinds: Kinds,
    triggers: Mutex<BTreeMap<TriggerName, Arc<Series>>>,
}

/// The kind of each name, for all triggers.
type Kinds = Arc<Mutex<BTreeMap<Box<str>, MetricKind>>>;

#[derive(Debug)]
struct Series {
    kinds: Kinds,
    values: Mutex<Values>,
}

#[derive(Debug, Default)]
struct Values {
    series: BTreeMap<CounterKey, Value>,
    /// The first that found no room was told.
    has_dropped: bool,
}

#[derive(Debug)]
enum Value {
    Counter(u64),
    Gauge(f64),
    Histogram(Box<Observed>),
}

#[derive(Debug, Default)]
struct Observed {
    /// Of each bucket alone; what is beyond the last is in `count` only.
    buckets: [u64; METRIC_BUCKETS.len()],
    count: u64,
    sum: f64,
}

#[derive(Debug, PartialEq, Eq)]
enum Recorded {
    Done,
    OtherKind(MetricKind),
    /// One series too many.
    Dropped {
        first: bool,
    },
}

impl Custom {
    /// Where this trigger's plugin measures.
    pub(crate) fn sink(&self, trigger: &TriggerName, telemetry: Arc<Telemetry>) -> Arc<dyn MetricSink> {
        let new = || Arc::new(Series { kinds: self.kinds.clone(), values: Mutex::default() });
        let series = locked(&self.triggers).entry(trigger.clone()).or_insert_with(new).clone();
        Arc::new(Sink { trigger: trigger.clone(), series, telemetry })
    }

    /// In the order of their names.
    pub(crate) fn families(&self) -> Vec<MetricFamily> {
        let mut families: BTreeMap<Box<str>, (MetricKind, Vec<Metric>)> = BTreeMap::new();
        for (trigger, series) in &*locked(&self.triggers) {
            for (key, value) in &locked(&series.values).series {
                let labels = labels(trigger, key);
                let (_, metrics) = families.entry(key.name.clone()).or_insert_with(|| (value.kind(), Vec::new()));
                metrics.push(value.metric(labels));
            }
        }
        families.into_iter().map(|(name, (kind, metrics))| family(&name, kind, metrics)).collect()
    }
}

struct Sink {
    trigger: TriggerName,
    series: Arc<Series>,
    telemetry: Arc<Telemetry>,
}

impl MetricSink for Sink {
    fn record(&self, metric: CounterKey, sample: MetricSample) -> Result<(), String> {
        let name = &metric.name;
        match self.series.record(&metric, sample) {
            Recorded::Done => Ok(()),
            Recorded::OtherKind(kind) => {
                let wanted = sample.kind().as_str();
                Err(format!("the metric `{name}` is a {} already, and no {wanted}: give one of them another name", kind.as_str()))
            }
            Recorded::Dropped { first } => {
                let dropped = Signal::PluginMetricDropped { trigger: &self.trigger, metric: name, series_max: METRIC_SERIES_MAX, first };
                self.telemetry.emit(dropped);
                Ok(())
            }
        }
    }
}

impl Series {
    fn record(&self, metric: &CounterKey, sample: MetricSample) -> Recorded {
        let mut values = locked(&self.values);
        // Nearly every sample: what has the name of a series is that series.
        if let Some(value) = values.series.get_mut(metric) {
            return value.take(sample);
        }
        // The runtime has refused what is none.
        let Some(metric) = one_series(metric) else { return Recorded::Done };
        if let Some(value) = values.series.get_mut(&*metric) {
            return value.take(sample);
        }
        let is_full = values.series.len() >= METRIC_SERIES_MAX;
        let mut kinds = locked(&self.kinds);
        match kinds.get(&metric.name) {
            Some(kind) if *kind != sample.kind() => return Recorded::OtherKind(*kind),
            _ if is_full => return Recorded::Dropped { first: !std::mem::replace(&mut values.has_dropped, true) },
            Some(_) => {}
            None => drop(kinds.insert(metric.name.clone(), sample.kind())),
        }
        drop(kinds);
        values.series.entry(metric.into_owned()).or_insert_with(|| Value::new(sample.kind())).take(sample)
    }
}

impl Value {
    fn new(kind: MetricKind) -> Self {
        match kind {
            MetricKind::Counter => Self::Counter(0),
            MetricKind::Gauge => Self::Gauge(0.0),
            MetricKind::Histogram => Self::Histogram(Box::default()),
        }
    }

    fn kind(&self) -> MetricKind {
        match self {
            Self::Counter(_) => MetricKind::Counter,
            Self::Gauge(_) => MetricKind::Gauge,
            Self::Histogram(_) => MetricKind::Histogram,
        }
    }

    fn take(&mut self, sample: MetricSample) -> Recorded {
        match (self, sample) {
            (Self::Counter(count), MetricSample::Count(delta)) => *count = count.saturating_add(delta),
            (Self::Gauge(gauge), MetricSample::Gauge(value)) => *gauge = value,
            (Self::Histogram(observed), MetricSample::Observe(value)) => observed.take(value),
            (other, _) => return Recorded::OtherKind(other.kind()),
        }
        Recorded::Done
    }

    fn metric(&self, labels: Vec<LabelPair>) -> Metric {
        let mut metric = Metric::from_label(labels);
        match self {
            Self::Counter(count) => {
                let mut counter = Counter::default();
                counter.set_value(*count as f64);
                metric.set_counter(counter);
            }
            Self::Gauge(value) => {
                let mut gauge = Gauge::default();
                gauge.set_value(*value);
                metric.set_gauge(gauge);
            }
            Self::Histogram(observed) => metric.set_histogram(observed.histogram()),
        }
        metric
    }
}

impl Observed {
    fn take(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        if let Some(bucket) = METRIC_BUCKETS.iter().position(|bound| value <= *bound) {
            self.buckets[bucket] += 1;
        }
    }

    fn histogram(&self) -> Histogram {
        let mut below = 0;
        let bucket = |(bound, count): (&f64, &u64)| {
            below += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(below);
            bucket
        };
        let buckets = METRIC_BUCKETS.iter().zip(&self.buckets).map(bucket).collect();
        let mut histogram = Histogram::default();
        histogram.set_sample_count(self.count);
        histogram.set_sample_sum(self.sum);
        histogram.set_bucket(buckets);
        histogram
    }
}

fn family(name: &str, kind: MetricKind, metrics: Vec<Metric>) -> MetricFamily {
    let (ending, kind, verb) = match kind {
        MetricKind::Counter => ("_total", MetricType::COUNTER, "counted"),
        MetricKind::Gauge => ("", MetricType::GAUGE, "set"),
        MetricKind::Histogram => ("", MetricType::HISTOGRAM, "observed"),
    };
    let mut family = MetricFamily::default();
    family.set_name(format!("{PREFIX}{name}{ending}"));
    family.set_help(format!("What plugins {verb} as {name}"));
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

/// Nothing in here panics halfway through a change.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;

    use super::*;
    use crate::health::Health;

    fn key(name: &str, labels: &[(&str, &str)]) -> CounterKey {
        CounterKey::new(name, labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    fn telemetry() -> Arc<Telemetry> {
        Telemetry::new(Health::new(Arc::new(tripline_core::time::Timestamp::default), std::time::Duration::from_secs(60)))
    }

    fn shown(custom: &Custom) -> Vec<String> {
        let text = TextEncoder::new().encode_to_string(&custom.families()).unwrap();
        text.lines().filter(|line| !line.starts_with("# HELP")).map(str::to_owned).collect()
    }

    #[test]
    fn each_kind_is_a_family_of_all_triggers() {
        let (custom, telemetry) = (Custom::default(), telemetry());
        let (a, b) = (custom.sink(&"a".into(), telemetry.clone()), custom.sink(&"b".into(), telemetry));
        a.record(key("seen", &[("kind", "x\"\n")]), MetricSample::Count(2)).unwrap();
        a.record(key("seen", &[("kind", "x\"\n")]), MetricSample::Count(u64::MAX)).unwrap();
        b.record(key("seen", &[]), MetricSample::Count(1)).unwrap();
        a.record(key("depth", &[("trigger", "mine")]), MetricSample::Gauge(7.0)).unwrap();
        a.record(key("depth", &[("trigger", "mine")]), MetricSample::Gauge(-0.5)).unwrap();
        let expected = [
            "# TYPE tripline_custom_depth gauge",
            r#"tripline_custom_depth{trigger="a",exported_trigger="mine"} -0.5"#,
            "# TYPE tripline_custom_seen_total counter",
            r#"tripline_custom_seen_total{trigger="a",kind="x\"\n"} 18446744073709552000"#,
            r#"tripline_custom_seen_total{trigger="b"} 1"#,
        ];
        assert_eq!(shown(&custom), expected);
    }

    #[test]
    fn what_prometheus_takes_for_one_series_is_one() {
        let (custom, telemetry) = (Custom::default(), telemetry());
        let sink = custom.sink(&"a".into(), telemetry);
        for labels in [&[][..], &[("l", "")], &[("l", ""), ("trigger", "")]] {
            sink.record(key("seen", labels), MetricSample::Count(2)).unwrap();
            sink.record(key("took_seconds", labels), MetricSample::Observe(0.5)).unwrap();
        }
        sink.record(key("depth", &[("trigger", "mine")]), MetricSample::Gauge(7.0)).unwrap();
        sink.record(key("depth", &[("exported_trigger", "mine")]), MetricSample::Gauge(1.0)).unwrap();
        let shown = shown(&custom);
        for line in [
            r#"tripline_custom_seen_total{trigger="a"} 6"#,
            r#"tripline_custom_took_seconds_sum{trigger="a"} 1.5"#,
            r#"tripline_custom_took_seconds_count{trigger="a"} 3"#,
            r#"tripline_custom_depth{trigger="a",exported_trigger="mine"} 1"#,
        ] {
            assert_eq!(shown.iter().filter(|shown| *shown == line).count(), 1, "no {line} in {shown:#?}");
        }
        assert_eq!(shown.iter().filter(|line| line.starts_with("tripline_custom_depth")).count(), 1);
    }

    #[test]
    fn a_histogram_counts_from_below() {
        let (custom, telemetry) = (Custom::default(), telemetry());
        let sink = custom.sink(&"a".into(), telemetry);
        for value in [-1.0, 0.001, 0.3, 0.3, 1000.0, 1000.1] {
            sink.record(key("took_seconds", &[]), MetricSample::Observe(value)).unwrap();
        }
        let shown = shown(&custom);
        assert_eq!(shown.len(), 1 + METRIC_BUCKETS.len() + 1 + 2, "{shown:#?}");
        for line in [
            r#"tripline_custom_took_seconds_bucket{trigger="a",le="0.001"} 2"#,
            r#"tripline_custom_took_seconds_bucket{trigger="a",le="0.25"} 2"#,
            r#"tripline_custom_took_seconds_bucket{trigger="a",le="0.5"} 4"#,
            r#"tripline_custom_took_seconds_bucket{trigger="a",le="1000"} 5"#,
            r#"tripline_custom_took_seconds_bucket{trigger="a",le="+Inf"} 6"#,
            r#"tripline_custom_took_seconds_sum{trigger="a"} 1999.701"#,
            r#"tripline_custom_took_seconds_count{trigger="a"} 6"#,
        ] {
            assert!(shown.iter().any(|shown| shown.starts_with(line)), "no {line} in {shown:#?}");
        }
    }

    #[test]
    fn a_name_keeps_its_kind_for_all() {
        let (custom, telemetry) = (Custom::default(), telemetry());
        let (a, b) = (custom.sink(&"a".into(), telemetry.clone()), custom.sink(&"b".into(), telemetry));
        a.record(key("x", &[]), MetricSample::Count(1)).unwrap();
        for sink in [&a, &b] {
            for labels in [&[][..], &[("l", "1")]] {
                let reason = sink.record(key("x", labels), MetricSample::Observe(1.0)).unwrap_err();
                assert_eq!(reason, "the metric `x` is a counter already, and no histogram: give one of them another name");
            }
        }
        b.record(key("x", &[]), MetricSample::Count(1)).unwrap();
        assert_eq!(shown(&custom).len(), 3);
    }

    #[test]
    fn a_trigger_has_its_share_of_series_and_no_more() {
        let custom = Custom::default();
        let telemetry = telemetry();
        let (a, b) = (custom.sink(&"a".into(), telemetry.clone()), custom.sink(&"b".into(), telemetry.clone()));
        for n in 0..METRIC_SERIES_MAX + 7 {
            a.record(key("x", &[("n", &n.to_string())]), MetricSample::Count(1)).unwrap();
        }
        // What is there goes on; a name that was dropped is no kind yet; the other has its own.
        a.record(key("x", &[("n", "0")]), MetricSample::Count(1)).unwrap();
        a.record(key("y", &[]), MetricSample::Count(1)).unwrap();
        b.record(key("y", &[]), MetricSample::Gauge(1.0)).unwrap();
        let shown = shown(&custom);
        assert_eq!(shown.len(), METRIC_SERIES_MAX + 3, "{:#?}", shown.last());
        assert!(shown.contains(&r#"tripline_custom_x_total{trigger="a",n="0"} 2"#.to_owned()));
        let series = locked(&custom.triggers)[&TriggerName::from("a")].clone();
        assert_eq!(series.record(&key("z", &[]), MetricSample::Count(1)), Recorded::Dropped { first: false });
        let fresh = Series { kinds: Arc::default(), values: Mutex::default() };
        let first = (0..=METRIC_SERIES_MAX)
            .map(|n| fresh.record(&key("x", &[("n", &n.to_string())]), MetricSample::Count(1)))
            .last();
        assert_eq!(first, Some(Recorded::Dropped { first: true }));
    }
}
