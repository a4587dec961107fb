//! A mail server: connections that are opened on demand, used again while there is mail, and closed after a rest.
//!
//! Invariant: what the server says while a connection is made, and of the sender, is about the host, never about a mail: a
//! wrong password must not fail mail for good. A mail goes to all of its recipients or to none. No step is taken before
//! the reply that it needs. lettre's own pool and its `send` mix these up, and close a connection after each refusal.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use lettre::address::{Address, Envelope};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::Response;
use tokio::sync::Mutex;
use tokio::time::timeout;
use tripline_core::mail::TryError;

use super::clear::Clear;
use super::tls::CaCertificates;
use super::transport::{MailerError, Tls};
use crate::secret::Secret;

/// Until the server is ready for mail.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// From MAIL to the 250 after the body. Servers that scan take their time, and giving up late risks a duplicate less.
const SEND_TIMEOUT: Duration = Duration::from_secs(300);
/// For what is asked out of politeness.
const QUIT_TIMEOUT: Duration = Duration::from_secs(5);
/// RFC 4954: replies about authentication, which a server may also give to MAIL.
const AUTHENTICATION_CODES: [u16; 4] = [530, 534, 535, 538];
/// The server closes the connection.
const CLOSING: u16 = 421;
/// RFC 5321, 4.1.1.11 and RFC 1870: a reply to MAIL that is about the mail, its size or its parameters, not about the sender.
const OF_THE_MAIL: [u16; 2] = [552, 555];

/// What a mailer says to its server, and with what it proves who it is.
pub(super) struct SmtpConfig {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) ca: Option<CaCertificates>,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
}

