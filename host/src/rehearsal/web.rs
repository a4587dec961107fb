//! What stands in for the network: answers from a file, to requests that the trigger is granted.
//!
//! Invariant: nothing is sent; a request that no answer is for is denied, and the plugin's log says so; which of them are allowed is decided as in a host, but
//! for addresses, which nobody looks up.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::Value;
use tripline_core::http::{Place, choose};
use tripline_core::port::{BoxFuture, HttpClient, HttpError, HttpHead, HttpRequest, HttpResponse};
use tripline_core::signal::HttpConnection;

use super::stage::Stage;
use super::told::Call;
use crate::cli::output::tame;

const FORM: &str = r#"[{"method": "POST", "url": "https://api.example.com/*", "status": 201}]"#;

/// Of a file's answers, where none of them fits.
const SHOWN_MAX: usize = 3;

/// The answers of a file; of several that fit, the first.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    list: Vec<Canned>,
    /// There is a file.
    given: bool,
}

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
        let list: Vec<Canned> = serde_json::from_str(text).with_context(|| format!("{file} is no list of answers, as {FORM}"))?;
        if let Some(wrong) = list.iter().find(|canned| !(200..=599).contains(&canned.status)) {
            bail!("{file}: {} is no status of an answer: write one from 200 to 599", wrong.status);
        }
        Ok(Self { list, given: true })
    }

    /// What was asked, what there is, and what to add: a rehearsal is made of pretended data, so its URLs may be told.
    fn none_to(&self, method: &str, url: &str) -> String {
        let entry = serde_json::json!({ "method": method, "url": url, "status": ok() });
        if !self.given {
            return format!("a rehearsal has no network: name a file with answers, --http FILE, such as [{entry}]");
        }
        let alike =
            |canned: &&Canned| std::cmp::Reverse(canned.url.bytes().zip(url.bytes()).take_while(|(one, other)| one == other).count());
        let mut nearest: Vec<&Canned> = self.list.iter().collect();
        nearest.sort_by_key(alike);
        let shown: Vec<String> = nearest.iter().take(SHOWN_MAX).map(ToString::to_string).collect();
        let more = nearest.len().saturating_sub(shown.len());
        let has = match (shown.as_slice(), more) {
            ([], _) => "nothing".to_owned(),
            (shown, 0) => shown.join(", "),
            (shown, more) => format!("{}, and {more} more", shown.join(", ")),
        };
        format!("the file of --http has no answer to {method} {url}; it has {has}. Add what the server answers, as in {entry}")
    }

    fn to(&self, method: &str, url: &str) -> Option<HttpResponse> {
        let fits = |canned: &&Canned| {
            let is_url = canned.url.strip_suffix('*').map_or(canned.url == url, |beginning| url.starts_with(beginning));
            is_url && canned.method.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
        };
        let canned = self.list.iter().find(fits)?;
        let body = match &canned.body {
            None => Vec::new(),
            Some(Value::String(text)) => text.clone().into_bytes(),
            Some(json) => json.to_string().into_bytes(),
        };
        let header = |(name, value): (&String, &String)| (name.as_str().into(), value.clone().into_bytes());
        let headers = canned.headers.iter().map(header).collect();
        Some(HttpResponse { status: canned.status, headers, body, connection: HttpConnection::New })
    }
}

pub(super) struct Web {
    pub(super) places: Vec<Place>,
    pub(super) answers: Arc<Answers>,
    pub(super) stage: Arc<Stage>,
}

impl HttpClient for Web {
    fn allows(&self, head: &HttpHead) -> Result<Arc<str>, HttpError> {
        let (chosen, _) = choose(self.places.iter(), head)?;
        Ok(self.places.get(chosen).map(ToString::to_string).unwrap_or_default().into())
    }

    fn send(&self, request: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        let HttpRequest { head, headers, body, .. } = request;
        let url = format!("{}://{}{}", head.scheme.as_str(), head.authority, head.path_and_query);
        let answer = self.answers.to(&head.method, &url);
        let answer = answer.ok_or_else(|| HttpError::Denied(self.answers.none_to(&head.method, &url)));
        let status = answer.as_ref().ok().map(|answer| answer.status);
        self.stage.requested(Requested { method: head.method, url, headers, body, status });
        Box::pin(async move { answer })
    }
}

/// A request as it was made.
#[derive(Clone, Debug)]
pub(super) struct Requested {
    method: Box<str>,
    url: String,
    headers: Vec<(Box<str>, Vec<u8>)>,
    body: Vec<u8>,
    /// Of the answer; none: it was denied.
    status: Option<u16>,
}

impl Requested {
    pub(super) fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.method.len() + self.url.len() + headers + self.body.len()
    }
}

/// As it is told: made at once, whatever becomes of the change.
#[derive(Debug, serde::Serialize)]
pub(super) struct Request {
    method: Box<str>,
    url: String,
    /// In the plugin's order; a name may stand twice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(Box<str>, String)>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    body: Option<Body>,
    /// None: denied.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(flatten)]
    call: Call,
}

#[derive(Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
enum Body {
    Body(String),
    /// Where it is no UTF-8.
    BodyBase64(String),
}

impl Request {
    pub(super) fn of(requested: Requested, call: &Call) -> Self {
        let Requested { method, url, headers, body, status } = requested;
        let header = |(name, value): (Box<str>, Vec<u8>)| (name, String::from_utf8_lossy(&value).into_owned());
        let headers = headers.into_iter().map(header).collect();
        let text =
            |body: Vec<u8>| String::from_utf8(body).map_or_else(|error| Body::BodyBase64(BASE64.encode(error.as_bytes())), Body::Body);
        let body = (!body.is_empty()).then(|| text(body));
        Self { method, url, headers, body, status, call: call.clone() }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status.map_or_else(|| "denied".to_owned(), |status| status.to_string());
        writeln!(f, "  {}{} {}: {status}", tame(&self.method), self.call, tame(&self.url))?;
        for (name, value) in &self.headers {
            writeln!(f, "    {}: {}", tame(name), tame(value))?;
        }
        match &self.body {
            None => Ok(()),
            Some(Body::BodyBase64(base64)) => writeln!(f, "    base64 | {base64}"),
            Some(Body::Body(text)) => text.lines().try_for_each(|line| writeln!(f, "{}", format!("    | {}", tame(line)).trim_end())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &str, url: &str, expected: Option<(u16, &str)>) {
        let answers = r#"[{"method":"POST","url":"https://h/a","status":201,"body":{"x":1}},{"url":"https://h/b/*","body":"text"},
            {"url":"https://h/a","status":404}]"#;
        let answer = Answers::read(answers, "file").unwrap().to(method, url);
        let answer = answer.map(|answer| (answer.status, String::from_utf8(answer.body).unwrap()));
        assert_eq!(answer.as_ref().map(|(status, body)| (*status, body.as_str())), expected, "{method} {url}");
    }

    #[test]
    fn the_first_that_fits_answers() {
        check("POST", "https://h/a", Some((201, r#"{"x":1}"#)));
        check("GET", "https://h/a", Some((404, "")));
        check("GET", "https://h/a?q", None);
        check("PUT", "https://h/b/c?d", Some((200, "text")));
        check("GET", "https://h/b", None);
    }

    #[test]
    fn what_is_no_file_of_answers() {
        for text in ["", "{}", r#"[{"url":"x","unknown":1}]"#, r#"[{"url":"x","status":99}]"#] {
            let error = Answers::read(text, "answers.json").unwrap_err();
            assert!(format!("{error:#}").starts_with("answers.json"), "{error:#}");
        }
    }
}
