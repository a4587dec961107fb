//! What a plugin's http request costs over a connection that waits, and over one of its own: the host's own sender and a server on loopback, in this
//! process, each in a thread of its own.
//!
//! Always holds: both ways ask the same server the same, in turns of one run; they differ in one word of the answer, `Connection: close`. How many
//! connections it took is checked. There is no distance on loopback: a real one adds a round trip for TCP and one for TLS to each connection.

use std::net::TcpListener as Listener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tripline_capability::http::{Allowed, Authorities, Client, SystemResolver};
use tripline_core::http::{Place, Scheme};
use tripline_core::port::{HttpClient as _, HttpHead, HttpRequest};

use crate::measure::median;
use crate::report::Cells;

pub(crate) const NAME: &str = "http requests";
pub(crate) const ABOUT: &str = "POSTs of 500 bytes over loopback, to a connection for each request";

const BODY_BYTES: usize = 500;
/// Of a turn: for each of those at once.
const REQUESTS: usize = 1_600;
const TURNS: usize = 5;

#[derive(Debug, Serialize)]
pub(crate) struct Row {
    scheme: &'static str,
    at_once: usize,
    each_us_per_request: f64,
    kept_us_per_request: f64,
}

impl Cells for Row {
    const HEAD: &'static [&'static str] = &[
        "scheme",
        "at once",
        "a connection for each: µs",
        "kept: µs",
        "a connection for each: requests/s",
        "kept: requests/s",
        "kept, to a connection for each",
    ];

    fn cells(&self, _: &[Self]) -> Vec<String> {
        let (each, kept) = (self.each_us_per_request, self.kept_us_per_request);
        vec![
            self.scheme.to_owned(),
            self.at_once.to_string(),
            format!("{each:.0}"),
            format!("{kept:.0}"),
            format!("{:.0}", 1e6 / each),
            format!("{:.0}", 1e6 / kept),
            format!("{:.2}x", each / kept),
        ]
    }
}

pub(crate) async fn measure() -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for scheme in [Scheme::Http, Scheme::Https] {
        let server = Server::start(scheme)?;
        for at_once in [1, 8] {
            rows.push(row(&server, at_once).await?);
        }
    }
    Ok(rows)
}

async fn row(server: &Server, at_once: usize) -> Result<Row> {
    let (mut each, mut kept) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        each.push(turn(server, at_once, "/close").await?);
        kept.push(turn(server, at_once, "/keep").await?);
    }
    Ok(Row {
        scheme: server.scheme.as_str(),
        at_once,
        each_us_per_request: median(each, |us| *us),
        kept_us_per_request: median(kept, |us| *us),
    })
}

/// Microseconds for each request.
async fn turn(server: &Server, at_once: usize, path: &str) -> Result<f64> {
    let client = &server.client()?;
    let before = server.connections.load(Ordering::Relaxed);
    let started = Instant::now();
    try_join_all((0..at_once).map(|_| async move {
        for _ in 0..REQUESTS / at_once {
            let answer = client.send(server.request(path)).await?;
            ensure!(answer.status == 200, "the server answers {}", answer.status);
        }
        anyhow::Ok(())
    }))
    .await?;
    let took = started.elapsed();
    let connections = server.connections.load(Ordering::Relaxed) - before;
    let expected = if path == "/close" { REQUESTS..=REQUESTS } else { 1..=at_once };
    ensure!(expected.contains(&connections), "{path}: {connections} connections for {REQUESTS} requests, {at_once} at once");
    Ok(took.as_secs_f64() * 1e6 / REQUESTS as f64)
}

/// Ends with its handle.
struct Server {
    scheme: Scheme,
    authority: String,
    ca: Option<String>,
    connections: Arc<AtomicUsize>,
    _stop: oneshot::Sender<()>,
}

impl Server {
    fn start(scheme: Scheme) -> Result<Self> {
        let listener = Listener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let authority = listener.local_addr()?.to_string();
        let (ca, tls) = match scheme {
            Scheme::Http => (None, None),
            Scheme::Https => {
                let (pem, acceptor) = acceptor()?;
                (Some(pem), Some(acceptor))
            }
        };
        let connections = Arc::new(AtomicUsize::new(0));
        let (stop, stopped) = oneshot::channel();
        let counted = connections.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    // It ends with the process, and its clients tell.
                    _ = serve(listener, tls, &counted) => {}
                }
            });
        });
        Ok(Self { scheme, authority, ca, connections, _stop: stop })
    }

    fn client(&self) -> Result<Client> {
        let place = Place::parse(&format!("{}://{}", self.scheme.as_str(), self.authority))?;
        let authorities = self.ca.as_deref().map(Authorities::from_pem).transpose().map_err(anyhow::Error::msg)?;
        let allowed = Allowed { place, private: true, headers: Vec::new(), authorities };
        Ok(Client::build(vec![allowed], Arc::new(SystemResolver))?)
    }

    fn request(&self, path: &str) -> HttpRequest {
        HttpRequest {
            head: HttpHead {
                method: "POST".into(),
                scheme: self.scheme,
                authority: self.authority.as_str().into(),
                path_and_query: path.into(),
            },
            headers: vec![("content-type".into(), b"application/json".to_vec())],
            body: vec![b'x'; BODY_BYTES],
            connect_max: None,
            first_byte_max: None,
        }
    }
}

/// Its authority, and what it serves with.
fn acceptor() -> Result<(String, TlsAcceptor)> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &ca)?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(anyhow::Error::msg)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key)?;
    Ok((ca.pem(), TlsAcceptor::from(Arc::new(config))))
}

async fn serve(listener: Listener, tls: Option<TlsAcceptor>, connections: &AtomicUsize) -> Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let mut serving = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        connections.fetch_add(1, Ordering::Relaxed);
        stream.set_nodelay(true)?;
        while serving.try_join_next().is_some() {}
        let tls = tls.clone();
        // A connection that ends early is its client's to tell.
        serving.spawn(async move {
            match tls {
                None => one(stream).await.ok(),
                Some(tls) => one(tls.accept(stream).await.ok()?).await.ok(),
            }
        });
    }
}

async fn one(stream: impl AsyncRead + AsyncWrite + Unpin) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    loop {
        head.clear();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let closes = head.starts_with("POST /close ");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.context("a request without a length")?.parse()?;
        stream.read_exact(&mut vec![0; length]).await?;
        let connection = if closes { "connection: close\r\n" } else { "" };
        stream
            .write_all(format!("HTTP/1.1 200 OK\r\n{connection}content-length: 2\r\n\r\nok").as_bytes())
            .await?;
        stream.flush().await?;
        if closes {
            return Ok(stream.shutdown().await?);
        }
    }
}
