//! What the API refuses, over real HTTP on loopback: each with its status and its problem.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tripline_admin::{Failure, Operator, Question, Token};
use tripline_core::port::BoxFuture;

use crate::bench::{Answer, Bench, serve};

/// Answers everything, and remembers what it was asked.
#[derive(Debug, Default)]
struct Willing(Mutex<Vec<Question>>);

impl Operator for Willing {
    fn ask(&self, question: Question) -> BoxFuture<'_, Result<Value, Failure>> {
        self.0.lock().unwrap().push(question);
        Box::pin(async { Ok(json!({ "asked": true })) })
    }
}

struct Api {
    operator: Arc<Willing>,
    token: String,
    _folder: tempfile::TempDir,
}

/// `TOKEN` in them stands for the token.
fn ask_all(requests: &[&str]) -> (Vec<Answer>, Vec<Question>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let token = Token::load_or_create(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap().trim_end().to_owned();
    let api = Api { operator: Arc::default(), token: text, _folder: folder };
    let admin = Bench::new().admin("127.0.0.1:0", Some(token));
    let answers = serve(admin, Some(api.operator.clone()), |addr| async move {
        let mut answers = Vec::new();
        for request in requests {
            let mut stream = TcpStream::connect(addr).await.unwrap();
            let request = request
                .replace("TOKEN", &api.token)
                .replace("KOTEN", &api.token.to_uppercase())
                .replace("TOKE-", &api.token[..40]);
            // One that is refused early may not be read to its end.
            let _ = stream.write_all(request.as_bytes()).await;
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes).await;
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
            let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
            answers.push(Answer { status, head: head.to_owned(), body: body.to_owned() });
        }
        (answers, api)
    });
    let (answers, api) = answers;
    let asked = api.operator.0.lock().unwrap().clone();
    (answers, asked)
}

const AUTH: &str = "Authorization: Bearer TOKEN";
const JSON: &str = "Content-Type: application/json";

/// `line` with these headers and this body; status and problem.
type Row<'a> = (&'a str, &'a [&'a str], &'a str, u16, &'a str);

#[track_caller]
fn check(rows: &[Row<'_>]) {
    let request = |(line, headers, body, ..): &Row<'_>| {
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        format!("{line} HTTP/1.1\r\n{headers}{length}Connection: close\r\n\r\n{body}")
    };
    let requests: Vec<String> = rows.iter().map(request).collect();
    let (answers, asked) = ask_all(&requests.iter().map(String::as_str).collect::<Vec<_>>());
    for ((line, headers, body, status, problem), answer) in rows.iter().zip(&answers) {
        let what = format!("{line} {headers:?} {:.200}", body);
        assert_eq!(answer.status, *status, "{what}: {answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{what}");
        if problem.is_empty() {
            continue;
        }
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{what}: {answer:?}");
        let told: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(told["type"], format!("urn:tripline:problem:{problem}"), "{what}: {told}");
        assert_eq!(told["status"], *status, "{what}");
        assert!(told["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{what}: {told}");
        assert!(told["title"].is_string() && told.as_object().unwrap().len() == 4, "{what}: {told}");
    }
    assert!(asked.is_empty(), "the operator was asked: {asked:?}");
}

const LOCAL: &str = "Host: localhost";
const TRIGGERS: &str = "GET /api/v1/triggers";
const PAUSE: &str = "POST /api/v1/triggers/t/pause";

#[test]
fn without_the_token_nothing_is_told() {
    let rows: Vec<Row<'_>> = vec![
        (TRIGGERS, &[LOCAL], "", 401, "unauthorized"),
        (PAUSE, &[LOCAL, JSON], "{}", 401, "unauthorized"),
        (TRIGGERS, &[LOCAL, "Authorization: Bearer TOKE-"], "", 401, "unauthorized"),
        (TRIGGERS, &[LOCAL, "Authorization: Bearer TOKENx"], "", 401, "unauthorized"),
        (TRIGGERS, &[LOCAL, "Authorization: Bearer TOKEN TOKEN"], "", 401, "unauthorized"),
        (TRIGGERS, &[LOCAL, "Authorization: Bearer KOTEN"], "", 401, "unauthorized"),
        (TRIGGERS, &[LOCAL, "Authorization: Bearer"], "", 401, "unauthorized"),
        (TRIGGERS, &[LOCAL, "Authorization: Bearer "], "", 401, "unauthorized"),
        (TRIGGERS, &[LOCAL, "Authorization: TOKEN"], "", 401, "unauthorized"),
        (TRIGGERS, &[LOCAL, "Authorization: Basic TOKEN"], "", 401, "unauthorized"),
        (TRIGGERS, &[LOCAL, AUTH, AUTH], "", 401, "unauthorized"),
        (TRIGGERS, &[LOCAL, AUTH, "Authorization: Bearer wrong"], "", 401, "unauthorized"),
        (TRIGGERS, &[LOCAL, "Cookie: token=TOKEN"], "", 401, "unauthorized"),
        (TRIGGERS, &[LOCAL, "X-Authorization: Bearer TOKEN"], "", 401, "unauthorized"),
        ("GET /api/v1/triggers?token=TOKEN", &[LOCAL], "", 401, "unauthorized"),
        ("GET /api/v1/triggers?access_token=TOKEN", &[LOCAL], "", 401, "unauthorized"),
        // Nor what paths there are.
        ("GET /api/v1/nothing", &[LOCAL], "", 401, "unauthorized"),
        ("GET /api", &[LOCAL], "", 401, "unauthorized"),
        ("GET /api/v1/openapi.json", &[LOCAL], "", 401, "unauthorized"),
        ("DELETE /api/v1/triggers", &[LOCAL], "", 401, "unauthorized"),
        ("OPTIONS /api/v1/triggers", &[LOCAL, "Origin: https://evil.example"], "", 401, "unauthorized"),
    ];
    check(&rows);
}

