//! Places and addresses, row by row.

use super::{Asked, Place, Reach, Scheme, choose, in_turns, refused};
use crate::port::HttpHead;

fn place(text: &str) -> Place {
    Place::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn asked(url: &str) -> Asked {
    let (scheme, rest) = url.split_once("://").unwrap();
    let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    Asked::new(scheme, authority, path).unwrap_or_else(|error| panic!("{url}: {error}"))
}

#[track_caller]
fn check(text: &str, admitted: &[&str], denied: &[&str]) {
    let place = place(text);
    for url in admitted {
        assert!(place.admits(&asked(url)), "{text} does not admit {url}");
    }
    for url in denied {
        assert!(!place.admits(&asked(url)), "{text} admits {url}");
    }
}

#[test]
fn an_origin_is_scheme_host_and_port() {
    check(
        "https://api.example.com",
        &["https://api.example.com", "https://API.example.com:443/any/../path", "https://api.example.com?q=https://evil.org"],
        &[
            "http://api.example.com",
            "https://api.example.com:444",
            "https://example.com",
            "https://a.api.example.com",
            "https://api.example.com.evil.org",
            "https://evil-api.example.com",
            "https://apiXexample.com",
        ],
    );
    check(
        "http://127.0.0.1:8080/",
        &["http://127.0.0.1:8080/x"],
        &["http://127.0.0.1/x", "http://localhost:8080/x", "https://127.0.0.1:8080/x"],
    );
    check("https://[2001:DB8::1]", &["https://[2001:db8:0::1]/"], &["https://[2001:db8::2]/"]);
}

#[test]
fn a_wildcard_is_one_whole_label() {
    check(
        "https://*.example.org",
        &["https://a.example.org", "https://A-b.EXAMPLE.org/x"],
        &[
            "https://example.org",
            "https://evil-example.org",
            "https://a.b.example.org",
            "https://example.org.evil.com",
            "https://a.example.org.evil.com",
            "https://aexample.org",
        ],
    );
}

#[test]
fn a_path_admits_what_is_below_it_and_nothing_that_leads_elsewhere() {
    check(
        "https://h.example/hooks/",
        &[
            "https://h.example/hooks/",
            "https://h.example/hooks/a/b",
            "https://h.example/hooks/a%20b?x=/../y",
            "https://h.example/hooks/a.b/..c/",
            "https://h.example/hooks/a%3Fb/%23/%c3%a9",
        ],
        &[
            "https://h.example/",
            "https://h.example/hooks",
            "https://h.example/hooksx/",
            "https://h.example/Hooks/a",
            "https://h.example/hooks/../admin",
            "https://h.example/hooks/..",
            "https://h.example/hooks/./../admin",
            "https://h.example/hooks/%2e%2e/admin",
            "https://h.example/hooks/.%2E/admin",
            "https://h.example/hooks/%252e%252e/admin",
            "https://h.example/hooks/%25252525252e/admin",
            "https://h.example/hooks/..%2fadmin",
            "https://h.example/hooks/a%2Fb",
            "https://h.example/hooks/a%5c..%5cadmin",
            "https://h.example/hooks/..;/admin",
            "https://h.example/hooks//admin",
            "https://h.example//hooks/a",
            "https://h.example/hooks/%00",
            "https://h.example/hooks/%zz",
            "https://h.example/hooks/%",
            "https://h.example/hooks/..%3fx",
            "https://h.example/hooks/..%23x",
            "https://h.example/hooks/..%20/x",
            "https://h.example/hooks/%20../x",
            "https://h.example/hooks/%c0%ae%c0%ae/x",
            "https://h.example/hooks/%e0%80%af",
            "https://h.example/hooks/%f0%80%80%ae",
        ],
    );
    check(
        "https://h.example/v1",
        &["https://h.example/v1", "https://h.example/v1/x", "https://h.example/v1?x"],
        &["https://h.example/v1x"],
    );
}

#[test]
fn what_is_no_place() {
    for (text, what) in [
        ("api.example.com", "has no scheme"),
        ("ftp://h", "has a scheme that"),
        ("HTTPS://h", "has a scheme that"),
        ("https://", "has no host"),
        ("https://:443", "has no host"),
        ("https://h:0", "has no host"),
        ("https://h:+80", "has no host"),
        ("https://h:99999", "has no host"),
        ("https://user:pass@h", "has a user"),
        ("https://h?x", "has a query"),
        ("https://h/x#y", "has a query"),
        ("https://h/a/../b", "has a path that"),
        ("https://h/a//b", "has a path that"),
        ("https://h/ä", "has a path with"),
        ("https://ä.example", "has a host that"),
        ("https://h.example.", "has a host that"),
        ("https://2130706433", "has an address in a short form"),
        ("https://127.1", "has an address in a short form"),
        ("https://0x7f000001", "has an address in a short form"),
        ("https://[::1", "has no host"),
        ("https://::1", "has no host"),
        ("https://*", "has a wildcard at"),
        ("https://a.*.org", "has a wildcard at"),
        ("https://a*.example.org", "has a wildcard at"),
        ("https://*.org", "has a wildcard that"),
        ("https://*.*.org", "has a wildcard that"),
        ("https://*.1.2.3", "has a wildcard that"),
    ] {
        let error = Place::parse(text).expect_err(text);
        assert!(error.what.starts_with(what), "{text}: {error}");
    }
    for (authority, ok) in
        [("h", true), ("u@h", false), ("u:p@h:1", false), ("", false), ("h:", false), ("h:x", false), ("[::1]:8", true), ("h.", false)]
    {
        assert_eq!(Asked::new(Scheme::Https, authority, "/").is_ok(), ok, "{authority}");
    }
}

#[test]
fn texts_are_in_one_spelling() {
    for (text, shown) in [
        ("https://API.example.com:443/", "https://api.example.com"),
        ("http://h.example:8080/Hooks/", "http://h.example:8080/Hooks/"),
        ("https://*.Example.org", "https://*.example.org"),
        ("http://[0:0::1]:80", "http://[::1]"),
    ] {
        assert_eq!(place(text).to_string(), shown);
    }
    assert_eq!(asked("https://H.example/secret?token=1").to_string(), "https://h.example");
    assert_eq!(asked("http://[::1]:8080/secret").to_string(), "http://[::1]:8080");
}

#[test]
fn covers() {
    for (one, other, covers) in [
        ("https://*.e.org", "https://a.e.org/x", true),
        ("https://a.e.org", "https://*.e.org", false),
        ("https://a.e.org/x", "https://a.e.org/x/y", true),
        ("https://a.e.org/x", "https://a.e.org", false),
        ("https://a.e.org", "http://a.e.org", false),
        ("https://a.e.org", "https://a.e.org:1", false),
    ] {
        assert_eq!(place(one).covers(&place(other)), covers, "{one} {other}");
    }
}

#[test]
fn addresses() {
    // 0: may be reached by all, 1: where private networks may be, 2: where it is named itself, 3: never.
    for (address, wants) in [
        ("1.1.1.1", 0),
        ("172.15.255.255", 0),
        ("172.32.0.0", 0),
        ("168.63.129.17", 0),
        ("100.128.0.0", 0),
        ("2606:4700::1111", 0),
        ("64:ff9b::101:101", 0),
        ("::ffff:1.1.1.1", 0),
        ("127.0.0.1", 1),
        ("127.255.255.254", 1),
        ("10.0.0.1", 1),
        ("172.16.0.1", 1),
        ("172.31.255.255", 1),
        ("192.168.1.1", 1),
        ("100.64.0.1", 1),
        ("198.18.0.1", 1),
        ("::1", 1),
        ("fc00::1", 1),
        ("fd12:3456::1", 1),
        ("::ffff:127.0.0.1", 1),
        ("::ffff:10.0.0.1", 1),
        ("64:ff9b::7f00:1", 1),
        ("64:ff9b::a00:1", 1),
        ("2002:7f00:1::", 1),
        ("169.254.169.254", 2),
        ("169.254.170.2", 2),
        ("::ffff:169.254.169.254", 2),
        ("64:ff9b::a9fe:a9fe", 2),
        ("fe80::1", 2),
        ("fd00:ec2::254", 2),
        ("64:ff9b:1::1", 2),
        ("192.0.0.192", 2),
        ("100.100.100.200", 2),
        ("168.63.129.16", 2),
        ("fd00:ec2::23", 2),
        ("fd20:ce::254", 2),
        ("0.0.0.0", 3),
        ("0.1.2.3", 3),
        ("::", 3),
        ("::ffff:0.0.0.0", 3),
        ("::127.0.0.1", 3),
        ("::ffff:0:127.0.0.1", 3),
        ("224.0.0.1", 3),
        ("239.255.255.255", 3),
        ("ff02::1", 3),
        ("255.255.255.255", 3),
        ("240.0.0.1", 3),
        ("192.0.2.1", 3),
        ("192.0.0.1", 3),
        ("2001:db8::1", 3),
        ("2001::1", 3),
        ("2002:101:101::", 3),
        ("fec0::1", 3),
        ("4000::1", 3),
    ] {
        let parsed = address.parse().unwrap();
        let found = [Reach::Global, Reach::Private, Reach::Named]
            .iter()
            .filter(|reach| refused(parsed, **reach).is_some())
            .count();
        assert_eq!(found, wants, "{address}: {:?}", refused(parsed, Reach::Global));
    }
}

#[test]
fn both_families_have_their_turn() {
    for (resolved, tried) in [
        ("", ""),
        ("1.1.1.1", "1.1.1.1"),
        ("::1 ::2 1.1.1.1", "::1 1.1.1.1 ::2"),
        ("1.1.1.1 1.1.1.2 1.1.1.3 ::1", "1.1.1.1 ::1 1.1.1.2 1.1.1.3"),
    ] {
        let resolved: Vec<_> = resolved.split_whitespace().map(|address| address.parse().unwrap()).collect();
        let found: Vec<_> = in_turns(&resolved).map(|address| address.to_string()).collect();
        assert_eq!(found.join(" "), tried);
    }
}

#[test]
fn some_methods_are_allowed_nowhere() {
    let places = [place("https://h.example")];
    for (method, allows) in [("GET", true), ("PURGE", true), ("TRACE", false), ("trace", false), ("Track", false), ("cOnNeCt", false)] {
        let head = HttpHead { method: method.into(), scheme: Scheme::Https, authority: "h.example".into(), path_and_query: "/".into() };
        assert_eq!(choose(places.iter(), &head).is_ok(), allows, "{method}");
    }
}
