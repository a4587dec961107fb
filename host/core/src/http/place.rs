//! A place that requests may go to: scheme, host, port, and the beginning of a path.
//!
//! Invariants: a host is compared in lower case, byte for byte; `*` stands for one whole label. Below a path nothing is admitted that some server
//! might read as another path: dot segments, whatever a server cuts off behind them, empty ones, separators that are encoded, once or twice or overlong.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const REMEDY: &str = "write \"https://HOST\", \"https://HOST:PORT/PATH/\" or \"https://*.DOMAIN\"";
/// A percent sign that is encoded so often is no name of anything.
const DECODED_MAX: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    Http,
    Https,
}

impl Scheme {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// What is wrong with the text of a place; it never quotes it, since it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {remedy}")]
pub struct PlaceError {
    pub what: &'static str,
    pub remedy: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// In lower case.
    Name(Box<str>),
    /// One label before it; it begins with a dot.
    Below(Box<str>),
    Address(IpAddr),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    scheme: Scheme,
    host: Host,
    port: u16,
    /// None: every path.
    path: Option<Box<str>>,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub scheme: Scheme,
    /// In lower case; an IPv6 address without brackets.
    pub host: Box<str>,
    pub port: u16,
    /// Without the query.
    pub path: Box<str>,
}

impl Asked {
    /// `Err` says what is wrong with the authority.
    pub fn new(scheme: Scheme, authority: &str, path_and_query: &str) -> Result<Self, &'static str> {
        if authority.contains('@') {
            return Err("a URL with a user or a password is refused: put credentials into a header");
        }
        let (host, port) = split(authority).ok_or("the URL has no host, or a port that is none")?;
        if read_host(host).is_none() {
            return Err("the URL's host is no name and no address");
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase().into();
        let path = path_and_query.split('?').next().unwrap_or_default();
        let path = if path.is_empty() { "/" } else { path };
        Ok(Self { scheme, host, port: port.unwrap_or(scheme.port()), path: path.into() })
    }

    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

/// The origin alone: paths hold secrets, as those of webhooks do.
impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.as_str())?;
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?
        } else {
            f.write_str(&self.host)?
        }
        if self.port == self.scheme.port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

impl Place {
    pub fn parse(text: &str) -> Result<Self, PlaceError> {
        let wrong = |what| PlaceError { what, remedy: REMEDY };
        let (scheme, rest) = match text.split_once("://") {
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(_) => return Err(wrong("has a scheme that is neither https nor http")),
            None => return Err(wrong("has no scheme")),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(PlaceError {
                what: "has a user or a password in it",
                remedy: "write the host alone, and headers = { Authorization = { env = \"NAME\" } } beside it",
            });
        }
        if rest.contains(['?', '#']) {
            return Err(wrong("has a query or a fragment: a place is a host, or the beginning of its paths"));
        }
        let (host, port) = split(authority).ok_or_else(|| wrong("has no host, or a port that is none"))?;
        let host = host_of(host)?;
        let path = match path {
            "" | "/" => None,
            path if is_ambiguous(path) => {
                return Err(PlaceError {
                    what: "has a path that a server could read as another one",
                    remedy: "write it without \"//\", \".\", \"..\", backslashes and what is encoded of them",
                });
            }
            path if !path.bytes().all(|b| b.is_ascii_graphic()) => {
                return Err(PlaceError { what: "has a path with other than ASCII characters", remedy: "write them percent-encoded" });
            }
            path => Some(path.into()),
        };
        Ok(Self { scheme, host, port: port.unwrap_or(scheme.port()), path })
    }

    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Stands for many hosts.
    pub fn is_wildcard(&self) -> bool {
        matches!(self.host, Host::Below(_))
    }

    /// The host is written as this address.
    pub fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Address(address) => Some(address),
            Host::Name(_) | Host::Below(_) => None,
        }
    }

    /// Surely this machine, whatever a resolver says.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Address(address) => address.to_canonical().is_loopback(),
            Host::Name(name) => &**name == "localhost",
            Host::Below(_) => false,
        }
    }

    pub fn admits(&self, asked: &Asked) -> bool {
        self.is_origin_of(asked) && self.path.as_ref().is_none_or(|path| begins(&asked.path, path) && !is_ambiguous(&asked.path))
    }

    /// As `admits`, whatever the path.
    pub fn is_origin_of(&self, asked: &Asked) -> bool {
        self.scheme == asked.scheme && self.port == asked.port && self.host_is(&asked.host)
    }

    fn host_is(&self, asked: &str) -> bool {
        match &self.host {
            Host::Name(name) => **name == *asked,
            Host::Address(address) => asked.parse().is_ok_and(|asked: IpAddr| asked == *address),
            Host::Below(domain) => asked.strip_suffix(&**domain).is_some_and(|label| !label.is_empty() && !label.contains('.')),
        }
    }

    /// Whatever `other` admits, this one does.
    pub fn covers(&self, other: &Self) -> bool {
        let host = match (&self.host, &other.host) {
            (Host::Below(_), Host::Name(name)) => self.host_is(name),
            (one, other) => one == other,
        };
        let path = match (&self.path, &other.path) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(path), Some(other)) => begins(other, path),
        };
        self.scheme == other.scheme && self.port == other.port && host && path
    }
}

