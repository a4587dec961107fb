//! Mail, sent by a mailer of the operator's: `[mailers.…]` and `grants = { mailers = ["…"] }`.
//!
//! A message is accepted into the host's durable outbox in the transaction that acknowledges the change it belongs to. From
//! is the operator's.

use std::fmt;

use crate::change::Change;
use crate::failure::Failure;
use crate::host;
use crate::host::mailer_types as wire;

/// A mail: at least one recipient, and at least one of text and HTML. It goes to all of its recipients or, where the server
/// refuses one, to none; each sees the others' addresses.
///
/// ```
/// use tripline_sdk::mailer::Message;
///
/// let message = Message::new("Welcome").to("Ann <ann@example.com>").text("Hello Ann").html("<p>Hello Ann</p>");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Message {
    pub to: Vec<String>,
    pub reply_to: Option<String>,
    pub subject: String,
    pub text: Option<String>,
    pub html: Option<String>,
}

impl Message {
    pub fn new(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), ..Self::default() }
    }

    /// One more recipient: `a@b.example` or `Name <a@b.example>`.
    pub fn to(mut self, address: impl Into<String>) -> Self {
        self.to.push(address.into());
        self
    }

    pub fn reply_to(mut self, address: impl Into<String>) -> Self {
        self.reply_to = Some(address.into());
        self
    }

    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    pub fn html(mut self, html: impl Into<String>) -> Self {
        self.html = Some(html.into());
        self
    }
}

impl fmt::Debug for Message {
    /// Without recipients and bodies: logs are no place for them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("recipients", &self.to.len()).finish_non_exhaustive()
    }
}

/// Hands a message to the outbox.
///
/// `mailer`: its name in `[mailers]`, or none where the trigger is granted exactly one. `key` tells apart the mails of one
/// change: a change that is handled twice sends each of its mails once.
pub fn send(change: &Change, mailer: Option<&str>, message: Message, key: &str) -> Result<(), Failure> {
    let Message { to, reply_to, subject, text, html } = message;
    let message = wire::Message { to, reply_to, subject, text, html };
    host::mailer::send(change.index(), mailer, &message, key).map_err(|error| match error {
        wire::MailError::AccessDenied(reason) | wire::MailError::Invalid(reason) => Failure::reject(reason),
    })
}
