//! The file of `--http`: what servers answer to a plugin that is tried.
//!
//! Invariant: an answer is one that a server can send; every fault is said when the file is read, with its place and a remedy. A URL is compared in one
//! spelling, so that what a server takes for one address is one here. What a host takes of an answer is bounded, and so it is here.
//! Knows nothing of grants, and reads no file: it is handed the text.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result, bail};
use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use tripline_core::http::{Asked, BODY_BYTES_MAX, HEAD_BYTES_MAX, HEADERS_MAX, Scheme};
use tripline_core::port::{HttpError, HttpResponse};
use tripline_core::signal::HttpConnection;

const FORM: &str = r#"[{"method": "POST", "url": "https://api.example.com/*", "status": 201}]"#;

/// Of a file's answers, where none of them fits.
const SHOWN_MAX: usize = 3;
/// Faults that are said; more are counted.
const FAULTS_SHOWN: usize = 10;

/// The answers of a file; of several that fit, the first.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    list: Vec<Answer>,
    /// There is a file.
    given: bool,
}

#[derive(Debug)]
struct Answer {
    canned: Canned,
    url: Pattern,
}

/// As the file has it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Canned {
    /// None: any.
    method: Option<String>,
    /// As the plugin asks for it, query and all; a `*` at its end stands for whatever follows.
    url: String,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// A string as it is, anything else as JSON.
    body: Option<Value>,
}

/// In one spelling.
#[derive(Debug, PartialEq, Eq)]
enum Pattern {
    Url(String),
    Beginning(String),
}

impl fmt::Display for Canned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_deref().unwrap_or("any method of"), self.url)
    }
}

fn ok() -> u16 {
    200
}

impl Answers {
    /// `file` is what faults call it.
    pub(crate) fn read(text: &str, file: &str) -> Result<Self> {
        let read: Vec<Canned> = serde_json::from_str(text).with_context(|| format!("{file} is no list of answers, as {FORM}"))?;
        let (mut list, mut faults) = (Vec::with_capacity(read.len()), Vec::new());
        for (number, canned) in (1..).zip(read) {
            let mut wrong = canned.faults();
            match Pattern::parse(&canned.url) {
                Ok(url) => list.push(Answer { canned, url }),
                Err(fault) => wrong.insert(0, fault),
            }
            faults.extend(wrong.into_iter().map(|fault| format!("{file}: answer {number}: {fault}")));
        }
        let more = faults.len().saturating_sub(FAULTS_SHOWN);
        faults.truncate(FAULTS_SHOWN);
        match (faults.join("\n"), more) {
            (none, _) if none.is_empty() => Ok(Self { list, given: true }),
            (faults, 0) => bail!(faults),
            (faults, more) => bail!("{faults}\nand {more} more"),
        }
    }

    /// What was asked, what there is, and what to add: a rehearsal is made of pretended data, so its URLs may be told.
    pub(super) fn none_to(&self, method: &str, url: &str) -> String {
        let entry = serde_json::json!({ "method": method, "url": url, "status": ok() });
        if !self.given {
            return format!("a rehearsal has no network: name a file with answers, --http FILE, such as [{entry}]");
        }
        let alike = |answer: &&Answer| Reverse(answer.canned.url.bytes().zip(url.bytes()).take_while(|(one, other)| one == other).count());
        let mut nearest: Vec<&Answer> = self.list.iter().collect();
        nearest.sort_by_key(alike);
        let shown: Vec<String> = nearest.iter().take(SHOWN_MAX).map(|answer| answer.canned.to_string()).collect();
        let more = nearest.len().saturating_sub(shown.len());
        let has = match (shown.as_slice(), more) {
            ([], _) => "nothing".to_owned(),
            (shown, 0) => shown.join(", "),
            (shown, more) => format!("{}, and {more} more", shown.join(", ")),
        };
        format!("the file of --http has no answer to {method} {url}; it has {has}. Add what the server answers, as in {entry}")
    }

    /// None: there is no answer. `Err`: there is one, and a host does not take it.
    pub(super) fn to(&self, method: &str, url: &str) -> Option<Result<HttpResponse, HttpError>> {
        // What a host could not ask for has no other spelling.
        let url = spell(url).unwrap_or_else(|_| url.to_owned());
        let fits = |answer: &&Answer| {
            answer.url.fits(&url) && answer.canned.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
        };
        self.list.iter().find(fits).map(|answer| answer.canned.to(method))
    }
}

