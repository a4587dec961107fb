//! Endpoints: `http://127.0.0.1:8000`, `https://vpce-….amazonaws.com`.
//!
//! Invariant: what `check` accepts has a scheme and a host, and nothing that would be sent along unseen: no user, no path, no query.

use std::net::IpAddr;

/// What is wrong with an endpoint; never quotes it, since it may hold a password.
pub(super) fn check(endpoint: &str) -> Result<(), &'static str> {
    let Some(authority) = authority(endpoint) else {
        return Err("an endpoint begins with http:// or https://");
    };
    if authority.contains('@') {
        return Err("an endpoint has no user and no password");
    }
    if authority.contains(['/', '?', '#']) {
        return Err("an endpoint ends with the host or the port");
    }
    let Some((host, port)) = host_and_port(authority) else {
        return Err("the port is no number from 1 to 65535");
    };
    if port == Some(0) {
        return Err("the port is no number from 1 to 65535");
    }
    let is_ipv6 = authority.starts_with('[') && host.parse::<std::net::Ipv6Addr>().is_ok();
    let is_name = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    if is_ipv6 || is_name { Ok(()) } else { Err("the host is no name and no address") }
}

/// Whether `endpoint` is on this machine.
pub fn is_loopback(endpoint: &str) -> bool {
    host(endpoint).is_some_and(is_loopback_host)
}

/// `host` without a port; IPv6 with or without brackets.
pub fn is_loopback_host(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => {
            let name = host.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

/// Equal for two endpoints that are surely the same place; none for DynamoDB's own in any spelling.
pub(super) fn identity(endpoint: Option<&str>) -> Option<String> {
    let endpoint = endpoint?;
    let (host, port) = host_and_port(authority(endpoint)?)?;
    let host = host.to_ascii_lowercase();
    if host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn") || host.ends_with(".api.aws") {
        return None;
    }
    let host = if is_loopback_host(&host) { "localhost".to_owned() } else { host };
    let port = port.unwrap_or(if endpoint.starts_with("https:") { 443 } else { 80 });
    Some(format!("{host}:{port}"))
}

fn host(endpoint: &str) -> Option<&str> {
    Some(host_and_port(authority(endpoint)?)?.0)
}

/// All behind the scheme, without a closing slash.
fn authority(endpoint: &str) -> Option<&str> {
    let rest = endpoint.strip_prefix("http://").or_else(|| endpoint.strip_prefix("https://"))?;
    Some(rest.strip_suffix('/').unwrap_or(rest))
}

/// None when the port is no port.
pub(super) fn host_and_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let host_end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    match authority[host_end..].rfind(':') {
        None => Some((authority.trim_start_matches('[').trim_end_matches(']'), None)),
        Some(colon) => {
            let (host, port) = authority.split_at(host_end + colon);
            let port = port[1..].parse().ok()?;
            Some((host.trim_start_matches('[').trim_end_matches(']'), Some(port)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints() {
        for good in [
            "http://127.0.0.1:8000",
            "https://h/",
            "http://[::1]:8000",
            "http://[::1]",
            "https://vpce-1.dynamodb.eu-west-1.vpce.amazonaws.com",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "127.0.0.1:8000",
            "ftp://h",
            "http://",
            "http://u:p@h",
            "http://h/path",
            "http://h?x",
            "http://h:port",
            "http://h:0",
            "http://h:99999",
            "http://a b",
            "http://::1",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn loopback_is_this_machine_only() {
        for here in [
            "http://127.0.0.1:8000",
            "http://127.9.9.9",
            "http://localhost:1",
            "https://LOCALHOST",
            "http://db.localhost:80",
            "http://[::1]:8000",
        ] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in [
            "http://10.0.0.1:8000",
            "https://localhost.example.com",
            "http://0.0.0.0:8000",
            "https://dynamodb.eu-west-1.amazonaws.com",
            "localhost",
        ] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn one_place_has_one_identity() {
        assert_eq!(identity(Some("http://localhost:8000/")), identity(Some("http://127.0.0.1:8000")));
        assert_eq!(identity(Some("https://h")), identity(Some("https://H:443")));
        assert_eq!(identity(Some("https://dynamodb.eu-west-1.amazonaws.com")), identity(None));
        assert_ne!(identity(Some("http://localhost:8000")), identity(Some("http://localhost:8001")));
        assert_ne!(identity(Some("http://localhost:8000")), identity(None));
    }
}
