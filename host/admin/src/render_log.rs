//! Signals as log lines. The level says what an operator must do: error: act now; warn: look at it; info: what came and went;
//! debug: each batch and each poll.
//!
//! Always holds: text from outside (a guest's line, an endpoint's message) has no control characters left when it gets here
//! to `tracing`, so that it can neither begin a line of its own nor steer a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use tracing::{debug, error, info, trace, warn};
use tripline_core::gap::Gap;
use tripline_core::limits::{LOG_LINE_BYTES_MAX, cut};
use tripline_core::signal::{HttpConnection, LogLevel, MailResult, Signal};
use tripline_core::time::Timestamp;

use crate::health::progress::Place;
use crate::health::{LISTED_MAX, Turn};
use crate::telemetry::Group;

pub(crate) fn log(signal: &Signal<'_>) {
    match Group::of(signal) {
        Group::Stream => stream(signal),
        Group::Delivery => delivery(signal),
        Group::Letters => letters(signal),
        Group::Plugin => plugin(signal),
        Group::Effect => effect(signal),
    }
}

fn stream(signal: &Signal<'_>) {
    match *signal {
        Signal::StreamFound { stream, arn } => info!(target: "tripline::stream", %stream, arn = %clean(arn.as_str()), "stream found"),
        Signal::StreamUnavailable { stream, reason } => {
            error!(target: "tripline::stream", %stream, reason = %clean(reason), "stream unavailable");
        }
        Signal::ShardOpened { stream, shard } => info!(target: "tripline::stream", %stream, shard = %clean(shard.as_str()), "shard opened"),
        Signal::ShardFinished { stream, shard } => {
            info!(target: "tripline::stream", %stream, shard = %clean(shard.as_str()), "shard read to its end");
        }
        Signal::Polled { stream, shard, result, changes, bytes, took } => {
            let result = result.as_str();
            debug!(target: "tripline::stream", %stream, shard = %clean(shard.as_str()), result, changes, bytes, ?took, "polled");
        }
        Signal::PollFailed { stream, shard, result, reason } => {
            let (shard, result, reason) = (clean(shard.as_str()), result.as_str(), clean(reason));
            warn!(target: "tripline::stream", %stream, %shard, result, %reason, "poll failed; trying again");
        }
        Signal::Gap { stream, trigger, gap, stops } => {
            let (missing, cause) = (missing(gap), gap.cause.as_str());
            let missing = clean(&missing);
            if stops {
                error!(
                    target: "tripline::stream", %stream, %trigger, cause, %missing,
                    "changes may be lost to this trigger, and it stops there; get them from the table where they matter, then set \
                     on_gap = \"continue\" and restart the host"
                );
            } else {
                warn!(
                    target: "tripline::stream", %stream, %trigger, cause, %missing,
                    "changes may be lost to this trigger; it goes on with what the stream still has. Get them from the table where they \
                     matter; `tripline streams describe` lists all gaps"
                );
            }
        }
        Signal::Lags { stream, trigger, shard, lags } => {
            let shard = clean(shard.as_str());
            if lags {
                info!(target: "tripline::stream", %stream, %trigger, %shard, "trigger lags: a second reader feeds it");
            } else {
                info!(target: "tripline::stream", %stream, %trigger, %shard, "trigger has caught up");
            }
        }
        Signal::Blocked { stream, trigger, shard, changes } => {
            debug!(target: "tripline::stream", %stream, %trigger, shard = %clean(shard.as_str()), changes, "changes that block their items");
        }
        Signal::WindowFull { stream, shard, bytes } => {
            debug!(target: "tripline::stream", %stream, shard = %clean(shard.as_str()), bytes, "window full: reading waits for the triggers");
        }
        Signal::SetDown { stream } => {
            info!(target: "tripline::stream", %stream, "shards set down, to be begun again: a trigger is rewound")
        }
        _ => {}
    }
}

