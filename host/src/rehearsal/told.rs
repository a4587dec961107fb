//! What is told of a rehearsal: of each change what became of it, and what it would have left behind.
//!
//! Invariant: nothing in here differs between two runs of one input: no time that passed, no path, no version of plugin or host.
//! As JSON, what is empty is left out; how it looks to people, `show` knows.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;
use tripline_core::effect::{Mail, Mutation};

use super::bound::{Untold, is_none};
use super::reach::{Measured, Read, Write};
use super::stage::Line;
use super::web::Request;

/// In the file's order.
#[derive(Debug)]
pub(crate) struct Told(pub(super) Vec<ChangeTold>);

#[derive(Debug, serde::Serialize)]
pub(super) struct ChangeTold {
    /// Its place in the file, from 1.
    pub(super) change: usize,
    pub(super) event_name: &'static str,
    pub(super) keys: Json,
    /// Who made it, where no client did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<Box<str>>,
    #[serde(flatten)]
    pub(super) end: End,
    /// Calls that it was in.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) deliveries: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) failures: Vec<Failed>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) logs: Vec<Log>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) reads: Vec<Read>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) writes: Vec<Write>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) requests: Vec<Request>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) metrics: Vec<Measured>,
    /// What is beyond the bound of a call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) untold: Vec<More>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) effects: Vec<EffectTold>,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "result", rename_all = "kebab-case")]
pub(super) enum End {
    /// Handled: what it left behind is committed.
    Ok,
    /// The trigger's filters do not want it: it was acknowledged without a call.
    Filtered,
    DeadLetter {
        attempts: u32,
        reason: Box<str>,
    },
    Skipped {
        attempts: u32,
        reason: Box<str>,
    },
    /// It holds up its item, and is tried again and again.
    Blocked {
        attempts: u32,
        reason: Box<str>,
    },
    /// The policy would go on, and the rehearsal does not.
    GivenUp {
        attempts: u32,
        reason: Box<str>,
    },
    /// Behind a change of its item that is blocked.
    Waiting {
        behind: usize,
    },
}

/// Which call it was.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) struct Call {
    #[serde(skip_serializing_if = "is_one")]
    pub(super) attempt: u32,
    /// Those that were in it, by their places in the file; none: one alone.
    #[serde(skip_serializing_if = "is_alone", serialize_with = "numbers")]
    pub(super) changes: Arc<[usize]>,
}

/// What one call did besides what is shown of it.
#[derive(Debug, serde::Serialize)]
pub(super) struct More {
    #[serde(flatten)]
    pub(super) untold: Untold,
    #[serde(flatten)]
    pub(super) call: Call,
}

#[derive(Debug, serde::Serialize)]
pub(super) struct Failed {
    pub(super) reason: Box<str>,
    #[serde(flatten)]
    pub(super) call: Call,
}

#[derive(Debug, serde::Serialize)]
pub(super) struct Log {
    pub(super) level: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) context: String,
    pub(super) message: String,
    #[serde(flatten)]
    pub(super) call: Call,
}

/// What commits with the change.
#[derive(Debug, serde::Serialize)]
#[serde(tag = "effect", rename_all = "kebab-case")]
pub(super) enum EffectTold {
    Counter {
        name: Box<str>,
        #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_map")]
        labels: Vec<(Box<str>, Box<str>)>,
        delta: String,
        /// As Prometheus writes it.
        #[serde(skip)]
        shown: String,
    },
    StateSet {
        key: Box<str>,
        #[serde(flatten)]
        value: Value,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_ms: Option<u64>,
    },
    StateDelete {
        key: Box<str>,
    },
    Mail(MailTold),
}

#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Value {
    Value(String),
    /// Where it is no UTF-8.
    ValueBase64(String),
}

#[derive(Debug, serde::Serialize)]
pub(super) struct MailTold {
    pub(super) mailer: Box<str>,
    pub(super) message_id: Box<str>,
    pub(super) to: Vec<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reply_to: Option<Box<str>>,
    pub(super) subject: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) html: Option<Box<str>>,
    /// The outbox has one of this Message-ID, and takes no other.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) again: bool,
}

fn is_alone(changes: &Arc<[usize]>) -> bool {
    changes.is_empty()
}

