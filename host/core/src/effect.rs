//! What a handler leaves behind in the host, each piece with the change it belongs to.
//!
//! Invariant: an effect commits in the transaction that acknowledges its change, or not at all.

use std::fmt;

use crate::decimal::Decimal;

#[derive(Clone, Debug, PartialEq)]
pub struct Effect {
    /// Position in the batch of the change this belongs to.
    pub change: u32,
    pub mutation: Mutation,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Mutation {
    AddCounter { counter: CounterKey, delta: Decimal },
    SetState { key: Box<str>, value: Vec<u8>, expires_ms: Option<u64> },
    DeleteState { key: Box<str> },
    SendMail(Mail),
}

/// What a mutation weighs besides its text.
const OVERHEAD_BYTES: usize = 64;

impl Mutation {
    /// The entry of the trigger's state that it writes.
    pub fn state_key(&self) -> Option<&str> {
        match self {
            Self::SetState { key, .. } | Self::DeleteState { key } => Some(key),
            Self::AddCounter { .. } | Self::SendMail(_) => None,
        }
    }

    /// What it weighs in memory, about: what batches and commits are bounded by.
    pub fn size_bytes(&self) -> usize {
        let text = match self {
            // A decimal is bounded; its digits fit into the overhead.
            Self::AddCounter { counter, .. } => {
                counter.name.len() + counter.labels.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
            }
            Self::SetState { key, value, .. } => key.len() + value.len(),
            Self::DeleteState { key } => key.len(),
            Self::SendMail(mail) => mail.size_bytes(),
        };
        OVERHEAD_BYTES + text
    }
}

/// A counter and its labels. Labels are sorted by name, so that their order does not tell counters apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CounterKey {
    pub name: Box<str>,
    labels: Vec<(Box<str>, Box<str>)>,
}

impl CounterKey {
    pub fn new(name: impl Into<Box<str>>, mut labels: Vec<(Box<str>, Box<str>)>) -> Self {
        labels.sort();
        Self { name: name.into(), labels }
    }

    pub fn labels(&self) -> &[(Box<str>, Box<str>)] {
        &self.labels
    }
}

impl fmt::Display for CounterKey {
    /// As Prometheus writes it, for messages and tests: `orders{status="paid"}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.labels.is_empty() {
            return Ok(());
        }
        let labels: Vec<_> = self.labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        write!(f, "{{{}}}", labels.join(","))
    }
}

/// A message that the host has accepted: recipients checked, From and Message-ID its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The key of a `[mailers.…]` table.
    pub mailer: Box<str>,
    /// Without angle brackets: a hash of trigger, event ID and the plugin's key, `@` the sender's domain. Unique in the outbox.
    pub message_id: Box<str>,
    pub to: Vec<Box<str>>,
    pub reply_to: Option<Box<str>>,
    pub subject: Box<str>,
    pub text: Option<Box<str>>,
    pub html: Option<Box<str>>,
}

impl Mail {
    fn size_bytes(&self) -> usize {
        let optional = [&self.reply_to, &self.text, &self.html].into_iter().flatten();
        let texts = self.to.iter().chain(optional).chain([&self.subject, &self.message_id]);
        texts.map(|text| text.len()).sum()
    }
}

impl fmt::Debug for Mail {
    /// Without recipients and bodies: logs are no place for them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("mailer", &self.mailer)
            .field("message_id", &self.message_id)
            .finish_non_exhaustive()
    }
}

/// A change that a trigger gave up on, kept whole.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    pub event_id: Box<str>,
    pub sequence_number: Box<str>,
    /// The record as the stream sent it, whatever the trigger's view is.
    pub record_json: Box<str>,
    pub reason: Box<str>,
    /// The guest's backtrace, where it trapped.
    pub backtrace: Option<Box<str>>,
    /// Deliveries that counted.
    pub attempts: u32,
    pub plugin_version: Box<str>,
    pub first_attempt_ms: u64,
    pub last_attempt_ms: u64,
}