fn delivery(signal: &Signal<'_>) {
    match *signal {
        Signal::Paused { trigger, paused: true } => {
            warn!(target: "tripline::trigger", %trigger, "trigger is paused: what is written meanwhile waits in the stream, which keeps it 24 hours");
        }
        Signal::Paused { trigger, paused: false } => info!(target: "tripline::trigger", %trigger, "trigger goes on"),
        Signal::Rewound { trigger, to } => {
            warn!(target: "tripline::trigger", %trigger, to = %clean(to), "trigger rewound: changes come again")
        }
        Signal::Delivered { trigger, changes, bytes } => debug!(target: "tripline::trigger", %trigger, changes, bytes, "batch delivered"),
        Signal::Handled { trigger, result, took } => {
            debug!(target: "tripline::trigger", %trigger, result = result.as_str(), ?took, "batch handled");
        }
        Signal::ChangesFailed { trigger, shard, changes, reason, backtrace } => {
            let (shard, reason) = (clean(shard.as_str()), clean(reason));
            match backtrace.map(clean_lines) {
                Some(backtrace) => {
                    warn!(target: "tripline::trigger", %trigger, %shard, changes, %reason, backtrace, "changes failed");
                }
                None => warn!(target: "tripline::trigger", %trigger, %shard, changes, %reason, "changes failed"),
            }
        }
        Signal::Acknowledged { trigger, shard, changes } => {
            debug!(target: "tripline::trigger", %trigger, shard = %clean(shard.as_str()), changes, "acknowledged");
        }
        Signal::Filtered { trigger, shard, changes } => {
            debug!(target: "tripline::trigger", %trigger, shard = %clean(shard.as_str()), changes, "filtered out");
        }
        Signal::DeadLettered { trigger, event_id, attempts, reason } => {
            let (event_id, reason) = (clean(event_id), clean(reason));
            warn!(target: "tripline::trigger", %trigger, %event_id, attempts, %reason, "change given up on: kept as a dead letter");
        }
        Signal::Skipped { trigger, event_id, attempts, reason } => {
            let (event_id, reason) = (clean(event_id), clean(reason));
            warn!(target: "tripline::trigger", %trigger, %event_id, attempts, %reason, "change given up on: skipped, as the trigger's policy says");
        }
        Signal::Stuck { trigger, shard, event_id, attempts, reason } => {
            let (shard, event_id, reason) = (clean(shard.as_str()), clean(event_id), clean(reason));
            error!(
                target: "tripline::trigger", %trigger, %shard, %event_id, attempts, %reason,
                "change blocks its item, as the trigger's policy says: it is delivered again and again; mend the plugin, or set                  `retry.then` to \"dead-letter\" or \"skip\" and start again"
            );
        }
        Signal::Oldest { trigger, shard, created } => {
            let created_ms = created.map(|created| created.as_ms());
            trace!(target: "tripline::trigger", %trigger, shard = %clean(shard.as_str()), created_ms, "oldest change not acknowledged");
        }
        Signal::Committed { took, batches } => debug!(target: "tripline::store", ?took, batches, "committed"),
        Signal::Conflict { trigger, keys } => {
            let (first, others) = (keys.first().map(|key| clean(key)).unwrap_or_default(), keys.len().saturating_sub(1));
            debug!(target: "tripline::trigger", %trigger, %first, others, "state has changed since it was read: delivering again");
        }
        Signal::CommitFailed { reason } => error!(target: "tripline::store", reason = %clean(reason), "commit failed; trying again"),
        _ => {}
    }
}

fn letters(signal: &Signal<'_>) {
    match *signal {
        Signal::Redriven { trigger, done, failed } if failed > 0 => {
            warn!(target: "tripline::trigger", %trigger, done, failed, "dead letters delivered again: some failed and stay; see `tripline dlq list`");
        }
        Signal::Redriven { trigger, done, .. } => info!(target: "tripline::trigger", %trigger, done, "dead letters delivered again"),
        Signal::LettersNearBounds(Some(reason)) => warn!(target: "tripline::store", %reason, "dead letters are near their bounds"),
        Signal::LettersNearBounds(None) => info!(target: "tripline::store", "dead letters are well within their bounds again"),
        Signal::LettersDropped { trigger, cause, letters } => {
            error!(target: "tripline::store", %trigger, cause = cause.as_str(), letters, "dead letters dropped: the oldest, beyond `dead_letters` in [host]");
        }
        _ => {}
    }
}

