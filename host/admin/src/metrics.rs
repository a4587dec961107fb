//! Every metric of the host, with its name, help and labels. `docs/metrics.md` is the operator's copy; a test compares them.
//!
//! Always holds: names follow Prometheus' conventions: base units, `_total` for counters; and none begins with
//! `tripline_tally_` or `tripline_custom_`, where the counters and the metrics of plugins live.
//! Knows nothing of signals: `render_metric` does.

use prometheus::{HistogramOpts, Registry};

use crate::family::{Counters, Definition, Gauges, Histograms, Registrar};
use crate::process::Process;

const SECONDS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
const CHANGES: &[f64] = &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0];
const BATCHES: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
const BYTES: &[f64] = &[256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0, 16_777_216.0];

#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) streams: StreamMetrics,
    pub(crate) triggers: TriggerMetrics,
    pub(crate) letters: LetterMetrics,
    pub(crate) commits: CommitMetrics,
    pub(crate) plugins: PluginMetrics,
    pub(crate) effects: EffectMetrics,
    pub(crate) host: HostMetrics,
    pub(crate) registry: Registry,
    pub(crate) definitions: Vec<Definition>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut r = Registrar::default();
        let streams = StreamMetrics::new(&mut r);
        let triggers = TriggerMetrics::new(&mut r);
        let letters = LetterMetrics::new(&mut r);
        let commits = CommitMetrics::new(&mut r);
        let plugins = PluginMetrics::new(&mut r);
        let effects = EffectMetrics::new(&mut r);
        let host = HostMetrics::new(&mut r);
        r.collector(Process::new());
        let (registry, definitions) = r.finish();
        Self { streams, triggers, letters, commits, plugins, effects, host, registry, definitions }
    }
}

#[derive(Debug)]
pub(crate) struct StreamMetrics {
    pub(crate) available: Gauges<1>,
    pub(crate) shards_open: Gauges<1>,
    pub(crate) changes_read: Counters<1>,
    pub(crate) read_bytes: Counters<1>,
    pub(crate) polls: Counters<2>,
    pub(crate) poll_duration: Histograms<1>,
    pub(crate) gaps: Counters<3>,
    pub(crate) shards_lagging: Gauges<2>,
    pub(crate) changes_blocked: Gauges<2>,
    pub(crate) shard_stalled: Gauges<3>,
    pub(crate) window_full: Counters<1>,
}

impl StreamMetrics {
    fn new(r: &mut Registrar) -> Self {
        let by = ["stream"];
        Self {
            available: r.gauge("tripline_stream_available", "1 while the table's stream is found, 0 while it is not", by),
            shards_open: r.gauge("tripline_shards_open", "Shards that are being read", by),
            changes_read: r.counter("tripline_changes_read_total", "Changes read from the stream", by),
            read_bytes: r.counter("tripline_read_bytes_total", "Bytes of the bodies that GetRecords answered with", by),
            polls: r.counter("tripline_polls_total", "GetRecords calls, and failed calls for an iterator, by result", ["stream", "result"]),
            poll_duration: r.histogram(seconds("tripline_poll_duration_seconds", "How long a GetRecords call took"), by),
            gaps: r.counter(
                "tripline_gaps_total",
                "Times that a stream had let go of changes before a trigger had them: data may be lost",
                ["stream", "trigger", "cause"],
            ),
            changes_blocked: r.gauge(
                "tripline_changes_blocked",
                "Changes that fail on and hold up their items, as the trigger's policy says",
                ["stream", "trigger"],
            ),
            shards_lagging: r.gauge(
                "tripline_shards_lagging",
                "Shards in which a trigger is behind what the window holds: a second reader feeds it",
                ["stream", "trigger"],
            ),
            shard_stalled: r.gauge(
                "tripline_shard_stalled_seconds",
                "How long a shard makes no progress, only while it makes none; without a trigger: its reader",
                ["stream", "shard", "trigger"],
            ),
            window_full: r.counter(
                "tripline_window_full_total",
                "Times that reading a shard waited because its triggers hold all the bytes that a window may have",
                by,
            ),
        }
    }
}

#[derive(Debug)]
pub(crate) struct TriggerMetrics {
    pub(crate) delivered: Counters<1>,
    pub(crate) acknowledged: Counters<1>,
    pub(crate) filtered: Counters<1>,
    pub(crate) failed: Counters<1>,
    pub(crate) dead_lettered: Counters<1>,
    pub(crate) skipped: Counters<1>,
    pub(crate) paused: Gauges<1>,
    pub(crate) conflicts: Counters<1>,
    pub(crate) iterator_age: Gauges<1>,
    pub(crate) batch_changes: Histograms<1>,
    pub(crate) batch_bytes: Histograms<1>,
    pub(crate) handler_duration: Histograms<1>,
    pub(crate) handler_calls: Counters<2>,
}

