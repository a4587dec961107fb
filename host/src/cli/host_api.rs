//! The running host, asked over its own API by a command on the same machine.
//!
//! Always holds: the token goes to the address that the host itself wrote into its `data_dir`, and to no other.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Where a host that listens says on what, beside its token.
const ADDRESS_FILE: &str = "address";
/// A host's line is one change, and DynamoDB's items have 400 KB.
const LINE_BYTES_MAX: usize = 64 << 20;

/// Says in `data_dir` where the host listens. Removed when dropped; what a killed host left is found out by its silence.
#[derive(Debug)]
pub(crate) struct Announced(PathBuf);

impl Announced {
    pub(crate) fn write(data_dir: &Path, address: SocketAddr) -> Result<Self> {
        let path = data_dir.join(ADDRESS_FILE);
        std::fs::write(&path, format!("{address}\n"))
            .with_context(|| format!("cannot write {}: make the folder writable for this user", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        // Whoever finds it asks in vain, and goes on without.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A host that answers.
#[derive(Debug)]
pub(crate) struct HostApi {
    pub(crate) address: SocketAddr,
    stream: TcpStream,
    token: String,
}

/// What the host answered, as it comes.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    body: Incoming,
    /// Received and not yet handed on.
    rest: Vec<u8>,
    /// How far `rest` is known to have no line break.
    searched: usize,
    _connection: JoinSet<()>,
}

impl HostApi {
    /// None: no host runs on this directory.
    pub(crate) async fn of(data_dir: &Path) -> Result<Option<Self>> {
        let Some(address) = read(&data_dir.join(ADDRESS_FILE))? else { return Ok(None) };
        let address: SocketAddr = address
            .parse()
            .with_context(|| format!("{} holds no address: remove it", data_dir.join(ADDRESS_FILE).display()))?;
        let address = SocketAddr::new(reachable(address.ip()), address.port());
        let stream = match TcpStream::connect(address).await {
            Ok(stream) => stream,
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("the host at {address} cannot be reached")),
        };
        let path = data_dir.join("token");
        let token = read(&path)?.with_context(|| format!("{} is missing, and a host runs at {address}: restart it", path.display()))?;
        Ok(Some(Self { address, stream, token }))
    }

    pub(crate) async fn get(self, path: &str) -> Result<Reply> {
        self.send(Method::GET, path, None).await
    }

    /// `body`: JSON.
    pub(crate) async fn send(self, method: Method, path: &str, body: Option<String>) -> Result<Reply> {
        let at = || format!("the host at {} does not answer", self.address);
        let (mut sender, connection) = http1::handshake(TokioIo::new(self.stream)).await.with_context(at)?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // Its error ends the body too, where it is reported.
            let _ = connection.await;
        });
        let request = Request::builder().method(method).uri(path);
        let request = request
            .header(header::HOST, self.address.to_string())
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        let request = if body.is_some() { request.header(header::CONTENT_TYPE, "application/json") } else { request };
        let request = request.body(Full::new(Bytes::from(body.unwrap_or_default())))?;
        let (head, body) = sender.send_request(request).await.with_context(at)?.into_parts();
        Ok(Reply { status: head.status, body, rest: Vec::new(), searched: 0, _connection: driver })
    }
}

impl Reply {
    /// The next line that is not empty; none: the host has ended.
    pub(crate) async fn line(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(at) = self.rest[self.searched..].iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=self.searched + at).collect();
                self.searched = 0;
                if line.len() > 1 {
                    return Ok(Some(String::from_utf8(line)?.trim_end().to_owned()));
                }
                continue;
            }
            self.searched = self.rest.len();
            if self.searched > LINE_BYTES_MAX {
                bail!("the host sent a line of more than {LINE_BYTES_MAX} bytes");
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(frame) => {
                    let frame = frame.context("the host broke off")?;
                    self.rest.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
                }
            }
        }
    }

    /// All of it, where it is short.
    pub(crate) async fn text(mut self) -> Result<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.line().await? {
            lines.push(line);
        }
        lines.push(String::from_utf8_lossy(&self.rest).into_owned());
        Ok(lines.join("\n").trim_end().to_owned())
    }
}

fn read(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim_end().to_owned())),
        // What is no directory has no host; whoever opens it says what is wrong with it.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// What listens on every address is found on loopback.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}
