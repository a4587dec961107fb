//! A telemetry with a clock that stands still, scraped over real HTTP on loopback by a client of a few lines.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tripline_admin::{Admin, COUNTER_SERIES_MAX, Health, Operator, Taps, Telemetry, Token};
use tripline_core::port::{BoxFuture, CounterSource, CounterValue, StoreError};
use tripline_core::time::Timestamp;

pub(crate) const NOW_MS: u64 = 1_700_000_000_000;

pub(crate) struct Bench {
    pub(crate) health: Arc<Health>,
    pub(crate) telemetry: Arc<Telemetry>,
}

/// Counters as they stand in the store.
pub(crate) struct Stored(pub(crate) Vec<CounterValue>);

impl CounterSource for Stored {
    fn counters(&self) -> BoxFuture<'_, Result<Vec<CounterValue>, StoreError>> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

/// A store that cannot be read.
pub(crate) struct NoCounters;

impl CounterSource for NoCounters {
    fn counters(&self) -> BoxFuture<'_, Result<Vec<CounterValue>, StoreError>> {
        Box::pin(async { Err(StoreError("disk I/O error".into())) })
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        let health = Health::new(Arc::new(|| Timestamp::from_ms(NOW_MS)), Duration::from_secs(300));
        Self { telemetry: Telemetry::new(Arc::clone(&health)), health }
    }

    pub(crate) fn admin(&self, listen: &str, token: Option<Token>) -> Admin {
        Admin {
            listen: listen.parse().unwrap(),
            telemetry: Arc::clone(&self.telemetry),
            counters: Arc::new(Stored(Vec::new())),
            token,
            taps: Taps::new([]),
            counter_series_max: COUNTER_SERIES_MAX,
        }
    }

    /// What Prometheus would get.
    pub(crate) fn scrape(&self) -> String {
        self.scrape_with(Stored(Vec::new()))
    }

    pub(crate) fn scrape_with(&self, counters: impl CounterSource + 'static) -> String {
        let admin = Admin { counters: Arc::new(counters), ..self.admin("127.0.0.1:0", None) };
        let answer = with_server(admin, |addr| async move { get(addr, "/metrics", &["Host: localhost"]).await });
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }
}

/// Serves `admin` while `client` talks to it, then stops it and sees that it stops.
pub(crate) fn with_server<T, F: Future<Output = T>>(admin: Admin, client: impl FnOnce(SocketAddr) -> F) -> T {
    serve(admin, None, client)
}

/// The same, with somebody who answers what the API is asked.
pub(crate) fn serve<T, F: Future<Output = T>>(
    admin: Admin,
    operator: Option<Arc<dyn Operator>>,
    client: impl FnOnce(SocketAddr) -> F,
) -> T {
    Runtime::new().unwrap().block_on(async {
        let mut bound = admin.bind().await.unwrap();
        if let Some(operator) = operator {
            bound = bound.operated_by(operator);
        }
        let addr = bound.local_addr;
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = bound.run(async { drop(stopped.await) });
        let talking = async {
            let told = client(addr).await;
            drop(stop);
            told
        };
        let (served, told) = tokio::join!(serving, talking);
        served.unwrap();
        told
    })
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

pub(crate) async fn get(addr: SocketAddr, path: &str, headers: &[&str]) -> Answer {
    ask(addr, &format!("GET {path}"), headers).await
}

/// One request on a connection of its own; `headers` are whole lines.
pub(crate) async fn ask(addr: SocketAddr, method_and_path: &str, headers: &[&str]) -> Answer {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    let request = format!("{method_and_path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}
