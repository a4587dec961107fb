//! Connections, the protocol's headers, and faults acted out on the wire.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;

use super::params::Params;
use super::world::{ApiError, TransportFault, World};
use super::{Shared, streams, tables};

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// DynamoDB takes 16 MB.
const REQUEST_BYTES_MAX: usize = 16 * 1024 * 1024;
/// After an accept that failed, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
const CONTENT_TYPE_JSON: &str = "application/x-amz-json-1.0";

/// Serves until `stop` is dropped.
pub(super) async fn serve(listener: std::net::TcpListener, shared: Arc<Shared>, mut stop: oneshot::Receiver<()>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the scripted endpoint cannot listen"),
    };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            // The sender is only ever dropped.
            _ = &mut stop => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, Arc::clone(&shared)))),
                Err(error) => {
                    tracing::warn!(%error, "the scripted endpoint could not accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            // Only so that those that ended leave no trace.
            _ = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    // Without it a client waits 40 ms for an answer of two segments. An error is a connection that is gone.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
    let served = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the scripted endpoint broke off");
    }
}

/// An error closes the connection without an answer.
async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, io::Error> {
    let (head, body) = request.into_parts();
    let target = header(&head.headers, "x-amz-target").unwrap_or_default().to_owned();
    let kind = header(&head.headers, CONTENT_TYPE.as_str()).filter(|kind| kind.starts_with("application/x-amz-json-1."));
    let mut reply = Reply { kind: kind.unwrap_or(CONTENT_TYPE_JSON).to_owned(), ..Reply::default() };
    let body = Limited::new(body, REQUEST_BYTES_MAX).collect().await.map_err(io::Error::other)?.to_bytes();
    let fault = {
        let (mut world, now_ms) = shared.lock();
        world.count_calls_at(shared.clock.real_ms());
        let fault = if fails(&target) { world.transport_fault() } else { None };
        (reply.date_ms, reply.id) = (now_ms, shared.requests.fetch_add(1, Ordering::Relaxed));
        if !matches!(fault, Some(TransportFault::Html(_))) {
            reply.take(dispatch(&mut world, &target, &body, (now_ms, shared.shards)));
        }
        fault
    };
    match fault {
        None => reply.whole(),
        Some(TransportFault::Slow(ms)) => {
            sleep(Duration::from_millis(u64::from(ms))).await;
            reply.whole()
        }
        Some(TransportFault::NoAnswer) => Err(io::Error::other("the script closes this connection")),
        Some(TransportFault::CutOff) => reply.half(),
        Some(TransportFault::Html(status)) => reply.html(status),
    }
}

/// Faults of the way concern what a consumer asks for, not what a test writes with.
fn fails(target: &str) -> bool {
    target.starts_with("DynamoDBStreams_") || target == "DynamoDB_20120810.DescribeTable"
}

fn dispatch(world: &mut World, target: &str, body: &[u8], (now_ms, shards): (u64, u32)) -> Result<String, ApiError> {
    match target.split_once('.') {
        Some(("DynamoDBStreams_20120810", operation)) => streams::answer(world, operation, &Params::parse(body)?, now_ms),
        Some(("DynamoDB_20120810", operation)) => tables::answer(world, operation, &Params::parse(body)?, (now_ms, shards)),
        _ => Err(ApiError::new("UnknownOperationException", format!("there is no target `{target}`"))),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// An answer before it goes out.
#[derive(Default)]
struct Reply {
    status: u16,
    kind: String,
    body: Bytes,
    date_ms: u64,
    id: u64,
}

impl Reply {
    fn take(&mut self, answered: Result<String, ApiError>) {
        let (status, body) = match answered {
            Ok(body) => (200, body),
            Err(error) => {
                (error.status, json!({ "__type": format!("{}{}", namespace(&error), error.code), "message": error.message }).to_string())
            }
        };
        (self.status, self.body) = (status, body.into());
    }

    fn whole(self) -> Result<Response<Body>, io::Error> {
        let body = Full::new(self.body.clone()).map_err(never).boxed_unsync();
        self.with(body)
    }

    /// Headers that promise the whole body, half of the body, and the end of the connection.
    fn half(self) -> Result<Response<Body>, io::Error> {
        let half = self.body.slice(..self.body.len() / 2);
        // The first half is written out while the second is waited for; what comes then ends the connection.
        let rest = stream::once(async {
            yield_now().await;
            Err(io::Error::other("the script cuts this answer off"))
        });
        let frames = stream::iter([Ok(Frame::data(half))]).chain(rest);
        self.with(StreamBody::new(frames).boxed_unsync())
    }

    fn html(mut self, status: u16) -> Result<Response<Body>, io::Error> {
        let text = format!("<html><body><h1>{status} Server Error</h1>The server could not answer your request.</body></html>");
        (self.status, self.kind, self.body) = (status, "text/html".to_owned(), text.into());
        self.whole()
    }

    fn with(self, body: Body) -> Result<Response<Body>, io::Error> {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).map_err(io::Error::other)?;
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(self.date_ms));
        let id = format!("{:0>52}", format!("{:X}", self.id));
        let crc = crc32fast::hash(&self.body).to_string();
        let named = [
            (HeaderName::from_static("x-amzn-requestid"), id),
            (HeaderName::from_static("x-amz-crc32"), crc),
            (CONTENT_TYPE, self.kind),
            (DATE, date),
        ];
        for (name, value) in named {
            response.headers_mut().insert(name, HeaderValue::from_str(&value).map_err(io::Error::other)?);
        }
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        Ok(response)
    }
}

fn namespace(error: &ApiError) -> &'static str {
    match error.code {
        "ValidationException" => "com.amazon.coral.validate#",
        "SerializationException" | "UnknownOperationException" => "com.amazon.coral.service#",
        "ThrottlingException" | "ServiceUnavailable" => "com.amazon.coral.availability#",
        _ => "com.amazonaws.dynamodb.v20120810#",
    }
}

fn never(infallible: Infallible) -> io::Error {
    match infallible {}
}
