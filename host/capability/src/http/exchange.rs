//! One request and its answer over one connection, by HTTP/1.1.
//!
//! Invariant: how long a body is and where it goes is said by the host, never by the guest's headers.

use std::pin::pin;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::Builder;
use hyper_util::rt::TokioIo;
use tripline_core::http::{Asked, BODY_BYTES_MAX, HEAD_BYTES_MAX};
use tripline_core::port::{HttpError, HttpRequest, HttpResponse};

use super::connect::BoxStream;
use super::header::SecretHeader;

const HEADERS_MAX: usize = 256;
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

/// Whether the host alone sets this header.
pub(super) fn is_own(name: &HeaderName) -> bool {
    OWN_HEADERS.contains(name)
}

pub(super) async fn exchange(
    stream: BoxStream,
    asked: &Asked,
    request: HttpRequest,
    secrets: &[SecretHeader],
) -> Result<HttpResponse, HttpError> {
    let first_byte_max = request.first_byte_max;
    let request = compose(request, secrets)?;
    let broken = |error: hyper::Error| of_hyper(asked, &error);
    let mut builder = Builder::new();
    builder.max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let answered = async {
        let sending = sender.send_request(request);
        let response = match first_byte_max {
            None => sending.await,
            Some(max) => tokio::time::timeout(max, sending).await.map_err(|_| HttpError::AnswerTimeout(max))?,
        };
        receive(asked, response.map_err(broken)?, secrets).await
    };
    let (mut answered, mut connection) = (pin!(answered), pin!(connection));
    let mut is_open = true;
    loop {
        tokio::select! {
            answer = &mut answered => return answer,
            // What ended it, the answer tells.
            _ = &mut connection, if is_open => is_open = false,
        }
    }
}

fn compose(request: HttpRequest, secrets: &[SecretHeader]) -> Result<Request<Full<Bytes>>, HttpError> {
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
    composed.insert(CONNECTION, HeaderValue::from_static("close"));
    let mut composed_request = Request::new(Full::new(Bytes::from(body)));
    *composed_request.method_mut() = Method::from_bytes(head.method.as_bytes()).map_err(|_| invalid("the method is none"))?;
    let path = if head.path_and_query.starts_with('/') { head.path_and_query.to_string() } else { format!("/{}", head.path_and_query) };
    *composed_request.uri_mut() = Uri::try_from(path).map_err(|_| invalid("the URL's path is none"))?;
    *composed_request.headers_mut() = composed;
    Ok(composed_request)
}

async fn receive(asked: &Asked, response: http::Response<Incoming>, secrets: &[SecretHeader]) -> Result<HttpResponse, HttpError> {
    let (parts, body) = response.into_parts();
    if parts.status.as_u16() < 200 {
        return Err(HttpError::Protocol(format!("{asked}: it answers {}: nothing was asked to be changed", parts.status.as_u16())));
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
    let shown = |value: &HeaderValue| {
        let echoes = secrets.iter().any(|secret| secret.is_in(value.as_bytes()));
        if echoes { b"***".to_vec() } else { value.as_bytes().to_vec() }
    };
    let headers = parts.headers.iter().map(|(name, value)| (name.as_str().into(), shown(value))).collect();
    Ok(HttpResponse { status: parts.status.as_u16(), headers, body: body.to_bytes().into() })
}

fn of_hyper(asked: &Asked, error: &hyper::Error) -> HttpError {
    if error.is_parse_too_large() {
        return HttpError::HeadTooLarge(HEAD_BYTES_MAX);
    }
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    let text = format!("{asked}: {error}{cause}");
    if error.is_parse() { HttpError::Protocol(text) } else { HttpError::Incomplete(text) }
}
