//! Connections that are used again, row by row.

use std::net::IpAddr;
use std::time::Duration;

use super::{AGE_MAX, Again, Answered, Asked, HowFar, IDLE_MAX, Link, Scheme, idle_max};
use crate::port::{HttpHead, HttpRequest};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[track_caller]
fn check(version: &str, status: u16, headers: &[(&str, &str)], age: Duration, expected: Option<Duration>) {
    let headers: Vec<(Box<str>, Vec<u8>)> = headers.iter().map(|(name, value)| ((*name).into(), value.as_bytes().to_vec())).collect();
    let answered = Answered { status, is_http_1_0: version == "1.0", headers: &headers, age };
    assert_eq!(idle_max(&answered), expected, "HTTP/{version} {status} {headers:?} {age:?}");
}

#[test]
fn what_an_answer_says_of_its_connection() {
    let says = |headers: &[(&str, &str)], expected| check("1.1", 200, headers, Duration::ZERO, expected);
    let stays = Some(IDLE_MAX);
    says(&[], stays);
    says(&[("content-length", "2"), ("server", "close")], stays);
    says(&[("transfer-encoding", "chunked")], stays);
    says(&[("connection", "keep-alive")], stays);
    says(&[("connection", "close")], None);
    says(&[("connection", "Close")], None);
    says(&[("connection", "x-hop , CLOSE")], None);
    says(&[("connection", "keep-alive"), ("connection", "close")], None);
    says(&[("connection", "closed")], stays);
    // Two lengths.
    says(&[("transfer-encoding", "chunked"), ("content-length", "2")], None);
}

#[test]
fn a_server_says_how_patient_it_is() {
    let says = |value: &str, expected: Option<u64>| check("1.1", 200, &[("keep-alive", value)], Duration::ZERO, expected.map(ms));
    says("timeout=5", Some(4_000));
    says("timeout=60, max=100", Some(4_000));
    says("timeout=3", Some(2_000));
    says("max=7,Timeout = 2", Some(1_000));
    says("timeout=\"3\"", Some(2_000));
    says("timeout=1", None);
    says("timeout=0", None);
    says("timeout=5, max=0", None);
    says("max=1", Some(4_000));
    // Nothing that is known.
    says("", Some(4_000));
    says("115", Some(4_000));
    says("x=1", Some(4_000));
    // Nothing that can be read.
    says("timeout=soon", None);
    says("timeout=-1", None);
    says("timeout=1.5", None);
    says("timeout=99999999999", None);
    check("1.1", 200, &[("keep-alive", "timeout=9"), ("keep-alive", "timeout=2")], Duration::ZERO, Some(ms(1_000)));
}

#[test]
fn versions_and_status_codes() {
    let none = Duration::ZERO;
    check("1.0", 200, &[], none, None);
    check("1.0", 200, &[("connection", "keep-alive")], none, Some(IDLE_MAX));
    check("1.0", 200, &[("connection", "Keep-Alive"), ("keep-alive", "timeout=2")], none, Some(ms(1_000)));
    check("1.0", 200, &[("connection", "keep-alive, close")], none, None);
    check("1.1", 408, &[], none, None);
    for status in [204, 304, 400, 404, 429, 500, 503] {
        check("1.1", status, &[], none, Some(IDLE_MAX));
    }
}

#[test]
fn a_connection_has_an_age() {
    let aged = |age, expected| check("1.1", 200, &[], age, expected);
    aged(AGE_MAX - ms(10_000), Some(IDLE_MAX));
    aged(AGE_MAX - ms(1_500), Some(ms(1_500)));
    aged(AGE_MAX, None);
    aged(AGE_MAX + ms(1), None);
    check("1.1", 200, &[("keep-alive", "timeout=2")], AGE_MAX - ms(1_500), Some(ms(1_000)));
}

#[test]
fn a_connection_serves_its_own_entry_and_place_at_an_address_that_was_judged() {
    let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
    let asked = |scheme, authority| Asked::new(scheme, authority, "/any").unwrap();
    let link = Link::new(1, &asked(Scheme::Https, "a.example.com"), "192.0.2.1".parse().unwrap());
    let here = ["192.0.2.1"];
    for (entry, scheme, authority, judged, serves) in [
        (1, Scheme::Https, "a.example.com", &here[..], true),
        (1, Scheme::Https, "A.example.com:443", &["192.0.2.9", "192.0.2.1"], true),
        (0, Scheme::Https, "a.example.com", &here, false),
        (2, Scheme::Https, "a.example.com", &here, false),
        (1, Scheme::Http, "a.example.com:443", &here, false),
        (1, Scheme::Https, "a.example.com:444", &here, false),
        (1, Scheme::Https, "b.example.com", &here, false),
        (1, Scheme::Https, "192.0.2.1", &here, false),
        (1, Scheme::Https, "a.example.com", &["192.0.2.2", "192.0.2.3"], false),
        (1, Scheme::Https, "a.example.com", &["::ffff:192.0.2.1"], false),
        (1, Scheme::Https, "a.example.com", &[], false),
    ] {
        let asked = asked(scheme, authority);
        assert_eq!(link.serves(entry, &asked, &addresses(judged)), serves, "{entry} {asked} {judged:?}");
    }
}

#[test]
fn what_may_be_sent_a_second_time() {
    for (method, header, unwritten, written) in [
        ("GET", "x", true, true),
        ("HEAD", "x", true, true),
        ("OPTIONS", "x", true, true),
        ("PUT", "x", true, true),
        ("DELETE", "x", true, true),
        ("POST", "x", true, false),
        ("PATCH", "x", true, false),
        // Methods have a case, headers have none.
        ("get", "x", true, false),
        ("PURGE", "x", true, false),
        ("POST", "Idempotency-Key", true, true),
        ("PATCH", "idempotency-key", true, true),
        ("POST", "x-idempotency-keys", true, false),
    ] {
        let head = HttpHead { method: method.into(), scheme: Scheme::Https, authority: "a".into(), path_and_query: "/".into() };
        let headers = vec![(header.into(), b"1".to_vec())];
        let again = Again::of(&HttpRequest { head, headers, body: Vec::new(), connect_max: None, first_byte_max: None });
        assert_eq!(again.is_allowed(HowFar::Unwritten), unwritten, "{method} {header}");
        assert_eq!(again.is_allowed(HowFar::Written), written, "{method} {header}");
        assert!(!again.is_allowed(HowFar::Answering), "{method} {header}");
    }
}
