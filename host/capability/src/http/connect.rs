//! A connection to an address that was judged, with TLS for the name.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;
use tripline_core::http::{Asked, Link, in_turns};
use tripline_core::port::HttpError;

use super::line::Line;
use super::resolve::TRIED_MAX;
use super::socket::{Socket, Stream, Wire};

/// An address that has not answered for so long has the next one tried beside it (RFC 8305, 5): the first may swallow packets.
const NEXT_AFTER: Duration = Duration::from_millis(250);

pub(super) struct To<'a> {
    /// The position of the entry that allows it.
    pub(super) entry: usize,
    pub(super) asked: &'a Asked,
    /// None of them is one that nothing may be sent to.
    pub(super) addresses: &'a [IpAddr],
    /// None: plain http.
    pub(super) tls: Option<&'a Arc<ClientConfig>>,
}

pub(super) async fn connect(to: &To<'_>) -> Result<Line, HttpError> {
    let (tcp, peer) = tcp(to).await?;
    // Small requests must not wait for more.
    tcp.set_nodelay(true).map_err(|error| unreachable(to.asked, &error))?;
    let socket = Socket::new(tcp);
    let wire = Wire(socket.clone());
    let stream: Box<dyn Stream> = match to.tls {
        None => Box::new(wire),
        Some(config) => {
            let name = ServerName::try_from(to.asked.host.to_string());
            let name = name.map_err(|_| HttpError::InvalidUrl(format!("{}: no certificate can be for such a name", to.asked)))?;
            let secured = TlsConnector::from(config.clone()).connect(name, wire).await;
            Box::new(secured.map_err(|error| of_tls(to.asked, &error))?)
        }
    };
    let line = Line::begin(stream, socket, Link::new(to.entry, to.asked, peer)).await;
    line.map_err(|error| unreachable(to.asked, &error))
}

async fn tcp(to: &To<'_>) -> Result<(TcpStream, IpAddr), HttpError> {
    let mut untried = in_turns(to.addresses).take(TRIED_MAX).peekable();
    let mut trying = FuturesUnordered::new();
    let mut last = None;
    loop {
        if let Some(address) = untried.next() {
            trying.push(async move { TcpStream::connect(SocketAddr::new(address, to.asked.port)).await.map(|stream| (stream, address)) });
        }
        tokio::select! {
            tried = trying.next() => match tried {
                Some(Ok(connected)) => return Ok(connected),
                Some(Err(error)) => last = Some(error),
                None => break,
            },
            () = sleep(NEXT_AFTER), if untried.peek().is_some() => {}
        }
    }
    Err(match last {
        Some(error) => unreachable(to.asked, &error),
        None => HttpError::NoSuchName(format!("{}: the name has no address", to.asked)),
    })
}

fn unreachable(asked: &Asked, error: &dyn fmt::Display) -> HttpError {
    HttpError::Unreachable(format!("{asked}: {error}"))
}

fn of_tls(asked: &Asked, error: &io::Error) -> HttpError {
    let text = format!("{asked}: TLS: {error}");
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(_)) => HttpError::Certificate(text),
        Some(_) => HttpError::Tls(text),
        None => HttpError::Unreachable(text),
    }
}
