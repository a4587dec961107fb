//! Where mail goes: a mail server, a local `sendmail`, or files.

use std::path::{Path, PathBuf};

use lettre::address::Envelope;
use tokio::io::AsyncWriteExt;
use tripline_core::mail::{Rate, TryError};

use super::sendmail;
use super::smtp::{Smtp, SmtpConfig};
use super::tls::CaCertificates;
use crate::secret::Secret;

#[derive(Clone, Debug)]
pub struct MailerConfig {
    /// The key of its `[mailers.…]` table.
    pub name: String,
    pub transport: Transport,
    /// `shop@example.com` or `Shop <shop@example.com>`.
    pub from: String,
    /// Tries never begin faster.
    pub rate_max: Option<Rate>,
}

#[derive(Clone, Debug)]
pub enum Transport {
    Smtp {
        host: String,
        port: u16,
        tls: Tls,
        /// Trusted instead of the system's certificate authorities.
        ca: Option<CaCertificates>,
        username: Option<String>,
        password: Option<Secret>,
    },
    /// A program with sendmail's arguments: `-i -f FROM -- TO…`, the mail on its standard input.
    Sendmail { command: PathBuf },
    /// One `.eml` file for each mail.
    File { dir: PathBuf },
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

#[derive(Debug)]
pub(super) enum Sink {
    Smtp(Box<Smtp>),
    Sendmail(PathBuf),
    File(PathBuf),
}

impl Sink {
    pub(super) fn build(mailer: &str, transport: Transport) -> Result<Self, MailerError> {
        match transport {
            Transport::Smtp { host, port, tls, ca, username, password } => {
                let config = SmtpConfig { host, port, tls, ca, username, password };
                Ok(Self::Smtp(Box::new(Smtp::build(mailer, config)?)))
            }
            Transport::Sendmail { command } => Ok(Self::Sendmail(command)),
            Transport::File { dir } => match std::fs::create_dir_all(&dir) {
                Ok(()) => Ok(Self::File(dir)),
                Err(error) => Err(MailerError::Dir { mailer: mailer.to_owned(), dir, reason: error.to_string() }),
            },
        }
    }

    pub(super) async fn send(&self, message_id: &str, envelope: &Envelope, mail: &[u8]) -> Result<(), TryError> {
        match self {
            Self::Smtp(smtp) => smtp.send(envelope, mail).await,
            Self::Sendmail(command) => sendmail::send(command, envelope, mail).await,
            Self::File(dir) => write_file(dir, message_id, mail).await,
        }
    }

    /// Closes what is open.
    pub(super) async fn rest(&self) {
        if let Self::Smtp(smtp) = self {
            smtp.rest().await;
        }
    }
}

/// One file for each Message-ID, whole or not there, however often it is written.
async fn write_file(dir: &Path, message_id: &str, mail: &[u8]) -> Result<(), TryError> {
    let name = message_id.split('@').next().unwrap_or_default();
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(TryError::Refused(format!("`{message_id}` makes no file name")));
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
    write.await.map_err(|error: std::io::Error| TryError::Away(format!("{}: {error}", path.display())))
}