#[test]
fn who_names_another_host_is_refused_whatever_the_token() {
    let rows: Vec<Row<'_>> = vec![
        (TRIGGERS, &["Host: rebound.example", AUTH], "", 403, "wrong-host"),
        (TRIGGERS, &["Host: localhost.rebound.example", AUTH], "", 403, "wrong-host"),
        (TRIGGERS, &["Host: 10.0.0.1", AUTH], "", 403, "wrong-host"),
        (TRIGGERS, &[AUTH], "", 403, "wrong-host"),
        (TRIGGERS, &["Host:", AUTH], "", 403, "wrong-host"),
        (TRIGGERS, &[LOCAL, "Host: rebound.example", AUTH], "", 403, "wrong-host"),
        ("GET http://rebound.example/api/v1/triggers", &[LOCAL, AUTH], "", 403, "wrong-host"),
        ("GET http://localhost@rebound.example/api/v1/triggers", &[LOCAL, AUTH], "", 403, "wrong-host"),
    ];
    check(&rows);
}

#[test]
fn paths_lead_where_they_say_and_nowhere_else() {
    let rows: Vec<Row<'_>> = vec![
        ("GET /api/v1/nothing", &[LOCAL, AUTH], "", 404, "no-such-path"),
        ("GET /api", &[LOCAL, AUTH], "", 404, "no-such-path"),
        ("GET /api/", &[LOCAL, AUTH], "", 404, "no-such-path"),
        ("GET /api/v2/triggers", &[LOCAL, AUTH], "", 404, "no-such-path"),
        ("GET /api/v1/triggers/", &[LOCAL, AUTH], "", 404, "no-such-path"),
        ("GET /api/v1//triggers", &[LOCAL, AUTH], "", 404, "no-such-path"),
        ("GET /api//v1/triggers", &[LOCAL, AUTH], "", 404, "no-such-path"),
        ("GET /api/../metrics", &[LOCAL, AUTH], "", 404, "no-such-path"),
        ("GET /api/%2e%2e/metrics", &[LOCAL, AUTH], "", 404, "no-such-path"),
        ("GET /api/v1/%74riggers", &[LOCAL, AUTH], "", 404, "no-such-path"),
        ("GET /api/v1/triggers/a/b", &[LOCAL, AUTH], "", 404, "no-such-path"),
        ("GET /api/v1/triggers;x", &[LOCAL, AUTH], "", 404, "no-such-path"),
        ("GET /api\\v1\\triggers", &[LOCAL, AUTH], "", 404, "no-such-path"),
        ("GET /apiv1/triggers", &[LOCAL, AUTH], "", 404, "no-such-path"),
        // Not the API, and nothing else.
        ("GET /API/v1/triggers", &[LOCAL], "", 404, ""),
        ("GET //api/v1/triggers", &[LOCAL], "", 404, ""),
        ("GET /%61pi/v1/triggers", &[LOCAL], "", 404, ""),
        ("GET /./api/v1/triggers", &[LOCAL], "", 404, ""),
        ("GET /metrics/../api/v1/triggers", &[LOCAL], "", 404, ""),
        ("GET /api/v1/triggers/\0", &[LOCAL, AUTH], "", 400, ""),
        ("GET /api/v1/triggers/%ff", &[LOCAL, AUTH], "", 400, "invalid"),
        ("DELETE /api/v1/triggers", &[LOCAL, AUTH], "", 405, "wrong-method"),
        ("OPTIONS /api/v1/triggers", &[LOCAL, AUTH, "Origin: http://localhost"], "", 405, "wrong-method"),
        ("POST /api/v1/triggers", &[LOCAL, AUTH, JSON], "{}", 405, "wrong-method"),
        ("GET /api/v1/triggers/t/pause", &[LOCAL, AUTH], "", 405, "wrong-method"),
        ("PUT /api/v1/triggers/t/pause", &[LOCAL, AUTH, JSON], "{}", 405, "wrong-method"),
        ("TRACE /api/v1/triggers", &[LOCAL, AUTH], "", 405, "wrong-method"),
    ];
    check(&rows);
}

