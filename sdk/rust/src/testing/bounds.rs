//! What the real host refuses, so that the recorder refuses it too.
//!
//! Always holds: an `Err` is the reason in the host's words. Knows nothing of grants: those come first.

use crate::bindings::tripline::trigger::mailer::Message;
use crate::http::{Request, parts};

const NAME_BYTES_MAX: usize = 64;
const LABELS_MAX: usize = 8;
const LABEL_VALUE_BYTES_MAX: usize = 1024;
const STATE_KEY_BYTES_MAX: usize = 2 * 1024;
const STATE_VALUE_BYTES_MAX: usize = 256 * 1024;
const DECIMAL_TEXT_MAX: usize = 320;
const DECIMAL_DIGITS_MAX: usize = 300;
/// Of places behind the point, and of zeros before it.
const DECIMAL_SCALE_MAX: i64 = 168;
const RECIPIENTS_MAX: usize = 50;
const MAIL_LINE_BYTES_MAX: usize = 998;
const MAIL_BODY_BYTES_MAX: usize = 1024 * 1024;
const MAIL_KEY_BYTES_MAX: usize = 1024;
const HTTP_BODY_BYTES_MAX: usize = 8 * 1024 * 1024;
pub(super) const TRANSACTION_WRITES_MAX: usize = 100;
pub(super) const TABLE_KEYS_MAX: usize = 1000;

/// What Prometheus' families of one metric end in.
const METRIC_ENDINGS: [&str; 4] = ["_total", "_bucket", "_sum", "_count"];
/// They are the host's to write.
const FORBIDDEN_HEADERS: [&str; 9] = [
    "connection",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

/// A counter's or a metric's; `kind` is what the reason calls it.
pub(super) fn check_series(kind: &str, name: &str, labels: &[(String, String)]) -> Result<(), String> {
    let check_name = |what: &str, name: &str| {
        let is_name = name.len() <= NAME_BYTES_MAX
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        is_name
            .then_some(())
            .ok_or_else(|| format!("the {what} `{name}`: use a to z, 0 to 9 and _, a letter first, at most {NAME_BYTES_MAX}"))
    };
    check_name(&format!("{kind}'s name"), name)?;
    if labels.len() > LABELS_MAX {
        return Err(format!("{} labels; at most {LABELS_MAX}", labels.len()));
    }
    for (position, (label, value)) in labels.iter().enumerate() {
        check_name("label", label)?;
        if value.len() > LABEL_VALUE_BYTES_MAX {
            return Err(format!("the value of label `{label}` has {} bytes; at most {LABEL_VALUE_BYTES_MAX}", value.len()));
        }
        if labels[..position].iter().any(|(other, _)| other == label) {
            return Err(format!("the label `{label}` is there twice"));
        }
    }
    Ok(())
}

pub(super) fn check_metric(name: &str, labels: &[(String, String)], value: Option<f64>) -> Result<(), String> {
    check_series("metric", name, labels)?;
    if let Some(value) = value.filter(|value| !value.is_finite()) {
        return Err(format!("the metric `{name}`: {value} is no finite number"));
    }
    if let Some(ending) = METRIC_ENDINGS.iter().find(|ending| name.ends_with(**ending)) {
        return Err(format!("the metric's name `{name}`: leave out `{ending}`, which Prometheus adds where it belongs"));
    }
    if labels.iter().any(|(label, _)| label == "le") {
        return Err("the label `le`: Prometheus keeps it for the buckets of histograms".to_owned());
    }
    Ok(())
}

/// Of a counter.
pub(super) fn check_delta(text: &str) -> Result<(), String> {
    let shown = || text.chars().take(NAME_BYTES_MAX).collect::<String>();
    let scale = Some(text).filter(|text| text.len() <= DECIMAL_TEXT_MAX).and_then(scale);
    match scale {
        None => Err(format!("`{}` is not a decimal such as 1, -19.99 or 1E+3", shown())),
        Some((digits, scale)) if digits > DECIMAL_DIGITS_MAX || !(-DECIMAL_SCALE_MAX..=DECIMAL_SCALE_MAX).contains(&scale) => {
            Err(format!("`{}` is outside what DynamoDB stores: 38 digits between 1E-130 and 9.9E+125", shown()))
        }
        Some(_) => Ok(()),
    }
}

/// How many digits a decimal has, and how many of them stand behind the point.
fn scale(text: &str) -> Option<(usize, i64)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let mantissa = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((digits.trim_start_matches('0').len(), (fraction.len() as i64).checked_sub(exponent)?))
}

