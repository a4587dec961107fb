//! A TCP connection that tells how far a request over it has come, and whether something waits in it unread.
//!
//! Invariants: what is written is marked below TLS, what is heard above it: a byte that the system has not taken was never sent, and an alert is no
//! answer. A peer that takes no more bytes is told of by reading, never by writing: it may have answered before, as servers do to a body that is too large.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tripline_core::http::HowFar;

pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

pub(super) struct Socket {
    tcp: TcpStream,
    written: AtomicBool,
    heard: AtomicBool,
    /// What is written since the peer takes no more is dropped.
    is_shut: AtomicBool,
}

impl Socket {
    pub(super) fn new(tcp: TcpStream) -> Arc<Self> {
        Arc::new(Self { tcp, written: AtomicBool::new(false), heard: AtomicBool::new(false), is_shut: AtomicBool::new(false) })
    }

    /// Before a request.
    pub(super) fn forget(&self) {
        self.written.store(false, Ordering::Relaxed);
        self.heard.store(false, Ordering::Relaxed);
    }

    /// Since `forget`.
    pub(super) fn how_far(&self) -> HowFar {
        match (self.written.load(Ordering::Relaxed), self.heard.load(Ordering::Relaxed)) {
            (false, _) => HowFar::Unwritten,
            (true, false) => HowFar::Written,
            (true, true) => HowFar::Answering,
        }
    }

    /// The peer takes no more bytes.
    pub(super) fn is_shut(&self) -> bool {
        self.is_shut.load(Ordering::Relaxed)
    }

    /// Nothing has come, not even an end. Asks the system itself: the runtime learns of it only when it looks.
    pub(super) fn is_quiet(&self) -> bool {
        let waits = SockRef::from(&self.tcp).peek(&mut [MaybeUninit::uninit()]);
        waits.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// Below TLS.
pub(super) struct Wire(pub(super) Arc<Socket>);

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let tcp = &self.0.tcp;
        loop {
            ready!(tcp.poll_read_ready(cx))?;
            match tcp.try_read(buf.initialize_unfilled()) {
                Ok(count) => {
                    buf.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl Wire {
    fn poll_writing(&self, cx: &mut Context<'_>, len: usize, write: impl Fn(&TcpStream) -> io::Result<usize>) -> Poll<io::Result<usize>> {
        let socket = &self.0;
        while !socket.is_shut() {
            ready!(socket.tcp.poll_write_ready(cx))?;
            match write(&socket.tcp) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(count) => {
                    socket.written.store(true, Ordering::Relaxed);
                    return Poll::Ready(Ok(count));
                }
                Err(_) => socket.is_shut.store(true, Ordering::Relaxed),
            }
        }
        Poll::Ready(Ok(len))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_writing(cx, bytes.len(), |tcp| tcp.try_write(bytes))
    }

    fn poll_write_vectored(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.poll_writing(cx, bytes.iter().map(|slice| slice.len()).sum(), |tcp| tcp.try_write_vectored(bytes))
    }

    /// So hyper copies no body, and counts a request as sent only when the system has taken it.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&self.0.tcp).shutdown(Shutdown::Write))
    }
}

/// Above TLS.
pub(super) struct Heard {
    pub(super) stream: Box<dyn Stream>,
    pub(super) socket: Arc<Socket>,
}

impl AsyncRead for Heard {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.socket.heard.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Heard {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
