//! Signals as metrics.
//!
//! Always holds: the series of a stream exist from the moment it is found, and those of a trigger from the moment its plugin
//! serves, so that a rate sees the first event.
//! Knows nothing of time but the durations that signals bring; the iterator age is `telemetry`'s.

use std::collections::{BTreeMap, BTreeSet};

use tripline_core::gap::Cause;
use tripline_core::letter::DropCause;
use tripline_core::name::{PluginVersion, ShardId, StreamName, TriggerName};
use tripline_core::signal::{HandlerResult, LogLevel, MailResult, PollResult, RetireCause, Signal};

use crate::metrics::Metrics;
use crate::telemetry::Group;

/// What gauges need to remember from one signal to the next.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    open_shards: BTreeMap<StreamName, BTreeSet<ShardId>>,
    /// Shards in which a trigger lags.
    lagging: BTreeMap<(StreamName, TriggerName), BTreeSet<ShardId>>,
    /// Changes of a trigger that hold up their items.
    blocked: BTreeMap<(StreamName, TriggerName), BTreeMap<ShardId, usize>>,
    serving: BTreeMap<TriggerName, (Box<str>, PluginVersion)>,
}

pub(crate) fn count(metrics: &Metrics, remembered: &mut Remembered, signal: &Signal<'_>) {
    match Group::of(signal) {
        Group::Stream => stream(metrics, remembered, signal),
        Group::Delivery => delivery(metrics, signal),
        Group::Letters => letters(metrics, signal),
        Group::Plugin => plugin(metrics, remembered, signal),
        Group::Effect => effect(metrics, signal),
    }
}

fn stream(metrics: &Metrics, remembered: &mut Remembered, signal: &Signal<'_>) {
    let m = &metrics.streams;
    match *signal {
        Signal::StreamFound { stream, .. } => {
            begin_stream(metrics, stream);
            m.available.of([stream.as_str()]).set(1.0);
        }
        Signal::StreamUnavailable { stream, .. } => m.available.of([stream.as_str()]).set(0.0),
        Signal::ShardOpened { stream, shard } => {
            let open = remembered.open_shards.entry(stream.clone()).or_default();
            open.insert(shard.clone());
            m.shards_open.of([stream.as_str()]).set(open.len() as f64);
        }
        Signal::ShardFinished { stream, shard } => {
            let open = remembered.open_shards.entry(stream.clone()).or_default();
            open.remove(shard);
            m.shards_open.of([stream.as_str()]).set(open.len() as f64);
            for ((of, trigger), shards) in &mut remembered.lagging {
                if of == stream && shards.remove(shard) {
                    m.shards_lagging.of([stream.as_str(), trigger.as_str()]).set(shards.len() as f64);
                }
            }
        }
        Signal::Polled { stream, result, changes, bytes, took, .. } => {
            let stream = stream.as_str();
            m.available.of([stream]).set(1.0);
            m.polls.of([stream, result.as_str()]).inc();
            m.poll_duration.of([stream]).observe(took.as_secs_f64());
            m.changes_read.of([stream]).inc_by(changes as u64);
            m.read_bytes.of([stream]).inc_by(bytes as u64);
        }
        Signal::PollFailed { stream, result, .. } => m.polls.of([stream.as_str(), result.as_str()]).inc(),
        Signal::Gap { stream, trigger, gap, .. } => m.gaps.of([stream.as_str(), trigger.as_str(), gap.cause.as_str()]).inc(),
        Signal::Lags { stream, trigger, shard, lags } => {
            let shards = remembered.lagging.entry((stream.clone(), trigger.clone())).or_default();
            if lags {
                shards.insert(shard.clone());
            } else {
                shards.remove(shard);
            }
            m.shards_lagging.of([stream.as_str(), trigger.as_str()]).set(shards.len() as f64);
        }
        Signal::Blocked { stream, trigger, shard, changes } => {
            let shards = remembered.blocked.entry((stream.clone(), trigger.clone())).or_default();
            match changes {
                0 => drop(shards.remove(shard)),
                _ => drop(shards.insert(shard.clone(), changes)),
            }
            m.changes_blocked.of([stream.as_str(), trigger.as_str()]).set(shards.values().sum::<usize>() as f64);
        }
        Signal::WindowFull { stream, .. } => m.window_full.of([stream.as_str()]).inc(),
        Signal::SetDown { stream } => {
            remembered.open_shards.remove(stream);
            m.shards_open.of([stream.as_str()]).set(0.0);
            for ((_, trigger), shards) in remembered.lagging.iter_mut().filter(|((of, _), _)| of == stream) {
                shards.clear();
                m.shards_lagging.of([stream.as_str(), trigger.as_str()]).set(0.0);
            }
            for ((_, trigger), shards) in remembered.blocked.iter_mut().filter(|((of, _), _)| of == stream) {
                shards.clear();
                m.changes_blocked.of([stream.as_str(), trigger.as_str()]).set(0.0);
            }
        }
        _ => {}
    }
}

