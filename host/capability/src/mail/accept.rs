//! Which mail a plugin may send.
//!
//! Invariant: what is accepted can be built, and every header of it is one line, whoever wrote the plugin's input.

use std::fmt::Write as _;

use lettre::message;
use sha2::{Digest, Sha256};
use tripline_core::effect::Mail;
use tripline_core::limits::{MAIL_BODY_BYTES_MAX, MAIL_RECIPIENTS_MAX, MAIL_SUBJECT_BYTES_MAX};
use tripline_core::mail::Rate;
use tripline_core::port::{MailDraft, MailOrigin, Mailbox};

use super::message::address;
use super::transport::{MailerConfig, MailerError, Sink};

/// An address with its display name; RFC 5322's longest line.
const ADDRESS_BYTES_MAX: usize = 998;

/// A mailer of the operator's: accepts mail for the outbox, and knows how to send it.
#[derive(Debug)]
pub struct Mailer {
    pub(super) name: Box<str>,
    pub(super) from: message::Mailbox,
    pub(super) sink: Sink,
    pub(super) rate_max: Option<Rate>,
}

impl Mailer {
    /// Reaches for no server. Makes the directory of a file transport.
    pub fn build(config: MailerConfig) -> Result<Self, MailerError> {
        let MailerConfig { name, transport, from, rate_max } = config;
        let parsed = header("from", &from).and_then(|()| address(&from));
        let Ok(mailbox) = parsed else {
            return Err(MailerError::From { mailer: name, from });
        };
        let sink = Sink::build(&name, transport)?;
        Ok(Self { name: name.into(), from: mailbox, sink, rate_max })
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Mailbox for Mailer {
    fn accept(&self, draft: MailDraft, origin: &MailOrigin<'_>) -> Result<Mail, String> {
        let MailDraft { to, reply_to, subject, text, html } = draft;
        if to.is_empty() || to.len() > MAIL_RECIPIENTS_MAX {
            return Err(format!("{} recipients: a mail has one to {MAIL_RECIPIENTS_MAX}", to.len()));
        }
        for to in &to {
            checked_address("to", to)?;
        }
        if let Some(reply_to) = &reply_to {
            checked_address("reply-to", reply_to)?;
        }
        header("subject", &subject)?;
        if subject.len() > MAIL_SUBJECT_BYTES_MAX {
            return Err(format!("subject: {} bytes; at most {MAIL_SUBJECT_BYTES_MAX}", subject.len()));
        }
        if text.is_none() && html.is_none() {
            return Err("no body: set text, html or both".to_owned());
        }
        for (name, body) in [("text", &text), ("html", &html)] {
            if let Some(body) = body.as_ref().filter(|body| body.len() > MAIL_BODY_BYTES_MAX) {
                return Err(format!("{name}: {} bytes; at most {MAIL_BODY_BYTES_MAX}", body.len()));
            }
        }
        Ok(Mail {
            mailer: self.name.clone(),
            message_id: message_id(origin, self.from.email.domain()),
            to: to.into_iter().map(Into::into).collect(),
            reply_to: reply_to.map(Into::into),
            subject: subject.into(),
            text: text.map(Into::into),
            html: html.map(Into::into),
        })
    }
}

fn checked_address(field: &str, text: &str) -> Result<(), String> {
    header(field, text)?;
    if text.len() > ADDRESS_BYTES_MAX {
        return Err(format!("{field}: {} bytes; at most {ADDRESS_BYTES_MAX}", text.len()));
    }
    address(text).map(drop).map_err(|reason| format!("{field}: {reason}"))
}

/// What stands in a header stays in its line.
fn header(field: &str, text: &str) -> Result<(), String> {
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(format!("{field}: holds the control character {c:?}; headers are one line of text")),
        None => Ok(()),
    }
}

/// Lengths first, so that no two origins run together into the same bytes.
fn message_id(origin: &MailOrigin<'_>, domain: &str) -> Box<str> {
    let mut hash = Sha256::new();
    for part in [origin.trigger.as_str(), origin.event_id, origin.key] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let mut id = String::with_capacity(64 + 1 + domain.len());
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    id.push('@');
    id.push_str(domain);
    id.into()
}

#[cfg(test)]
#[path = "accept_tests.rs"]
mod tests;
