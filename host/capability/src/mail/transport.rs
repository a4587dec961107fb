//! Where mail goes: a mail server, a local `sendmail`, or files.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::address::Envelope;
use lettre::{AsyncSendmailTransport, AsyncTransport, Tokio1Executor};
use tokio::io::AsyncWriteExt;

use super::smtp::Smtp;
use crate::secret::Secret;

#[derive(Clone, Debug)]
pub struct MailerConfig {
    /// The key of its `[mailers.…]` table.
    pub name: String,
    pub transport: Transport,
    /// `shop@example.com` or `Shop <shop@example.com>`.
    pub from: String,
}

#[derive(Clone, Debug)]
pub enum Transport {
    Smtp {
        host: String,
        port: u16,
        tls: Tls,
        username: Option<String>,
        password: Option<Secret>,
    },
    /// A program with sendmail's arguments: `-i -f FROM -- TO…`, the mail on its standard input.
    Sendmail {
        command: PathBuf,
    },
    /// One `.eml` file for each mail.
    File {
        dir: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// From the first byte (smtps, usually port 465).
    Implicit,
    /// STARTTLS, required: a server without it gets neither password nor mail.
    StartTls,
    /// In the clear.
    None,
}

/// Why a mailer cannot be built. The message holds the remedy.
#[derive(Debug, thiserror::Error)]
pub enum MailerError {
    #[error(
        "mailer `{mailer}`: from `{from}` is not an address such as shop@example.com or Shop <shop@example.com>: correct [mailers.{mailer}]"
    )]
    From { mailer: String, from: String },
    #[error("mailer `{mailer}`: a {given} without a {missing}: set both in [mailers.{mailer}], or neither")]
    Credentials { mailer: String, given: &'static str, missing: &'static str },
    #[error(
        "mailer `{mailer}`: TLS cannot be set up for `{host}`: {reason}: are the system's root certificates installed (package ca-certificates)?"
    )]
    Tls { mailer: String, host: String, reason: String },
    #[error("mailer `{mailer}`: {dir}: {reason}: choose a directory that this user can write to")]
    Dir { mailer: String, dir: PathBuf, reason: String },
}

/// Why a mail was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SendError {
    /// Nothing can be sent now, whichever mail it is: the server is away, or refuses the host itself.
    Unreachable(String),
    /// This mail may pass later.
    Later(String),
    /// This mail never will. One recipient that the server refuses is enough: the others do not get it either.
    Refused(String),
}

/// Beyond it, a `sendmail` that hangs is killed.
const SENDMAIL_TIMEOUT: Duration = Duration::from_secs(120);

#[derive(Debug)]
pub(super) enum Sink {
    Smtp(Box<Smtp>),
    Sendmail(AsyncSendmailTransport<Tokio1Executor>),
    File(PathBuf),
}

impl Sink {
    pub(super) fn build(mailer: &str, transport: Transport) -> Result<Self, MailerError> {
        match transport {
            Transport::Smtp { host, port, tls, username, password } => {
                Ok(Self::Smtp(Box::new(Smtp::build(mailer, (host, port), tls, (username, password))?)))
            }
            Transport::Sendmail { command } => Ok(Self::Sendmail(AsyncSendmailTransport::new_with_command(command))),
            Transport::File { dir } => match std::fs::create_dir_all(&dir) {
                Ok(()) => Ok(Self::File(dir)),
                Err(error) => Err(MailerError::Dir { mailer: mailer.to_owned(), dir, reason: error.to_string() }),
            },
        }
    }

    pub(super) async fn send(&self, message_id: &str, envelope: &Envelope, mail: &[u8]) -> Result<(), SendError> {
        match self {
            Self::Smtp(smtp) => smtp.send(envelope, mail).await,
            Self::Sendmail(sendmail) => match tokio::time::timeout(SENDMAIL_TIMEOUT, sendmail.send_raw(envelope, mail)).await {
                Ok(Ok(())) => Ok(()),
                // Its exit code is lost on the way here: later is the safe reading of any of them.
                Ok(Err(error)) => Err(SendError::Later(format!("sendmail: {error}"))),
                Err(_) => Err(SendError::Later(format!("sendmail: no end within {SENDMAIL_TIMEOUT:?}"))),
            },
            Self::File(dir) => write_file(dir, message_id, mail).await,
        }
    }

    /// Nothing is due: closes what is open.
    pub(super) async fn rest(&self) {
        if let Self::Smtp(smtp) = self {
            smtp.rest().await;
        }
    }
}

/// One file for each Message-ID, whole or not there, however often it is written.
async fn write_file(dir: &Path, message_id: &str, mail: &[u8]) -> Result<(), SendError> {
    let name = message_id.split('@').next().unwrap_or_default();
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(SendError::Refused(format!("`{message_id}` makes no file name")));
    }
    let (draft, path) = (dir.join(format!(".{name}.tmp")), dir.join(format!("{name}.eml")));
    let write = async {
        let mut file = tokio::fs::File::create(&draft).await?;
        file.write_all(mail).await?;
        file.sync_all().await?;
        tokio::fs::rename(&draft, &path).await?;
        // The directory too, so that the name survives a power cut.
        tokio::fs::File::open(dir).await?.sync_all().await
    };
    write
        .await
        .map_err(|error: std::io::Error| SendError::Unreachable(format!("{}: {error}", path.display())))
}
