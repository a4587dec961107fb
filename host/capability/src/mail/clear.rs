//! A TCP connection before STARTTLS: no byte is read ahead.
//!
//! Invariant: what was sent in the clear behind the answer to STARTTLS is read by TLS, which refuses it, and never taken for
//! replies of the server. lettre keeps what it has buffered over the change (response injection, as in CVE-2011-0411).

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The first byte of a TLS handshake, which no SMTP command begins with.
const HANDSHAKE: u8 = 0x16;

#[derive(Debug)]
pub(super) struct Clear {
    stream: TcpStream,
    /// TLS has begun: it reads as it likes.
    over: bool,
}

impl Clear {
    pub(super) async fn connect(host: &str, port: u16) -> io::Result<Self> {
        Ok(Self { stream: TcpStream::connect((host, port)).await?, over: false })
    }
}

impl AsyncRead for Clear {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.over || buffer.remaining() == 0 {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        // A few hundred bytes in all: a greeting, what the server offers, its leave to begin TLS.
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut one))?;
        buffer.put_slice(one.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Clear {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.over |= bytes.first() == Some(&HANDSHAKE);
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl AsyncTokioStream for Clear {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }
}
