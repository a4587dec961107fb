//! `wasi:http` for one instance: what a guest asks for goes to its trigger's client, in turns, and is bounded on both sides.
//!
//! Always holds: nothing here sends; what is not allowed is a typed error of the interface's own, and nothing of its body is kept; a probe sends nothing;
//! a body is read to its end whatever becomes of it, since a guest may trap that still writes one which nobody reads; a request dies with its instance. The guest is told the kind of a failure, its log the reason: `error-code` has no room for one.
//! Does not know what is allowed, nor any secret.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::uri;
use http_body_util::BodyExt;
use tokio::sync::Semaphore;
use tripline_core::http::{BODY_BYTES_MAX, HEAD_BYTES_MAX, HELD_BYTES_MAX, REQUESTS_MAX, Scheme};
use tripline_core::name::TriggerName;
use tripline_core::port::{HttpClient, HttpError, HttpHead, HttpRequest, HttpResponse};
use tripline_core::signal::{HttpConnection, HttpResult, LogLevel, Signal, Signals};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpHooks};

use crate::context::TriggerContext;
use crate::guest::Purpose;
use crate::logs::GuestLogs;

/// What lines about requests are tagged with in the guest's log.
pub(crate) const LOG_CONTEXT: &str = "wasi:http";
/// What one `fields` may hold; more is a trap of the interface's implementation, of which `headers` makes an error.
pub(crate) const FIELDS_BYTES_MAX: usize = 32 * 1024;
/// A body that nobody sends keeps two writes of a guest in the host's memory: so many may be large.
const CHUNK_BYTES: usize = 64 * 1024;
const LARGE_CHUNKS_MAX: usize = 256;
const SMALL_CHUNK_BYTES: usize = 4 * 1024;

type Sent = Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

pub(crate) struct Http {
    pub(crate) ctx: WasiHttpCtx,
    pub(crate) hooks: Hooks,
}

impl Http {
    pub(crate) fn new(context: &TriggerContext, purpose: Purpose, logs: Arc<GuestLogs>) -> Self {
        let mut ctx = WasiHttpCtx::new();
        ctx.set_field_size_limit(FIELDS_BYTES_MAX);
        let call = Arc::new(Call {
            trigger: context.trigger.clone(),
            signals: context.signals.clone(),
            logs,
            turns: Semaphore::new(REQUESTS_MAX),
            under_way: AtomicUsize::new(0),
            held_bytes: Mutex::new(0),
        });
        Self { ctx, hooks: Hooks { client: context.grants.http.clone(), purpose, call, bodies: 0 } }
    }

    /// For another call of the same instance: what it still holds counts on.
    pub(crate) fn again(&mut self, context: &TriggerContext, purpose: Purpose) {
        let Hooks { client, purpose: for_what, call: _, bodies } = &mut self.hooks;
        *client = context.grants.http.clone();
        *for_what = purpose;
        *bodies = 0;
    }

    /// Bytes of answers that it has not read.
    pub(crate) fn held_bytes(&self) -> usize {
        *self.hooks.call.held()
    }

    pub(crate) fn under_way(&self) -> usize {
        self.hooks.call.under_way.load(Ordering::Relaxed)
    }

    /// Whether some request has no answer yet.
    pub(crate) fn is_under_way(&self) -> bool {
        self.under_way() > 0
    }
}

pub(crate) struct Hooks {
    client: Option<Arc<dyn HttpClient>>,
    purpose: Purpose,
    call: Arc<Call>,
    /// Bodies of requests that were begun, sent or not.
    bodies: usize,
}

/// What all requests of one instance share.
struct Call {
    trigger: TriggerName,
    signals: Arc<dyn Signals>,
    logs: Arc<GuestLogs>,
    turns: Semaphore,
    under_way: AtomicUsize,
    held_bytes: Mutex<usize>,
}