fn begin_stream(metrics: &Metrics, stream: &StreamName) {
    let (m, stream) = (&metrics.streams, stream.as_str());
    for result in PollResult::ALL {
        m.polls.of([stream, result.as_str()]);
    }
    for counter in [&m.changes_read, &m.read_bytes, &m.window_full] {
        counter.of([stream]);
    }
    m.shards_open.of([stream]);
    m.poll_duration.of([stream]);
}

/// What a trigger has of its stream.
pub(crate) fn begin_following(metrics: &Metrics, trigger: &TriggerName, stream: &StreamName) {
    let m = &metrics.streams;
    for cause in [Cause::Trimmed, Cause::Gone] {
        m.gaps.of([stream.as_str(), trigger.as_str(), cause.as_str()]);
    }
    m.shards_lagging.of([stream.as_str(), trigger.as_str()]);
    m.changes_blocked.of([stream.as_str(), trigger.as_str()]);
}

fn delivery(metrics: &Metrics, signal: &Signal<'_>) {
    let (m, commits) = (&metrics.triggers, &metrics.commits);
    match *signal {
        Signal::Paused { trigger, paused } => m.paused.of([trigger.as_str()]).set(f64::from(u8::from(paused))),
        Signal::Delivered { trigger, changes, bytes } => {
            let trigger = trigger.as_str();
            m.delivered.of([trigger]).inc_by(changes as u64);
            m.batch_changes.of([trigger]).observe(changes as f64);
            m.batch_bytes.of([trigger]).observe(bytes as f64);
        }
        Signal::Handled { trigger, result, took } => {
            m.handler_calls.of([trigger.as_str(), result.as_str()]).inc();
            // A call that never reached the plugin would only pull the durations down.
            if result != HandlerResult::NotRun {
                m.handler_duration.of([trigger.as_str()]).observe(took.as_secs_f64());
            }
        }
        Signal::ChangesFailed { trigger, changes, .. } => {
            m.failed.of([trigger.as_str()]).inc_by(changes as u64);
        }
        Signal::Acknowledged { trigger, changes, .. } => m.acknowledged.of([trigger.as_str()]).inc_by(changes as u64),
        Signal::Filtered { trigger, changes, .. } => m.filtered.of([trigger.as_str()]).inc_by(changes as u64),
        Signal::DeadLettered { trigger, .. } => m.dead_lettered.of([trigger.as_str()]).inc(),
        Signal::Skipped { trigger, .. } => m.skipped.of([trigger.as_str()]).inc(),
        Signal::Committed { took, batches } => {
            commits.duration.of([]).observe(took.as_secs_f64());
            commits.batches.of([]).observe(batches as f64);
        }
        Signal::Conflict { trigger, .. } => m.conflicts.of([trigger.as_str()]).inc(),
        Signal::CommitFailed { .. } => commits.failures.of([]).inc(),
        _ => {}
    }
}

fn letters(metrics: &Metrics, signal: &Signal<'_>) {
    let m = &metrics.letters;
    match *signal {
        Signal::Redriven { trigger, done, failed } => {
            m.redriven.of([trigger.as_str(), "done"]).inc_by(done as u64);
            m.redriven.of([trigger.as_str(), "failed"]).inc_by(failed as u64);
        }
        Signal::LettersKept(kept) => {
            for (trigger, letters) in &kept.letters {
                m.kept.of([trigger.as_str()]).set(*letters as f64);
            }
            m.bytes.of([]).set(kept.bytes as f64);
        }
        Signal::LettersDropped { trigger, cause, letters } => m.dropped.of([trigger.as_str(), cause.as_str()]).inc_by(letters),
        _ => {}
    }
}