fn plugin(signal: &Signal<'_>) {
    match *signal {
        Signal::PluginServes { trigger, plugin, version, reload } => {
            let plugin = clean(plugin);
            info!(target: "tripline::plugin", %trigger, %plugin, version = version.short(), reload, "plugin serves");
        }
        Signal::PluginRefused { plugin, reason, .. } => {
            error!(target: "tripline::plugin", plugin = %clean(plugin), reason = %clean(reason), "plugin refused; what served before still does");
        }
        Signal::InstanceTaken { trigger, reused } => debug!(target: "tripline::plugin", %trigger, reused, "instance taken"),
        Signal::InstanceRetired { trigger, cause } => {
            debug!(target: "tripline::plugin", %trigger, cause = cause.as_str(), "warm instance ended");
        }
        Signal::GuestLog { trigger, version, level, context, message } => {
            let (version, context, message) = (version.short(), clean(context), clean(message));
            match level {
                LogLevel::Trace => trace!(target: "tripline::guest", %trigger, version, %context, "{message}"),
                LogLevel::Debug => debug!(target: "tripline::guest", %trigger, version, %context, "{message}"),
                LogLevel::Info => info!(target: "tripline::guest", %trigger, version, %context, "{message}"),
                LogLevel::Warn => warn!(target: "tripline::guest", %trigger, version, %context, "{message}"),
                LogLevel::Error => error!(target: "tripline::guest", %trigger, version, %context, "{message}"),
            }
        }
        Signal::GuestLogsDropped { trigger, lines } => {
            warn!(target: "tripline::guest", %trigger, lines, "log lines dropped: more than a batch may write");
        }
        Signal::PluginMetricDropped { trigger, metric, series_max, first: true } => {
            warn!(target: "tripline::guest", %trigger, metric, series_max, "a metric's new series is dropped, as all new ones will be: the trigger has its share");
        }
        _ => {}
    }
}

fn effect(signal: &Signal<'_>) {
    match *signal {
        Signal::TableWritten { target: table, result, took } => {
            debug!(target: "tripline::table", table, result = result.as_str(), ?took, "table written");
        }
        // Why there was no answer stands in the plugin's own log.
        Signal::HttpAsked { trigger, place, result, connection, took } => {
            let connection = connection.map(HttpConnection::as_str);
            debug!(target: "tripline::http", %trigger, place, result = result.as_str(), connection, ?took, "http request");
        }
        Signal::TableTransacted { target: table, result, took } => {
            debug!(target: "tripline::table", table, result = result.as_str(), ?took, "transaction ended");
        }
        Signal::TableRead { target: table, result, keys, took } => {
            debug!(target: "tripline::table", table, result = result.as_str(), keys, ?took, "table read");
        }
        Signal::MailAccepted { mailer, mails } => debug!(target: "tripline::mail", mailer, mails, "mails accepted"),
        Signal::MailSettled { mailer, message_id, result, reason } => {
            let (message_id, reason) = (clean(message_id), clean(reason.unwrap_or_default()));
            match result {
                MailResult::Sent => debug!(target: "tripline::mail", mailer, %message_id, "mail sent"),
                MailResult::Later => warn!(target: "tripline::mail", mailer, %message_id, %reason, "mail not sent; trying again later"),
                MailResult::Failed => error!(target: "tripline::mail", mailer, %message_id, %reason, "mail given up on"),
            }
        }
        Signal::MailsPending { mailer, mails } => trace!(target: "tripline::mail", mailer, mails, "mails pending"),
        Signal::MailerAway { mailer, barred, pause, reason } => {
            let (reason, pause) = (clean(reason), pause.unwrap_or_default());
            if barred {
                error!(target: "tripline::mail", mailer, ?pause, %reason, "no mail can be sent before somebody acts; all mail waits");
            } else {
                warn!(target: "tripline::mail", mailer, ?pause, %reason, "no mail can be sent now; all mail waits");
            }
        }
        Signal::MailerBack { mailer } => info!(target: "tripline::mail", mailer, "mail is sent again"),
        _ => {}
    }
}

/// Which changes a gap is about: `of shard S, after 4711, created since T1 and until T2`.
pub(crate) fn missing(gap: &Gap) -> String {
    let shard = gap
        .shard
        .as_ref()
        .map_or("of shards that were never read".to_owned(), |shard| format!("of shard {shard}"));
    let after = gap.after.as_ref().map_or("from its start".to_owned(), |after| format!("after {after}"));
    let after = if gap.shard.is_none() && gap.after.is_none() { String::new() } else { format!(", {after}") };
    let since = gap
        .since
        .map_or("nobody knows since when".to_owned(), |since| format!("created since {}", time(since)));
    format!("changes {shard}{after}, {since} and until {}", time(gap.until))
}

/// As RFC 3339 writes it.
fn time(time: Timestamp) -> String {
    let ms = i64::try_from(time.as_ms()).unwrap_or(i64::MAX);
    DateTime::from_millis(ms).fmt(Format::DateTime).unwrap_or_else(|_| time.to_string())
}

