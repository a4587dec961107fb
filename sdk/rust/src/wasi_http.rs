//! `wasi:http` as one call: a request out, its whole answer in.
//!
//! Invariant: nothing here traps, but for headers beyond what one `fields` of the host holds, which are refused before.

use crate::bindings::wasi::http::outgoing_handler;
use crate::bindings::wasi::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, RequestOptions, Scheme,
};
use crate::bindings::wasi::io::streams::{OutputStream, StreamError};
use crate::http::{Error, Request, Response, parts};

const READ_BYTES: u64 = 64 * 1024;

pub(crate) fn send(request: &Request) -> Result<Response, Error> {
    let outgoing = outgoing(request)?;
    let invalid = |what: &str| Error::Invalid(what.to_owned());
    let body = outgoing.body().map_err(|()| invalid("the request's Content-Length is no number"))?;
    let options = options(request);
    let pending = outgoing_handler::handle(outgoing, Some(options)).map_err(error)?;
    write(body, &request.body);
    let ready = pending.subscribe();
    let answer = loop {
        if let Some(answer) = pending.get() {
            break answer;
        }
        ready.block();
    };
    let answer = answer.map_err(|()| invalid("the answer was taken before"))?.map_err(error)?;
    read(answer)
}

fn outgoing(request: &Request) -> Result<OutgoingRequest, Error> {
    let invalid = |what: &str| Error::Invalid(what.to_owned());
    let (scheme, authority, path) = parts(&request.url)?;
    request.check_headers()?;
    let headers = Fields::from_list(&request.headers).map_err(|_| invalid("a header that is none, or that the host writes itself"))?;
    let outgoing = OutgoingRequest::new(headers);
    outgoing.set_method(&method(&request.method)).map_err(|()| invalid("no method"))?;
    let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };
    outgoing.set_scheme(Some(&scheme)).map_err(|()| invalid("no scheme"))?;
    outgoing.set_authority(Some(authority)).map_err(|()| invalid("the URL's host is none"))?;
    let path = if path.is_empty() { "/" } else { path };
    outgoing
        .set_path_with_query(Some(path))
        .map_err(|()| invalid("the URL's path is none: encode what is not ASCII"))?;
    Ok(outgoing)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn options(request: &Request) -> RequestOptions {
    let options = RequestOptions::new();
    let nanos = |timeout: std::time::Duration| u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
    // A host that does not know one of them goes on without.
    let _ = options.set_connect_timeout(request.connect_timeout.map(nanos));
    let _ = options.set_first_byte_timeout(request.answer_timeout.map(nanos));
    options
}

/// As much as the host takes: where it stops, the answer says why.
fn write(body: OutgoingBody, bytes: &[u8]) {
    if let Ok(stream) = body.write() {
        // The answer tells what went wrong.
        let _ = write_all(&stream, bytes);
    }
    let _ = OutgoingBody::finish(body, None);
}

fn write_all(stream: &OutputStream, mut bytes: &[u8]) -> Result<(), StreamError> {
    let ready = stream.subscribe();
    while !bytes.is_empty() {
        let room = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        if room == 0 {
            ready.block();
            continue;
        }
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        stream.write(now)?;
        bytes = later;
    }
    Ok(())
}

fn read(answer: IncomingResponse) -> Result<Response, Error> {
    let unavailable = |what: &str| Error::Unavailable(what.to_owned());
    let status = answer.status();
    let headers = answer.headers().entries();
    let incoming = answer.consume().map_err(|()| unavailable("the answer has no body to read"))?;
    let mut body = Vec::new();
    {
        let stream = incoming.stream().map_err(|()| unavailable("the answer has no body to read"))?;
        loop {
            match stream.blocking_read(READ_BYTES) {
                Ok(bytes) => body.extend(bytes),
                Err(StreamError::Closed) => break,
                Err(StreamError::LastOperationFailed(_)) => return Err(unavailable("the answer ends too early")),
            }
        }
    }
    drop(IncomingBody::finish(incoming));
    Ok(Response { status, headers, body })
}

fn error(code: ErrorCode) -> Error {
    match code {
        ErrorCode::HttpRequestDenied => Error::Denied("the host denies the request: its log says why".to_owned()),
        ErrorCode::DestinationIpProhibited => {
            Error::Denied("the host denies the address that the name leads to: its log says why".to_owned())
        }
        ErrorCode::HttpRequestUriInvalid => Error::Invalid("the URL is none that the host takes: its log says why".to_owned()),
        ErrorCode::HttpRequestBodySize(Some(max)) => Error::Invalid(format!("a body of more than {max} bytes")),
        ErrorCode::HttpResponseBodySize(Some(max)) => Error::Invalid(format!("an answer of more than {max} bytes")),
        ErrorCode::HttpRequestBodySize(None) => Error::Invalid(
            "a body that ends too early, or is not as long as its Content-Length says: leave that header to the host".to_owned(),
        ),
        ErrorCode::HttpResponseHeaderSectionSize(Some(max)) => Error::Invalid(format!("an answer with headers of more than {max} bytes")),
        ErrorCode::HttpRequestMethodInvalid => Error::Invalid("no method".to_owned()),
        code => Error::Unavailable(format!("no answer: {code:?}")),
    }
}
