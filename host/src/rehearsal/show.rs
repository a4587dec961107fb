//! A rehearsal as people read it: a line for each change, what it left behind below it, and a line for all.
//!
//! Invariant: text of a guest or of a file cannot leave its line: control characters are escaped, and lines of a mail are set off.

use std::fmt::{self, Write as _};

use tripline_core::limits::cut;

use super::told::{Call, ChangeTold, EffectTold, End, Failed, Log, MailTold, Summary, Told, Value};
use crate::cli::output::tame;

const KEYS_BYTES_MAX: usize = 100;

impl Told {
    /// Each line ends with a line break.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for change in &self.0 {
            // Writing into a String cannot fail.
            let _ = write!(text, "{change}");
        }
        let _ = writeln!(text, "{}", self.summary());
        text
    }
}

impl fmt::Display for ChangeTold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.as_str();
        let shown = cut(keys, KEYS_BYTES_MAX);
        let mark = if shown.len() < keys.len() { "…" } else { "" };
        let by = self.by.as_ref().map(|by| format!(" by {}", tame(by))).unwrap_or_default();
        writeln!(f, "{} {} {}{mark}{by}: {}", self.change, self.event_name, tame(shown), self.end)?;
        // Under `ok`, how often it took is no failure's line to say.
        self.failures(f)?;
        self.logs(f)?;
        self.reads.iter().try_for_each(|read| read.fmt(f))?;
        self.writes.iter().try_for_each(|write| write.fmt(f))?;
        self.requests.iter().try_for_each(|request| request.fmt(f))?;
        self.metrics.iter().try_for_each(|measured| measured.fmt(f))?;
        self.untold.iter().try_for_each(|more| writeln!(f, "  and{} {}", more.call, more.untold))?;
        self.effects.iter().try_for_each(|effect| effect.fmt(f))
    }
}

impl ChangeTold {
    /// Attempts in a row that said the same are told once.
    fn logs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls: Vec<&[Log]> = self.logs.chunk_by(|a, b| a.call == b.call).collect();
        let is_same = |a: &Log, b: &Log| a.level == b.level && a.context == b.context && a.message == b.message;
        let alike = |a: &&[Log], b: &&[Log]| {
            let same_changes = a.iter().zip(*b).all(|(a, b)| a.call.changes == b.call.changes && is_same(a, b));
            a.len() == b.len() && same_changes
        };
        for run in calls.chunk_by(alike) {
            let last = run.last().and_then(|logs| logs.first()).map_or(0, |log| log.call.attempt);
            for log in run.iter().take(1).copied().flatten() {
                let context = if log.context.is_empty() { String::new() } else { format!("{}: ", tame(&log.context)) };
                writeln!(f, "  {}{}: {context}{}", log.level, Calls { first: &log.call, last }, tame(&log.message))?;
            }
        }
        Ok(())
    }

    /// Attempts in a row that failed alike are one line; those that the change's end tells of are none.
    fn failures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alike = |a: &Failed, b: &Failed| a.reason == b.reason && a.call.changes == b.call.changes;
        for run in self.failures.chunk_by(alike) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            if first.call.changes.is_empty() && self.end.reason() == Some(&*first.reason) {
                continue;
            }
            let attempts = match (first.call.attempt, last.call.attempt) {
                (first, last) if first == last => format!("attempt {first}"),
                (first, last) => format!("attempts {first}-{last}"),
            };
            let with = if first.call.changes.is_empty() { String::new() } else { format!(" with changes {}", ranges(&first.call.changes)) };
            writeln!(f, "  failed ({attempts}{with}): {}", tame(&first.reason))?;
        }
        Ok(())
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = |attempts: &u32| if *attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") };
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Filtered => f.write_str("filtered"),
            Self::DeadLetter { attempts, reason } => write!(f, "dead letter after {}: {}", after(attempts), tame(reason)),
            Self::Skipped { attempts, reason } => write!(f, "skipped after {}: {}", after(attempts), tame(reason)),
            Self::Blocked { attempts, reason } => write!(f, "blocked after {}: {}", after(attempts), tame(reason)),
            Self::GivenUp { attempts, reason } => {
                write!(f, "given up after {}, where the policy allows more: {}", after(attempts), tame(reason))
            }
            Self::Waiting { behind } => write!(f, "waits behind change {behind}, which is blocked"),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Calls { first: self, last: self.attempt }.fmt(f)
    }
}