impl TriggerMetrics {
    fn new(r: &mut Registrar) -> Self {
        let by = ["trigger"];
        Self {
            delivered: r.counter("tripline_changes_delivered_total", "Changes handed to the plugin; each delivery counts", by),
            acknowledged: r.counter("tripline_changes_acknowledged_total", "Changes that the trigger is done with", by),
            filtered: r.counter(
                "tripline_changes_filtered_total",
                "Changes that the trigger's filters did not want: acknowledged without a call of the plugin",
                by,
            ),
            failed: r.counter("tripline_changes_failed_total", "Changes that failed; each failed delivery counts", by),
            dead_lettered: r.counter("tripline_changes_dead_lettered_total", "Changes given up on and kept as dead letters", by),
            skipped: r.counter("tripline_changes_skipped_total", "Changes given up on and not kept, as the trigger's policy says", by),
            paused: r.gauge("tripline_trigger_paused", "1 while the trigger is paused, by an operator or the config", by),
            conflicts: r.counter(
                "tripline_state_conflicts_total",
                "Commits that were refused because state had changed since it was read: the batches ran again",
                by,
            ),
            iterator_age: r.gauge(
                "tripline_iterator_age_seconds",
                "Now minus the creation of the oldest change not yet acknowledged, over all shards; 0 at the tip",
                by,
            ),
            batch_changes: r.histogram(histogram("tripline_batch_changes", "Changes in a batch as it goes to the plugin", CHANGES), by),
            batch_bytes: r
                .histogram(histogram("tripline_batch_bytes", "Bytes of the changes in a batch as it goes to the plugin", BYTES), by),
            handler_duration: r.histogram(seconds("tripline_handler_duration_seconds", "How long a call of the plugin's handler took"), by),
            handler_calls: r.counter(
                "tripline_handler_calls_total",
                "Calls of the plugin's handler by result; not_run never reached it",
                ["trigger", "result"],
            ),
        }
    }
}

#[derive(Debug)]
pub(crate) struct LetterMetrics {
    pub(crate) kept: Gauges<1>,
    pub(crate) bytes: Gauges<0>,
    pub(crate) oldest: Gauges<0>,
    pub(crate) redriven: Counters<2>,
    pub(crate) dropped: Counters<2>,
}

impl LetterMetrics {
    fn new(r: &mut Registrar) -> Self {
        Self {
            kept: r.gauge("tripline_dead_letters", "Dead letters that are kept", ["trigger"]),
            bytes: r.gauge("tripline_dead_letters_bytes", "Bytes of all dead letters that are kept", []),
            oldest: r.gauge("tripline_dead_letters_oldest_seconds", "Age of the oldest dead letter that is kept; 0 when there is none", []),
            redriven: r.counter(
                "tripline_dead_letters_redriven_total",
                "Dead letters delivered again: done and gone, or failed and still there",
                ["trigger", "result"],
            ),
            dropped: r.counter(
                "tripline_dead_letters_dropped_total",
                "Dead letters dropped because they were beyond the bounds of age or bytes",
                ["trigger", "cause"],
            ),
        }
    }
}

#[derive(Debug)]
pub(crate) struct CommitMetrics {
    pub(crate) duration: Histograms<0>,
    pub(crate) batches: Histograms<0>,
    pub(crate) failures: Counters<0>,
}

impl CommitMetrics {
    fn new(r: &mut Registrar) -> Self {
        let made = Self {
            duration: r.histogram(seconds("tripline_commit_duration_seconds", "How long a transaction of the store took"), []),
            batches: r.histogram(histogram("tripline_commit_batches", "Batches that one transaction committed", BATCHES), []),
            failures: r.counter("tripline_commit_failures_total", "Transactions that were not committed; each is tried again", []),
        };
        let _ = (made.duration.of([]), made.batches.of([]), made.failures.of([]));
        made
    }
}

#[derive(Debug)]
pub(crate) struct PluginMetrics {
    pub(crate) info: Gauges<3>,
    pub(crate) reloads: Counters<2>,
    pub(crate) instances_made: Counters<1>,
    pub(crate) instances_reused: Counters<1>,
    pub(crate) instances_retired: Counters<2>,
    pub(crate) log_lines: Counters<2>,
    pub(crate) log_lines_dropped: Counters<1>,
    pub(crate) metrics_dropped: Counters<1>,
}