pub(super) fn check_state_key(key: &str) -> Result<(), String> {
    match key.len() {
        0..=STATE_KEY_BYTES_MAX => Ok(()),
        bytes => Err(format!("a key of {bytes} bytes; at most {STATE_KEY_BYTES_MAX}")),
    }
}

pub(super) fn check_state_value(value: &[u8]) -> Result<(), String> {
    match value.len() {
        0..=STATE_VALUE_BYTES_MAX => Ok(()),
        bytes => Err(format!("a value of {bytes} bytes; at most {STATE_VALUE_BYTES_MAX}")),
    }
}

pub(super) fn check_mail(message: &Message, key: &str) -> Result<(), String> {
    let Message { to, reply_to, subject, text, html } = message;
    if to.is_empty() || to.len() > RECIPIENTS_MAX {
        return Err(format!("{} recipients: a mail has one to {RECIPIENTS_MAX}", to.len()));
    }
    for (field, address) in to.iter().map(|to| ("to", to)).chain(reply_to.iter().map(|address| ("reply-to", address))) {
        check_line(field, address)?;
        if !is_address(address) {
            return Err(format!("{field}: not an address such as a@b.example or Name <a@b.example>"));
        }
    }
    check_line("subject", subject)?;
    if text.is_none() && html.is_none() {
        return Err("no body: set text, html or both".to_owned());
    }
    for (field, body) in [("text", text), ("html", html)] {
        if let Some(body) = body.as_ref().filter(|body| body.len() > MAIL_BODY_BYTES_MAX) {
            return Err(format!("{field}: {} bytes; at most {MAIL_BODY_BYTES_MAX}", body.len()));
        }
    }
    match key.len() {
        0..=MAIL_KEY_BYTES_MAX => Ok(()),
        bytes => Err(format!("bytes of the key: {bytes}; at most {MAIL_KEY_BYTES_MAX}")),
    }
}

/// What stands in a header stays in its line.
fn check_line(field: &str, text: &str) -> Result<(), String> {
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        return Err(format!("{field}: holds the control character {control:?}; headers are one line of text"));
    }
    match text.len() {
        0..=MAIL_LINE_BYTES_MAX => Ok(()),
        bytes => Err(format!("{field}: {bytes} bytes; at most {MAIL_LINE_BYTES_MAX}")),
    }
}

/// `a@b.example` or `Name <a@b.example>`: one of either. The host knows more of what a server takes.
fn is_address(text: &str) -> bool {
    let text = text.trim();
    let address = match text.strip_suffix('>').map(|text| text.rsplit_once('<')) {
        Some(None) => return false,
        Some(Some((name, address))) => {
            let name = name.trim();
            let is_quoted = name.len() > 1 && name.starts_with('"') && name.ends_with('"');
            if !is_quoted && name.contains(['@', ',', ';', ':', '<', '>', '"']) {
                return false;
            }
            address
        }
        None => text,
    };
    let Some((local, domain)) = address.split_once('@') else { return false };
    let is_plain = |part: &str| {
        !part.contains(|c: char| c.is_whitespace() || "@,;<>()\"".contains(c)) && part.split('.').all(|label| !label.is_empty())
    };
    is_plain(local) && is_plain(domain)
}

pub(super) fn check_request(request: &Request) -> Result<(), String> {
    let (_, authority, path) = parts(&request.url).map_err(|error| error.to_string())?;
    let is_token =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    let is_value = |value: &[u8]| value.iter().all(|byte| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f));
    let is_forbidden = |name: &str| FORBIDDEN_HEADERS.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden));
    let is_url = |part: &str| part.bytes().all(|byte| byte > b' ' && byte != 0x7f);
    request.check_headers().map_err(|error| error.to_string())?;
    if !request.headers.iter().all(|(name, value)| is_token(name) && is_value(value)) {
        return Err("a header that is none".to_owned());
    }
    if let Some((name, _)) = request.headers.iter().find(|(name, _)| is_forbidden(name)) {
        return Err(format!("the header `{name}`, which the host writes itself"));
    }
    if !is_token(&request.method) {
        return Err("no method".to_owned());
    }
    if !is_url(authority) || !is_url(path) {
        return Err("the URL's host or path is none: encode spaces".to_owned());
    }
    match request.body.len() {
        0..=HTTP_BODY_BYTES_MAX => Ok(()),
        bytes => Err(format!("a body of {bytes} bytes; at most {HTTP_BODY_BYTES_MAX}")),
    }
}