pub(super) struct Smtp {
    host: String,
    port: u16,
    encryption: Encryption,
    credentials: Option<Credentials>,
    /// The password in every spelling that a server could repeat.
    secrets: Vec<String>,
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

/// How far a mail came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Sender,
    Recipient,
    Content,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
enum Unready {
    #[error(transparent)]
    Tcp(#[from] std::io::Error),
    #[error(transparent)]
    Smtp(#[from] Error),
}

/// Why a mail is not with the server.
enum Fault {
    /// The server said so, or the connection broke.
    Smtp(Step, Error),
    /// Its reply is none to what was asked: nothing that it said can be relied on.
    Confused(Response),
    /// The server cannot take an address that is not ASCII: the sender's, or a recipient's.
    NoUtf8(Step),
}

impl Smtp {
    pub(super) fn build(mailer: &str, config: SmtpConfig) -> Result<Self, MailerError> {
        let SmtpConfig { host, port, tls, ca, username, password } = config;
        let mailer = mailer.to_owned();
        let (credentials, secrets) = match (username, password) {
            (Some(username), Some(password)) => {
                let secrets = spellings(&username, password.reveal());
                (Some(Credentials::new(username, password.reveal().to_owned())), secrets)
            }
            (None, None) => (None, Vec::new()),
            (Some(_), None) => return Err(MailerError::Credentials { mailer, given: "username", missing: "password" }),
            (None, Some(_)) => return Err(MailerError::Credentials { mailer, given: "password", missing: "username" }),
        };
        let parameters = || {
            let fault = |error: Error| MailerError::Tls { mailer: mailer.clone(), host: host.clone(), reason: error.to_string() };
            super::tls::parameters(&host, ca.as_ref()).map_err(fault)
        };
        let encryption = match tls {
            Tls::None => Encryption::None,
            Tls::StartTls => Encryption::StartTls(parameters()?),
            Tls::Implicit => Encryption::Implicit(parameters()?),
        };
        Ok(Self { host, port, encryption, credentials, secrets, hello: ClientId::default(), idle: Mutex::default() })
    }

    pub(super) async fn send(&self, envelope: &Envelope, mail: &[u8]) -> Result<(), TryError> {
        let mut connection = match timeout(CONNECT_TIMEOUT, self.connection()).await {
            Ok(connection) => connection.map_err(|error| self.unready(&error))?,
            Err(_) => return Err(TryError::Away(self.say(&format!("not ready within {CONNECT_TIMEOUT:?}")))),
        };
        let fault = match timeout(SEND_TIMEOUT, hand_over(&mut connection, envelope, mail)).await {
            Ok(Ok(())) => {
                self.idle.lock().await.push(connection);
                return Ok(());
            }
            Ok(Err(fault)) => fault,
            Err(_) => return Err(TryError::Later(self.say(&format!("no answer within {SEND_TIMEOUT:?}")))),
        };
        if fault.leaves_the_connection() && matches!(timeout(QUIT_TIMEOUT, connection.command(Rset)).await, Ok(Ok(_))) {
            self.idle.lock().await.push(connection);
        } else {
            close(connection).await;
        }
        Err(self.judge(&fault))
    }

    async fn connection(&self) -> Result<AsyncSmtpConnection, Unready> {
        loop {
            // Its own statement: the lock must not be held while the server is asked.
            let idle = self.idle.lock().await.pop();
            let Some(mut idle) = idle else { return self.connect().await };
            if idle.test_connected().await {
                return Ok(idle);
            }
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Unready> {
        let server = (self.host.as_str(), self.port);
        let at_once = async |tls| AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT_TIMEOUT), &self.hello, tls, None).await;
        let mut connection = match &self.encryption {
            Encryption::None => at_once(None).await?,
            Encryption::Implicit(parameters) => at_once(Some(parameters.clone())).await?,
            Encryption::StartTls(parameters) => {
                let clear = Clear::connect(&self.host, self.port).await?;
                let mut connection = AsyncSmtpConnection::connect_with_transport(Box::new(clear), &self.hello).await?;
                // An error where the server does not offer it.
                connection.starttls(parameters.clone(), &self.hello).await?;
                connection
            }
        };
        if let Some(credentials) = &self.credentials {
            connection.auth(DEFAULT_MECHANISMS, credentials).await?;
        }
        Ok(connection)
    }

    pub(super) async fn rest(&self) {
        let idle = std::mem::take(&mut *self.idle.lock().await);
        for connection in idle {
            close(connection).await;
        }
    }

    /// What went wrong before the server was ready for mail.
    fn unready(&self, unready: &Unready) -> TryError {
        let error = match unready {
            Unready::Tcp(error) => return TryError::Away(self.say(&error.to_string())),
            Unready::Smtp(error) => error,
        };
        let text = error.to_string();
        let remedy = remedy(&text);
        let code = error.status().map(u16::from);
        let hint = match (code, remedy) {
            (Some(code), _) if AUTHENTICATION_CODES.contains(&code) => ": check `username` and `password`",
            (_, Some(remedy)) => remedy,
            _ => "",
        };
        let text = self.say(&format!("{text}{hint}"));
        // A certificate does not mend itself, nor does a server learn a mechanism.
        let barred = error.is_permanent() || error.is_client() || remedy.is_some();
        if barred { TryError::Barred(text) } else { TryError::Away(text) }
    }

    fn judge(&self, fault: &Fault) -> TryError {
        let (step, error) = match fault {
            Fault::NoUtf8(step) => {
                const WHY: &str = "the server cannot take an address that is not ASCII (it offers no SMTPUTF8)";
                return match step {
                    Step::Sender => TryError::Barred(self.say(&format!("{WHY}: change `from`"))),
                    Step::Recipient | Step::Content => TryError::Refused(self.say(WHY)),
                };
            }
            Fault::Confused(reply) => {
                let said = reply.message().collect::<Vec<_>>().join(" ");
                return TryError::Later(self.say(&format!("a reply that answers nothing: {} {said}", reply.code())));
            }
            Fault::Smtp(step, error) => (*step, error),
        };
        let text = error.to_string();
        match (error.status().map(u16::from), step) {
            (Some(code), _) if AUTHENTICATION_CODES.contains(&code) => {
                TryError::Barred(self.say(&format!("{text}: the server wants a login: check `username` and `password`")))
            }
            (Some(code), Step::Sender) if error.is_permanent() && !OF_THE_MAIL.contains(&code) => {
                TryError::Barred(self.say(&format!("{text}: the server refuses the sender: check `from`, and what this login may send as")))
            }
            (code, Step::Sender) if code.is_none() || error.is_transient() => TryError::Away(self.say(&text)),
            (Some(_), _) if error.is_permanent() => TryError::Refused(self.say(&text)),
            _ => TryError::Later(self.say(&text)),
        }
    }

    /// A reason, with the server it is of and without the password, which a careless server may have repeated.
    fn say(&self, what: &str) -> String {
        let mut text = format!("{}:{}: {what}", self.host, self.port);
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "***");
        }
        text
    }
}

impl Fault {
    /// Whether the server is still in step with us.
    fn leaves_the_connection(&self) -> bool {
        match self {
            Self::Smtp(_, error) => error.status().is_some_and(|code| u16::from(code) != CLOSING),
            Self::Confused(..) => false,
            Self::NoUtf8(_) => true,
        }
    }
}

/// One mail. The last reply is the server's word that it has it.
async fn hand_over(connection: &mut AsyncSmtpConnection, envelope: &Envelope, mail: &[u8]) -> Result<(), Fault> {
    let mut parameters = Vec::new();
    let sender_is_ascii = envelope.from().is_none_or(is_ascii);
    // Bodies and names are encoded: without such an address a mail is ASCII.
    if !(sender_is_ascii && envelope.to().iter().all(is_ascii) && mail.is_ascii()) {
        let server = connection.server_info();
        if !server.supports_feature(Extension::SmtpUtfEight) || !server.supports_feature(Extension::EightBitMime) {
            return Err(Fault::NoUtf8(if sender_is_ascii { Step::Recipient } else { Step::Sender }));
        }
        parameters.extend([MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)]);
    }
    let sender = connection.command(Mail::new(envelope.from().cloned(), parameters)).await;
    expect(Step::Sender, sender, &[250])?;
    for to in envelope.to() {
        let recipient = connection.command(Rcpt::new(to.clone(), Vec::new())).await;
        expect(Step::Recipient, recipient, &[250, 251])?;
    }
    let data = connection.command(Data).await;
    expect(Step::Content, data, &[354])?;
    let end = connection.message(mail).await;
    expect(Step::Content, end, &[250])
}

