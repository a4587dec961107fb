//! A mail server: connections that are opened on demand, used again while there is mail, and closed when there is none.
//!
//! Invariant: what the server says while a connection is made is about the host, never about a mail: a wrong password
//! must not fail mail for good. lettre's own pool mixes the two, and spawns tasks.

use std::fmt;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::transport::{MailerError, SendError, Tls};
use crate::secret::Secret;

/// Until the server is ready for mail.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// From MAIL to the 250 after the body. Servers that scan take their time, and giving up late risks a duplicate less.
const SEND_TIMEOUT: Duration = Duration::from_secs(300);
const QUIT_TIMEOUT: Duration = Duration::from_secs(5);
/// RFC 4954: replies about authentication, which a server may also give to MAIL.
const AUTHENTICATION_CODES: [u16; 4] = [530, 534, 535, 538];

pub(super) struct Smtp {
    host: String,
    port: u16,
    encryption: Encryption,
    credentials: Option<Credentials>,
    hello: ClientId,
    idle: Mutex<Vec<AsyncSmtpConnection>>,
}

enum Encryption {
    None,
    StartTls(TlsParameters),
    Implicit(TlsParameters),
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

impl Smtp {
    pub(super) fn build(
        mailer: &str,
        (host, port): (String, u16),
        tls: Tls,
        login: (Option<String>, Option<Secret>),
    ) -> Result<Self, MailerError> {
        let mailer = mailer.to_owned();
        let credentials = match login {
            (Some(username), Some(password)) => Some(Credentials::new(username, password.reveal().to_owned())),
            (None, None) => None,
            (Some(_), None) => return Err(MailerError::Credentials { mailer, given: "username", missing: "password" }),
            (None, Some(_)) => return Err(MailerError::Credentials { mailer, given: "password", missing: "username" }),
        };
        let parameters =
            || TlsParameters::new(host.clone()).map_err(|error| MailerError::Tls { mailer, host: host.clone(), reason: error.to_string() });
        let encryption = match tls {
            Tls::None => Encryption::None,
            Tls::StartTls => Encryption::StartTls(parameters()?),
            Tls::Implicit => Encryption::Implicit(parameters()?),
        };
        Ok(Self { host, port, encryption, credentials, hello: ClientId::default(), idle: Mutex::default() })
    }

    pub(super) async fn send(&self, envelope: &Envelope, mail: &[u8]) -> Result<(), SendError> {
        let mut connection = match timeout(CONNECT_TIMEOUT, self.connection()).await {
            Ok(connection) => connection.map_err(|error| self.unreachable(&error))?,
            Err(_) => return Err(SendError::Unreachable(format!("{}:{}: not ready within {CONNECT_TIMEOUT:?}", self.host, self.port))),
        };
        match timeout(SEND_TIMEOUT, connection.send(envelope, mail)).await {
            Ok(Ok(_)) => {
                self.idle.lock().await.push(connection);
                Ok(())
            }
            // lettre has closed the connection.
            Ok(Err(error)) => Err(self.judge(&error, envelope)),
            Err(_) => Err(SendError::Later(format!("{}:{}: no answer within {SEND_TIMEOUT:?}", self.host, self.port))),
        }
    }

    async fn connection(&self) -> Result<AsyncSmtpConnection, Error> {
        loop {
            // Its own statement: the lock must not be held while the server is asked.
            let idle = self.idle.lock().await.pop();
            let Some(mut idle) = idle else { return self.connect().await };
            if idle.test_connected().await {
                return Ok(idle);
            }
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Error> {
        let implicit = match &self.encryption {
            Encryption::Implicit(parameters) => Some(parameters.clone()),
            Encryption::StartTls(_) | Encryption::None => None,
        };
        let server = (self.host.as_str(), self.port);
        let mut connection = AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT_TIMEOUT), &self.hello, implicit, None).await?;
        if let Encryption::StartTls(parameters) = &self.encryption {
            connection.starttls(parameters.clone(), &self.hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }

    pub(super) async fn rest(&self) {
        let idle = std::mem::take(&mut *self.idle.lock().await);
        for mut connection in idle {
            // Out of politeness: a server that does not answer is closed all the same.
            let _ = timeout(QUIT_TIMEOUT, connection.abort()).await;
        }
    }

    fn unreachable(&self, error: &Error) -> SendError {
        let hint = match error.status() {
            Some(code) if AUTHENTICATION_CODES.contains(&u16::from(code)) => ": check username and password",
            _ if error.is_client() => ": check `url` and `tls`",
            _ => "",
        };
        SendError::Unreachable(format!("{}:{}: {error}{hint}", self.host, self.port))
    }

    fn judge(&self, error: &Error, envelope: &Envelope) -> SendError {
        let text = error.to_string();
        match error.status() {
            Some(code) if AUTHENTICATION_CODES.contains(&u16::from(code)) || u16::from(code) == 421 => self.unreachable(error),
            Some(_) if error.is_permanent() => SendError::Refused(text),
            // lettre's way to say that the server has no SMTPUTF8.
            None if error.is_client() && !is_ascii(envelope) => SendError::Refused(text),
            _ => SendError::Later(text),
        }
    }
}

fn is_ascii(envelope: &Envelope) -> bool {
    envelope
        .from()
        .into_iter()
        .chain(envelope.to())
        .all(|address| <_ as AsRef<str>>::as_ref(address).is_ascii())
}
