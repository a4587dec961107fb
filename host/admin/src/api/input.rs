//! What a request brings, strictly: its parameters and its body.
//!
//! Always holds: a parameter or a key that is unknown, given twice or of another type is refused; a body is read no further than `BODY_BYTES_MAX`, and
//! only where it calls itself JSON.

use axum::body::to_bytes;
use axum::extract::{Query, Request};
use axum::http::{Uri, header};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};

use super::problem::{Kind, Problem};

const BODY_BYTES_MAX: usize = 64 * 1024;
pub(crate) const TEXT_CHARS_MAX: usize = 1_000;

pub(crate) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    let parsed = Query::try_from_uri(uri).map(|Query(parsed)| parsed);
    parsed.map_err(|error| Problem::invalid(format!("the query: {}", error.body_text())))
}

pub(crate) fn no_query(uri: &Uri) -> Result<(), Problem> {
    match uri.query() {
        None | Some("") => Ok(()),
        Some(_) => Err(Problem::invalid("this path takes no parameters: remove what follows the `?`")),
    }
}

pub(crate) async fn body<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    let mut types = request.headers().get_all(header::CONTENT_TYPE).iter();
    let only = types.next().filter(|_| types.next().is_none()).and_then(|value| value.to_str().ok());
    if !only.is_some_and(is_json) {
        return Err(Problem::new(Kind::WrongType, "send the header `Content-Type: application/json`, and JSON"));
    }
    let too_large = |_| Problem::new(Kind::TooLarge, format!("a body may have {BODY_BYTES_MAX} bytes: ask in several requests"));
    let bytes = to_bytes(request.into_body(), BODY_BYTES_MAX).await.map_err(too_large)?;
    // A list would be taken for the values of an object's keys, in their order.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::invalid("the body: a JSON object is needed"));
    }
    serde_json::from_slice(&bytes).map_err(|error| Problem::invalid(format!("the body: {error}")))
}

fn is_json(content_type: &str) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let is_json = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    is_json && parts.all(|parameter| parameter.eq_ignore_ascii_case("charset=utf-8"))
}

/// For what may be left out, and is no null where it is there.
pub(crate) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// As JSON has it: 1.0 is an integer.
fn whole(number: &serde_json::Number) -> Option<i64> {
    /// Beyond it, not every integer is a number of the kind.
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let is_whole = |number: &f64| number.fract() == 0.0 && number.abs() <= EXACT_MAX;
    let float = || number.as_f64().filter(is_whole).map(|number| number as i64);
    number.as_i64().or_else(float)
}

pub(crate) fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    whole(&number).ok_or_else(|| D::Error::custom(format!("{number} is no integer")))
}

pub(crate) fn integers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<i64>>, D::Error> {
    let integer =
        |number: serde_json::Number| whole(&number).ok_or_else(|| D::Error::custom(format!("{number} is no number of a dead letter")));
    let numbers = Vec::<serde_json::Number>::deserialize(deserializer)?;
    numbers.into_iter().map(integer).collect::<Result<_, _>>().map(Some)
}

/// Of digits alone, and within `range`.
pub(crate) fn number(name: &str, text: &str, range: std::ops::RangeInclusive<u64>) -> Result<u64, Problem> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| digits && range.contains(number));
    number.ok_or_else(|| Problem::invalid(format!("`{name}` must be a number from {} to {}", range.start(), range.end())))
}

pub(crate) fn text(name: &str, text: Option<String>) -> Result<Option<String>, Problem> {
    let fits = |text: &String| !text.is_empty() && text.chars().count() <= TEXT_CHARS_MAX;
    match text {
        Some(text) if !fits(&text) => Err(Problem::invalid(format!("`{name}` must have 1 to {TEXT_CHARS_MAX} characters"))),
        text => Ok(text),
    }
}