/// Stalls that began or ended. A region that goes away stops thousands of shards at once: the first are told, the others counted.
pub(crate) fn turns(turns: &[Turn]) {
    let is_begin = |turn: &&Turn| matches!(turn, Turn::Began(_));
    turns.iter().filter(is_begin).take(LISTED_MAX).for_each(turn);
    turns.iter().filter(|turn| !is_begin(turn)).take(LISTED_MAX).for_each(turn);
    let began = turns.iter().filter(is_begin).count().saturating_sub(LISTED_MAX);
    let ended = turns.iter().filter(|turn| !is_begin(turn)).count().saturating_sub(LISTED_MAX);
    if began > 0 {
        warn!(target: "tripline::stream", others = began, "no progress in other shards too: see tripline_shard_stalled_seconds");
    }
    if ended > 0 {
        info!(target: "tripline::stream", others = ended, "progress in other shards too");
    }
}

fn turn(turn: &Turn) {
    let stream_of = |place: &Place| place.stream.as_ref().map(ToString::to_string).unwrap_or_default();
    match turn {
        Turn::Began(stall) => {
            let (stream, shard, reason) = (stream_of(&stall.place), clean(stall.place.shard.as_str()), clean(&stall.reason));
            match &stall.place.trigger {
                Some(trigger) => {
                    warn!(target: "tripline::trigger", %stream, %shard, %trigger, %reason, "no progress: the trigger stands still")
                }
                None => warn!(target: "tripline::stream", %stream, %shard, %reason, "no progress: the shard is not read"),
            }
        }
        Turn::Ended(place) => {
            let (stream, shard) = (stream_of(place), clean(place.shard.as_str()));
            match &place.trigger {
                Some(trigger) => info!(target: "tripline::trigger", %stream, %shard, %trigger, "progress: the trigger gets on again"),
                None => info!(target: "tripline::stream", %stream, %shard, "progress: the shard is read again, or over"),
            }
        }
    }
}

/// `text` cut to a log line, with what could begin a line, steer a terminal or reorder the text on it written as an escape.
fn clean(text: &str) -> Cow<'_, str> {
    let text = cut(text, LOG_LINE_BYTES_MAX);
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) {
            // Writing into a String cannot fail.
            let _ = write!(cleaned, "{}", c.escape_default());
        } else {
            cleaned.push(c);
        }
    }
    Cow::Owned(cleaned)
}

/// Many lines as one: a backtrace stays readable.
fn clean_lines(text: &str) -> String {
    let lines: Vec<_> = cut(text, LOG_LINE_BYTES_MAX).lines().map(|line| clean(line.trim())).collect();
    lines.join(" | ")
}