impl WasiHttpHooks for Hooks {
    /// The sender writes it, of the URL alone.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        self.bodies = self.bodies.saturating_add(1);
        if self.bodies <= LARGE_CHUNKS_MAX { CHUNK_BYTES } else { SMALL_CHUNK_BYTES }
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let call = self.call.clone();
        let (parts, body) = request.into_parts();
        let head = head(&parts);
        let (client, place) = match self.allows(&head) {
            Ok(allowed) => allowed,
            Err(error) => {
                call.refuse(&head, &error);
                return Box::new(async move {
                    discard(body).await;
                    Err(lower(error))
                });
            }
        };
        let request = HttpRequest {
            head,
            headers: parts
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().into(), value.as_bytes().to_vec()))
                .collect(),
            body: Vec::new(),
            connect_max: options.and_then(|options| options.connect_timeout),
            first_byte_max: options.and_then(|options| options.first_byte_timeout),
        };
        let asked = UnderWay::begin(call, place);
        Box::new(async move { asked.run(&*client, request, body).await })
    }
}

impl Hooks {
    fn allows(&self, head: &HttpHead) -> Result<(Arc<dyn HttpClient>, Arc<str>), HttpError> {
        let trigger = &self.call.trigger;
        let Some(client) = &self.client else {
            return Err(HttpError::Denied(format!(
                "trigger `{trigger}` is not granted http: add `grants = {{ http = [\"https://HOST\"] }}` to [triggers.{trigger}]"
            )));
        };
        let place = client.allows(head)?;
        if self.purpose == Purpose::Probe {
            return Err(HttpError::Denied("this is the probe of a new version: an empty batch sends nothing".to_owned()));
        }
        Ok((client.clone(), place))
    }
}

/// `uri` has a scheme and an authority: the interface's implementation has put them there.
fn head(parts: &http::request::Parts) -> HttpHead {
    let is_plain = parts.uri.scheme() == Some(&uri::Scheme::HTTP);
    HttpHead {
        method: parts.method.as_str().into(),
        scheme: if is_plain { Scheme::Http } else { Scheme::Https },
        authority: parts.uri.authority().map_or("", uri::Authority::as_str).into(),
        path_and_query: parts.uri.path_and_query().map_or("/", uri::PathAndQuery::as_str).into(),
    }
}

impl Call {
    fn refuse(&self, head: &HttpHead, error: &HttpError) {
        self.signals.emit(Signal::HttpAsked {
            trigger: &self.trigger,
            place: "",
            result: HttpResult::Denied,
            connection: None,
            took: Duration::ZERO,
        });
        self.tell(head, error);
    }

    /// The method and the reason: a path may be a secret, as those of webhooks are.
    fn tell(&self, head: &HttpHead, error: &HttpError) {
        self.logs.log(LogLevel::Warn, LOG_CONTEXT, &format!("{}: {error}", head.method));
    }

    fn held(&self) -> std::sync::MutexGuard<'_, usize> {
        // A number: nothing is half done in there.
        self.held_bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that was allowed. Dropped before its end, it was cut off with its instance, or by the guest.
struct UnderWay {
    call: Arc<Call>,
    place: Arc<str>,
    started: Instant,
    result: HttpResult,
    connection: Option<HttpConnection>,
}

impl UnderWay {
    fn begin(call: Arc<Call>, place: Arc<str>) -> Self {
        call.under_way.fetch_add(1, Ordering::Relaxed);
        Self { call, place, started: Instant::now(), result: HttpResult::CutOff, connection: None }
    }

    async fn run(mut self, client: &dyn HttpClient, mut request: HttpRequest, body: WasiBody) -> Sent {
        // The semaphore is never closed.
        let Ok(_turn) = self.call.turns.acquire().await else { return Err(Error::ConnectionLimitReached) };
        let head = request.head.clone();
        let sent = async {
            request.body = collect(body).await?;
            let response = client.send(request).await?;
            let held = Held::new(self.call.clone(), response.body.len())?;
            Ok((response, held))
        };
        match sent.await {
            Ok((response, held)) => {
                self.result = class(response.status);
                self.connection = Some(response.connection);
                raise(response, held)
            }
            Err(error) => {
                self.result = result_of(&error);
                self.call.tell(&head, &error);
                Err(lower(error))
            }
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.call.under_way.fetch_sub(1, Ordering::Relaxed);
        let took = self.started.elapsed();
        self.call.signals.emit(Signal::HttpAsked {
            trigger: &self.call.trigger,
            place: &self.place,
            result: self.result,
            connection: self.connection,
            took,
        });
    }
}

/// At most `BODY_BYTES_MAX` of it are held.
async fn collect(mut body: WasiBody) -> Result<Vec<u8>, HttpError> {
    let mut collected = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err(HttpError::RequestBody) };
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > BODY_BYTES_MAX - collected.len() {
            drop((collected, data));
            discard(body).await;
            return Err(HttpError::RequestTooLarge(BODY_BYTES_MAX));
        }
        collected.extend_from_slice(&data);
    }
    Ok(collected)
}