/// As it may be written in a config, in one spelling.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.as_str())?;
        match &self.host {
            Host::Name(name) => f.write_str(name)?,
            Host::Below(domain) => write!(f, "*{domain}")?,
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}")?,
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
        }
        if self.port != self.scheme.port() {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(self.path.as_deref().unwrap_or_default())
    }
}

/// `/hooks/` is the beginning of what is below it; `/hooks` is that path, and the beginning of what is below.
fn begins(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'))
}

/// Host, with its brackets, and port.
fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    let host_end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match authority[host_end..].find(':') {
        None => (authority, None),
        Some(colon) => {
            let (host, port) = authority.split_at(host_end + colon);
            let port = &port[1..];
            // `parse` would take a sign.
            let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
            (host, Some(port.parse::<u16>().ok().filter(|port| digits && *port != 0)?))
        }
    };
    (!host.is_empty()).then_some((host, port))
}

fn read_host(host: &str) -> Option<Host> {
    if let Some(address) = host.strip_prefix('[') {
        let address: Ipv6Addr = address.strip_suffix(']')?.parse().ok()?;
        return Some(Host::Address(address.into()));
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Some(Host::Address(address.into()));
    }
    let is_label =
        |label: &str| !label.is_empty() && label.len() <= 63 && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    (host.len() <= 253 && host.split('.').all(is_label)).then(|| Host::Name(host.to_ascii_lowercase().into()))
}

fn host_of(host: &str) -> Result<Host, PlaceError> {
    const WILDCARD: &str = "a `*` stands for the whole first label of a name, as in \"https://*.example.org\", which has at least two more";
    let Some(domain) = host.strip_prefix("*.") else {
        if host.contains('*') {
            return Err(PlaceError { what: "has a wildcard at a place where none is possible", remedy: WILDCARD });
        }
        // What resolvers take for an address, and read in ways of their own: 127.1, 2130706433, 0x7f000001.
        let last = host.rsplit('.').next().unwrap_or_default();
        let is_number = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x") || last.starts_with("0X");
        return match read_host(host) {
            Some(Host::Name(_)) if is_number => {
                Err(PlaceError { what: "has an address in a short form", remedy: "write all four numbers, as 127.0.0.1" })
            }
            Some(host) => Ok(host),
            None => Err(PlaceError {
                what: "has a host that is no name and no address",
                remedy: "write a name of ASCII letters, digits, dots and dashes (others as xn--…), or an address, IPv6 in brackets",
            }),
        };
    };
    match read_host(domain) {
        Some(Host::Name(name)) if name.contains('.') && !name.ends_with(|c: char| c.is_ascii_digit()) => {
            Ok(Host::Below(format!(".{name}").into()))
        }
        _ => Err(PlaceError { what: "has a wildcard that stands for too much, or for no name", remedy: WILDCARD }),
    }
}

/// Whether some server might read the path as another one.
fn is_ambiguous(path: &str) -> bool {
    let mut path = path.as_bytes().to_vec();
    for _ in 0..DECODED_MAX {
        if is_ambiguous_as_it_is(&path) {
            return true;
        }
        let Some(decoded) = decode(&path) else { return true };
        if decoded == path {
            return false;
        }
        // What was encoded must not separate: only plain characters may.
        let separators = |path: &[u8]| path.iter().filter(|byte| **byte == b'/').count();
        if separators(&decoded) != separators(&path) {
            return true;
        }
        path = decoded;
    }
    true
}

fn is_ambiguous_as_it_is(path: &[u8]) -> bool {
    if path.first() != Some(&b'/') || path.iter().any(|byte| *byte == b'\\' || byte.is_ascii_control()) || is_overlong(path) {
        return true;
    }
    let segments: Vec<&[u8]> = path[1..].split(|byte| *byte == b'/').collect();
    segments.iter().enumerate().any(|(at, segment)| {
        // Some servers cut parameters off, `..;v=1`, or what looks like a query once it is decoded, or spaces.
        let name = segment.split(|byte| b";?#".contains(byte)).next().unwrap_or_default().trim_ascii();
        name == b"." || name == b".." || (segment.is_empty() && at + 1 < segments.len())
    })
}

/// In more bytes than UTF-8 has for it: careless decoders make a `.` or a `/` of it.
fn is_overlong(path: &[u8]) -> bool {
    path.iter().any(|byte| matches!(byte, 0xc0 | 0xc1))
        || path.windows(2).any(|two| matches!(two, [0xe0, 0x80..=0x9f] | [0xf0, 0x80..=0x8f]))
}

/// None: a percent sign that encodes nothing.
fn decode(path: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, after @ ..] = rest {
        if *first != b'%' {
            decoded.push(*first);
            rest = after;
            continue;
        }
        let [high, low, after @ ..] = after else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        decoded.push(digit(*high)? << 4 | digit(*low)?);
        rest = after;
    }
    Some(decoded)
}