#[test]
fn queries_are_taken_to_the_letter() {
    let invalid = [
        "/triggers?x=1",
        "/triggers?trigger=t",
        "/openapi.json?x",
        "/streams/s?x=1",
        "/dead-letters?limit=0",
        "/dead-letters?limit=1001",
        "/dead-letters?limit=",
        "/dead-letters?limit=1e2",
        "/dead-letters?limit=%2B5",
        "/dead-letters?limit=-1",
        "/dead-letters?limit=NaN",
        "/dead-letters?limit=1&limit=2",
        "/dead-letters?trigger=",
        "/dead-letters?prefix=a",
        "/dead-letters?after=0",
        "/dead-letters?after=9223372036854775808",
        "/dead-letters?Limit=5",
        "/dead-letters/0",
        "/dead-letters/-1",
        "/dead-letters/1.0",
        "/dead-letters/x",
        "/dead-letters/99999999999999999999",
        "/state",
        "/state?prefix=a",
        "/state?trigger=t&pattern=x",
        "/counters?after=-1",
        "/counters?prefix=x",
    ];
    let lines: Vec<String> = invalid.iter().map(|path| format!("GET /api/v1{path}")).collect();
    check(&lines.iter().map(|line| (line.as_str(), &[LOCAL, AUTH][..], "", 400, "invalid")).collect::<Vec<_>>());
    check(&[("POST /api/v1/triggers/t/pause?x=1", &[LOCAL, AUTH, JSON], "{}", 400, "invalid")]);
}

#[test]
fn only_json_is_taken_so_that_no_form_can_send_it() {
    let types = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonx",
        "application/json; charset=utf-16",
        "text/json",
        "application/problem+json",
    ];
    let headers: Vec<String> = types.iter().map(|kind| format!("Content-Type: {kind}")).collect();
    let rows: Vec<[&str; 3]> = headers.iter().map(|header| [LOCAL, AUTH, header.as_str()]).collect();
    check(
        &rows
            .iter()
            .map(|headers| (PAUSE, &headers[..], "{}", 415, "unsupported-media-type"))
            .collect::<Vec<_>>(),
    );
    check(&[
        (PAUSE, &[LOCAL, AUTH], "{}", 415, "unsupported-media-type"),
        (PAUSE, &[LOCAL, AUTH], "", 415, "unsupported-media-type"),
        (PAUSE, &[LOCAL, AUTH, JSON, "Content-Type: text/plain"], "{}", 415, "unsupported-media-type"),
    ]);
}