/// Control characters, line and paragraph separators, and the marks that turn the direction of writing (CVE-2021-42574).
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use tracing_subscriber::fmt::MakeWriter;
    use tripline_core::gap::Cause;
    use tripline_core::name::{PluginVersion, TriggerName};
    use tripline_core::sequence::SequenceNumber;

    use super::*;
    use crate::health::progress::Stall;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    #[track_caller]
    fn check(signal: Signal<'_>, expected: &str) {
        expect(&written(|| log(&signal)), expected);
    }

    #[track_caller]
    fn expect(written: &str, expected: &str) {
        assert_eq!(written.trim_start().strip_suffix('\n').unwrap(), expected);
    }

    fn written(log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(lines.clone())
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .without_time()
            .finish();
        tracing::subscriber::with_default(subscriber, log);
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    fn guest(level: LogLevel, message: &str, expected: &str) {
        let (trigger, version) = (TriggerName::from("mail"), PluginVersion::from("0123456789abcdef"));
        check(Signal::GuestLog { trigger: &trigger, version: &version, level, context: "ctx", message }, expected);
    }

    #[test]
    fn a_guests_line_bears_its_trigger_and_version() {
        guest(LogLevel::Info, "hello \"you\" é", "INFO tripline::guest: hello \"you\" é trigger=mail version=\"0123456789ab\" context=ctx");
        guest(LogLevel::Error, "x", "ERROR tripline::guest: x trigger=mail version=\"0123456789ab\" context=ctx");
    }

    #[test]
    fn a_guest_can_neither_begin_a_line_nor_steer_a_terminal() {
        let tail = "trigger=mail version=\"0123456789ab\" context=ctx";
        guest(
            LogLevel::Warn,
            "a\nERROR b\r\u{1b}[2J\0\u{9b}",
            &format!("WARN tripline::guest: a\\nERROR b\\r\\u{{1b}}[2J\\u{{0}}\\u{{9b}} {tail}"),
        );
        guest(LogLevel::Warn, "\u{202e}gnp\u{2028}", &format!("WARN tripline::guest: \\u{{202e}}gnp\\u{{2028}} {tail}"));
    }

    #[test]
    fn a_trap_is_one_line_with_its_backtrace() {
        check(
            Signal::ChangesFailed {
                trigger: &"mail".into(),
                shard: &"shard-1".into(),
                changes: 3,
                reason: "trap:\nunreachable",
                backtrace: Some("error:\n    0: f\n    1: g"),
            },
            "WARN tripline::trigger: changes failed trigger=mail shard=shard-1 changes=3 reason=trap:\\nunreachable backtrace=\"error: | 0: f | 1: g\"",
        );
    }

    #[test]
    fn the_level_says_what_to_do() {
        let (stream, shard) = ("orders".into(), "shard-1".into());
        check(Signal::ShardOpened { stream: &stream, shard: &shard }, "INFO tripline::stream: shard opened stream=orders shard=shard-1");
        check(
            Signal::Acknowledged { trigger: &"mail".into(), shard: &shard, changes: 2 },
            "DEBUG tripline::trigger: acknowledged trigger=mail shard=shard-1 changes=2",
        );
        check(
            Signal::Filtered { trigger: &"mail".into(), shard: &shard, changes: 1 },
            "DEBUG tripline::trigger: filtered out trigger=mail shard=shard-1 changes=1",
        );
        let settled =
            Signal::MailSettled { mailer: "office", message_id: "ab@x", result: MailResult::Failed, reason: Some("550 no such user") };
        check(settled, "ERROR tripline::mail: mail given up on mailer=\"office\" message_id=ab@x reason=550 no such user");
    }

    #[test]
    fn a_gap_says_what_is_missing_and_what_to_do() {
        let gap = Gap {
            shard: Some("shard-1".into()),
            after: SequenceNumber::parse("4711").ok(),
            since: Some(Timestamp::from_ms(1_795_374_000_000)),
            until: Timestamp::from_ms(1_795_460_400_500),
            cause: Cause::Trimmed,
        };
        let whole = Gap { shard: None, after: None, since: None, cause: Cause::Gone, ..gap.clone() };
        let signal = |gap, stops| Signal::Gap {
            stream: Box::leak(Box::new("orders".into())),
            trigger: Box::leak(Box::new("mail".into())),
            gap,
            stops,
        };
        check(
            signal(Box::leak(Box::new(gap)), true),
            "ERROR tripline::stream: changes may be lost to this trigger, and it stops there; get them from the table where they matter, then set \
             on_gap = \"continue\" and restart the host stream=orders trigger=mail cause=\"trimmed\" missing=changes of shard shard-1, after 4711, \
             created since 2026-11-22T19:00:00Z and until 2026-11-23T19:00:00.5Z",
        );
        check(
            signal(Box::leak(Box::new(whole)), false),
            "WARN tripline::stream: changes may be lost to this trigger; it goes on with what the stream still has. Get them from the table where they \
             matter; `tripline streams describe` lists all gaps stream=orders trigger=mail cause=\"gone\" missing=changes of shards that were never read, \
             nobody knows since when and until 2026-11-23T19:00:00.5Z",
        );
    }

    #[test]
    fn a_stall_is_logged_when_it_begins_and_when_it_ends() {
        let place = |trigger: Option<&str>| Place { stream: Some("orders".into()), shard: "s".into(), trigger: trigger.map(Into::into) };
        let began = |trigger| Turn::Began(Stall { place: place(trigger), lasted: Duration::ZERO, reason: "no answer\n".to_owned() });
        let lines = written(|| turns(&[began(None), began(Some("mail")), Turn::Ended(place(None)), Turn::Ended(place(Some("mail")))]));
        expect(
            &lines,
            "WARN tripline::stream: no progress: the shard is not read stream=orders shard=s reason=no answer\\n\n \
             WARN tripline::trigger: no progress: the trigger stands still stream=orders shard=s trigger=mail reason=no answer\\n\n \
             INFO tripline::stream: progress: the shard is read again, or over stream=orders shard=s\n \
             INFO tripline::trigger: progress: the trigger gets on again stream=orders shard=s trigger=mail",
        );
        let many: Vec<_> = (0..1000).map(|_| began(None)).collect();
        let lines = written(|| turns(&many));
        assert_eq!(lines.lines().count(), LISTED_MAX + 1);
        assert!(lines.ends_with("see tripline_shard_stalled_seconds others=980\n"), "{lines}");
    }

    #[test]
    fn a_long_line_is_cut() {
        assert_eq!(clean(&"x".repeat(LOG_LINE_BYTES_MAX + 1)).len(), LOG_LINE_BYTES_MAX);
    }
}
