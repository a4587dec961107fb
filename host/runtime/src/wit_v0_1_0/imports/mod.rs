//! What plugins of this version may call. Grants come first, then bounds, then the effect.
//!
//! Always holds: nothing here traps; whatever is wrong with a call is an ordinary typed answer that says what to do.

mod metrics;
mod tables;

use std::collections::BTreeSet;

use tripline_core::decimal::Decimal;
use tripline_core::effect::{CounterKey, Mutation};
use tripline_core::limits::{
    COUNTER_LABELS_MAX, LABEL_VALUE_BYTES_MAX, MAIL_BODY_BYTES_MAX, MAIL_RECIPIENTS_MAX, MAIL_SUBJECT_BYTES_MAX, STATE_KEY_BYTES_MAX,
    STATE_VALUE_BYTES_MAX, is_metric_name,
};
use tripline_core::port::{MailDraft, MailOrigin, Mailbox};
use tripline_core::signal::LogLevel;
use tripline_core::time::Timestamp;

use super::bindings::tripline::trigger::{counters, mailer, state, types};
use super::bindings::wasi::config::store as config;
use super::bindings::wasi::logging::logging;
use crate::effects::Written;
use crate::guest::Guest;
use crate::text;

/// Text of the guest that an answer repeats.
const SHOWN_BYTES_MAX: usize = 100;
const MAIL_KEY_BYTES_MAX: usize = 1024;
/// Keys that one read of the store asks for; more take several.
const STATE_READ_KEYS: usize = 1000;
const STATE_READS_MAX: usize = 100_000;
/// A guest that reads the same large value a thousand times must not fill the host's memory.
const STATE_READ_BYTES_MAX: usize = 64 * 1024 * 1024;

impl types::Host for Guest {}

impl logging::Host for Guest {
    fn log(&mut self, level: logging::Level, context: String, message: String) {
        let level = match level {
            logging::Level::Trace => LogLevel::Trace,
            logging::Level::Debug => LogLevel::Debug,
            logging::Level::Info => LogLevel::Info,
            logging::Level::Warn => LogLevel::Warn,
            logging::Level::Error | logging::Level::Critical => LogLevel::Error,
        };
        self.logs.log(level, &context, &message);
    }
}

/// Not wasmtime-wasi-config's: that one copies all settings for every instance, and lists them in no order.
impl config::Host for Guest {
    fn get(&mut self, key: String) -> Result<Option<String>, config::Error> {
        Ok(self.context.settings.get(&key).cloned())
    }

