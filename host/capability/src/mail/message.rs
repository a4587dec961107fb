//! A mail as MIME.

use std::time::{Duration, SystemTime};

use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use tripline_core::effect::Mail;
use tripline_core::time::Timestamp;

/// RFC 3834: so that nobody's out-of-office answers.
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");

/// `Err`: this mail cannot be built, now or later.
pub(super) fn build(mail: &Mail, from: &Mailbox, date: Timestamp) -> Result<Message, String> {
    let mut builder = Message::builder()
        .from(from.clone())
        .subject(&*mail.subject)
        .message_id(Some(format!("<{}>", mail.message_id)))
        .date(SystemTime::UNIX_EPOCH + Duration::from_millis(date.as_ms()))
        .raw_header(HeaderValue::new(AUTO_SUBMITTED, "auto-generated".to_owned()));
    for to in &mail.to {
        builder = builder.to(address(to)?);
    }
    if let Some(reply_to) = &mail.reply_to {
        builder = builder.reply_to(address(reply_to)?);
    }
    let message = match (&mail.text, &mail.html) {
        (Some(text), Some(html)) => builder.multipart(MultiPart::alternative_plain_html(text.to_string(), html.to_string())),
        (Some(text), None) => builder.singlepart(SinglePart::plain(text.to_string())),
        (None, Some(html)) => builder.singlepart(SinglePart::html(html.to_string())),
        (None, None) => return Err("neither text nor html".to_owned()),
    };
    message.map_err(|error| error.to_string())
}

/// One address, `a@b.example` or `Name <a@b.example>`.
pub(super) fn address(text: &str) -> Result<Mailbox, String> {
    text.parse()
        .map_err(|error| format!("not an address such as a@b.example or Name <a@b.example>: {error}"))
}
