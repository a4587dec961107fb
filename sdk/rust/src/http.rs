//! Requests over http, to the places that the operator grants: `grants = { http = ["https://api.example.com"] }`.
//!
//! ```
//! use tripline_sdk::{Change, Failure, http};
//!
//! fn on_change(change: Change) -> Result<(), Failure> {
//!     let answer = http::post("https://api.example.com/orders")
//!         .header("Idempotency-Key", change.event_id())
//!         .json(&serde_json::json!({ "keys": change.keys_json() }))
//!         .send()?;
//!     answer.ok()?;
//!     Ok(())
//! }
//! # use tripline_sdk::testing::{self, Host};
//! # let host = Host::new();
//! # host.on_http(|request| Ok(http::Response::new(if request.url.ends_with("/orders") { 201 } else { 404 })));
//! # assert!(testing::run(on_change, testing::batch([testing::insert("{}", "{}")])).is_empty());
//! ```
//!
//! A request happens at once, whatever becomes of the change later: a change that is delivered again sends it again. Give the receiver the change's
//! event ID, so that it can tell. Tokens stand in the operator's config and are added by the host: a plugin neither needs nor sees them.
//! Redirects come back as they are, with status 3xx; a whole answer is read, 8 MiB at most.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::failure::Failure;
use crate::host;

/// The host's bound is 32 KiB, with something for each of them.
const HEADERS_BYTES_MAX: usize = 16 * 1024;

/// A request, to be sent with `send`.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
    pub connect_timeout: Option<Duration>,
    pub answer_timeout: Option<Duration>,
    /// Its Content-Type is written where it has no other.
    is_json: bool,
    /// What could not be made into a body.
    fault: Option<String>,
}

/// An answer of whatever status.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The operator does not grant this place, or the name leads to a network that is not granted. The plugin's log has the reason.
    Denied(String),
    /// No URL, no header, or a body that is too large: the same request never passes.
    Invalid(String),
    /// There was no whole answer: the server is away, too slow, or its certificate is not trusted. The request may have arrived.
    Unavailable(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(reason) | Self::Invalid(reason) | Self::Unavailable(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for Failure {
    /// What is unavailable is retried; the rest would end the same way again.
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable(reason) => Self::Retry(reason),
            Error::Denied(reason) | Error::Invalid(reason) => Self::Reject(reason),
        }
    }
}

pub fn get(url: impl Into<String>) -> Request {
    Request::new("GET", url)
}

pub fn post(url: impl Into<String>) -> Request {
    Request::new("POST", url)
}

pub fn put(url: impl Into<String>) -> Request {
    Request::new("PUT", url)
}

pub fn patch(url: impl Into<String>) -> Request {
    Request::new("PATCH", url)
}

pub fn delete(url: impl Into<String>) -> Request {
    Request::new("DELETE", url)
}

impl Request {
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            connect_timeout: None,
            answer_timeout: None,
            is_json: false,
            fault: None,
        }
    }

    /// One more header.
    pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// A body of JSON, with its Content-Type where the request has no other.
    pub fn json(mut self, value: &(impl Serialize + ?Sized)) -> Self {
        self.is_json = true;
        match serde_json::to_vec(value) {
            Ok(body) => self.body = body,
            Err(error) => self.fault = Some(format!("the body cannot be written as JSON: {error}")),
        }
        self
    }

    /// Until the connection is ready; 10 s at most.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = Some(timeout);
        self
    }

    /// From then until the answer begins. Without it the trigger's time limit holds, which fails the whole batch.
    pub fn answer_timeout(mut self, timeout: Duration) -> Self {
        self.answer_timeout = Some(timeout);
        self
    }

    pub(crate) fn check_headers(&self) -> Result<(), Error> {
        let bytes: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
        match bytes {
            0..=HEADERS_BYTES_MAX => Ok(()),
            _ => Err(Error::Invalid(format!("headers of more than {HEADERS_BYTES_MAX} bytes"))),
        }
    }

    /// Sends it and waits for the whole answer. An answer is `Ok` whatever its status.
    pub fn send(mut self) -> Result<Response, Error> {
        if let Some(fault) = self.fault.take() {
            return Err(Error::Invalid(fault));
        }
        if self.is_json && !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("Content-Type")) {
            self = self.header("Content-Type", "application/json");
        }
        host::http::send(&self)
    }
}

impl fmt::Debug for Request {
    /// Without what may be a secret or a customer's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Response {
    /// An answer without headers and body.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first of this name, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// The body as text, whatever is no UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body's JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Failure::reject(format!("the answer's body is not the JSON that was expected: {error}")))
    }

    /// Itself where its status is 2xx. Else a failure: to be tried again for 408, 425, 429 and 5xx, for good otherwise.
    pub fn ok(self) -> Result<Self, Failure> {
        if self.is_success() {
            return Ok(self);
        }
        let reason = format!("the server answers {}", self.status);
        Err(if matches!(self.status, 408 | 425 | 429 | 500..=599) { Failure::Retry(reason) } else { Failure::Reject(reason) })
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

/// Scheme, authority, and path with query; a fragment is the reader's own.
pub(crate) fn parts(url: &str) -> Result<(&str, &str, &str), Error> {
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| Error::Invalid("a URL begins with https:// or http://".to_owned()))?;
    let rest = rest.split('#').next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    if authority.is_empty() || !matches!(scheme, "https" | "http") {
        return Err(Error::Invalid("a URL is https://HOST/PATH, or http://".to_owned()));
    }
    Ok((scheme, authority, path))
}