/// Reads it, for as long as the guest's call may take.
async fn discard(mut body: WasiBody) {
    while let Some(Ok(_)) = body.frame().await {}
}

fn raise(response: HttpResponse, held: Held) -> Sent {
    let HttpResponse { status, headers, body, connection: _ } = response;
    let mut raised = http::Response::builder().status(status);
    for (name, value) in headers {
        raised = raised.header(&*name, value);
    }
    let body = Answer { bytes: Bytes::from(body), _held: held };
    let raised = raised.body(body.boxed_unsync()).map_err(|_| Error::HttpProtocolError)?;
    Ok((raised, Box::new(async { Ok(()) })))
}

/// Bytes of answers that are not read yet.
struct Held {
    call: Arc<Call>,
    bytes: usize,
}

impl Held {
    fn new(call: Arc<Call>, bytes: usize) -> Result<Self, HttpError> {
        let mut held = call.held();
        if bytes > HELD_BYTES_MAX - *held {
            return Err(HttpError::TooMuchUnread(HELD_BYTES_MAX));
        }
        *held += bytes;
        drop(held);
        Ok(Self { call, bytes })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        *self.call.held() -= self.bytes;
    }
}

/// The body of an answer.
struct Answer {
    bytes: Bytes,
    _held: Held,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<http_body::Frame<Bytes>, Error>>> {
        let bytes = std::mem::take(&mut self.bytes);
        Poll::Ready((!bytes.is_empty()).then(|| Ok(http_body::Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.bytes.len() as u64)
    }
}

fn class(status: u16) -> HttpResult {
    match status {
        200..=299 => HttpResult::Success,
        300..=399 => HttpResult::Redirect,
        400..=499 => HttpResult::ClientError,
        500..=599 => HttpResult::ServerError,
        _ => HttpResult::Failed,
    }
}

fn result_of(error: &HttpError) -> HttpResult {
    match error {
        HttpError::Denied(_) | HttpError::InvalidUrl(_) | HttpError::Prohibited(_) => HttpResult::Denied,
        HttpError::NoSuchName(_) | HttpError::Unreachable(_) | HttpError::Certificate(_) | HttpError::Tls(_) => HttpResult::Unreachable,
        HttpError::ConnectTimeout(_) | HttpError::AnswerTimeout(_) => HttpResult::Timeout,
        HttpError::RequestBody
        | HttpError::RequestTooLarge(_)
        | HttpError::HeadTooLarge(_)
        | HttpError::ResponseTooLarge(_)
        | HttpError::TooMuchUnread(_)
        | HttpError::Incomplete(_)
        | HttpError::Protocol(_) => HttpResult::Failed,
    }
}

/// The kind alone.
fn lower(error: HttpError) -> Error {
    match error {
        HttpError::Denied(_) => Error::HttpRequestDenied,
        HttpError::InvalidUrl(_) => Error::HttpRequestUriInvalid,
        HttpError::Prohibited(_) => Error::DestinationIpProhibited,
        HttpError::NoSuchName(_) => Error::DnsError { rcode: None, info_code: None },
        HttpError::Unreachable(_) => Error::ConnectionRefused,
        HttpError::Certificate(_) => Error::TlsCertificateError,
        HttpError::Tls(_) => Error::TlsProtocolError,
        HttpError::ConnectTimeout(_) => Error::ConnectionTimeout,
        HttpError::AnswerTimeout(_) => Error::HttpResponseTimeout,
        HttpError::RequestBody => Error::HttpRequestBodySize(None),
        HttpError::RequestTooLarge(max) => Error::HttpRequestBodySize(Some(max as u64)),
        HttpError::HeadTooLarge(_) => Error::HttpResponseHeaderSectionSize(u32::try_from(HEAD_BYTES_MAX).ok()),
        HttpError::ResponseTooLarge(max) | HttpError::TooMuchUnread(max) => Error::HttpResponseBodySize(Some(max as u64)),
        HttpError::Incomplete(_) => Error::HttpResponseIncomplete,
        HttpError::Protocol(_) => Error::HttpProtocolError,
    }
}
