//! Who is told what, over real HTTP on loopback.

use crate::bench::{Answer, Bench, NOW_MS, Stored, ask, get, with_server};
use tripline_admin::{Admin, AdminError, Component, State, Token};
use tripline_core::decimal::Decimal;
use tripline_core::effect::CounterKey;
use tripline_core::gap::{Cause, Gap};
use tripline_core::port::CounterValue;
use tripline_core::signal::{Signal, Signals as _};
use tripline_core::time::Timestamp;

const LOCAL: &str = "Host: localhost";

#[track_caller]
fn check(path: &str, headers: &[&str], status: u16, body: &str) -> Answer {
    let bench = Bench::new();
    bench.health.set(Component::Store, State::Ready);
    let answer = with_server(bench.admin("127.0.0.1:0", None), |addr| get(addr, path, headers));
    expect(answer, status, body)
}

#[track_caller]
fn expect(answer: Answer, status: u16, body: &str) -> Answer {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.body.contains(body), "{answer:?}");
    answer
}

#[test]
fn each_path_answers() {
    let metrics = check("/metrics", &[LOCAL], 200, "# TYPE tripline_build_info gauge\n");
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(metrics.body.ends_with('\n'));
    check("/healthz", &[LOCAL], 200, "ok");
    let ready = check("/readyz", &[LOCAL], 200, r#"{"problems":[],"ready":true}"#);
    assert_eq!(ready.header("content-type"), Some("application/json"));
    let index = check("/", &[LOCAL], 200, "/metrics");
    assert_eq!(index.header("content-security-policy"), Some("default-src 'none'; frame-ancestors 'none'"));
    assert_eq!(index.header("cache-control"), Some("no-store"));
    check("/nothing", &[LOCAL], 404, "");
}

#[test]
fn nothing_but_get_is_taken() {
    let bench = Bench::new();
    let answer = with_server(bench.admin("127.0.0.1:0", None), |addr| ask(addr, "POST /metrics", &[LOCAL, "Content-Length: 0"]));
    assert_eq!(answer.status, 405);
}

#[test]
fn readiness_says_what_is_missing() {
    let bench = Bench::new();
    let components = [Component::Store, Component::Stream("orders".into()), Component::Trigger("mail".into())];
    components.into_iter().for_each(|component| bench.health.expect(component));
    bench.health.set(Component::Store, State::Ready);
    bench
        .telemetry
        .emit(Signal::StreamUnavailable { stream: &"orders".into(), reason: "no \"stream\"; enable it" });
    let answer = with_server(bench.admin("127.0.0.1:0", None), |addr| get(addr, "/readyz", &[LOCAL]));
    let body = r#"{"problems":[{"component":"stream orders","reason":"no \"stream\"; enable it"},{"component":"trigger mail","reason":"starting"}],"ready":false}"#;
    assert_eq!((answer.status, &*answer.body), (503, body));
    assert!(bench.scrape().contains("\ntripline_ready 0\n"));
    bench.telemetry.emit(Signal::StreamFound { stream: &"orders".into(), arn: &"arn".into() });
    bench
        .telemetry
        .emit(Signal::PluginServes { trigger: &"mail".into(), plugin: "m", version: &"v".into(), reload: false });
    let answer = with_server(bench.admin("127.0.0.1:0", None), |addr| get(addr, "/readyz", &[LOCAL]));
    expect(answer, 200, r#""ready":true"#);
    assert!(bench.scrape().contains("\ntripline_ready 1\n"));
}

#[test]
fn a_warning_is_named_while_the_host_is_ready_and_to_nobody_who_may_not_know() {
    let (folder, bench) = (tempfile::tempdir().unwrap(), Bench::new());
    bench.health.set(Component::Store, State::Ready);
    let near = |reason| bench.telemetry.emit(Signal::LettersNearBounds(reason));
    let local = || with_server(bench.admin("127.0.0.1:0", None), |addr| get(addr, "/readyz", &[LOCAL]));
    near(Some("the dead letters take 9 of 10 bytes"));
    let answer = local();
    assert_eq!((answer.status, &*answer.body), (200, r#"{"problems":[],"ready":true,"warnings":["the dead letters take 9 of 10 bytes"]}"#));
    let far = with_server(bench.admin("0.0.0.0:0", Some(token(&folder).0)), |addr| get(addr, "/readyz", &[LOCAL]));
    assert_eq!((far.status, &*far.body), (200, r#"{"problems":[],"ready":true}"#));
    near(None);
    assert_eq!(local().body, r#"{"problems":[],"ready":true}"#);
}

/// A gap that stops a trigger: where it is, for whoever may know it.
#[test]
fn readiness_names_the_shard() {
    let (folder, bench) = (tempfile::tempdir().unwrap(), Bench::new());
    bench.health.set(Component::Trigger("mail".into()), State::Ready);
    let gap = Gap { shard: Some("shard-1".into()), after: None, since: None, until: Timestamp::from_ms(NOW_MS), cause: Cause::Gone };
    bench
        .telemetry
        .emit(Signal::Gap { stream: &"orders".into(), trigger: &"mail".into(), gap: &gap, stops: true });
    let local = with_server(bench.admin("127.0.0.1:0", None), |addr| get(addr, "/readyz", &[LOCAL]));
    let body: serde_json::Value = serde_json::from_str(&local.body).unwrap();
    let problem = &body["problems"][0];
    assert_eq!(local.status, 503);
    let named = ["component", "stream", "shard", "trigger"].map(|key| problem[key].as_str().unwrap());
    assert_eq!(named, ["trigger mail", "orders", "shard-1", "mail"]);
    assert!(problem["reason"].as_str().unwrap().contains("on_gap = \"continue\" in [streams.orders]"), "{problem}");
    let far = with_server(bench.admin("0.0.0.0:0", Some(token(&folder).0)), |addr| get(addr, "/readyz", &[LOCAL]));
    assert_eq!((far.status, &*far.body), (503, r#"{"problems":[{"component":"trigger mail"}],"ready":false}"#));
}

#[test]
fn lives_while_not_ready() {
    let bench = Bench::new();
    bench.health.expect(Component::Store);
    expect(with_server(bench.admin("127.0.0.1:0", None), |addr| get(addr, "/healthz", &[LOCAL])), 200, "ok");
}

#[test]
fn on_loopback_only_who_names_loopback_is_answered() {
    for host in ["Host: localhost:9464", "Host: 127.0.0.1", "host: [::1]:9464"] {
        check("/metrics", &[host], 200, "tripline_ready");
    }
    for path in ["/", "/metrics", "/healthz", "/readyz", "/nothing"] {
        check(path, &["Host: rebound.example"], 403, "ask for localhost");
    }
    check("/metrics", &["Host: localhost.rebound.example"], 403, "ask for localhost");
    check("/metrics", &[], 403, "ask for localhost");
}

fn token(folder: &tempfile::TempDir) -> (Token, String) {
    let path = folder.path().join("token");
    let token = Token::load_or_create(&path).unwrap();
    (token, std::fs::read_to_string(path).unwrap().trim_end().to_owned())
}

#[test]
fn beyond_loopback_the_token_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (token, text) = token(&folder);
    let bench = Bench::new();
    bench.health.set(Component::Store, State::NotReady("secret place".into()));
    // Every address of this machine; the client still comes over loopback.
    with_server(bench.admin("0.0.0.0:0", Some(token)), async |addr| {
        let addr = ([127, 0, 0, 1], addr.port()).into();
        let host = "Host: tripline.example";
        for headers in [
            vec![host],
            vec![host, "Authorization: Bearer"],
            vec![host, "Authorization: Bearer wrong"],
            vec![host, &format!("Authorization: Basic {text}")],
            vec![host, &format!("Authorization: Bearer {text}"), "Authorization: Bearer wrong"],
            vec![host, &format!("Authorization: Bearer {}", &text[1..])],
        ] {
            for path in ["/", "/metrics", "/nothing"] {
                let answer = expect(get(addr, path, &headers).await, 401, "data_dir/token");
                assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            }
            expect(get(addr, "/healthz", &headers).await, 200, "ok");
            let ready = get(addr, "/readyz", &headers).await;
            assert_eq!((ready.status, &*ready.body), (503, r#"{"problems":[{"component":"store"}],"ready":false}"#));
        }
        let bearer = format!("Authorization: bearer {text}");
        expect(get(addr, "/metrics", &[host, &bearer]).await, 200, "tripline_ready 0");
        expect(get(addr, "/readyz", &[host, &bearer]).await, 503, "secret place");
    });
}

#[test]
fn plugin_counters_stand_beside_the_hosts_metrics() {
    let counter = |name: &str, labels: &[(&str, &str)], value: &str| CounterValue {
        trigger: "sales".into(),
        counter: CounterKey::new(name, labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()),
        value: Decimal::parse(value).unwrap(),
    };
    let bench = Bench::new();
    let text = bench.scrape_with(Stored(vec![
        counter("orders", &[("status", "paid")], "12"),
        counter("orders", &[], "3"),
        counter("revenue", &[("currency", "EUR")], "1999.95"),
    ]));
    for line in [
        "# TYPE tripline_tally_orders gauge",
        r#"tripline_tally_orders{trigger="sales",status="paid"} 12"#,
        r#"tripline_tally_orders{trigger="sales"} 3"#,
        r#"tripline_tally_revenue{trigger="sales",currency="EUR"} 1999.95"#,
        r#"tripline_counters_left_out{trigger="sales"} 0"#,
        "tripline_counters_read_failures_total 0",
    ] {
        assert!(text.lines().any(|shown| shown == line), "no `{line}` in:\n{text}");
    }
    let many = (0..7).map(|n| counter("orders", &[("n", &n.to_string())], "1")).collect();
    let admin = Admin { counters: std::sync::Arc::new(Stored(many)), counter_series_max: 5, ..bench.admin("127.0.0.1:0", None) };
    let answer = with_server(admin, |addr| get(addr, "/metrics", &[LOCAL]));
    expect(answer, 200, "\ntripline_counters_left_out{trigger=\"sales\"} 2\n");
}

/// Every line of the answer is a comment, or a sample whose family was announced, and no sample stands twice.
#[test]
fn the_whole_answer_is_well_formed() {
    let bench = Bench::new();
    bench
        .telemetry
        .emit(Signal::Oldest { trigger: &"a\nb".into(), shard: &"s".into(), created: Some(Timestamp::from_ms(NOW_MS)) });
    bench
        .telemetry
        .emit(Signal::PluginServes { trigger: &"a\nb".into(), plugin: "p", version: &"v".into(), reload: false });
    let text = bench.scrape();
    let (mut families, mut series) = (Vec::new(), std::collections::BTreeSet::new());
    for line in text.lines() {
        if let Some(typed) = line.strip_prefix("# TYPE ") {
            let name = typed.split(' ').next().unwrap();
            assert!(!families.contains(&name), "{name} twice");
            families.push(name);
        } else if !line.starts_with("# HELP ") {
            let (key, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(key.starts_with(families.last().unwrap()), "{line}");
            assert!(series.insert(key), "{key} twice");
        }
    }
    assert!(families.len() > 20, "{families:?}");
}

#[tokio::test]
async fn a_taken_port_is_named_with_the_remedy() {
    let bench = Bench::new();
    let first = bench.admin("127.0.0.1:0", None).bind().await.unwrap();
    let addr = first.local_addr.to_string();
    let error = bench.admin(&addr, None).bind().await.unwrap_err();
    assert!(matches!(error, AdminError::AddressInUse { .. }));
    let message = error.to_string();
    assert!(message.contains(&addr) && message.contains("set `listen` in [host] to another port"), "{message}");
}

#[tokio::test]
async fn what_cannot_be_served_safely_is_refused() {
    let bench = Bench::new();
    let error = bench.admin("0.0.0.0:0", None).bind().await.unwrap_err();
    assert!(matches!(error, AdminError::NoToken { .. }), "{error}");
    // TEST-NET-1 (RFC 5737) is no address of any machine.
    let error = bench.admin("192.0.2.1:0", token(&tempfile::tempdir().unwrap()).0.into()).bind().await.unwrap_err();
    assert!(matches!(error, AdminError::Bind { .. }) && error.to_string().contains("192.0.2.1:0"), "{error}");
}

/// `with_server` returns only once `run` has.
#[test]
fn an_idle_connection_does_not_keep_the_host_from_stopping() {
    let began = std::time::Instant::now();
    let (idle, answer) = with_server(Bench::new().admin("127.0.0.1:0", None), async |addr| {
        let idle = tokio::net::TcpStream::connect(addr).await.unwrap();
        (idle, get(addr, "/healthz", &[LOCAL]).await)
    });
    expect(answer, 200, "ok");
    assert!(began.elapsed() < std::time::Duration::from_secs(4), "an idle connection was waited for");
    drop(idle);
}
