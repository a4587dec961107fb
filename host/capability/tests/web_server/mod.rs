//! A web server that keeps what it was asked and answers what a test tells it, byte for byte; with TLS by an authority of its own, where that is wanted.
//! A connection serves one request after the other, as servers do, unless the answer says otherwise.
//!
//! Always holds: it listens on a loopback address alone, and ends with its handle. Two packages' tests use this file.

#![allow(dead_code, reason = "two packages' tests use it, each some of it")]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Which of the server's connections it came on, and as which of that one's requests; from 0.
    pub(crate) connection: usize,
    pub(crate) nth: usize,
}

impl Served {
    /// All values of this name.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        self.headers.iter().filter(|(header, _)| header == name).map(|(_, value)| value.as_str()).collect()
    }
}

pub(crate) enum Reply {
    /// Written as it is; then the connection is closed.
    Bytes(Vec<u8>),
    /// Written as it is; the connection stays for the next request.
    Kept(Vec<u8>),
    /// The connection is closed without an answer.
    HangUp,
    /// The connection stays, and nothing comes.
    Never,
    /// As `Kept` once so many requests stand and wait.
    When(usize, Vec<u8>),
}

/// What connections do that wait for their next request.
#[derive(Clone, Debug, Default)]
enum Order {
    #[default]
    Wait,
    Close,
    /// Unasked.
    Say(Vec<u8>),
}

pub(crate) fn reply(status: u16, headers: &str, body: &[u8]) -> Reply {
    Reply::Kept(whole(status, headers, body))
}

