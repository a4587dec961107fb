//! `tripline test --http`: requests that are answered from a file, and what is said of one that the file has no answer to.

use expect_test::{Expect, expect};
use serde_json::json;

use super::{fixture, told};

const ANSWERS: &str = r#"[
    { "method": "POST", "url": "https://api.example.com/orders", "status": 201, "headers": { "location": "/orders/7" }, "body": { "id": 7 } },
    { "url": "https://api.example.com/users/*", "status": 404 },
    { "method": "PUT", "url": "https://other.example.com/a" },
    { "method": "PUT", "url": "https://other.example.com/b" }
]"#;

/// One change, for which the fixture makes these requests.
#[track_caller]
fn check(requests: &[(&str, &str)], args: &[&str], expected: Expect) {
    let dir = fixture();
    std::fs::write(dir.path().join("answers.json"), ANSWERS).unwrap();
    let asked: Vec<_> = requests.iter().map(|(method, url)| json!([method, url, [["x-event", "e"]], "n"])).collect();
    let asked = format!("requests={}", json!(asked));
    let all = ["fixture.wasm", "--events", "-", "--setting", "mode=http", "--setting", &asked, "--grant", "http=https://api.example.com"];
    let event = r#"{"eventName":"INSERT","dynamodb":{"Keys":{"id":{"S":"a"}},"NewImage":{"id":{"S":"a"}}}}"#;
    expected.assert_eq(&told(dir.path(), &[&all[..], args].concat(), event));
}

#[test]
fn a_request_without_an_answer_is_told_with_what_there_is() {
    let asked = [
        ("POST", "https://api.example.com/orders"),
        ("GET", "https://api.example.com/users/7?x=1"),
        ("GET", "https://api.example.com/orders"),
        ("POST", "https://not.granted.example/"),
    ];
    check(
        &asked,
        &["--http", "answers.json"],
        expect![[r#"
        1 INSERT {"id":{"S":"a"}}: ok
          info: fixture: 201 location=/orders/7 {"id":7}
          info: fixture: 404  
          warn: wasi:http: GET: denied: the file of --http has no answer to GET https://api.example.com/orders; it has POST https://api.example.com/orders, any method of https://api.example.com/users/*, PUT https://other.example.com/a, and 1 more. Add what the server answers, as in {"method":"GET","status":200,"url":"https://api.example.com/orders"}
          info: fixture: denied the host denies the request: its log says why
          warn: wasi:http: POST: denied: the trigger's `grants.http` does not have https://not.granted.example
          info: fixture: denied the host denies the request: its log says why
          POST https://api.example.com/orders: 201
            x-event: e
            | n
          GET https://api.example.com/users/7?x=1: 404
            x-event: e
            | n
          GET https://api.example.com/orders: denied
            x-event: e
            | n
        1 change: 1 ok; 3 requests
        exit 0
    "#]],
    );
    check(
        &asked[..1],
        &[],
        expect![[r#"
        1 INSERT {"id":{"S":"a"}}: ok
          warn: wasi:http: POST: denied: a rehearsal has no network: name a file with answers, --http FILE, such as [{"method":"POST","status":200,"url":"https://api.example.com/orders"}]
          info: fixture: denied the host denies the request: its log says why
          POST https://api.example.com/orders: denied
            x-event: e
            | n
        1 change: 1 ok; 1 request
        exit 0
    "#]],
    );
}

#[test]
fn an_answer_that_no_host_takes_fails_its_request() {
    let dir = fixture();
    let answers = json!([{ "url": "https://API.example.com:443/large", "body": "x".repeat(8 * 1024 * 1024 + 1) }]);
    std::fs::write(dir.path().join("large.json"), answers.to_string()).unwrap();
    let large = dir.path().join("large.json").display().to_string();
    check(
        &[("GET", "https://api.example.com/large"), ("HEAD", "https://api.example.com/large")],
        &["--http", &large],
        expect![[r#"
        1 INSERT {"id":{"S":"a"}}: ok
          warn: wasi:http: GET: the answer's body has more than 8388608 bytes
          info: fixture: invalid an answer of more than 8388608 bytes
          info: fixture: 200  
          GET https://api.example.com/large: failed: the answer's body has more than 8388608 bytes
            x-event: e
            | n
          HEAD https://api.example.com/large: 200
            x-event: e
            | n
        1 change: 1 ok; 2 requests
        exit 0
    "#]],
    );
}

#[test]
fn a_file_that_is_no_list_of_answers_is_refused() {
    check(
        &[],
        &["--http", "nothing.json"],
        expect![[r#"
        error: nothing.json cannot be read as UTF-8 text: No such file or directory (os error 2)
        exit 1
    "#]],
    );
    check(
        &[],
        &["--http", "events.jsonl"],
        expect![[r#"
        error: events.jsonl is no list of answers, as [{"method": "POST", "url": "https://api.example.com/*", "status": 201}]: invalid type: map, expected a sequence at line 1 column 0
        exit 1
    "#]],
    );
}