fn numbers<S: Serializer>(changes: &Arc<[usize]>, serializer: S) -> Result<S::Ok, S::Error> {
    changes.as_ref().serialize(serializer)
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_one(number: &u32) -> bool {
    *number == 1
}

pub(super) fn as_map<S: Serializer>(pairs: &[(impl Serialize, impl Serialize)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}

/// JSON as somebody wrote it, but for the spaces between its tokens; what is none is a string.
#[derive(Debug)]
pub(super) struct Json(Box<RawValue>);

impl Json {
    pub(super) fn of(text: &str) -> Self {
        let raw = serde_json::from_str::<&RawValue>(text)
            .ok()
            .and_then(|raw| RawValue::from_string(compact(raw.get())).ok());
        // A string is JSON whatever is in it.
        Self(raw.unwrap_or_else(|| serde_json::value::to_raw_value(text).unwrap_or_else(|_| RawValue::NULL.to_owned())))
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.get()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

fn compact(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let keep = |c: &char| {
        let keeps = in_string || !c.is_ascii_whitespace();
        match c {
            '"' if !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = in_string && *c == '\\' && !escaped;
        keeps
    };
    json.chars().filter(keep).collect()
}

impl Log {
    pub(super) fn of(line: Line, call: &Call) -> Self {
        Self { level: line.level.as_str(), context: line.context, message: line.message, call: call.clone() }
    }
}

impl EffectTold {
    /// `again`: whether the outbox has a mail of this Message-ID.
    pub(super) fn of(mutation: Mutation, again: impl FnOnce(&str) -> bool) -> Self {
        match mutation {
            Mutation::AddCounter { counter, delta } => Self::Counter {
                shown: counter.to_string(),
                labels: counter.labels().to_vec(),
                name: counter.name,
                delta: delta.to_string(),
            },
            Mutation::SetState { key, value, expires_ms } => {
                let value = String::from_utf8(value).map_or_else(|error| Value::ValueBase64(BASE64.encode(error.as_bytes())), Value::Value);
                Self::StateSet { key, value, expires_ms }
            }
            Mutation::DeleteState { key } => Self::StateDelete { key },
            Mutation::SendMail(mail) => {
                let again = again(&mail.message_id);
                let Mail { mailer, message_id, to, reply_to, subject, text, html } = mail;
                Self::Mail(MailTold { mailer, message_id, to, reply_to, subject, text, html, again })
            }
        }
    }
}

impl End {
    pub(super) fn is_good(&self) -> bool {
        matches!(self, Self::Ok | Self::Filtered)
    }

    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Self::DeadLetter { reason, .. }
            | Self::Skipped { reason, .. }
            | Self::Blocked { reason, .. }
            | Self::GivenUp { reason, .. } => Some(reason),
            Self::Ok | Self::Filtered | Self::Waiting { .. } => None,
        }
    }
}

/// How many changes ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(super) struct Summary {
    pub(super) changes: usize,
    pub(super) ok: usize,
    pub(super) filtered: usize,
    pub(super) dead_letters: usize,
    pub(super) skipped: usize,
    pub(super) blocked: usize,
    pub(super) given_up: usize,
    pub(super) waiting: usize,
    pub(super) mails: usize,
    pub(super) writes: usize,
    /// Left out where there are none, as in summaries from before there were any.
    #[serde(skip_serializing_if = "is_none")]
    pub(super) requests: usize,
    #[serde(skip_serializing_if = "is_none")]
    pub(super) reads: usize,
    #[serde(skip_serializing_if = "is_none")]
    pub(super) metrics: usize,
}

impl Told {
    /// Whether every change was handled.
    pub(crate) fn is_good(&self) -> bool {
        self.0.iter().all(|change| change.end.is_good())
    }

    pub(super) fn summary(&self) -> Summary {
        let mut summary = Summary { changes: self.0.len(), ..Summary::default() };
        for change in &self.0 {
            let count = match change.end {
                End::Ok => &mut summary.ok,
                End::Filtered => &mut summary.filtered,
                End::DeadLetter { .. } => &mut summary.dead_letters,
                End::Skipped { .. } => &mut summary.skipped,
                End::Blocked { .. } => &mut summary.blocked,
                End::GivenUp { .. } => &mut summary.given_up,
                End::Waiting { .. } => &mut summary.waiting,
            };
            *count += 1;
            summary.mails += change
                .effects
                .iter()
                .filter(|effect| matches!(effect, EffectTold::Mail(mail) if !mail.again))
                .count();
            summary.requests += change.requests.len();
            summary.writes += change.writes.iter().filter(|write| write.writes()).count();
            summary.reads += change.reads.len();
            summary.metrics += change.metrics.len();
            for More { untold, .. } in &change.untold {
                summary.requests += untold.requests;
                summary.writes += untold.writes;
                summary.reads += untold.reads;
                summary.metrics += untold.samples;
            }
        }
        summary
    }

    /// One JSON object for each change, and one for all.
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        let mut text = String::new();
        for change in &self.0 {
            text.push_str(&serde_json::to_string(change)?);
            text.push('\n');
        }
        text.push_str(&serde_json::to_string(&serde_json::json!({ "summary": self.summary() }))?);
        text.push('\n');
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_spaces_between_tokens_go() {
        for (text, expected) in [
            ("{ \"a\" : [ 1 , 2 ] }", "{\"a\":[1,2]}"),
            ("{\n\t\"a b\": \"c \\\" d \\\\\" , \"e\": \" \" }", "{\"a b\":\"c \\\" d \\\\\",\"e\":\" \"}"),
            ("not JSON", "\"not JSON\""),
            ("{} {}", "\"{} {}\""),
        ] {
            assert_eq!(Json::of(text).as_str(), expected);
        }
    }
}