#[test]
fn bodies_are_taken_to_the_letter() {
    const REWIND: &str = "POST /api/v1/triggers/t/rewind";
    const DROP: &str = "POST /api/v1/dead-letters/drop";
    let headers: &[&str] = &[LOCAL, AUTH, JSON];
    let deep = format!("{{\"to\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let deep_unknown = format!("{{\"x\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let huge = format!("{{\"to\":\"{}\"}}", "1".repeat(70_000));
    let ids = format!("{{\"ids\":[{}1]}}", "1,".repeat(1_000));
    let long = format!("{{\"pattern\":\"{}\"}}", "x".repeat(1_001));
    let mut rows: Vec<Row<'_>> = Vec::new();
    for body in ["", "{", "[]", "null", "1", "\"\"", "{}}", "{} {}", "{}x", "\u{feff}{}", "{\"x\":1}", "{/**/}", "{'a':1}", "{,}"] {
        rows.push((PAUSE, headers, body, 400, "invalid"));
    }
    for body in [
        "{}",
        r#"["trim-horizon"]"#,
        r#"{"to":null}"#,
        r#"{"to":1}"#,
        r#"{"to":["trim-horizon"]}"#,
        r#"{"to":"trim-horizon","to":"trim-horizon"}"#,
        r#"{"to":"trim-horizon","dry_run":"yes"}"#,
        r#"{"to":"trim-horizon","dry_run":null}"#,
        r#"{"to":"trim-horizon","dry_run":1}"#,
        r#"{"to":"trim-horizon","force":true}"#,
        r#"{"to":"trim-horizon",}"#,
        r#"{"TO":"trim-horizon"}"#,
        &deep,
        &deep_unknown,
    ] {
        rows.push((REWIND, headers, body, 400, "invalid"));
    }
    rows.push((REWIND, headers, &huge, 413, "too-large"));
    for body in [
        "{}",
        "[[1]]",
        r#"{"ids":[]}"#,
        r#"{"ids":[0]}"#,
        r#"{"ids":[-1]}"#,
        r#"{"ids":[1.5]}"#,
        r#"{"ids":[1e400]}"#,
        r#"{"ids":[NaN]}"#,
        r#"{"ids":[9223372036854775808]}"#,
        r#"{"ids":["1"]}"#,
        r#"{"ids":[null]}"#,
        r#"{"ids":null}"#,
        r#"{"ids":1}"#,
        r#"{"ids":[1],"trigger":"t"}"#,
        r#"{"ids":[1],"ids":[2]}"#,
        r#"{"trigger":""}"#,
        r#"{"trigger":null}"#,
        r#"{"pattern":""}"#,
        r#"{"all":false}"#,
        r#"{"all":"true"}"#,
        &ids,
        &long,
    ] {
        rows.push((DROP, headers, body, 400, "invalid"));
    }
    check(&rows);
}

/// What is right is asked: else the tables above would pass on a server that refuses everything.
#[test]
fn what_is_right_is_asked() {
    let request = |line: &str, body: &str| {
        let length = if body.is_empty() { String::new() } else { format!("{JSON}\r\nContent-Length: {}\r\n", body.len()) };
        format!("{line} HTTP/1.1\r\n{LOCAL}\r\n{AUTH}\r\n{length}Connection: close\r\n\r\n{body}")
    };
    let requests = [
        request(TRIGGERS, ""),
        request("GET http://127.0.0.1/api/v1/streams", ""),
        request("GET /api/v1/triggers/a%2Fb%20c", ""),
        request(PAUSE, "{}"),
        request("POST /api/v1/triggers/t/rewind", r#"{"to":"trim-horizon","dry_run":true}"#),
        request("POST /api/v1/dead-letters/drop", r#"{"ids":[1,2.0]}"#),
        request("GET /api/v1/dead-letters?trigger=t&pattern=x%20y&after=5&limit=7", ""),
        request("GET /api/v1/state?trigger=t&prefix=&after=%00", ""),
        request("GET /api/v1/openapi.json", ""),
    ];
    let (answers, asked) = ask_all(&requests.iter().map(String::as_str).collect::<Vec<_>>());
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
    assert!(refused.is_empty(), "{refused:?}");
    let expected = expect_test::expect![[r#"
        Triggers
        Streams
        Trigger("a/b c")
        Pause("t")
        Rewind("t", RewindWish { to: "trim-horizon", dry_run: true, reset_state: false })
        Drop(Letters { ids: Some([1, 2]), trigger: None, pattern: None, all: None })
        DeadLetters { trigger: Some("t"), pattern: Some("x y"), page: Page { after: Some(5), limit: 7 } }
        State { trigger: "t", prefix: "", page: Page { after: Some("\0"), limit: 100 } }
    "#]];
    expected.assert_eq(&asked.iter().map(|question| format!("{question:?}\n")).collect::<String>());
}

#[test]
fn a_parallelism_is_a_number_from_one_to_sixty_four() {
    const PARALLELISM: &str = "POST /api/v1/triggers/t/parallelism";
    let bodies = [
        "{}",
        "[8]",
        r#"{"parallelism":0}"#,
        r#"{"parallelism":-1}"#,
        r#"{"parallelism":65}"#,
        r#"{"parallelism":1.5}"#,
        r#"{"parallelism":1e30}"#,
        r#"{"parallelism":"8"}"#,
        r#"{"parallelism":null}"#,
        r#"{"parallelism":8,"parallelism":8}"#,
        r#"{"parallelism":8,"durable":true}"#,
    ];
    check(&bodies.map(|body| (PARALLELISM, &[LOCAL, AUTH, JSON][..], body, 400, "invalid")));
}
