//! Every signal against the metrics it makes, and every metric against `docs/metrics.md`.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::bench::{Bench, NOW_MS, NoCounters};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tripline_admin::{Component, Definition, Health, Kind, Telemetry};
use tripline_core::gap::{Cause, Gap};
use tripline_core::letter::{DropCause, Kept};
use tripline_core::name::{PluginVersion, ShardId, StreamArn, StreamName, TriggerName};
use tripline_core::signal::{
    HandlerResult, HttpConnection, HttpResult, LogLevel, MailResult, PollResult, RetireCause, Signal, Signals as _, TableReadResult,
    TransactResult, WriteResult,
};
use tripline_core::time::Timestamp;

struct Names {
    stream: StreamName,
    arn: StreamArn,
    shard: ShardId,
    trigger: TriggerName,
    version: PluginVersion,
}

impl Names {
    fn new() -> Self {
        Self {
            stream: "orders".into(),
            arn: "arn".into(),
            shard: "shard-1".into(),
            trigger: "mail".into(),
            version: "0123456789abcdef".into(),
        }
    }
}

/// Emits `signals`, scrapes, and expects each of `samples` as a line.
#[track_caller]
fn check(signals: &[Signal<'_>], samples: &[&str]) {
    let bench = Bench::new();
    signals.iter().for_each(|signal| bench.telemetry.emit(*signal));
    let text = bench.scrape();
    for sample in samples {
        assert!(text.lines().any(|line| line == *sample), "no `{sample}` in:\n{text}");
    }
}

const TOOK: Duration = Duration::from_millis(250);

#[test]
fn streams() {
    let Names { stream, arn, shard, trigger, .. } = &Names::new();
    let gap = &gap();
    let other = &ShardId::from("shard-2");
    check(
        &[Signal::StreamFound { stream, arn }],
        &[
            r#"tripline_stream_available{stream="orders"} 1"#,
            r#"tripline_changes_read_total{stream="orders"} 0"#,
            r#"tripline_polls_total{result="throttled",stream="orders"} 0"#,
        ],
    );
    check(&[Signal::StreamUnavailable { stream, reason: "off" }], &[r#"tripline_stream_available{stream="orders"} 0"#]);
    let opened = |shard| Signal::ShardOpened { stream, shard };
    check(
        &[opened(shard), opened(shard), opened(other), Signal::ShardFinished { stream, shard }],
        &[r#"tripline_shards_open{stream="orders"} 1"#],
    );
    check(
        &[
            Signal::Polled { stream, shard, result: PollResult::Changes, changes: 7, bytes: 900, took: TOOK },
            Signal::PollFailed { stream, shard, result: PollResult::Throttled, reason: "slow down" },
            Signal::Gap { stream, trigger, gap, stops: false },
            Signal::WindowFull { stream, shard, bytes: 1 },
        ],
        &[
            r#"tripline_changes_read_total{stream="orders"} 7"#,
            r#"tripline_read_bytes_total{stream="orders"} 900"#,
            r#"tripline_polls_total{result="changes",stream="orders"} 1"#,
            r#"tripline_polls_total{result="throttled",stream="orders"} 1"#,
            r#"tripline_poll_duration_seconds_sum{stream="orders"} 0.25"#,
            r#"tripline_gaps_total{cause="trimmed",stream="orders",trigger="mail"} 1"#,
            r#"tripline_window_full_total{stream="orders"} 1"#,
        ],
    );
    let lags = |shard, lags| Signal::Lags { stream, trigger, shard, lags };
    let lagging = |n: u32| format!("tripline_shards_lagging{{stream=\"orders\",trigger=\"mail\"}} {n}");
    check(&[lags(shard, true), lags(shard, true), lags(other, true)], &[&lagging(2)]);
    check(&[lags(shard, true), lags(other, true), lags(shard, false)], &[&lagging(1)]);
    check(&[lags(shard, true), lags(other, true), Signal::ShardFinished { stream, shard: other }], &[&lagging(1)]);
}

/// A rewind sets all shards down: what of them was open, lagged or stalled is not.
#[test]
fn what_is_set_down_is_forgotten() {
    let Names { stream, shard, trigger, .. } = &Names::new();
    let bench = Bench::new();
    bench.telemetry.follows(trigger, stream);
    let stopped = Signal::Gap { stream, trigger, gap: &gap(), stops: true };
    let oldest = Signal::Oldest { trigger, shard, created: Some(Timestamp::from_ms(NOW_MS - 9_000)) };
    let lags = Signal::Lags { stream, trigger, shard, lags: true };
    let signals = [Signal::ShardOpened { stream, shard }, oldest, lags, stopped];
    signals.iter().for_each(|signal| bench.telemetry.emit(*signal));
    let shows = |samples: [&str; 3]| {
        let text = bench.scrape();
        samples
            .iter()
            .for_each(|sample| assert!(text.lines().any(|line| line == *sample), "no `{sample}` in:\n{text}"));
    };
    let open = "tripline_shards_open{stream=\"orders\"}";
    let lagging = "tripline_shards_lagging{stream=\"orders\",trigger=\"mail\"}";
    let age = "tripline_iterator_age_seconds{trigger=\"mail\"}";
    shows([&format!("{open} 1"), &format!("{lagging} 1"), &format!("{age} 9")]);
    let known = &bench.health.of_trigger(trigger)[shard];
    assert!(known.lags && known.stopped && known.oldest.is_some(), "{known:?}");
    bench.telemetry.emit(Signal::SetDown { stream });
    shows([&format!("{open} 0"), &format!("{lagging} 0"), &format!("{age} 0")]);
    assert!(bench.health.of_trigger(trigger).is_empty());
}

/// Nothing of a paused trigger is a stall, and its age is as much as it may be.
#[test]
fn a_pause_is_no_stall() {
    let Names { stream, shard, trigger, .. } = &Names::new();
    let now = Arc::new(AtomicU64::new(NOW_MS));
    let read = now.clone();
    let health = Health::new(Arc::new(move || Timestamp::from_ms(read.load(Ordering::Relaxed))), Duration::from_secs(300));
    let bench = Bench { telemetry: Telemetry::new(health.clone()), health };
    bench.telemetry.follows(trigger, stream);
    bench.telemetry.emit(Signal::ShardOpened { stream, shard });
    let oldest = |created: Option<u64>| Signal::Oldest { trigger, shard, created: created.map(Timestamp::from_ms) };
    bench.telemetry.emit(oldest(Some(NOW_MS - 1_000)));
    let paused = |paused| bench.telemetry.emit(Signal::Paused { trigger, paused });
    paused(true);
    // Nothing feeds its lane any more.
    bench.telemetry.emit(oldest(None));
    now.fetch_add(1_000_000, Ordering::Relaxed);
    let stalls = |text: &str| text.lines().filter(|line| line.starts_with("tripline_shard_stalled_seconds{")).count();
    let text = bench.scrape();
    assert!(text.contains("tripline_trigger_paused{trigger=\"mail\"} 1\n"), "{text}");
    assert!(text.contains("tripline_iterator_age_seconds{trigger=\"mail\"} 1001\n"), "{text}");
    assert_eq!(stalls(&text), 0, "{text}");
    paused(false);
    let text = bench.scrape();
    assert!(text.contains("tripline_trigger_paused{trigger=\"mail\"} 0\n"), "{text}");
    assert!(text.contains("tripline_iterator_age_seconds{trigger=\"mail\"} 0\n"), "{text}");
    assert_eq!(stalls(&text), 0, "what stood still is given its time: {text}");
    now.fetch_add(301_000, Ordering::Relaxed);
    assert_eq!(stalls(&bench.scrape()), 1);
}

fn gap() -> Gap {
    Gap { shard: Some("shard-1".into()), after: None, since: None, until: Timestamp::from_ms(NOW_MS), cause: Cause::Trimmed }
}

/// The series of a pair of stream and trigger are there before anything happens, so that an alert sees the first gap.
#[test]
fn what_a_trigger_has_of_its_stream() {
    let Names { stream, trigger, .. } = &Names::new();
    let bench = Bench::new();
    bench.telemetry.follows(trigger, stream);
    let text = bench.scrape();
    for sample in [
        r#"tripline_gaps_total{cause="gone",stream="orders",trigger="mail"} 0"#,
        r#"tripline_gaps_total{cause="trimmed",stream="orders",trigger="mail"} 0"#,
        r#"tripline_shards_lagging{stream="orders",trigger="mail"} 0"#,
    ] {
        assert!(text.lines().any(|line| line == sample), "no `{sample}` in:\n{text}");
    }
}

/// By a clock that moves between the signals and the scrape.
#[test]
fn only_what_stalls_has_a_series_of_its_own() {
    let Names { stream, shard, trigger, .. } = &Names::new();
    let now = Arc::new(AtomicU64::new(NOW_MS));
    let read = now.clone();
    let health = Health::new(Arc::new(move || Timestamp::from_ms(read.load(Ordering::Relaxed))), Duration::from_secs(300));
    let bench = Bench { telemetry: Telemetry::new(health.clone()), health };
    bench.telemetry.follows(trigger, stream);
    let stalls = || {
        let text = bench.scrape();
        let lines = text.lines().filter(|line| line.starts_with("tripline_shard_stalled_seconds{"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    bench.telemetry.emit(Signal::ShardOpened { stream, shard });
    bench
        .telemetry
        .emit(Signal::Oldest { trigger, shard: &"shard-2".into(), created: Some(Timestamp::from_ms(NOW_MS)) });
    assert_eq!(stalls(), Vec::<String>::new());
    now.fetch_add(301_500, Ordering::Relaxed);
    let reader = r#"tripline_shard_stalled_seconds{shard="shard-1",stream="orders",trigger=""} 301.5"#;
    let delivery = r#"tripline_shard_stalled_seconds{shard="shard-2",stream="orders",trigger="mail"} 301.5"#;
    assert_eq!(stalls(), [reader, delivery]);
    bench.telemetry.emit(Signal::Acknowledged { trigger, shard: &"shard-2".into(), changes: 1 });
    assert_eq!(stalls(), [reader]);
    bench.telemetry.emit(Signal::ShardFinished { stream, shard });
    assert_eq!(stalls(), Vec::<String>::new());
}

#[test]
fn delivery() {
    let Names { shard, trigger, .. } = &Names::new();
    check(
        &[
            Signal::Delivered { trigger, changes: 3, bytes: 600 },
            Signal::Handled { trigger, result: HandlerResult::Trap, took: TOOK },
            Signal::Handled { trigger, result: HandlerResult::NotRun, took: TOOK },
            Signal::ChangesFailed { trigger, shard, changes: 2, reason: "trap", backtrace: None },
            Signal::Acknowledged { trigger, shard, changes: 4 },
            Signal::Filtered { trigger, shard, changes: 3 },
            Signal::DeadLettered { trigger, event_id: "e", attempts: 5, reason: "r" },
            Signal::Skipped { trigger, event_id: "e", attempts: 5, reason: "r" },
        ],
        &[
            r#"tripline_changes_delivered_total{trigger="mail"} 3"#,
            r#"tripline_batch_changes_sum{trigger="mail"} 3"#,
            r#"tripline_batch_bytes_sum{trigger="mail"} 600"#,
            r#"tripline_handler_calls_total{result="trap",trigger="mail"} 1"#,
            r#"tripline_handler_calls_total{result="not_run",trigger="mail"} 1"#,
            r#"tripline_handler_duration_seconds_count{trigger="mail"} 1"#,
            r#"tripline_changes_failed_total{trigger="mail"} 2"#,
            r#"tripline_changes_acknowledged_total{trigger="mail"} 4"#,
            r#"tripline_changes_filtered_total{trigger="mail"} 3"#,
            r#"tripline_changes_dead_lettered_total{trigger="mail"} 1"#,
            r#"tripline_changes_skipped_total{trigger="mail"} 1"#,
        ],
    );
    check(
        &[Signal::Committed { took: TOOK, batches: 4 }, Signal::CommitFailed { reason: "disk full" }],
        &["tripline_commit_duration_seconds_sum 0.25", "tripline_commit_batches_sum 4", "tripline_commit_failures_total 1"],
    );
    let created = |ms| Some(Timestamp::from_ms(NOW_MS - ms));
    check(
        &[
            Signal::Oldest { trigger, shard, created: created(1500) },
            Signal::Oldest { trigger, shard: &"shard-2".into(), created: created(500) },
        ],
        &[r#"tripline_iterator_age_seconds{trigger="mail"} 1.5"#],
    );
    check(&[Signal::Oldest { trigger, shard, created: None }], &[r#"tripline_iterator_age_seconds{trigger="mail"} 0"#]);
}

#[test]
fn dead_letters() {
    let Names { trigger, .. } = &Names::new();
    let keys = ["k".into(), "l".into()];
    let kept =
        Kept { letters: vec![(trigger.clone(), 7), ("gone".into(), 0)], bytes: 900, oldest: Some(Timestamp::from_ms(NOW_MS - 2500)) };
    check(
        &[
            Signal::Conflict { trigger, keys: &keys },
            Signal::Redriven { trigger, done: 3, failed: 1 },
            Signal::LettersKept(&kept),
            Signal::LettersDropped { trigger, cause: DropCause::Age, letters: 4 },
        ],
        &[
            r#"tripline_state_conflicts_total{trigger="mail"} 1"#,
            r#"tripline_dead_letters_redriven_total{result="done",trigger="mail"} 3"#,
            r#"tripline_dead_letters_redriven_total{result="failed",trigger="mail"} 1"#,
            r#"tripline_dead_letters{trigger="mail"} 7"#,
            r#"tripline_dead_letters{trigger="gone"} 0"#,
            "tripline_dead_letters_bytes 900",
            "tripline_dead_letters_oldest_seconds 2.5",
            r#"tripline_dead_letters_dropped_total{cause="age",trigger="mail"} 4"#,
        ],
    );
    check(&[Signal::LettersKept(&kept), Signal::LettersKept(&Kept::default())], &["tripline_dead_letters_oldest_seconds 0"]);
}

#[test]
fn plugins() {
    let Names { trigger, version, .. } = &Names::new();
    let plugin = "mailer.wasm";
    let begun = Signal::PluginServes { trigger, plugin, version, reload: false };
    check(
        &[begun],
        &[
            r#"tripline_plugin_info{plugin="mailer.wasm",trigger="mail",version="0123456789ab"} 1"#,
            r#"tripline_plugin_reloads_total{plugin="mailer.wasm",result="served"} 0"#,
            r#"tripline_changes_delivered_total{trigger="mail"} 0"#,
            r#"tripline_handler_calls_total{result="timeout",trigger="mail"} 0"#,
            r#"tripline_iterator_age_seconds{trigger="mail"} 0"#,
        ],
    );
    check(
        &[
            Signal::GuestLog { trigger, version, level: LogLevel::Warn, context: "", message: "m" },
            Signal::GuestLogsDropped { trigger, lines: 9 },
            Signal::InstanceTaken { trigger, reused: false },
            Signal::InstanceTaken { trigger, reused: true },
            Signal::InstanceTaken { trigger, reused: true },
            Signal::InstanceRetired { trigger, cause: RetireCause::Memory },
            Signal::PluginMetricDropped { trigger, metric: "seen", series_max: 1000, first: true },
            Signal::PluginMetricDropped { trigger, metric: "seen", series_max: 1000, first: false },
            Signal::PluginRefused { plugin, version: None, reason: "no such import" },
        ],
        &[
            r#"tripline_guest_log_lines_total{level="warn",trigger="mail"} 1"#,
            r#"tripline_guest_log_lines_dropped_total{trigger="mail"} 9"#,
            r#"tripline_metrics_dropped_total{trigger="mail"} 2"#,
            r#"tripline_instances_made_total{trigger="mail"} 1"#,
            r#"tripline_instances_reused_total{trigger="mail"} 2"#,
            r#"tripline_instances_retired_total{cause="memory",trigger="mail"} 1"#,
            r#"tripline_plugin_reloads_total{plugin="mailer.wasm",result="refused"} 1"#,
        ],
    );
}

#[test]
fn a_swap_leaves_only_the_new_version() {
    let Names { trigger, version, .. } = &Names::new();
    let bench = Bench::new();
    let plugin = "mailer.wasm";
    bench.telemetry.emit(Signal::PluginServes { trigger, plugin, version, reload: false });
    bench
        .telemetry
        .emit(Signal::PluginServes { trigger, plugin, version: &"fedcba9876543210".into(), reload: true });
    let text = bench.scrape();
    let info: Vec<_> = text.lines().filter(|line| line.starts_with("tripline_plugin_info{")).collect();
    assert_eq!(info, [r#"tripline_plugin_info{plugin="mailer.wasm",trigger="mail",version="fedcba987654"} 1"#]);
    assert!(text.contains("tripline_plugin_reloads_total{plugin=\"mailer.wasm\",result=\"served\"} 1\n"));
}

#[test]
fn effects() {
    let target = "orders-us";
    let Names { trigger, .. } = &Names::new();
    let settled = |result| Signal::MailSettled { mailer: "office", message_id: "id", result, reason: None };
    let asked = |place, result, connection| Signal::HttpAsked { trigger, place, result, connection, took: TOOK };
    check(
        &[
            Signal::TableWritten { target, result: WriteResult::ConditionFailed, took: TOOK },
            asked("https://api.example.com", HttpResult::Success, Some(HttpConnection::Reused)),
            asked("", HttpResult::Denied, None),
            Signal::TableTransacted { target, result: TransactResult::Cancelled, took: TOOK },
            Signal::TableRead { target, result: TableReadResult::Ok, keys: 250, took: TOOK },
            Signal::MailAccepted { mailer: "office", mails: 2 },
            settled(MailResult::Later),
            settled(MailResult::Sent),
            settled(MailResult::Failed),
            Signal::MailsPending { mailer: "office", mails: 7 },
            Signal::MailsPending { mailer: "files", mails: 0 },
            Signal::MailerAway { mailer: "office", barred: true, pause: Some(TOOK), reason: "535" },
            Signal::MailerAway { mailer: "other", barred: false, pause: None, reason: "421" },
            Signal::MailerBack { mailer: "other" },
        ],
        &[
            r#"tripline_table_writes_total{result="condition_failed",target="orders-us"} 1"#,
            r#"tripline_table_write_duration_seconds_count{target="orders-us"} 1"#,
            r#"tripline_http_requests_total{place="https://api.example.com",result="2xx",trigger="mail"} 1"#,
            r#"tripline_http_requests_total{place="",result="denied",trigger="mail"} 1"#,
            r#"tripline_http_connections_total{how="reused",trigger="mail"} 1"#,
            r#"tripline_http_request_duration_seconds_count{place="https://api.example.com",trigger="mail"} 1"#,
            r#"tripline_table_transactions_total{result="cancelled",target="orders-us"} 1"#,
            r#"tripline_table_transaction_duration_seconds_count{target="orders-us"} 1"#,
            r#"tripline_table_reads_total{result="ok",target="orders-us"} 1"#,
            r#"tripline_table_keys_read_total{target="orders-us"} 250"#,
            r#"tripline_table_read_duration_seconds_count{target="orders-us"} 1"#,
            r#"tripline_mails_total{mailer="office",result="accepted"} 2"#,
            r#"tripline_mails_total{mailer="office",result="later"} 1"#,
            r#"tripline_mails_total{mailer="office",result="sent"} 1"#,
            r#"tripline_mails_total{mailer="office",result="failed"} 1"#,
            r#"tripline_mails_total{mailer="files",result="failed"} 0"#,
            r#"tripline_mails_pending{mailer="office"} 7"#,
            r#"tripline_mailer_away{mailer="office"} 1"#,
            r#"tripline_mailer_away{mailer="files"} 0"#,
            r#"tripline_mailer_away{mailer="other"} 0"#,
        ],
    );
}

#[test]
fn label_values_are_escaped() {
    let stream = &StreamName::from("a\"b\\c\nd");
    let gap = Signal::Gap { stream, trigger: &"t".into(), gap: &gap(), stops: true };
    check(&[gap], &[r#"tripline_gaps_total{cause="trimmed",stream="a\"b\\c\nd",trigger="t"} 1"#]);
}

#[test]
fn the_host_tells_of_itself() {
    let version = format!("tripline_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    check(&[], &[&version, "tripline_ready 0", "tripline_commit_failures_total 0", "tripline_counters_read_failures_total 0"]);
    if cfg!(target_os = "linux") {
        let text = Bench::new().scrape();
        assert!(text.contains("\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total "), "{text}");
        assert!(text.contains("\nprocess_resident_memory_bytes "), "{text}");
    }
}

/// What each log line finds in `/readyz`.
struct Reader {
    health: Arc<Health>,
    found: Arc<Mutex<Vec<String>>>,
}

impl<S: tracing::Subscriber> Layer<S> for Reader {
    fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
        let problems = self.health.problems().into_iter();
        self.found.lock().unwrap().extend(problems.map(|problem| problem.reason));
    }
}

#[test]
fn who_reads_a_log_line_finds_it_in_readyz() {
    let bench = Bench::new();
    bench.health.expect(Component::Store);
    let found = Arc::default();
    let reader = Reader { health: Arc::clone(&bench.health), found: Arc::clone(&found) };
    let lines = tracing_subscriber::registry().with(reader);
    tracing::subscriber::with_default(lines, || bench.telemetry.emit(Signal::CommitFailed { reason: "disk I/O error" }));
    assert_eq!(*found.lock().unwrap(), ["disk I/O error"]);
}

/// Rows of the tables in `docs/metrics.md` as `name | type | labels`.
fn documented() -> BTreeSet<String> {
    let rows = include_str!("../../../../docs/metrics.md").lines();
    let rows = rows.filter(|line| line.starts_with("| `tripline_") || line.starts_with("| `process_"));
    let row = |line: &str| line.replace('`', "").split('|').skip(1).take(3).map(str::trim).collect::<Vec<_>>().join(" | ");
    rows.map(row).collect()
}

#[test]
fn the_docs_list_every_metric_and_no_other() {
    let telemetry = Bench::new().telemetry;
    let row = |d: &Definition| format!("{} | {} | {}", d.name, d.kind.as_str(), d.labels.join(", "));
    let registered: BTreeSet<String> = telemetry.definitions().iter().map(row).collect();
    let documented = documented();
    let undocumented: Vec<_> = registered.difference(&documented).collect();
    let unknown: Vec<_> = documented.difference(&registered).collect();
    assert!(undocumented.is_empty() && unknown.is_empty(), "not in docs/metrics.md: {undocumented:#?}\nonly there: {unknown:#?}");
    assert!(registered.len() > 30, "{}", registered.len());
}

/// What Prometheus' naming conventions ask for, and what keeps the host's names off those of plugin counters.
#[test]
fn names_follow_the_conventions() {
    let telemetry = Bench::new().telemetry;
    for definition in telemetry.definitions() {
        let name = &*definition.name;
        let unit = |units: &[&str]| units.iter().any(|unit| name.ends_with(unit));
        assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'), "{name}");
        assert_eq!(name.ends_with("_total"), definition.kind == Kind::Counter, "{name}: counters, and they alone, end in _total");
        if definition.kind == Kind::Histogram {
            assert!(unit(&["_seconds", "_bytes", "_changes", "_batches"]), "{name}: a histogram ends in its unit");
        }
        let foreign = ["_ms", "_millis", "_milliseconds", "_us", "_minutes", "_kb", "_kib", "_mb", "_mib", "_count", "_sum", "_bucket"];
        assert!(!unit(&foreign), "{name}: base units, and no name of the format's own");
        assert!(!name.starts_with("tripline_tally_"), "{name}: that is where plugins' counters live");
        assert!(!name.starts_with("tripline_custom_"), "{name}: that is where plugins' metrics live");
        assert!(!definition.labels.iter().any(|label| label == "le" || label == "job" || label == "instance"), "{name}");
    }
}

#[test]
fn a_scrape_without_plugin_counters_says_so() {
    let bench = Bench::new();
    let text = bench.scrape_with(NoCounters);
    assert!(text.contains("\ntripline_counters_read_failures_total 1\n"), "{text}");
}
