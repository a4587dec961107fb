//! The counters of plugins as metric families: `tripline_tally_<name>`, with the trigger and the plugin's own labels.
//!
//! Always holds: whatever a guest called its counters and labels, the answer stays one that Prometheus reads: names are
//! checked, no label stands twice in a series, no series twice in a family, and each trigger has at most so many of them.
//! Gauges, since a plugin may take away what it added.
//! Knows nothing of where counters are kept.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use prometheus::proto::{Gauge, LabelPair, Metric, MetricFamily, MetricType};
use tripline_core::effect::CounterKey;
use tripline_core::limits::is_metric_name;
use tripline_core::name::TriggerName;
use tripline_core::port::CounterValue;

/// Series of one trigger, where nothing else is said.
pub const COUNTER_SERIES_MAX: usize = 1000;

pub(crate) const PREFIX: &str = "tripline_tally_";

const TRIGGER: &str = "trigger";

#[derive(Debug)]
pub(crate) struct Rendered {
    /// In the order of their names.
    pub(crate) families: Vec<MetricFamily>,
    /// For each trigger with counters: series that are not in `families`.
    pub(crate) left_out: BTreeMap<TriggerName, usize>,
}

pub(crate) fn render(counters: Vec<CounterValue>, series_max: usize) -> Rendered {
    let mut left_out: BTreeMap<TriggerName, usize> = BTreeMap::new();
    // The order decides which series a full trigger shows: always the same ones.
    let mut series: BTreeMap<(TriggerName, CounterKey), f64> = BTreeMap::new();
    for CounterValue { trigger, counter, value } in counters {
        let left_out = left_out.entry(trigger.clone()).or_default();
        match one_series(&counter) {
            Some(one) => *series.entry((trigger, one.into_owned())).or_default() += value.to_f64(),
            None => *left_out += 1,
        }
    }
    let mut families: BTreeMap<Box<str>, Vec<Metric>> = BTreeMap::new();
    let mut shown: BTreeMap<TriggerName, usize> = BTreeMap::new();
    for ((trigger, counter), value) in series {
        let shown = shown.entry(trigger.clone()).or_default();
        if *shown < series_max {
            *shown += 1;
            let labels = labels(&trigger, &counter);
            families.entry(counter.name).or_default().push(metric(labels, value));
        } else {
            *left_out.entry(trigger).or_default() += 1;
        }
    }
    Rendered { families: families.into_iter().map(|(name, metrics)| family(&name, metrics)).collect(), left_out }
}

/// The series that Prometheus takes the counter for: to it a label without a value is none, and the guest's own `trigger` has another name, since
/// the host's stands there. So several counters may be one series: their values go together, or one of them would be lost.
///
/// None where Prometheus could not take it. The runtime refuses such names when a guest gives them; a store outlives the rules of one version, and
/// one bad series would cost the whole scrape.
pub(crate) fn one_series(counter: &CounterKey) -> Option<Cow<'_, CounterKey>> {
    if !is_metric_name(&counter.name) {
        return None;
    }
    let given: BTreeSet<&str> = counter.labels().iter().map(|(name, _)| &**name).collect();
    if given.len() != counter.labels().len() || !given.iter().all(|name| is_metric_name(name)) {
        return None;
    }
    if !given.contains(TRIGGER) && counter.labels().iter().all(|(_, value)| !value.is_empty()) {
        return Some(Cow::Borrowed(counter));
    }
    let labels = counter.labels().iter().filter(|(_, value)| !value.is_empty());
    let given: BTreeSet<&str> = labels.clone().map(|(name, _)| &**name).collect();
    let labels = labels.map(|(name, value)| match &**name {
        TRIGGER => (exported(&given).into(), value.clone()),
        _ => (name.clone(), value.clone()),
    });
    Some(Cow::Owned(CounterKey::new(counter.name.clone(), labels.collect())))
}

/// Of one series.
pub(crate) fn labels(trigger: &TriggerName, series: &CounterKey) -> Vec<LabelPair> {
    let own = std::iter::once(pair(TRIGGER, trigger.as_str()));
    own.chain(series.labels().iter().map(|(name, value)| pair(name, value))).collect()
}

/// What a guest's own `trigger` is called: what Prometheus itself does with a label that collides with one of the target's.
fn exported(given: &BTreeSet<&str>) -> String {
    let mut name = format!("exported_{TRIGGER}");
    while given.contains(name.as_str()) {
        name.insert_str(0, "exported_");
    }
    name
}

fn pair(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.into());
    pair.set_value(value.into());
    pair
}

fn metric(labels: Vec<LabelPair>, value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::from_gauge(gauge);
    metric.set_label(labels);
    metric
}

