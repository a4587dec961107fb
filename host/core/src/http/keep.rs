//! Which connections serve another request, for how long, and which request may be sent a second time.
//!
//! Invariants: a connection serves its own entry's requests alone, and only while its peer is one of the addresses that were judged for the request that
//! takes it. What was answered is never asked again; what may have been done is asked again only where asking twice is asking once. In doubt a connection
//! is not kept: a new one costs time, a wrong one an answer that belongs to somebody else.
//! Knows nothing of sockets and clocks.

use std::net::IpAddr;
use std::time::Duration;

use super::{Asked, Scheme};
use crate::port::HttpRequest;

/// Unused for so long, a connection is closed. Node, Apache and uvicorn close after 5 seconds and do not always say so: whoever closes later than the
/// server sends into a connection that is closing. Servers that close sooner (gunicorn: 2) are seen to have closed, but for the moment that it takes to
/// hear of it.
pub const IDLE_MAX: Duration = Duration::from_secs(4);
/// What a server says of its own patience begins when its answer leaves it, and ends when the next request arrives.
const SAID_LESS: Duration = Duration::from_secs(1);
/// So old, a connection serves no more requests: load balancers and rollouts move traffic by new ones. One handshake a minute costs nothing.
pub const AGE_MAX: Duration = Duration::from_secs(60);
/// Unused connections of one client; the oldest goes first. As many as a shard has batches under way at the most (`parallelism`), each with a request:
/// with fewer places, a trigger of that width would make most of its connections for one request each.
pub const IDLE_CONNECTIONS_MAX: usize = 64;

/// The server has had enough of the connection: some say so without `Connection: close`.
const REQUEST_TIMEOUT: u16 = 408;
/// RFC 9110, 9.2.2. TRACE is one too, and is allowed nowhere.
const IDEMPOTENT: [&str; 5] = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"];
/// With it the server itself takes two requests for one.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// For whom a connection was made, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The position of the entry that allowed it.
    entry: usize,
    scheme: Scheme,
    host: Box<str>,
    port: u16,
    peer: IpAddr,
}

impl Link {
    pub fn new(entry: usize, asked: &Asked, peer: IpAddr) -> Self {
        Self { entry, scheme: asked.scheme, host: asked.host.clone(), port: asked.port, peer }
    }

    /// `judged`: the addresses that the name has now, none of which is refused.
    pub fn serves(&self, entry: usize, asked: &Asked, judged: &[IpAddr]) -> bool {
        let is_there = self.scheme == asked.scheme && self.port == asked.port && self.host == asked.host;
        self.entry == entry && is_there && judged.contains(&self.peer)
    }
}

/// An answer that was read to its end.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    pub status: u16,
    /// Whose connections end by themselves.
    pub is_http_1_0: bool,
    /// Names in lower case.
    pub headers: &'a [(Box<str>, Vec<u8>)],
    /// Of the connection.
    pub age: Duration,
}

/// How long the connection may wait for another request. None: it is closed.
pub fn idle_max(answered: &Answered<'_>) -> Option<Duration> {
    let mut stays = !answered.is_http_1_0;
    let mut idle = IDLE_MAX;
    let (mut has_length, mut has_coding) = (false, false);
    for (name, value) in answered.headers {
        match &**name {
            "connection" => {
                for option in options(value) {
                    if is(option, "close") {
                        return None;
                    }
                    stays |= is(option, "keep-alive");
                }
            }
            "keep-alive" => idle = idle.min(said(value)?),
            "content-length" => has_length = true,
            "transfer-encoding" => has_coding = true,
            _ => {}
        }
    }
    // Two lengths are how one answer is made two (RFC 9112, 6.3): somebody before us may have read the other.
    if !stays || answered.status == REQUEST_TIMEOUT || (has_length && has_coding) {
        return None;
    }
    let idle = idle.min(AGE_MAX.checked_sub(answered.age)?);
    (!idle.is_zero()).then_some(idle)
}

/// `timeout=5, max=100`. None: no more requests, or nothing that can be read.
fn said(value: &[u8]) -> Option<Duration> {
    let mut idle = IDLE_MAX;
    for option in options(value) {
        let Some(equals) = option.iter().position(|byte| *byte == b'=') else { continue };
        let (name, number) = (option[..equals].trim_ascii(), option[equals + 1..].trim_ascii());
        let is_max = is(name, "max");
        if !is_max && !is(name, "timeout") {
            continue;
        }
        let number: u32 = std::str::from_utf8(number).ok()?.trim_matches('"').parse().ok()?;
        if is_max {
            if number == 0 {
                return None;
            }
        } else {
            idle = idle.min(Duration::from_secs(number.into()).saturating_sub(SAID_LESS));
        }
    }
    Some(idle)
}

fn options(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

fn is(option: &[u8], name: &str) -> bool {
    option.eq_ignore_ascii_case(name.as_bytes())
}

/// How far a request had come when its connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HowFar {
    /// The system has taken no byte of it.
    Unwritten,
    /// Some of it may have arrived; no byte of an answer came.
    Written,
    Answering,
}

/// Whether a request that failed on a connection that had served others may be sent on a new one: a server may close a connection at any time, which is
/// no fault of the request (RFC 9112, 9.3.1). Asked once for a request.
#[derive(Clone, Copy, Debug)]
pub struct Again {
    /// Two of it are one.
    is_harmless: bool,
}

impl Again {
    pub fn of(request: &HttpRequest) -> Self {
        let has_key = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(IDEMPOTENCY_KEY));
        Self { is_harmless: has_key || IDEMPOTENT.contains(&&*request.head.method) }
    }

    pub fn is_allowed(self, how_far: HowFar) -> bool {
        match how_far {
            HowFar::Unwritten => true,
            HowFar::Written => self.is_harmless,
            HowFar::Answering => false,
        }
    }
}