/// `headers` end with a line break each.
pub(crate) fn whole(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

const MINUTE: Duration = Duration::from_secs(60);

type Answer = dyn Fn(&Served) -> Reply + Send + Sync;

/// An authority that no system trusts.
pub(crate) struct Ca(CertifiedIssuer<'static, KeyPair>);

impl Ca {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    fn acceptor(&self, names: &[&str]) -> TlsAcceptor {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

pub(crate) struct WebServer {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct State {
    answer: Box<Answer>,
    tls: Option<TlsAcceptor>,
    served: Mutex<Vec<Served>>,
    connections: AtomicUsize,
    waiting: AtomicUsize,
    waiting_most: AtomicUsize,
    hung_up: AtomicUsize,
    moved: Notify,
    order: watch::Sender<Order>,
    idle: Mutex<Idle>,
    idle_moved: Condvar,
}

/// What became of connections that waited for their next request.
#[derive(Default)]
struct Idle {
    ended: usize,
    said: usize,
}

impl WebServer {
    pub(crate) fn start(answer: impl Fn(&Served) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0", None, answer)
    }

    /// With a certificate for `names`.
    pub(crate) fn start_tls(ca: &Ca, names: &[&str], answer: impl Fn(&Served) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0", Some(ca.acceptor(names)), answer)
    }

    pub(crate) fn start_at(at: &str, tls: Option<TlsAcceptor>, answer: impl Fn(&Served) -> Reply + Send + Sync + 'static) -> Self {
        let listener = std::net::TcpListener::bind(at).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            answer: Box::new(answer),
            tls,
            served: Mutex::default(),
            connections: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            waiting_most: AtomicUsize::new(0),
            hung_up: AtomicUsize::new(0),
            moved: Notify::new(),
            order: watch::Sender::default(),
            idle: Mutex::default(),
            idle_moved: Condvar::new(),
        });
        let (stop, stopped) = oneshot::channel();
        let serving = state.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(listener, serving, stopped));
        });
        Self { address, state, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn served(&self) -> Vec<Served> {
        self.state.served.lock().unwrap().clone()
    }

    /// Connections that came, with a request or without.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Requests that stood and waited at once, at most.
    pub(crate) fn waiting_most(&self) -> usize {
        self.state.waiting_most.load(Ordering::SeqCst)
    }

    /// Connections that wait for their next request are closed.
    pub(crate) fn close_waiting(&self) {
        self.state.order.send_replace(Order::Close);
    }

    /// Connections that wait for their next request get an answer to none.
    pub(crate) fn say_unasked(&self, bytes: &[u8]) {
        self.state.order.send_replace(Order::Say(bytes.to_vec()));
    }

    /// Until so many requests have come.
    pub(crate) async fn arrived(&self, requests: usize) {
        self.until(|state| state.served.lock().unwrap().len() >= requests).await;
    }

    /// Until so many connections have ended that waited for their next request, whoever ended them.
    pub(crate) async fn ended(&self, connections: usize) {
        self.until(|state| state.idle.lock().unwrap().ended >= connections).await;
    }

    /// The same, and blocks the thread: a client in it learns nothing meanwhile.
    pub(crate) fn block_until_ended(&self, connections: usize) {
        self.block_until(|idle| idle.ended >= connections);
    }

    /// Until so much was said unasked; blocks too.
    pub(crate) fn block_until_said(&self, times: usize) {
        self.block_until(|idle| idle.said >= times);
    }

    fn block_until(&self, is_so: impl Fn(&Idle) -> bool) {
        let idle = self.state.idle.lock().unwrap();
        let (idle, _) = self.state.idle_moved.wait_timeout_while(idle, MINUTE, |idle| !is_so(idle)).unwrap();
        assert!(is_so(&idle), "it never happens");
    }

    /// Until so many clients that waited have gone.
    pub(crate) async fn hung_up(&self, clients: usize) {
        self.until(|state| state.hung_up.load(Ordering::SeqCst) >= clients).await;
    }

    async fn until(&self, is_so: impl Fn(&State) -> bool) {
        let moves = async {
            loop {
                let moved = self.state.moved.notified();
                if is_so(&self.state) {
                    return;
                }
                moved.await;
            }
        };
        tokio::time::timeout(MINUTE, moves).await.expect("it never happens");
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        // Its own panic has been told.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

async fn serve(listener: std::net::TcpListener, state: Arc<State>, mut stopped: oneshot::Receiver<()>) {
    let listener = TcpListener::from_std(listener).unwrap();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => {
                let (stream, state) = (accepted.unwrap().0, state.clone());
                // What is said has been sent.
                stream.set_nodelay(true).unwrap();
                let connection = state.connections.fetch_add(1, Ordering::SeqCst);
                connections.spawn(async move {
                    match &state.tls {
                        None => state.one(stream, connection).await,
                        // A client that does not trust it goes away.
                        Some(tls) => if let Ok(stream) = tls.accept(stream).await {
                            state.one(stream, connection).await;
                        },
                    }
                });
            }
            Some(ended) = connections.join_next() => ended.unwrap(),
        }
    }
}

impl State {
    async fn one(&self, stream: impl AsyncRead + AsyncWrite + Unpin, connection: usize) {
        let mut stream = BufReader::new(stream);
        // Those that come from now on.
        let mut orders = self.order.subscribe();
        for nth in 0.. {
            if nth > 0 && !self.waits(&mut stream, &mut orders).await {
                drop(stream);
                return self.tell(|idle| idle.ended += 1);
            }
            let Some(served) = read(&mut stream).await else { return };
            let served = Served { connection, nth, ..served };
            let is_last = served.header("connection").contains(&"close");
            self.served.lock().unwrap().push(served.clone());
            self.moved.notify_waiters();
            let (bytes, stays) = match (self.answer)(&served) {
                Reply::Bytes(bytes) => (bytes, false),
                Reply::Kept(bytes) => (bytes, !is_last),
                Reply::HangUp => return,
                Reply::Never => return self.wait_for_the_end(&mut stream).await,
                Reply::When(count, bytes) => {
                    self.wait_for_others(count).await;
                    (bytes, !is_last)
                }
            };
            // It may have gone meanwhile.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            if !stays {
                let _ = stream.shutdown().await;
                return;
            }
        }
    }

    /// Whether something came. Closed, it has ended.
    async fn waits(&self, stream: &mut (impl AsyncBufReadExt + AsyncWrite + Unpin), orders: &mut watch::Receiver<Order>) -> bool {
        loop {
            tokio::select! {
                come = stream.fill_buf() => return come.is_ok_and(|bytes| !bytes.is_empty()),
                _ = orders.changed() => {}
            }
            let order = orders.borrow_and_update().clone();
            match order {
                Order::Wait => {}
                Order::Close => {
                    let _ = stream.shutdown().await;
                    return false;
                }
                Order::Say(bytes) => {
                    let _ = stream.write_all(&bytes).await;
                    let _ = stream.flush().await;
                    self.tell(|idle| idle.said += 1);
                }
            }
        }
    }

    fn tell(&self, change: impl FnOnce(&mut Idle)) {
        change(&mut self.idle.lock().unwrap());
        self.idle_moved.notify_all();
        self.moved.notify_waiters();
    }

    async fn wait_for_the_end(&self, stream: &mut (impl AsyncRead + Unpin)) {
        let _ = stream.read(&mut [0; 1]).await;
        self.hung_up.fetch_add(1, Ordering::SeqCst);
        self.moved.notify_waiters();
    }

    async fn wait_for_others(&self, count: usize) {
        let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
        self.waiting_most.fetch_max(waiting, Ordering::SeqCst);
        self.moved.notify_waiters();
        loop {
            let moved = self.moved.notified();
            if self.waiting_most.load(Ordering::SeqCst) >= count {
                break;
            }
            moved.await;
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn read(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<Served> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let mut request = lines.first()?.split(' ');
    let (method, target) = (request.next()?.to_owned(), request.next()?.to_owned());
    let headers = lines[1..].iter().filter_map(|line| line.split_once(": "));
    let headers: Vec<(String, String)> = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Served { method, target, headers, body, connection: 0, nth: 0 })
}
