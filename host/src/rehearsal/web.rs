//! What stands in for the network: answers from a file, to requests that the trigger is granted.
//!
//! Invariant: nothing is sent; a request that no answer is for is denied, and the plugin's log says so; which of them are allowed is decided as in a host, but
//! for addresses, which nobody looks up.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tripline_core::http::{Place, choose};
use tripline_core::port::{BoxFuture, HttpClient, HttpError, HttpHead, HttpRequest, HttpResponse};

use super::answers::Answers;
use super::stage::Stage;
use super::told::Call;
use crate::cli::output::tame;

pub(super) struct Web {
    pub(super) places: Vec<Place>,
    pub(super) answers: Arc<Answers>,
    pub(super) stage: Arc<Stage>,
}

impl HttpClient for Web {
    fn allows(&self, head: &HttpHead) -> Result<Arc<str>, HttpError> {
        let (chosen, _) = choose(self.places.iter(), head)?;
        Ok(self.places.get(chosen).map(ToString::to_string).unwrap_or_default().into())
    }

    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        let HttpRequest { head, headers, body, .. } = request;
        let url = format!("{}://{}{}", head.scheme.as_str(), head.authority, head.path_and_query);
        let answer = self.answers.to(&head.method, &url);
        let answer = answer.unwrap_or_else(|| Err(HttpError::Denied(self.answers.none_to(&head.method, &url))));
        let end = match &answer {
            Ok(answer) => End::Status(answer.status),
            Err(HttpError::Denied(_)) => End::Denied,
            Err(error) => End::Failed(error.to_string()),
        };
        self.stage.requested(Requested { method: head.method, url, headers, body, end });
        Box::pin(async move { answer })
    }
}

/// What became of a request.
#[derive(Clone, Debug)]
enum End {
    Status(u16),
    Denied,
    /// It has an answer that no host hands over, for this reason.
    Failed(String),
}

/// A request as it was made.
#[derive(Clone, Debug)]
pub(super) struct Requested {
    method: Box<str>,
    url: String,
    headers: Vec<(Box<str>, Vec<u8>)>,
    body: Vec<u8>,
    end: End,
}

impl Requested {
    pub(super) fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.method.len() + self.url.len() + headers + self.body.len()
    }
}

/// As it is told: made at once, whatever becomes of the change.
#[derive(Debug, serde::Serialize)]
pub(super) struct Request {
    method: Box<str>,
    url: String,
    /// In the plugin's order; a name may stand twice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(Box<str>, String)>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    body: Option<Body>,
    /// Of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Without status and this: denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
    #[serde(flatten)]
    call: Call,
}

#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    Body(String),
    /// Where it is no UTF-8.
    BodyBase64(String),
}

impl Request {
    pub(super) fn of(requested: Requested, call: &Call) -> Self {
        let Requested { method, url, headers, body, end } = requested;
        let header = |(name, value): (Box<str>, Vec<u8>)| (name, String::from_utf8_lossy(&value).into_owned());
        let headers = headers.into_iter().map(header).collect();
        let text =
            |body: Vec<u8>| String::from_utf8(body).map_or_else(|error| Body::BodyBase64(BASE64.encode(error.as_bytes())), Body::Body);
        let body = (!body.is_empty()).then(|| text(body));
        let (status, failed) = match end {
            End::Status(status) => (Some(status), None),
            End::Denied => (None, None),
            End::Failed(reason) => (None, Some(reason)),
        };
        Self { method, url, headers, body, status, failed, call: call.clone() }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = match (self.status, &self.failed) {
            (Some(status), _) => status.to_string(),
            (None, Some(reason)) => format!("failed: {reason}"),
            (None, None) => "denied".to_owned(),
        };
        writeln!(f, "  {}{} {}: {end}", tame(&self.method), self.call, tame(&self.url))?;
        for (name, value) in &self.headers {
            writeln!(f, "    {}: {}", tame(name), tame(value))?;
        }
        match &self.body {
            None => Ok(()),
            Some(Body::BodyBase64(base64)) => writeln!(f, "    base64 | {base64}"),
            Some(Body::Body(text)) => text.lines().try_for_each(|line| writeln!(f, "{}", format!("    | {}", tame(line)).trim_end())),
        }
    }
}