/// A reply of another kind is the answer to another question: sent ahead by whoever sits between, before TLS began.
fn expect(step: Step, reply: Result<Response, Error>, codes: &[u16]) -> Result<(), Fault> {
    let reply = reply.map_err(|error| Fault::Smtp(step, error))?;
    if codes.iter().any(|code| reply.has_code(*code)) { Ok(()) } else { Err(Fault::Confused(reply)) }
}

async fn close(mut connection: AsyncSmtpConnection) {
    // Out of politeness: a server that does not answer is closed all the same.
    let _ = timeout(QUIT_TIMEOUT, connection.abort()).await;
}

fn is_ascii(address: &Address) -> bool {
    AsRef::<str>::as_ref(address).is_ascii()
}

fn spellings(username: &str, password: &str) -> Vec<String> {
    // What AUTH PLAIN and AUTH LOGIN put on the wire, and the password itself last, since they may hold it.
    let plain = format!("\0{username}\0{password}");
    let spellings = [BASE64_STANDARD.encode(plain), BASE64_STANDARD.encode(password), password.to_owned()];
    spellings.into_iter().filter(|spelling| !spelling.is_empty()).collect()
}

/// What an operator can do about it, by the words of lettre and rustls.
fn remedy(error: &str) -> Option<&'static str> {
    const REMEDIES: [(&str, &str); 10] = [
        ("STARTTLS is not supported", ": use smtps:, another port, or another server; with tls = \"none\" mail travels in the clear"),
        (
            "No compatible authentication",
            ": it offers neither PLAIN nor LOGIN (some offer them only over TLS): check `tls`, or remove `username`",
        ),
        ("not valid for name", ": the certificate is for another host: correct the host in `url`"),
        ("NotValidForName", ": the certificate is for another host: correct the host in `url`"),
        (
            "UnknownIssuer",
            ": no authority that this host trusts has signed the certificate: name the one that has with `ca`, or install the system's (package ca-certificates)",
        ),
        ("CaUsedAsEndEntity", ": the server shows the certificate of an authority as its own: give the server one of its own"),
        ("certificate expired", ": the server's certificate has expired, or this machine's clock is wrong"),
        ("Expired", ": the server's certificate has expired, or this machine's clock is wrong"),
        ("invalid peer certificate", ": the server's certificate cannot be trusted"),
        ("corrupt message", ": what came is no TLS: check the port and the scheme of `url` (smtps: is TLS from the first byte)"),
    ];
    REMEDIES.iter().find(|(words, _)| error.contains(words)).map(|(_, remedy)| *remedy)
}