    fn get_all(&mut self) -> Result<Vec<(String, String)>, config::Error> {
        Ok(self.context.settings.iter().map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

impl counters::Host for Guest {
    fn add(&mut self, change: u32, name: String, labels: Vec<(String, String)>, delta: String) -> Result<(), counters::CounterError> {
        self.add_counter(change, name, labels, &delta).map_err(|refused| match refused {
            Refused::Denied(reason) => counters::CounterError::AccessDenied(reason),
            Refused::Invalid(reason) => counters::CounterError::Invalid(reason),
        })
    }
}

impl state::Host for Guest {
    async fn get(&mut self, reads: Vec<state::Read>) -> Result<Vec<Option<Vec<u8>>>, state::StateError> {
        if self.context.grants.state.is_none() {
            return Err(state::StateError::AccessDenied(self.denied("state", "state = true")));
        }
        let now = self.context.now();
        let mut values = self.own_writes(&reads, now).map_err(state::StateError::Invalid)?;
        let missing: Vec<usize> = (0..reads.len()).filter(|position| values[*position] == Written::Not).collect();
        self.see(missing.iter().map(|position| reads[*position].key.as_str()), now).await?;
        let mut bytes: usize = values.iter().map(Written::len_bytes).sum();
        for position in missing {
            let value = self.seen.value(&reads[position].key).flatten();
            bytes += value.map_or(0, <[u8]>::len);
            if bytes > STATE_READ_BYTES_MAX {
                return Err(state::StateError::Invalid(too_much_read()));
            }
            values[position] = Written::Value(value.map(<[u8]>::to_vec));
        }
        Ok(values.into_iter().map(Written::into_value).collect())
    }

    fn set(&mut self, change: u32, key: String, value: Vec<u8>, expires_ms: Option<u64>) -> Result<(), state::StateError> {
        self.may_write_state(&key)?;
        if value.len() > STATE_VALUE_BYTES_MAX {
            let reason = format!("a value of {} bytes; at most {STATE_VALUE_BYTES_MAX}", value.len());
            return Err(state::StateError::Invalid(reason));
        }
        let mutation = Mutation::SetState { key: key.into(), value, expires_ms };
        self.effects.push(change, mutation).map_err(state::StateError::Invalid)
    }

    fn delete(&mut self, change: u32, key: String) -> Result<(), state::StateError> {
        self.may_write_state(&key)?;
        self.effects
            .push(change, Mutation::DeleteState { key: key.into() })
            .map_err(state::StateError::Invalid)
    }
}

impl mailer::Host for Guest {
    fn send(&mut self, change: u32, mailer: Option<String>, message: mailer::Message, key: String) -> Result<(), mailer::MailError> {
        let mailbox = self.mailbox(mailer.as_deref())?;
        let invalid = mailer::MailError::Invalid;
        self.effects.check_change(change).map_err(invalid)?;
        check_mail(&message, &key).map_err(invalid)?;
        let draft =
            MailDraft { to: message.to, reply_to: message.reply_to, subject: message.subject, text: message.text, html: message.html };
        let event_id = &self.changes[change as usize].event_id;
        let origin = MailOrigin { trigger: &self.context.trigger, event_id, key: &key };
        let mail = mailbox.accept(draft, &origin).map_err(invalid)?;
        self.effects.push(change, Mutation::SendMail(mail)).map_err(invalid)
    }
}

/// Why a call of the guest's is not done, in whatever words its version of the contract has for it.
#[derive(Debug)]
pub(crate) enum Refused {
    Denied(String),
    Invalid(String),
}

#[cfg(feature = "test-versions")]
impl Refused {
    /// For a version that does not tell them apart.
    pub(crate) fn into_reason(self) -> String {
        match self {
            Self::Denied(reason) | Self::Invalid(reason) => reason,
        }
    }
}

impl Guest {
    /// What `counters` is in every version of the contract.
    pub(crate) fn add_counter(&mut self, change: u32, name: String, labels: Vec<(String, String)>, delta: &str) -> Result<(), Refused> {
        if !self.context.grants.counters {
            return Err(Refused::Denied(self.denied("counters", "counters = true")));
        }
        let counter = series("counter", name, labels).map_err(Refused::Invalid)?;
        let delta = Decimal::parse(delta).map_err(|error| Refused::Invalid(error.to_string()))?;
        self.effects.push(change, Mutation::AddCounter { counter, delta }).map_err(Refused::Invalid)
    }

    /// What is missing, and the line of `tripline.toml` that grants it.
    fn denied(&self, what: &str, grant: &str) -> String {
        let trigger = &self.context.trigger;
        format!("trigger `{trigger}` is not granted {what}: add `grants = {{ {grant} }}` to [triggers.{trigger}]")
    }

    /// Asks the store for what this call has not seen of these keys.
    async fn see(&mut self, keys: impl Iterator<Item = &str>, now: Timestamp) -> Result<(), state::StateError> {
        let Some(store) = self.context.grants.state.clone() else { return Ok(()) };
        let unseen: BTreeSet<&str> = keys.filter(|key| self.seen.value(key).is_none()).collect();
        let unseen: Vec<&str> = unseen.into_iter().collect();
        for keys in unseen.chunks(STATE_READ_KEYS) {
            self.waits_in = Some("state.get");
            let found = store.get(&self.context.trigger, keys.iter().map(|key| (*key).into()).collect(), now).await;
            self.waits_in = None;
            let found = found.map_err(|error| state::StateError::Unavailable(error.to_string()))?;
            for (key, found) in keys.iter().zip(found) {
                self.seen.add((*key).into(), found, now).map_err(state::StateError::Invalid)?;
            }
        }
        Ok(())
    }

    /// Of each read what this batch has written itself.
    fn own_writes(&mut self, reads: &[state::Read], now: Timestamp) -> Result<Vec<Written>, String> {
        if reads.len() > STATE_READS_MAX {
            return Err(format!("{} reads at once; at most {STATE_READS_MAX}", reads.len()));
        }
        let mut values = Vec::with_capacity(reads.len());
        let mut bytes = 0;
        for read in reads {
            check_state_key(&read.key)?;
            let written = self.effects.read(read.change, &read.key, now)?;
            bytes += written.len_bytes();
            if bytes > STATE_READ_BYTES_MAX {
                return Err(too_much_read());
            }
            values.push(written);
        }
        Ok(values)
    }

    fn may_write_state(&self, key: &str) -> Result<(), state::StateError> {
        if self.context.grants.state.is_none() {
            return Err(state::StateError::AccessDenied(self.denied("state", "state = true")));
        }
        check_state_key(key).map_err(state::StateError::Invalid)
    }

    fn mailbox(&self, name: Option<&str>) -> Result<std::sync::Arc<dyn Mailbox>, mailer::MailError> {
        let mailers = &self.context.grants.mailers;
        match name {
            Some(name) => mailers.get(name).cloned().ok_or_else(|| {
                let shown = text::one_line(name, SHOWN_BYTES_MAX);
                let reason = self.denied(&format!("the mailer `{shown}`"), &format!("mailers = [\"{shown}\"]"));
                mailer::MailError::AccessDenied(reason)
            }),
            None if mailers.len() > 1 => {
                let names: Vec<&str> = mailers.keys().map(|name| &**name).collect();
                let reason = format!("the trigger is granted several mailers, so the mail must name one: {}", names.join(", "));
                Err(mailer::MailError::Invalid(reason))
            }
            None => mailers
                .values()
                .next()
                .cloned()
                .ok_or_else(|| mailer::MailError::AccessDenied(self.denied("a mailer", "mailers = [\"its name in [mailers]\"]"))),
        }
    }
}

/// A counter's or a metric's; `kind` is what the reason calls it.
fn series(kind: &str, name: String, labels: Vec<(String, String)>) -> Result<CounterKey, String> {
    // For every sample: nothing is made that a good name does not need.
    let check_name = |what: std::fmt::Arguments<'_>, name: &str| {
        if is_metric_name(name) {
            return Ok(());
        }
        let shown = text::one_line(name, SHOWN_BYTES_MAX);
        Err(format!("{what} `{shown}`: use a to z, 0 to 9 and _, a letter first, at most 64"))
    };
    check_name(format_args!("the {kind}'s name"), &name)?;
    if labels.len() > COUNTER_LABELS_MAX {
        return Err(format!("{} labels; at most {COUNTER_LABELS_MAX}", labels.len()));
    }
    for (position, (label, value)) in labels.iter().enumerate() {
        check_name(format_args!("the label"), label)?;
        if value.len() > LABEL_VALUE_BYTES_MAX {
            return Err(format!("the value of label `{label}` has {} bytes; at most {LABEL_VALUE_BYTES_MAX}", value.len()));
        }
        if labels[..position].iter().any(|(other, _)| other == label) {
            return Err(format!("the label `{label}` is there twice"));
        }
    }
    let labels = labels.into_iter().map(|(label, value)| (label.into(), value.into())).collect();
    Ok(CounterKey::new(name, labels))
}

fn check_state_key(key: &str) -> Result<(), String> {
    if key.len() > STATE_KEY_BYTES_MAX {
        return Err(format!("a key of {} bytes; at most {STATE_KEY_BYTES_MAX}", key.len()));
    }
    Ok(())
}

fn too_much_read() -> String {
    format!("values of more than {STATE_READ_BYTES_MAX} bytes in one read: read fewer keys at once")
}

/// Sizes only: what an address is, the mailbox knows.
fn check_mail(message: &mailer::Message, key: &str) -> Result<(), String> {
    let check =
        |what: &str, len: usize, len_max: usize| (len <= len_max).then_some(()).ok_or_else(|| format!("{what}: {len}; at most {len_max}"));
    check("recipients", message.to.len(), MAIL_RECIPIENTS_MAX)?;
    check("bytes of the subject", message.subject.len(), MAIL_SUBJECT_BYTES_MAX)?;
    check("bytes of the text", message.text.as_ref().map_or(0, String::len), MAIL_BODY_BYTES_MAX)?;
    check("bytes of the html", message.html.as_ref().map_or(0, String::len), MAIL_BODY_BYTES_MAX)?;
    check("bytes of the key", key.len(), MAIL_KEY_BYTES_MAX)
}