fn plugin(metrics: &Metrics, remembered: &mut Remembered, signal: &Signal<'_>) {
    let m = &metrics.plugins;
    match *signal {
        Signal::PluginServes { trigger, plugin, version, reload } => {
            begin_trigger(metrics, trigger);
            if let Some((plugin, version)) = remembered.serving.insert(trigger.clone(), (plugin.into(), version.clone())) {
                m.info.remove([trigger.as_str(), &plugin, version.short()]);
            }
            m.info.of([trigger.as_str(), plugin, version.short()]).set(1.0);
            let served = m.reloads.of([plugin, "served"]);
            m.reloads.of([plugin, "refused"]);
            if reload {
                served.inc();
            }
        }
        Signal::PluginRefused { plugin, .. } => m.reloads.of([plugin, "refused"]).inc(),
        Signal::InstanceTaken { trigger, reused } => {
            let taken = if reused { &m.instances_reused } else { &m.instances_made };
            taken.of([trigger.as_str()]).inc();
        }
        Signal::InstanceRetired { trigger, cause } => m.instances_retired.of([trigger.as_str(), cause.as_str()]).inc(),
        Signal::GuestLog { trigger, level, .. } => m.log_lines.of([trigger.as_str(), level.as_str()]).inc(),
        Signal::GuestLogsDropped { trigger, lines } => m.log_lines_dropped.of([trigger.as_str()]).inc_by(lines.into()),
        Signal::PluginMetricDropped { trigger, .. } => m.metrics_dropped.of([trigger.as_str()]).inc(),
        _ => {}
    }
}

fn begin_trigger(metrics: &Metrics, trigger: &TriggerName) {
    let (m, trigger) = (&metrics.triggers, trigger.as_str());
    for counter in [
        &m.delivered,
        &m.acknowledged,
        &m.filtered,
        &m.failed,
        &m.dead_lettered,
        &m.skipped,
        &m.conflicts,
        &metrics.plugins.log_lines_dropped,
        &metrics.plugins.metrics_dropped,
        &metrics.plugins.instances_made,
        &metrics.plugins.instances_reused,
    ] {
        counter.of([trigger]);
    }
    for histogram in [&m.batch_changes, &m.batch_bytes, &m.handler_duration] {
        histogram.of([trigger]);
    }
    metrics.letters.kept.of([trigger]);
    for result in ["done", "failed"] {
        metrics.letters.redriven.of([trigger, result]);
    }
    for cause in DropCause::ALL {
        metrics.letters.dropped.of([trigger, cause.as_str()]);
    }
    for result in HandlerResult::ALL {
        m.handler_calls.of([trigger, result.as_str()]);
    }
    m.paused.of([trigger]);
    for cause in RetireCause::ALL {
        metrics.plugins.instances_retired.of([trigger, cause.as_str()]);
    }
    for level in LogLevel::ALL {
        metrics.plugins.log_lines.of([trigger, level.as_str()]);
    }
}

fn effect(metrics: &Metrics, signal: &Signal<'_>) {
    let m = &metrics.effects;
    match *signal {
        Signal::TableWritten { target, result, took } => {
            m.table_writes.of([target, result.as_str()]).inc();
            m.table_write_duration.of([target]).observe(took.as_secs_f64());
        }
        Signal::HttpAsked { trigger, place, result, connection, took } => {
            if let Some(connection) = connection {
                m.http_connections.of([trigger.as_str(), connection.as_str()]).inc();
            }
            m.http_requests.of([trigger.as_str(), place, result.as_str()]).inc();
            // What no entry allows took no time.
            if !place.is_empty() {
                m.http_request_duration.of([trigger.as_str(), place]).observe(took.as_secs_f64());
            }
        }
        Signal::TableTransacted { target, result, took } => {
            m.transactions.of([target, result.as_str()]).inc();
            m.transaction_duration.of([target]).observe(took.as_secs_f64());
        }
        Signal::TableRead { target, result, keys, took } => {
            m.table_reads.of([target, result.as_str()]).inc();
            m.table_keys_read.of([target]).inc_by(keys as u64);
            m.table_read_duration.of([target]).observe(took.as_secs_f64());
        }
        Signal::MailAccepted { mailer, mails } => m.mails.of([mailer, "accepted"]).inc_by(mails as u64),
        Signal::MailSettled { mailer, result, .. } => m.mails.of([mailer, result.as_str()]).inc(),
        Signal::MailsPending { mailer, mails } => {
            begin_mailer(metrics, mailer);
            m.mails_pending.of([mailer]).set(mails as f64);
        }
        Signal::MailerAway { mailer, .. } => m.mailer_away.of([mailer]).set(1.0),
        Signal::MailerBack { mailer } => m.mailer_away.of([mailer]).set(0.0),
        _ => {}
    }
}

/// The series of a mailer exist from its sender's first look at the outbox.
fn begin_mailer(metrics: &Metrics, mailer: &str) {
    let m = &metrics.effects;
    m.mails.of([mailer, "accepted"]);
    for result in MailResult::ALL {
        m.mails.of([mailer, result.as_str()]);
    }
    m.mailer_away.of([mailer]);
}
