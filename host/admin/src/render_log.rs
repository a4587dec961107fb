//! Signals as log lines. The level says what an operator must do: error: act now; warn: look at it; info: what came and went;
//! debug: each batch and each poll.
//!
//! Always holds: text from outside (a guest's line, an endpoint's message) has no control characters left when it gets here
//! to `tracing`, so that it can neither begin a line of its own nor steer a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

use tracing::{debug, error, info, trace, warn};
use tripline_core::limits::{LOG_LINE_BYTES_MAX, cut};
use tripline_core::signal::{LogLevel, MailResult, Signal};

use crate::telemetry::Group;

pub(crate) fn log(signal: &Signal<'_>) {
    match Group::of(signal) {
        Group::Stream => stream(signal),
        Group::Delivery => delivery(signal),
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
        Signal::Polled { stream, result, changes, bytes, took } => {
            debug!(target: "tripline::stream", %stream, result = result.as_str(), changes, bytes, ?took, "polled");
        }
        Signal::PollFailed { stream, shard, result, reason } => {
            let (shard, result, reason) = (clean(shard.as_str()), result.as_str(), clean(reason));
            warn!(target: "tripline::stream", %stream, %shard, result, %reason, "poll failed; trying again");
        }
        Signal::Gap { stream, shard, after } => {
            let after = after.map_or("the start", |after| after.as_str());
            error!(
                target: "tripline::stream", %stream, shard = %clean(shard.as_str()), after,
                "changes may be lost: the stream trimmed them before they were read; going on at its horizon"
            );
        }
        Signal::WindowFull { stream, shard, bytes } => {
            debug!(target: "tripline::stream", %stream, shard = %clean(shard.as_str()), bytes, "window full: reading waits for the triggers");
        }
        _ => {}
    }
}

fn delivery(signal: &Signal<'_>) {
    match *signal {
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
        Signal::Acknowledged { trigger, changes } => debug!(target: "tripline::trigger", %trigger, changes, "acknowledged"),
        Signal::DeadLettered { trigger, event_id, attempts, reason } => {
            let (event_id, reason) = (clean(event_id), clean(reason));
            warn!(target: "tripline::trigger", %trigger, %event_id, attempts, %reason, "change given up on: kept as a dead letter");
        }
        Signal::Skipped { trigger, event_id, attempts, reason } => {
            let (event_id, reason) = (clean(event_id), clean(reason));
            warn!(target: "tripline::trigger", %trigger, %event_id, attempts, %reason, "change given up on: skipped, as the trigger's policy says");
        }
        Signal::Oldest { trigger, shard, created } => {
            let created_ms = created.map(|created| created.as_ms());
            trace!(target: "tripline::trigger", %trigger, shard = %clean(shard.as_str()), created_ms, "oldest change not acknowledged");
        }
        Signal::Committed { took, batches } => debug!(target: "tripline::store", ?took, batches, "committed"),
        Signal::CommitFailed { reason } => error!(target: "tripline::store", reason = %clean(reason), "commit failed; trying again"),
        _ => {}
    }
}

fn plugin(signal: &Signal<'_>) {
    match *signal {
        Signal::PluginServes { trigger, plugin, version, reload } => {
            let plugin = clean(plugin);
            info!(target: "tripline::plugin", %trigger, %plugin, version = version.short(), reload, "plugin serves");
        }
        Signal::PluginRefused { plugin, reason } => {
            error!(target: "tripline::plugin", plugin = %clean(plugin), reason = %clean(reason), "plugin refused; what served before still does");
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
        _ => {}
    }
}

fn effect(signal: &Signal<'_>) {
    match *signal {
        Signal::TableWritten { target: table, result, took } => {
            debug!(target: "tripline::table", table, result = result.as_str(), ?took, "table written");
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

    use tracing_subscriber::fmt::MakeWriter;
    use tripline_core::name::{PluginVersion, TriggerName};

    use super::*;

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
        let lines = Lines::default();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(lines.clone())
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .without_time()
            .finish();
        tracing::subscriber::with_default(subscriber, || log(&signal));
        let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(written.trim_start().strip_suffix('\n').unwrap(), expected);
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
        check(
            Signal::Gap { stream: &stream, shard: &shard, after: None },
            "ERROR tripline::stream: changes may be lost: the stream trimmed them before they were read; going on at its horizon \
             stream=orders shard=shard-1 after=\"the start\"",
        );
        check(Signal::ShardOpened { stream: &stream, shard: &shard }, "INFO tripline::stream: shard opened stream=orders shard=shard-1");
        check(Signal::Acknowledged { trigger: &"mail".into(), changes: 2 }, "DEBUG tripline::trigger: acknowledged trigger=mail changes=2");
        let settled =
            Signal::MailSettled { mailer: "office", message_id: "ab@x", result: MailResult::Failed, reason: Some("550 no such user") };
        check(settled, "ERROR tripline::mail: mail given up on mailer=\"office\" message_id=ab@x reason=550 no such user");
    }

    #[test]
    fn a_long_line_is_cut() {
        assert_eq!(clean(&"x".repeat(LOG_LINE_BYTES_MAX + 1)).len(), LOG_LINE_BYTES_MAX);
    }
}