impl Canned {
    /// But for its URL.
    fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(method) = self.method.as_ref().filter(|method| Method::from_bytes(method.as_bytes()).is_err()) {
            faults.push(format!("method: `{method}` is none: write one, such as POST, or leave it out for any"));
        }
        if !(200..=599).contains(&self.status) {
            faults.push(format!("status: {} is no status of an answer: write one from 200 to 599", self.status));
        }
        if [204, 304].contains(&self.status) && !self.body().is_empty() {
            faults.push(format!("body: an answer with status {} has none: leave it out, or write 200", self.status));
        }
        for (name, value) in &self.headers {
            if HeaderName::from_bytes(name.as_bytes()).is_err() {
                faults.push(format!("headers: `{name}` is no header's name: write letters, digits and dashes"));
            }
            if HeaderValue::from_bytes(value.as_bytes()).is_err() {
                faults.push(format!("headers.{name}: {value:?} is no header's value: write one line, without control characters"));
            }
        }
        faults
    }

    fn body(&self) -> Vec<u8> {
        match &self.body {
            None => Vec::new(),
            Some(Value::String(text)) => text.clone().into_bytes(),
            Some(json) => json.to_string().into_bytes(),
        }
    }

    fn to(&self, method: &str) -> Result<HttpResponse, HttpError> {
        let head_bytes: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if head_bytes > HEAD_BYTES_MAX || self.headers.len() > HEADERS_MAX {
            return Err(HttpError::HeadTooLarge(HEAD_BYTES_MAX));
        }
        // What answers HEAD has the headers alone.
        let body = if method.eq_ignore_ascii_case("HEAD") { Vec::new() } else { self.body() };
        if body.len() > BODY_BYTES_MAX {
            return Err(HttpError::ResponseTooLarge(BODY_BYTES_MAX));
        }
        let header = |(name, value): (&String, &String)| (name.as_str().into(), value.clone().into_bytes());
        let headers = self.headers.iter().map(header).collect();
        Ok(HttpResponse { status: self.status, headers, body, connection: HttpConnection::New })
    }
}

impl Pattern {
    /// `Err` says what is wrong with the URL, and what to write.
    fn parse(url: &str) -> Result<Self, String> {
        let fault = |what: &str, remedy: &str| Err(format!("url: `{url}` {what}: {remedy}"));
        let beginning = url.strip_suffix('*');
        let text = beginning.unwrap_or(url);
        if text.contains('*') {
            return fault("has a `*` before its end", "write one at the end alone, for whatever follows");
        }
        if text.bytes().any(|byte| byte <= b' ' || byte == 0x7f || byte == b'#') {
            return fault("is no URL that can be asked for", "encode its spaces, and leave out what begins with `#`");
        }
        match (beginning, spell(text)) {
            (None, Ok(url)) => Ok(Self::Url(url)),
            (None, Err(what)) => fault(what, "write it as the plugin asks for it, https://HOST/PATH"),
            (Some(beginning), spelled) => match begin(beginning, spelled) {
                Some(beginning) => Ok(Self::Beginning(beginning)),
                None => fault("is the beginning of no URL", "write https://HOST/PATH*"),
            },
        }
    }

    fn fits(&self, url: &str) -> bool {
        match self {
            Self::Url(pattern) => pattern == url,
            Self::Beginning(beginning) => url.starts_with(beginning),
        }
    }
}

/// Scheme and host in lower case, no port that the scheme has by itself, and a path.
fn spell(url: &str) -> Result<String, &'static str> {
    let (scheme, rest) = url.split_once("://").ok_or("has no scheme")?;
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => return Err("has a scheme that is neither https nor http"),
    };
    let (authority, path) = split(rest);
    let asked = Asked::new(scheme, authority, path).map_err(|_| "has no host before its path, or more than a host and its port")?;
    let slash = if path.starts_with('/') { "" } else { "/" };
    Ok(format!("{asked}{slash}{path}"))
}

fn split(rest: &str) -> (&str, &str) {
    rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()))
}

/// Of the beginning of a URL, which may end anywhere; none: no URL begins so.
fn begin(text: &str, spelled: Result<String, &'static str>) -> Option<String> {
    let Some((_, rest)) = text.split_once("://") else {
        let text = text.to_ascii_lowercase();
        return ["https://", "http://"].iter().any(|scheme| scheme.starts_with(&text)).then_some(text);
    };
    let (authority, path) = split(rest);
    match spelled {
        // Within the host, its end is not known: `https://api*` is `https://api.example.com/` too.
        Ok(url) if path.is_empty() => Some(if authority.contains(':') { url } else { url.strip_suffix('/')?.to_owned() }),
        Ok(url) => Some(url),
        Err(_) if path.is_empty() && !authority.contains(['@', '[', ':']) => {
            let text = text.to_ascii_lowercase();
            (text.starts_with("https://") || text.starts_with("http://")).then_some(text)
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests;
