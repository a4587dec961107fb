//! A connection on which requests are made by HTTP/1.1, one after the other.
//!
//! Always holds: nobody but its holder drives it, and it ends with its holder. Whose it is, and how far its last request came, it says itself.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;
use tripline_core::http::{HEAD_BYTES_MAX, HEADERS_MAX, HowFar, Link};
use tripline_core::signal::HttpConnection;

use super::socket::{Heard, Socket, Stream};

/// To say goodbye: TLS has a word for it.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

pub(super) struct Line {
    sender: SendRequest<Full<Bytes>>,
    driver: Driver,
    socket: Arc<Socket>,
    since: Instant,
    link: Link,
    has_served: bool,
}

/// Reads and writes while it is polled.
pub(super) struct Driver(
    /// None once it has ended: who waits for it hears of it by that.
    Option<Connection<TokioIo<Heard>, Full<Bytes>>>,
);

impl Line {
    pub(super) async fn begin(stream: Box<dyn Stream>, socket: Arc<Socket>, link: Link) -> hyper::Result<Self> {
        let mut builder = Builder::new();
        builder.max_buf_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
        let (sender, connection) = builder.handshake(TokioIo::new(Heard { stream, socket: socket.clone() })).await?;
        Ok(Self { sender, driver: Driver(Some(connection)), socket, since: Instant::now(), link, has_served: false })
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    pub(super) fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// What the next request finds.
    pub(super) fn connection(&self) -> HttpConnection {
        if self.has_served { HttpConnection::Reused } else { HttpConnection::New }
    }

    /// Of the last request.
    pub(super) fn how_far(&self) -> HowFar {
        self.socket.how_far()
    }

    /// The answer's head comes while the driver is polled.
    pub(super) fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> (impl Future<Output = hyper::Result<Response<Incoming>>> + use<>, &mut Driver) {
        self.socket.forget();
        self.has_served = true;
        (self.sender.send_request(request), &mut self.driver)
    }

    /// Whether both bodies are done and both sides stay. Waits for nothing: a server that answers early may never take the rest of a request.
    pub(super) async fn is_done(&mut self) -> bool {
        let is_open = poll_fn(|cx| Poll::Ready(self.driver.poll(cx).is_pending())).await;
        is_open && self.sender.is_ready()
    }

    /// Not even a byte that nobody has asked for.
    pub(super) fn is_quiet(&self) -> bool {
        self.sender.is_ready() && self.socket.is_quiet()
    }

    /// Ready when the server ends it, or sends what nobody has asked for.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.driver.poll(cx)
    }

    pub(super) async fn end(self) {
        let Self { sender, driver, .. } = self;
        // Who can send no more is done.
        drop(sender);
        if let Some(connection) = driver.0 {
            // It ends, one way or the other.
            let _ = tokio::time::timeout(GOODBYE_MAX, connection).await;
        }
    }
}

impl Driver {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(connection) = &mut self.0 else { return Poll::Ready(()) };
        // What ended it, the answer tells.
        let polled = Pin::new(connection).poll(cx).map(drop);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }

    pub(super) async fn drive<T>(&mut self, doing: impl Future<Output = T>) -> T {
        let mut doing = pin!(doing);
        poll_fn(|cx| {
            let _ = self.poll(cx);
            doing.as_mut().poll(cx)
        })
        .await
    }
}
