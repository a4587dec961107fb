//! The HTTP side: `/metrics`, `/healthz`, `/readyz`, an index; and the API (`api`).
//!
//! Always holds: beyond loopback nothing but "lives" and "ready" is told without the token, and nothing below `/api` anywhere;
//! on loopback only who names loopback in Host is answered, so that no web page can read it by pointing a name of its own at 127.0.0.1.
//! Knows nothing of tasks: the host spawns `run`.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State as Shared};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tripline_core::port::CounterSource;

use crate::api::{self, Operator};
use crate::health::{Component, Problem};
use crate::listener::Bounded;
use crate::tail::Taps;
use crate::telemetry::Telemetry;
use crate::token::Token;

/// Prometheus' text format 0.0.4.
const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// What is under way when the host stops may take so long.
const DRAIN_MAX: Duration = Duration::from_secs(5);

const INDEX: &str = "<!doctype html><meta charset=\"utf-8\"><title>Tripline</title><h1>Tripline</h1><ul>\
<li><a href=\"/metrics\">/metrics</a>: for Prometheus\
<li><a href=\"/healthz\">/healthz</a>: 200 while the process lives\
<li><a href=\"/readyz\">/readyz</a>: 200 while it does its work, else 503 and why</ul>\n";

pub struct Admin {
    /// `host.listen` of the config.
    pub listen: SocketAddr,
    pub telemetry: Arc<Telemetry>,
    pub counters: Arc<dyn CounterSource>,
    /// Must be there where `listen` is not loopback; on loopback it is asked for below `/api` alone.
    pub token: Option<Token>,
    /// The streams that can be watched.
    pub taps: Taps,
    /// Series of plugin counters that one trigger may have at /metrics.
    pub counter_series_max: usize,
}

/// Each message says what to change.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    #[error(
        "cannot listen on {listen}: another program does; stop it, or set `listen` in [host] to another port (port 0 takes any free one)"
    )]
    AddressInUse { listen: SocketAddr },
    #[error("cannot listen on {listen}: {source}; set `listen` in [host] to an address of this machine and a port that this user may use")]
    Bind { listen: SocketAddr, source: io::Error },
    #[error(
        "cannot listen on {listen}: it can be reached from other machines, and there is no token; set `listen` in [host] to a loopback address, or give a token"
    )]
    NoToken { listen: SocketAddr },
    #[error("the admin server ended: {0}")]
    Serve(#[source] io::Error),
}

/// Listens, and answers once `run` is polled.
#[derive(Debug)]
pub struct BoundAdmin {
    pub local_addr: SocketAddr,
    listener: TcpListener,
    shared: Inner,
    /// Dropped when the server is to end.
    stopping: watch::Sender<()>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) admin: Admin,
    /// None: it is not there yet.
    pub(crate) operator: Option<Arc<dyn Operator>>,
    loopback: bool,
    /// Its sender is dropped when the server is to end: for answers that would go on.
    pub(crate) closing: watch::Receiver<()>,
}

impl Admin {
    pub async fn bind(self) -> Result<BoundAdmin, AdminError> {
        let listen = self.listen;
        // A mapped ::ffff:127.0.0.1 is loopback too.
        let loopback = listen.ip().to_canonical().is_loopback();
        if !loopback && self.token.is_none() {
            return Err(AdminError::NoToken { listen });
        }
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => AdminError::AddressInUse { listen },
            _ => AdminError::Bind { listen, source },
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let local_addr = listener.local_addr().map_err(failed)?;
        let (stopping, closing) = watch::channel(());
        Ok(BoundAdmin { local_addr, listener, shared: Inner { admin: self, operator: None, loopback, closing }, stopping })
    }
}

impl BoundAdmin {
    /// Who answers what the API is asked.
    pub fn operated_by(mut self, operator: Arc<dyn Operator>) -> Self {
        self.shared.operator = Some(operator);
        self
    }

    /// Answers until `stop` resolves, then finishes what is under way, within `DRAIN_MAX`.
    pub async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), AdminError> {
        let stopping = self.stopping;
        let mut stopped = self.shared.closing.clone();
        let graceful = async move {
            stop.await;
            drop(stopping);
        };
        let serving = axum::serve(Bounded::new(self.listener), router(Arc::new(self.shared))).with_graceful_shutdown(graceful);
        tokio::select! {
            ended = serving.into_future() => ended.map_err(AdminError::Serve),
            () = async {
                // An error: the sender is gone, and that is the message.
                let _ = stopped.changed().await;
                tokio::time::sleep(DRAIN_MAX).await;
            } => Ok(()),
        }
    }
}

fn router(shared: Arc<Inner>) -> Router {
    Router::new()
        .route("/", get(index))
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(readiness))
        .merge(api::router())
        .fallback(api::no_such_path)
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard))
        .with_state(shared)
}