fn family(name: &str, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(format!("{PREFIX}{name}"));
    family.set_help(format!("What plugins added to their counter {name}"));
    family.set_field_type(MetricType::GAUGE);
    family.set_metric(metrics);
    family
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;
    use tripline_core::decimal::Decimal;

    use super::*;

    fn counter(trigger: &str, name: &str, labels: &[(&str, &str)], value: &str) -> CounterValue {
        let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        CounterValue { trigger: trigger.into(), counter: CounterKey::new(name, labels), value: Decimal::parse(value).unwrap() }
    }

    #[track_caller]
    fn check(counters: Vec<CounterValue>, series_max: usize, samples: &[&str], left_out: &[(&str, usize)]) {
        let rendered = render(counters, series_max);
        let text = TextEncoder::new().encode_to_string(&rendered.families).unwrap();
        let shown: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(shown, samples);
        let counts: Vec<_> = rendered.left_out.iter().map(|(trigger, count)| (trigger.as_str(), *count)).collect();
        assert_eq!(counts, left_out);
    }

    #[test]
    fn one_family_for_each_name_whatever_its_labels() {
        let counters = vec![
            counter("b", "orders", &[], "1"),
            counter("a", "revenue", &[("currency", "EUR")], "-19.99"),
            counter("a", "orders", &[("status", "paid"), ("country", "DE")], "2"),
        ];
        let samples = [
            r#"tripline_tally_orders{trigger="a",country="DE",status="paid"} 2"#,
            r#"tripline_tally_orders{trigger="b"} 1"#,
            r#"tripline_tally_revenue{trigger="a",currency="EUR"} -19.99"#,
        ];
        check(counters, 10, &samples, &[("a", 0), ("b", 0)]);
    }

    #[test]
    fn a_guests_values_are_escaped() {
        let value = "a\"b\\c\nd{}é";
        check(vec![counter("a", "x", &[("l", value)], "1")], 10, &[r#"tripline_tally_x{trigger="a",l="a\"b\\c\nd{}é"} 1"#], &[("a", 0)]);
    }

    #[test]
    fn a_guests_own_trigger_label_keeps_its_value_under_another_name() {
        let counters = vec![
            counter("a", "x", &[("trigger", "mine")], "1"),
            counter("a", "y", &[("trigger", "mine"), ("exported_trigger", "too")], "1"),
        ];
        let samples = [
            r#"tripline_tally_x{trigger="a",exported_trigger="mine"} 1"#,
            r#"tripline_tally_y{trigger="a",exported_exported_trigger="mine",exported_trigger="too"} 1"#,
        ];
        check(counters, 10, &samples, &[("a", 0)]);
    }

    #[test]
    fn what_prometheus_takes_for_one_series_is_added_up() {
        let counters = vec![
            counter("a", "x", &[], "1"),
            counter("a", "x", &[("l", "")], "2.5"),
            counter("a", "x", &[("l", ""), ("m", "")], "-1"),
            counter("a", "y", &[("trigger", "mine")], "1"),
            counter("a", "y", &[("exported_trigger", "mine")], "1"),
            counter("a", "y", &[("exported_trigger", ""), ("trigger", "mine")], "1"),
            counter("b", "y", &[("trigger", "")], "7"),
        ];
        let samples = [
            r#"tripline_tally_x{trigger="a"} 2.5"#,
            r#"tripline_tally_y{trigger="a",exported_trigger="mine"} 3"#,
            r#"tripline_tally_y{trigger="b"} 7"#,
        ];
        check(counters, 2, &samples, &[("a", 0), ("b", 0)]);
    }

    #[test]
    fn what_prometheus_could_not_read_is_left_out_and_counted() {
        let counters = vec![
            counter("a", "x\n# bad", &[], "1"),
            counter("a", "x", &[("a-b", "1")], "1"),
            counter("a", "x", &[("l", "1"), ("l", "2")], "1"),
            counter("a", "ok", &[], "1"),
        ];
        check(counters, 10, &[r#"tripline_tally_ok{trigger="a"} 1"#], &[("a", 3)]);
    }

    #[test]
    fn a_trigger_has_at_most_so_many_series_and_others_have_theirs() {
        let many = (0..5).rev().map(|n| counter("a", "x", &[("n", &n.to_string())], "1"));
        let counters = many.chain([counter("b", "x", &[], "7")]).collect();
        let samples =
            [r#"tripline_tally_x{trigger="a",n="0"} 1"#, r#"tripline_tally_x{trigger="a",n="1"} 1"#, r#"tripline_tally_x{trigger="b"} 7"#];
        check(counters, 2, &samples, &[("a", 3), ("b", 0)]);
    }
}
