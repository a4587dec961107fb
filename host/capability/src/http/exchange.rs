//! One request and its answer over one connection.
//!
//! Invariant: how long a body is and where it goes is said by the host, never by the guest's headers.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body as _, Incoming};
use tripline_core::http::{Answered, Asked, BODY_BYTES_MAX, HEAD_BYTES_MAX, idle_max};
use tripline_core::port::{HttpError, HttpRequest, HttpResponse};
use tripline_core::signal::HttpConnection;

use super::bound::Bound;
use super::header::SecretHeader;
use super::line::Line;

/// They say how a request is sent, which is the host's part.
const OWN_HEADERS: [HeaderName; 10] = [
    HOST,
    CONNECTION,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    UPGRADE,
    TE,
    TRAILER,
    EXPECT,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

const MASK: &str = "***";
/// Servers expect a length even where there is no body (RFC 9110, 8.6); hyper writes it of what there is.
const WITH_BODY: [Method; 3] = [Method::POST, Method::PUT, Method::PATCH];

/// Whether the host alone sets this header.
pub(super) fn is_own(name: &HeaderName) -> bool {
    OWN_HEADERS.contains(name)
}

/// A request that is ready to be sent, twice if need be.
#[derive(Clone)]
pub(super) struct Composed(Request<Full<Bytes>>);

pub(super) struct Answer {
    pub(super) response: HttpResponse,
    /// How long the connection may wait for another request; none where it may not.
    pub(super) idle_max: Option<Duration>,
}

/// What both tries of a request share.
pub(super) struct Exchange<'a> {
    pub(super) asked: &'a Asked,
    pub(super) secrets: &'a [SecretHeader],
    /// Until the answer's head is there.
    pub(super) first_byte: Option<Bound>,
}

impl Exchange<'_> {
    pub(super) async fn over(&mut self, line: &mut Line, request: Composed) -> Result<Answer, HttpError> {
        let (age, connection) = (line.age(), line.connection());
        let (sending, driver) = line.send(request.0);
        let Self { asked, secrets, first_byte } = self;
        let answered = async {
            let response = match first_byte {
                None => sending.await,
                Some(bound) => bound.hold(sending).await.map_err(HttpError::AnswerTimeout)?,
            };
            receive(asked, response.map_err(|error| of_hyper(asked, &error))?, secrets, connection).await
        };
        let (response, version) = driver.drive(answered).await?;
        let answered = Answered { status: response.status, is_http_1_0: version < Version::HTTP_11, headers: &response.headers, age };
        let idle_max = idle_max(&answered);
        let idle_max = if line.is_done().await { idle_max } else { None };
        Ok(Answer { response, idle_max })
    }
}

pub(super) fn compose(request: HttpRequest, secrets: &[SecretHeader]) -> Result<Composed, HttpError> {
    let HttpRequest { head, headers, body, .. } = request;
    let invalid = |what: &str| HttpError::InvalidUrl(what.to_owned());
    let mut composed = HeaderMap::new();
    // Without a port that the scheme has by itself, as browsers and most libraries write it.
    let authority = head.authority.strip_suffix(&format!(":{}", head.scheme.port())).unwrap_or(&head.authority);
    composed.insert(HOST, HeaderValue::from_str(authority).map_err(|_| invalid("the URL's host does not fit into a header"))?);
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("a header's name is none"))?;
        let value = HeaderValue::from_bytes(&value).map_err(|_| invalid("a header's value is none"))?;
        if !is_own(&name) {
            composed.append(name, value);
        }
    }
    for secret in secrets {
        // Whatever the guest has written under this name is gone.
        composed.insert(secret.name().clone(), secret.value().clone());
    }
    let method = Method::from_bytes(head.method.as_bytes()).map_err(|_| invalid("the method is none"))?;
    if body.is_empty() && WITH_BODY.contains(&method) {
        composed.insert(CONTENT_LENGTH, HeaderValue::from(0));
    }
    let mut composed_request = Request::new(Full::new(Bytes::from(body)));
    *composed_request.method_mut() = method;
    let path = if head.path_and_query.starts_with('/') { head.path_and_query.to_string() } else { format!("/{}", head.path_and_query) };
    *composed_request.uri_mut() = Uri::try_from(path).map_err(|_| invalid("the URL's path is none"))?;
    *composed_request.headers_mut() = composed;
    Ok(Composed(composed_request))
}

async fn receive(
    asked: &Asked,
    response: http::Response<Incoming>,
    secrets: &[SecretHeader],
    connection: HttpConnection,
) -> Result<(HttpResponse, Version), HttpError> {
    let (parts, body) = response.into_parts();
    if parts.status.as_u16() < 200 {
        return Err(HttpError::Protocol(format!("{asked}: it answers {}: nothing was asked to be changed", parts.status.as_u16())));
    }
    let head_bytes: usize = parts.headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if head_bytes > HEAD_BYTES_MAX {
        return Err(HttpError::HeadTooLarge(HEAD_BYTES_MAX));
    }
    // Said before anything of it comes.
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(HttpError::ResponseTooLarge(BODY_BYTES_MAX));
    }
    let body = Limited::new(body, BODY_BYTES_MAX).collect().await.map_err(|error| {
        if error.is::<http_body_util::LengthLimitError>() {
            return HttpError::ResponseTooLarge(BODY_BYTES_MAX);
        }
        match error.downcast::<hyper::Error>() {
            Ok(error) => of_hyper(asked, &error),
            Err(error) => HttpError::Protocol(format!("{asked}: {error}")),
        }
    })?;
    // A careless server may answer with what it was sent.
    let is_secret = |text: &[u8]| secrets.iter().any(|secret| secret.is_in(text));
    let name = |name: &HeaderName| if is_secret(name.as_ref()) { MASK } else { name.as_str() }.into();
    let value = |value: &HeaderValue| if is_secret(value.as_bytes()) { MASK.as_bytes() } else { value.as_bytes() }.to_vec();
    let headers = parts.headers.iter().map(|(of, is)| (name(of), value(is))).collect();
    Ok((HttpResponse { status: parts.status.as_u16(), headers, body: body.to_bytes().into(), connection }, parts.version))
}

fn of_hyper(asked: &Asked, error: &hyper::Error) -> HttpError {
    if error.is_parse_too_large() {
        return HttpError::HeadTooLarge(HEAD_BYTES_MAX);
    }
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    let text = format!("{asked}: {error}{cause}");
    if error.is_parse() { HttpError::Protocol(text) } else { HttpError::Incomplete(text) }
}