/// Who may ask, and what every answer bears.
async fn guard(Shared(shared): Shared<Arc<Inner>>, request: Request, next: Next) -> Response {
    let mut response = match refusal(&shared, &request) {
        Some(refusal) => refusal,
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    response
}

fn refusal(shared: &Inner, request: &Request) -> Option<Response> {
    let path = request.uri().path();
    let refused =
        |status, text: &'static str| if path.starts_with("/api") { api::refusal(status, text) } else { (status, text).into_response() };
    if shared.loopback {
        let named = header_text(request, header::HOST).is_some_and(names_loopback);
        // A request line may name a host too, and then it is that which is asked for.
        let asked = request.uri().authority().is_none_or(|authority| names_loopback(authority.as_str()));
        if !named || !asked {
            return Some(refused(StatusCode::FORBIDDEN, "ask for localhost, 127.0.0.1 or [::1]\n"));
        }
    }
    // Items are nobody's business who merely has an account on this machine.
    let open = if shared.loopback { !path.starts_with("/api") } else { matches!(path, "/healthz" | "/readyz") };
    (!open && !bears_token(shared, request)).then(|| {
        let mut response = refused(StatusCode::UNAUTHORIZED, "send `Authorization: Bearer` with what stands in data_dir/token\n");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        response
    })
}

fn bears_token(shared: &Inner, request: &Request) -> bool {
    let offered = header_text(request, header::AUTHORIZATION).and_then(|value| value.split_once(' '));
    match (&shared.admin.token, offered) {
        (Some(token), Some((scheme, offered))) => scheme.eq_ignore_ascii_case("bearer") && token.is(offered.trim()),
        _ => false,
    }
}

/// None where the header is missing, given twice or not ASCII.
fn header_text(request: &Request, name: header::HeaderName) -> Option<&str> {
    let mut values = request.headers().get_all(name).iter();
    let only = values.next().filter(|_| values.next().is_none())?;
    only.to_str().ok()
}

/// Whether a Host header names this machine from within, whatever port it names. A literal address cannot be rebound.
fn names_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    };
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

async fn index() -> Response {
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], INDEX).into_response()
}

async fn metrics(Shared(shared): Shared<Arc<Inner>>) -> Response {
    let Admin { telemetry, counters, counter_series_max, .. } = &shared.admin;
    match telemetry.render(counters.as_ref(), *counter_series_max).await {
        Ok(text) => ([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response(),
        Err(error) => {
            tracing::error!(target: "tripline::admin", %error, "metrics cannot be rendered");
            (StatusCode::INTERNAL_SERVER_ERROR, "metrics cannot be rendered; the log says why\n").into_response()
        }
    }
}

async fn readiness(Shared(shared): Shared<Arc<Inner>>, request: Request) -> Response {
    let (readiness, _) = shared.admin.telemetry.health().look();
    let is_ready = readiness.is_ready();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    // Reasons quote endpoints and plugins: not for anybody who can reach the port.
    let full = shared.loopback || bears_token(&shared, &request);
    let shown: Vec<_> = readiness.problems.iter().map(|problem| shown(problem, full)).collect();
    let mut answer = json!({ "ready": is_ready, "problems": shown });
    if full && !readiness.warnings.is_empty() {
        answer["warnings"] = json!(readiness.warnings);
    }
    if readiness.others > 0 {
        answer["others"] = readiness.others.into();
    }
    (status, axum::Json(answer)).into_response()
}

fn shown(problem: &Problem, full: bool) -> serde_json::Value {
    let mut shown = json!({ "component": problem.component.to_string() });
    if full {
        let (stream, trigger) = match &problem.component {
            Component::Store => (None, None),
            Component::Stream(stream) => (Some(stream), None),
            Component::Trigger(trigger) => (problem.stream.as_ref(), Some(trigger)),
        };
        // Of a shard it is said where it is, for scripts.
        if let Some(shard) = &problem.shard {
            shown["shard"] = shard.as_str().into();
            shown["stream"] = stream.map(|stream| stream.as_str()).into();
            shown["trigger"] = trigger.map(|trigger| trigger.as_str()).into();
        }
        shown["reason"] = problem.reason.as_str().into();
    }
    shown
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin")
            .field("listen", &self.listen)
            .field("token", &self.token)
            .field("counter_series_max", &self.counter_series_max)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_loopback() {
        for host in
            ["localhost", "LOCALHOST:9464", "127.0.0.1", "127.0.0.1:9464", "127.9.9.9", "[::1]", "[::1]:9464", "[::ffff:127.0.0.1]:1"]
        {
            assert!(names_loopback(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "evil.example:9464",
            "localhost:9464.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "0.0.0.0",
            "[::]:9464",
            "localhost:",
            "user@localhost",
            "127.0.0.1@evil.example",
            "[::1",
            "127.1",
            "2130706433",
        ] {
            // An empty port is none: `localhost:` names localhost.
            assert_eq!(names_loopback(host), host == "localhost:", "{host}");
        }
    }
}
