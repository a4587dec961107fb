//! What is asked of the index, and what its answers come to.

use tripline_sdk::http::Response;
use tripline_sdk::testing::{self, Host, batch, insert, modify, remove};

use crate::{bulk, document, on_batch};

fn host() -> Host {
    let host = Host::new();
    host.set_setting("url", "https://search.example.com/");
    host.set_setting("index", "orders");
    host
}

/// What becomes of three changes, when the index says this of each: `index`, 0, `retry` or `reject`.
#[track_caller]
fn check(answer: (u16, &str), expected: Result<&[(u32, &str)], &str>) {
    let host = host();
    let (status, body) = (answer.0, answer.1.to_owned());
    host.on_http(move |_| Ok(Response { body: body.clone().into_bytes(), ..Response::new(status) }));
    let keys = |id: &str| format!(r#"{{"id":{{"S":"{id}"}}}}"#);
    let changes = [insert(&keys("a"), &keys("a")), modify(&keys("b"), &keys("b"), &keys("b")), remove(&keys("c"), &keys("c"))];
    let kind = |failure: &tripline_sdk::Failure| if failure.is_retry() { "retry" } else { "reject" };
    let failed = testing::run_batch(on_batch, batch(changes));
    let failed = failed.map(|failures| failures.iter().map(|(index, failure)| (index, kind(failure))).collect::<Vec<_>>());
    assert_eq!(failed.as_deref().map_err(kind), expected, "{body}", body = answer.1);
    assert_eq!(host.requests().len(), 1);
}

fn items(statuses: [u16; 3]) -> String {
    let [a, b, c] = statuses;
    format!(
        r#"{{"errors":true,"items":[{{"index":{{"status":{a}}}}},{{"index":{{"status":{b},"error":{{"type":"t","reason":"r"}}}}}},{{"delete":{{"status":{c}}}}}]}}"#
    )
}

#[test]
fn each_action_has_its_own_answer() {
    check((200, &items([201, 200, 200])), Ok(&[]));
    check((200, &items([201, 409, 404])), Ok(&[]));
    check((200, &items([429, 400, 503])), Ok(&[(0, "retry"), (1, "reject"), (2, "retry")]));
    check((200, &items([404, 413, 409])), Ok(&[(0, "reject"), (1, "reject")]));
    check((200, &items([401, 403, 403])), Ok(&[(0, "retry"), (1, "retry"), (2, "retry")]));
}

#[test]
fn an_answer_that_is_none_fails_the_batch() {
    for (status, body, expected) in [
        (200, r#"{"items":[]}"#, "retry"),
        (200, "<html>", "retry"),
        (429, "", "retry"),
        (503, "", "retry"),
        (401, "", "retry"),
        (413, "", "retry"),
        (302, "", "retry"),
        (400, "", "reject"),
    ] {
        check((status, body), Err(expected));
    }
}

#[test]
fn one_request_for_the_batch_in_its_order() {
    let host = host();
    let keys = r#"{"id":{"S":"a"},"at":{"N":"7"}}"#;
    let image = r#"{"id":{"S":"a"},"at":{"N":"7"},"price":{"N":"24.990000000000000000000000001"},"tags":{"SS":["x","y"]},"gone":{"NULL":true},"to":{"M":{"city":{"S":"Lyon \"2\""}}}}"#;
    let failures = testing::run_batch(
        on_batch,
        batch([insert(keys, image).sequence_number("5"), remove(keys, image).sequence_number("700000000000888747038")]),
    );
    // The recorder's 200 has no body.
    assert!(failures.is_err());
    let requests = host.requests();
    assert_eq!((requests.len(), requests[0].method.as_str(), requests[0].url.as_str()), (1, "POST", "https://search.example.com/_bulk"));
    let expected = r#"{"index":{"_id":"7|a","_index":"orders","version":100000000000000005,"version_type":"external_gte"}}
{"at":7,"gone":null,"id":"a","price":24.990000000000000000000000001,"tags":["x","y"],"to":{"city":"Lyon \"2\""}}
{"delete":{"_id":"7|a","_index":"orders","version":2170000000000088874,"version_type":"external_gte"}}
"#;
    let lines = |text: &str| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<serde_json::Value>>();
    let sent = String::from_utf8(requests[0].body.clone()).unwrap();
    assert_eq!(lines(&sent), lines(expected), "{sent}");
    assert!(sent.contains("24.990000000000000000000000001"), "a number keeps its digits: {sent}");
    assert!(requests[0].headers.iter().all(|(name, _)| !name.eq_ignore_ascii_case("authorization")));
}

#[test]
fn a_version_rises_with_the_sequence_number() {
    let rising = [
        "1",
        "9",
        "10",
        "99999999999999999",
        "100000000000000000",
        "100000000003498069978",
        "700000000000888747038",
        "1000000000000000000000",
    ];
    let versions: Vec<u64> = rising.iter().map(|number| bulk::version(number).unwrap()).collect();
    assert!(versions.is_sorted_by(|one, next| one < next), "{versions:?}");
    assert!(bulk::version(&"9".repeat(40)).unwrap() < i64::MAX as u64);
    assert_eq!(bulk::version("700000000000888747038"), bulk::version("700000000000888747039"));
    for wrong in ["", "0", "x", "-1", &"1".repeat(41)] {
        assert!(bulk::version(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn items_have_ids_of_their_own() {
    let id = |partition: &str, sort: &str| document::id(&format!(r#"{{"p":{{"S":"{partition}"}},"s":{{"S":"{sort}"}}}}"#)).unwrap();
    assert_eq!(document::id(r#"{"id":{"S":"a|b"}}"#).unwrap(), "a|b");
    assert_ne!(id("a|b", "c"), id("a", "b|c"));
    assert_ne!(id("a\\\\", "b"), id("a", "\\\\b"));
    let host = host();
    let long = format!(r#"{{"id":{{"S":"{}"}}}}"#, "x".repeat(513));
    let failures = testing::run_batch(on_batch, batch([insert(&long, &long)])).unwrap();
    assert_eq!((failures.len(), host.requests().len()), (1, 0));
}