/// ` (attempts 1-2, changes 1-3)`; nothing for the first attempt of one alone.
struct Calls<'a> {
    first: &'a Call,
    /// Attempt of the last.
    last: u32,
}

impl fmt::Display for Calls<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attempt = match (self.first.attempt, self.last) {
            (1, 1) => None,
            (first, last) if first == last => Some(format!("attempt {first}")),
            (first, last) => Some(format!("attempts {first}-{last}")),
        };
        let changes = &self.first.changes;
        let changes = (!changes.is_empty()).then(|| format!("changes {}", ranges(changes)));
        let parts: Vec<String> = [attempt, changes].into_iter().flatten().collect();
        if parts.is_empty() { Ok(()) } else { write!(f, " ({})", parts.join(", ")) }
    }
}

/// `1-3, 7`.
fn ranges(numbers: &[usize]) -> String {
    let runs = numbers.chunk_by(|a, b| *b == a + 1).filter_map(|run| run.first().zip(run.last()));
    let shown: Vec<String> = runs
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect();
    shown.join(", ")
}

impl fmt::Display for EffectTold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counter { delta, shown, .. } => {
                let sign = if delta.starts_with('-') { "" } else { "+" };
                writeln!(f, "  counter {} {sign}{delta}", tame(shown))
            }
            Self::StateSet { key, value, expires_ms } => {
                let value = match value {
                    Value::Value(text) => format!("{text:?}"),
                    Value::ValueBase64(base64) => format!("base64 {base64}"),
                };
                let expires = expires_ms.map(|at| format!(", expires at {at} ms")).unwrap_or_default();
                writeln!(f, "  state {} = {value}{expires}", tame(key))
            }
            Self::StateDelete { key } => writeln!(f, "  state {} deleted", tame(key)),
            Self::Mail(mail) => mail.fmt(f),
        }
    }
}

impl fmt::Display for MailTold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to: Vec<String> = self.to.iter().map(|to| tame(to)).collect();
        let reply_to = self.reply_to.as_ref().map(|address| format!(", reply to {}", tame(address))).unwrap_or_default();
        writeln!(f, "  mail {} to {}{reply_to}: {}", self.mailer, to.join(", "), tame(&self.subject))?;
        if self.again {
            return writeln!(f, "    not sent: the outbox has a mail of this change and key");
        }
        for (name, body) in [("text", &self.text), ("html", &self.html)] {
            for line in body.iter().flat_map(|body| body.lines()) {
                writeln!(f, "{}", format!("    {name} | {}", tame(line)).trim_end())?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count =
            |number: usize, one: &str, many: &str| (number > 0).then(|| format!("{number} {}", if number == 1 { one } else { many }));
        let ends = [
            Some(format!("{} ok", self.ok)),
            count(self.filtered, "filtered", "filtered"),
            count(self.dead_letters, "dead letter", "dead letters"),
            count(self.skipped, "skipped", "skipped"),
            count(self.blocked, "blocked", "blocked"),
            count(self.given_up, "given up", "given up"),
            count(self.waiting, "waits", "wait"),
        ];
        let made = [
            count(self.mails, "mail", "mails"),
            count(self.writes, "table write", "table writes"),
            count(self.requests, "request", "requests"),
            count(self.reads, "table read", "table reads"),
            count(self.metrics, "sample", "samples"),
        ];
        let list = |parts: &[Option<String>]| parts.iter().flatten().cloned().collect::<Vec<_>>().join(", ");
        let changes = if self.changes == 1 { "1 change".to_owned() } else { format!("{} changes", self.changes) };
        write!(f, "{changes}: {}", list(&ends))?;
        match list(&made) {
            none if none.is_empty() => Ok(()),
            made => write!(f, "; {made}"),
        }
    }
}
