//! The process as Linux sees it, under the names that every Prometheus client library uses. Elsewhere these metrics are absent.
//!
//! Why not the `process` feature of `prometheus`: it brings a second rustix.

use std::collections::HashMap;
use std::fs;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, Metric, MetricFamily, MetricType};

/// USER_HZ, the unit of times in /proc: part of Linux' ABI, 100 on every architecture that wasmtime compiles for.
const TICKS_PER_SECOND: f64 = 100.0;

const METRICS: [(&str, &str, MetricType); 5] = [
    ("process_cpu_seconds_total", "User and system CPU time spent", MetricType::COUNTER),
    ("process_resident_memory_bytes", "Resident memory", MetricType::GAUGE),
    ("process_virtual_memory_bytes", "Virtual memory", MetricType::GAUGE),
    ("process_open_fds", "Open file descriptors", MetricType::GAUGE),
    ("process_start_time_seconds", "Start of the process, in seconds since the Unix epoch", MetricType::GAUGE),
];

#[derive(Clone, Debug)]
pub(crate) struct Process {
    descs: Vec<Desc>,
}

impl Process {
    pub(crate) fn new() -> Self {
        let desc = |(name, help, _): &(&str, &str, MetricType)| Desc::new((*name).into(), (*help).into(), Vec::new(), HashMap::new());
        // A name that is not well-formed would be missing from the list that the test of docs/metrics.md reads.
        Self { descs: METRICS.iter().filter_map(|metric| desc(metric).ok()).collect() }
    }
}

impl Collector for Process {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    /// In the order of `desc`; a family without a metric is one that could not be read.
    fn collect(&self) -> Vec<MetricFamily> {
        METRICS.iter().zip(read()).map(|(metric, value)| family(metric, value)).collect()
    }
}

fn family((name, help, kind): &(&str, &str, MetricType), value: Option<f64>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name((*name).into());
    family.set_help((*help).into());
    family.set_field_type(*kind);
    let metric = |value| {
        let mut metric = Metric::default();
        if *kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        metric
    };
    family.set_metric(value.map(metric).into_iter().collect());
    family
}

/// In the order of `METRICS`.
fn read() -> [Option<f64>; 5] {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
    [
        cpu_seconds(&stat),
        memory_bytes(&status, "VmRSS:"),
        memory_bytes(&status, "VmSize:"),
        // Less the one that reading the folder opens.
        fs::read_dir("/proc/self/fd").ok().map(|open| open.count().saturating_sub(1) as f64),
        start_time(&stat, &boot),
    ]
}

/// The fields of /proc/self/stat after the command, which stands in parentheses and may hold anything: state is 0 (field 3 of proc(5)).
fn stat_field(stat: &str, field: usize) -> Option<f64> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(field - 3)?.parse().ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((stat_field(stat, 14)? + stat_field(stat, 15)?) / TICKS_PER_SECOND)
}

fn start_time(stat: &str, boot: &str) -> Option<f64> {
    let booted: f64 = boot.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(booted + stat_field(stat, 22)? / TICKS_PER_SECOND)
}

fn memory_bytes(status: &str, key: &str) -> Option<f64> {
    let kib: f64 = status.lines().find_map(|line| line.strip_prefix(key))?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib * 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_proc_shows() {
        // A command may hold spaces and parentheses.
        let stat = "42 (trip) line) S 1 42 42 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 4 0 1234 9000 9 18446744073709551615";
        assert_eq!(cpu_seconds(stat), Some(2.0));
        assert_eq!(start_time(stat, "cpu  1 2\nbtime 1700000000\n"), Some(1_700_000_012.34));
        assert_eq!(memory_bytes("Name:\ttripline\nVmRSS:\t   2048 kB\n", "VmRSS:"), Some(2_097_152.0));
    }

    #[test]
    fn what_is_not_there_is_absent() {
        assert_eq!((cpu_seconds(""), start_time("", ""), memory_bytes("", "VmRSS:")), (None, None, None));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_all_of_them() {
        for (value, (name, ..)) in read().into_iter().zip(METRICS) {
            assert!(value.is_some_and(|value| value >= 0.0), "{name}");
        }
    }
}
