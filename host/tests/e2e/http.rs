//! Plugins that send http requests: a real component, the host's own sender, and real web servers; then all of it in the binary.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use tokio::sync::OnceCell;
use tripline_capability::Secret;
use tripline_capability::http::{Allowed, Authorities, Client, Resolve, SecretHeader};
use tripline_core::delivery::{Batch, Origin, Outcome, Report};
use tripline_core::http::{BODY_BYTES_MAX, Place as Url, REQUESTS_MAX};
use tripline_core::port::{BoxFuture, Grants, HttpClient};
use tripline_core::signal::{Signal, Signals};
use tripline_core::slice::slice_page;
use tripline_core::time::Timestamp;
use tripline_core::view::{View, ViewType};
use tripline_runtime::{Engine, EngineConfig, Limits, Plugin, TriggerContext};

use crate::harness::Place;
use crate::web_server::{Ca, Reply, Served, WebServer, reply, whole};

const SECRET: &str = "s3cr3t-of-the-operator";

/// Every name is this machine.
struct Here;

impl Resolve for Here {
    fn resolve<'a>(&'a self, _: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async { Ok(vec![IpAddr::from([127, 0, 0, 1])]) })
    }
}

/// Logs and requests, each a line.
#[derive(Debug, Default)]
struct Lines(Mutex<Vec<String>>);

