//! Mail of plugins: checked when it is accepted, kept in the host's outbox, sent from there.
//!
//! Invariant: From is the operator's, and no field that a plugin sets can add a header, a recipient or a command. A mail
//! goes to all of its recipients or, where the server refuses one of them, to none.
//! Each Message-ID is sent once, but for one gap that SMTP leaves open: when the host dies, or cannot reach its store until
//! it stops, between the server's 250 and the outbox's note of it, the mail goes out again. Its Message-ID is the same, by
//! which receivers tell a duplicate. The file transport has no such gap.

mod accept;
mod clear;
mod message;
mod sender;
mod sendmail;
mod smtp;
mod tls;
mod transport;

pub use accept::Mailer;
pub use sender::{Clock, Sender};
pub use tls::CaCertificates;
pub use transport::{MailerConfig, MailerError, Tls, Transport};