impl PluginMetrics {
    fn new(r: &mut Registrar) -> Self {
        Self {
            info: r.gauge("tripline_plugin_info", "1 for the version that serves a trigger", ["trigger", "plugin", "version"]),
            reloads: r.counter(
                "tripline_plugin_reloads_total",
                "Versions of a plugin that were swapped in, or refused",
                ["plugin", "result"],
            ),
            instances_made: r.counter("tripline_instances_made_total", "Instances made for triggers with warm ones", ["trigger"]),
            instances_reused: r.counter(
                "tripline_instances_reused_total",
                "Batches handled by an instance that had handled others",
                ["trigger"],
            ),
            instances_retired: r.counter("tripline_instances_retired_total", "Warm instances that ended, by cause", ["trigger", "cause"]),
            log_lines: r.counter("tripline_guest_log_lines_total", "Lines that plugins logged", ["trigger", "level"]),
            log_lines_dropped: r.counter(
                "tripline_guest_log_lines_dropped_total",
                "Lines that plugins logged beyond the bound of a batch",
                ["trigger"],
            ),
            metrics_dropped: r.counter(
                "tripline_metrics_dropped_total",
                "Samples of plugins' own metrics that were dropped: each would have begun a series too many",
                ["trigger"],
            ),
        }
    }
}

#[derive(Debug)]
pub(crate) struct EffectMetrics {
    pub(crate) table_writes: Counters<2>,
    pub(crate) table_write_duration: Histograms<1>,
    pub(crate) http_requests: Counters<3>,
    pub(crate) http_connections: Counters<2>,
    pub(crate) http_request_duration: Histograms<2>,
    pub(crate) transactions: Counters<2>,
    pub(crate) transaction_duration: Histograms<1>,
    pub(crate) table_reads: Counters<2>,
    pub(crate) table_keys_read: Counters<1>,
    pub(crate) table_read_duration: Histograms<1>,
    pub(crate) mails: Counters<2>,
    pub(crate) mails_pending: Gauges<1>,
    pub(crate) mailer_away: Gauges<1>,
}

impl EffectMetrics {
    fn new(r: &mut Registrar) -> Self {
        Self {
            table_writes: r.counter("tripline_table_writes_total", "Writes of plugins into tables by result", ["target", "result"]),
            table_write_duration: r
                .histogram(seconds("tripline_table_write_duration_seconds", "How long a write into a table took"), ["target"]),
            http_requests: r.counter(
                "tripline_http_requests_total",
                "Http requests that plugins asked for, by the entry of grants.http that allows them (empty: none does) and by result",
                ["trigger", "place", "result"],
            ),
            http_connections: r.counter(
                "tripline_http_connections_total",
                "Answers to http requests of plugins, by how their connection came: new, or reused",
                ["trigger", "how"],
            ),
            http_request_duration: r.histogram(
                seconds("tripline_http_request_duration_seconds", "How long an http request took, the wait for its turn included"),
                ["trigger", "place"],
            ),
            transactions: r.counter(
                "tripline_table_transactions_total",
                "Transactions of plugins by result and the target of their first write",
                ["target", "result"],
            ),
            transaction_duration: r
                .histogram(seconds("tripline_table_transaction_duration_seconds", "How long a transaction of a plugin took"), ["target"]),
            table_reads: r.counter("tripline_table_reads_total", "Reads of tables by plugins, by result", ["target", "result"]),
            table_keys_read: r.counter("tripline_table_keys_read_total", "Keys that plugins asked tables for", ["target"]),
            table_read_duration: r.histogram(
                seconds("tripline_table_read_duration_seconds", "How long a plugin's read of a table took, with all its requests"),
                ["target"],
            ),
            mails: r.counter(
                "tripline_mails_total",
                "Mails by what became of them: accepted into the outbox, sent, put off until later, failed for good",
                ["mailer", "result"],
            ),
            mails_pending: r.gauge("tripline_mails_pending", "Mails in the outbox that are neither sent nor given up", ["mailer"]),
            mailer_away: r.gauge("tripline_mailer_away", "1 while a mailer can send nothing, whichever mail it is", ["mailer"]),
        }
    }
}

#[derive(Debug)]
pub(crate) struct HostMetrics {
    pub(crate) ready: Gauges<0>,
    pub(crate) counters_left_out: Gauges<1>,
    pub(crate) counters_read_failures: Counters<0>,
}

impl HostMetrics {
    fn new(r: &mut Registrar) -> Self {
        let build_info = r.gauge("tripline_build_info", "1, with the host's version", ["version"]);
        build_info.of([env!("CARGO_PKG_VERSION")]).set(1.0);
        let made = Self {
            ready: r.gauge("tripline_ready", "1 while /readyz answers 200", []),
            counters_left_out: r.gauge(
                "tripline_counters_left_out",
                "Series of a trigger's plugin counters that this answer leaves out: too many, or not fit for Prometheus",
                ["trigger"],
            ),
            counters_read_failures: r.counter(
                "tripline_counters_read_failures_total",
                "Scrapes without plugin counters, because the store could not be read",
                [],
            ),
        };
        let _ = (made.ready.of([]), made.counters_read_failures.of([]));
        made
    }
}

fn seconds(name: &str, help: &str) -> HistogramOpts {
    histogram(name, help, SECONDS)
}

fn histogram(name: &str, help: &str, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(buckets.to_vec())
}