impl Signals for Lines {
    fn emit(&self, signal: Signal<'_>) {
        let line = match signal {
            Signal::GuestLog { level, context, message, .. } => format!("{} {context}: {message}", level.as_str()),
            Signal::HttpAsked { place, result, .. } => format!("asked {place}: {}", result.as_str()),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }
}

async fn fixture() -> Plugin {
    static FIXTURE: OnceCell<Plugin> = OnceCell::const_new();
    let load = async || {
        let engine = Engine::new(EngineConfig { instances_max: 4 }).unwrap();
        engine.load(tripline_bundled::FIXTURE).await.unwrap()
    };
    FIXTURE.get_or_init(load).await.clone()
}

fn allowed(url: &str) -> Allowed {
    Allowed { place: Url::parse(url).unwrap(), private: true, headers: Vec::new(), authorities: None }
}

fn with_secret(url: &str) -> Allowed {
    let header = SecretHeader::new("Authorization", "Bearer ", Secret::new(SECRET)).unwrap();
    Allowed { headers: vec![header], ..allowed(url) }
}

/// Method and URL of each, without headers and bodies.
fn requests(asked: &[(&str, &str)]) -> String {
    json!(asked.iter().map(|(method, url)| json!([method, url, [], ""])).collect::<Vec<_>>()).to_string()
}

fn origin() -> Arc<Origin> {
    Arc::new(Origin {
        trigger: "t".into(),
        table: "t".into(),
        region: "eu-west-1".into(),
        stream: "arn".into(),
        view: View::of(ViewType::KeysOnly),
    })
}

struct Ran {
    report: Report,
    lines: Vec<String>,
}

impl Ran {
    #[track_caller]
    fn has(&self, line: &str) {
        assert!(self.lines.iter().any(|said| said.contains(line)), "no `{line}` in {:#?} of {:?}", self.lines, self.report.outcome);
    }
}

fn context(settings: &[(&str, &str)], allowed: Vec<Allowed>, lines: &Arc<Lines>) -> TriggerContext {
    let client = Client::build(allowed.clone(), Arc::new(Here)).unwrap();
    TriggerContext {
        trigger: "t".into(),
        grants: Grants { http: (!allowed.is_empty()).then(|| Arc::new(client) as Arc<dyn HttpClient>), ..Grants::default() },
        settings: Arc::new(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()),
        limits: Limits { memory_bytes_max: 64 << 20, time_max: Duration::from_secs(60) },
        signals: lines.clone(),
        clock: Arc::new(|| Timestamp::from_ms(1_700_000_000_000)),
        seed: None,
    }
}

/// Whatever it says, it never says the secret.
async fn run(settings: &[(&str, &str)], allowed: Vec<Allowed>, time_max: Duration) -> Ran {
    let lines = Arc::<Lines>::default();
    let mut context = context(settings, allowed, &lines);
    context.limits.time_max = time_max;
    let record = r#"{"eventID":"event-1","eventName":"INSERT","dynamodb":{"SequenceNumber":"100","SizeBytes":1,"ApproximateCreationDateTime":1700000000,"Keys":{"pk":{"S":"a"}}}}"#;
    let page = slice_page(Arc::new(format!(r#"{{"Records":[{record}]}}"#))).unwrap();
    let changes = page.changes.into_iter().map(Arc::new).collect();
    let batch = Batch { origin: origin(), shard: "shard".into(), attempt: 1, changes };
    let report = fixture().await.handle(&batch, &context).await;
    let lines = lines.0.lock().unwrap().clone();
    assert!(!format!("{lines:?} {report:?} {context:?}").contains(SECRET), "{lines:#?}");
    Ran { report, lines }
}

async fn ask(asked: &[(&str, &str)], allowed: Vec<Allowed>) -> Ran {
    let ran = run(&[("mode", "http"), ("requests", &requests(asked))], allowed, Duration::from_secs(60)).await;
    assert_eq!(ran.report.outcome, Outcome::Handled(Vec::new()), "a denial is no trap: {:#?}", ran.lines);
    ran
}

fn show(served: &Served) -> Reply {
    reply(200, "x-from: server\r\n", format!("{} {}", served.method, served.target).as_bytes())
}

#[tokio::test]
async fn a_plugin_gets_answers_from_where_it_may_and_typed_errors_from_elsewhere() {
    let ca = Ca::new();
    let (secure, plain) = (WebServer::start_tls(&ca, &["api.example.test"], show), WebServer::start(show));
    let (https, http) = (format!("https://api.example.test:{}", secure.port()), format!("http://a.wild.example:{}", plain.port()));
    let entries = vec![
        Allowed { authorities: Some(Authorities::from_pem(&ca.pem()).unwrap()), ..with_secret(&format!("{https}/v1/")) },
        allowed(&format!("http://*.wild.example:{}", plain.port())),
    ];
    let evil = format!("http://evil-wild.example:{}/", plain.port());
    let metadata = "http://169.254.169.254/latest/meta-data/";
    let ran = ask(
        &[
            ("POST", &format!("{https}/v1/orders?x=1")),
            ("GET", &http),
            ("GET", &format!("{https}/v1/../admin")),
            ("GET", &format!("{https}/v1/%2e%2e/admin")),
            ("TRACE", &format!("{https}/v1/x")),
            ("GET", &evil),
            ("GET", metadata),
            ("GET", &format!("http://user:pass@a.wild.example:{}/", plain.port())),
        ],
        entries,
    )
    .await;
    let said: Vec<&str> = ran.lines.iter().filter(|line| line.starts_with("info")).map(String::as_str).collect();
    assert!(said[0].contains("200 x-from=server content-length=19 POST /v1/orders?x=1"), "{said:#?}");
    assert!(said[1].contains("GET /"), "{said:#?}");
    for denied in &said[2..7] {
        assert!(denied.contains("denied the host denies the request: its log says why"), "{said:#?}");
    }
    assert!(said[7].contains("invalid"), "{said:#?}");
    ran.has("warn wasi:http: GET: denied: the path is none that the trigger's `grants.http` has of https://api.example.test");
    ran.has("warn wasi:http: GET: denied: the trigger's `grants.http` does not have http://169.254.169.254");
    ran.has("warn wasi:http: TRACE: denied: the method TRACE is allowed nowhere");
    ran.has(&format!("asked {https}/v1/: 2xx"));
    ran.has("asked : denied");
    assert!(!format!("{:?}", ran.lines).contains("admin"), "a path is no business of a log: {:#?}", ran.lines);
    // The host has added it, and the guest has not seen it.
    assert_eq!(secure.served()[0].header("authorization"), [format!("Bearer {SECRET}")]);
    assert_eq!((secure.connections(), plain.connections()), (1, 1));
    assert!(plain.served()[0].header("authorization").is_empty());
}

#[tokio::test]
async fn without_a_grant_and_while_it_is_probed_a_plugin_sends_nothing() {
    let server = WebServer::start(show);
    let url = format!("http://h.example:{}", server.port());
    let ran = ask(&[("GET", &url)], Vec::new()).await;
    ran.has("info fixture: denied");
    ran.has("trigger `t` is not granted http: add `grants = { http = [\"https://HOST\"] }` to [triggers.t]");
    let lines = Arc::<Lines>::default();
    let settings = [("mode", "http"), ("probes", "true"), ("requests", &*requests(&[("GET", &url)]))];
    let context = context(&settings, vec![allowed(&url)], &lines);
    fixture().await.probe(&origin(), &context).await.unwrap();
    let said = lines.0.lock().unwrap().join("\n");
    assert!(said.contains("this is the probe of a new version: an empty batch sends nothing"), "{said}");
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_redirect_is_the_plugins_to_follow_and_takes_no_secret_along() {
    let other = WebServer::start(show);
    let there = format!("http://other.example:{}", other.port());
    let location = format!("location: {there}/there\r\n");
    let server = WebServer::start(move |_| reply(307, &location, b""));
    let here = format!("http://localhost:{}", server.port());
    for (grants, arrives) in [(vec![with_secret(&here)], 0), (vec![with_secret(&here), allowed(&there)], 1)] {
        let settings = [("mode", "http"), ("follows", "true"), ("requests", &*requests(&[("GET", &here)]))];
        let ran = run(&settings, grants, Duration::from_secs(60)).await;
        ran.has("info fixture: 307");
        ran.has(if arrives == 0 { "info fixture: denied" } else { "info fixture: 200" });
        assert_eq!(other.served().len(), arrives);
    }
    assert_eq!(server.served()[0].header("authorization").len(), 1);
    assert!(other.served()[0].header("authorization").is_empty());
}

#[tokio::test]
async fn bodies_have_a_bound_both_ways() {
    let server = WebServer::start(|served| match &*served.target {
        "/largest" => reply(200, "", &vec![b'x'; BODY_BYTES_MAX]),
        "/too-large" => reply(200, "", &vec![b'x'; BODY_BYTES_MAX + 1]),
        _ => reply(200, "", served.body.len().to_string().as_bytes()),
    });
    let url = format!("http://h.example:{}", server.port());
    let body = |size: usize| format!("zeros:{size}");
    let asked = json!([
        ["POST", format!("{url}/"), [], body(BODY_BYTES_MAX)],
        ["POST", format!("{url}/"), [], body(BODY_BYTES_MAX + 1)],
        ["GET", format!("{url}/largest"), [], ""],
        ["GET", format!("{url}/too-large"), [], ""],
        ["GET", format!("{url}/"), [["x-large", "y".repeat(20_000)]], ""],
        ["GET", format!("{url}/"), [], ""],
    ]);
    let ran = run(&[("mode", "http"), ("requests", &asked.to_string())], vec![allowed(&url)], Duration::from_secs(60)).await;
    let said: Vec<&String> = ran.lines.iter().filter(|line| line.starts_with("info")).collect();
    for (line, expected) in said.iter().zip([
        "8388608",
        "invalid a body of more than 8388608 bytes",
        "200 8388608 bytes",
        "invalid an answer of more than 8388608 bytes",
        "invalid headers of more than 16384 bytes",
        "200",
    ]) {
        assert!(line.contains(expected), "no `{expected}`: {:#?}", ran.lines);
    }
    assert_eq!(said.len(), 6);
}

/// Wasmtime's own answer to more of them is a trap.
#[tokio::test]
async fn headers_have_a_bound_that_is_an_error() {
    let ran = run(&[("mode", "http-headers")], Vec::new(), Duration::from_secs(60)).await;
    assert_eq!(ran.report.outcome, Outcome::Handled(Vec::new()), "{:#?}", ran.lines);
    ran.has("info fixture: Some(HeaderError::Forbidden) Ok(()) Err(HeaderError::Forbidden) Some(HeaderError::Forbidden) true");
    ran.has("warn wasi:http: headers of more than 32768 bytes, each counted with some bytes of its own: send less of them");
}

#[tokio::test]
async fn a_slow_server_costs_the_call_and_is_left() {
    let server = WebServer::start(|_| Reply::Never);
    let url = format!("http://h.example:{}", server.port());
    let settings = [("mode", "http"), ("requests", &*requests(&[("GET", &url)]))];
    let ran = run(&settings, vec![allowed(&url)], Duration::from_secs(2)).await;
    let Outcome::Failed(failure) = &ran.report.outcome else { panic!("{:?}", ran.report.outcome) };
    assert_eq!(&*failure.reason, "time limit: not done after 2s, waiting for an answer over http");
    server.hung_up(1).await;
}

#[tokio::test]
async fn requests_of_one_call_wait_for_their_turn() {
    let server = WebServer::start(|_| Reply::When(REQUESTS_MAX, whole(200, "", b"")));
    let authority = format!("h.example:{}", server.port());
    let settings = [("mode", "http-many"), ("authority", &*authority), ("count", "30")];
    let ran = run(&settings, vec![allowed(&format!("http://{authority}"))], Duration::from_secs(60)).await;
    ran.has("info fixture: 30 answers");
    assert_eq!((server.waiting_most(), server.served().len()), (REQUESTS_MAX, 30));
    assert_eq!(server.connections(), REQUESTS_MAX, "one for each turn");
}

/// Answers that a guest does not read must not fill the host's memory.
#[tokio::test]
async fn unread_answers_have_a_bound() {
    let server = WebServer::start(|_| reply(200, "", &vec![b'x'; BODY_BYTES_MAX]));
    let authority = format!("h.example:{}", server.port());
    let settings = [("mode", "http-many"), ("authority", &*authority), ("count", "6")];
    let ran = run(&settings, vec![allowed(&format!("http://{authority}"))], Duration::from_secs(60)).await;
    ran.has("info fixture: 4 answers");
    ran.has("warn wasi:http: GET: the plugin has more than 33554432 bytes of answers that it has not read");
    ran.has("error ErrorCode::HttpResponseBodySize");
}

/// From the config's text, with a secret of the environment, to a metric.
#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_posts_each_change_to_a_webhook() {
    // The first time it is not well.
    let ill = Mutex::new(true);
    let server =
        WebServer::start(move |_| if std::mem::take(&mut *ill.lock().unwrap()) { reply(503, "", b"") } else { reply(204, "", b"") });
    let place = Place::embedded().await;
    // Whoever has no variable cannot read the config that is written now.
    let client = place.client("users").await;
    std::fs::write(place.dir.path().join("fixture.wasm"), tripline_bundled::FIXTURE).unwrap();
    let url = format!("http://127.0.0.1:{}/hook/", server.port());
    let trigger = format!(
        "[triggers.hook]\nstream = \"users\"\nplugin = \"fixture.wasm\"\nview = \"keys-only\"\nsettings = {{ mode = \"webhook\", url = \"{url}orders?token=of-the-guest\" }}\n\
         grants.http = [{{ url = \"{url}\", private = true, headers = {{ Authorization = {{ env = \"HOOK_TOKEN\", prefix = \"Bearer \" }} }} }}]\n\
         [triggers.broken]\nstream = \"users\"\nplugin = \"fixture.wasm\"\nview = \"keys-only\"\nsettings = {{ mode = \"http-broken\" }}\n"
    );
    let config = std::fs::read_to_string(place.config_file()).unwrap();
    std::fs::write(place.config_file(), config + &trigger).unwrap();
    let host = crate::harness::Host::start_with(&place.config_file(), &[("HOOK_TOKEN".to_owned(), SECRET.to_owned())]);
    let put = client
        .put_item()
        .table_name("users")
        .item("id", AttributeValue::S("u1".into()))
        .item("email", AttributeValue::S("a@example.com".into()));
    put.item("plan", AttributeValue::S("free".into()))
        .item("name", AttributeValue::S("A".into()))
        .send()
        .await
        .unwrap();
    host.until("the webhook has the change", |host| host.metric("tripline_changes_acknowledged_total", "trigger=\"hook\"") == 1.0)
        .await;
    host.until("the other has asked a thousand times for nothing", |host| {
        host.metric("tripline_changes_acknowledged_total", "trigger=\"broken\"") == 1.0
    })
    .await;
    let served = server.served();
    assert_eq!(served.len(), 2);
    for served in &served {
        assert_eq!(
            (&*served.method, &*served.target, &*served.body),
            ("POST", "/hook/orders?token=of-the-guest", &br#"{"id":{"S":"u1"}}"#[..])
        );
        assert_eq!(served.header("authorization"), [format!("Bearer {SECRET}")]);
    }
    assert_eq!(served[0].header("idempotency-key"), served[1].header("idempotency-key"));
    for (result, count) in [("5xx", 1.0), ("2xx", 1.0)] {
        let labels = format!("place=\"{url}\",result=\"{result}\",trigger=\"hook\"");
        assert_eq!(host.metric("tripline_http_requests_total", &labels), count, "{result}");
    }
    let answered = |how: &str| host.metric("tripline_http_connections_total", &format!("how=\"{how}\",trigger=\"hook\""));
    assert_eq!((answered("new") + answered("reused"), answered("new")), (2.0, server.connections() as f64));
    let (ended, log) = host.stop_and_tell();
    assert!(ended && !log.contains(SECRET) && !log.contains("of-the-guest") && log.lines().count() < 500, "{log}");
}
