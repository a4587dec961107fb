//! `[triggers.NAME.grants] http`: where a plugin may send requests, and the secrets that the host adds to them.
//!
//! Invariants: a secret comes from the environment or a file of its own, is in no fault, goes to one named host, and never travels unencrypted to another
//! machine. Every entry can be reached: none stands behind one that covers it.

use tripline_capability::http::{Allowed, Authorities, HeaderError, SecretHeader};
use tripline_core::http::{Place, Reach, Scheme, refused};

use super::mailer;
use super::read::Value;
use super::schema::{HEADER, HTTP};

/// The system's own bundle has a quarter of a megabyte.
const CA_BYTES_MAX: u64 = 1024 * 1024;

pub(super) fn http(list: &Value<'_>) -> Vec<Allowed> {
    let mut entries: Vec<Allowed> = Vec::new();
    for element in list.list() {
        let Some(entry) = entry(&element) else { continue };
        if let Some(above) = entries.iter().find(|above| above.place.covers(&entry.place)) {
            element.fault(
                format!("is never used: {} stands before it and allows all that it allows", above.place),
                "put it before that one, so that its headers and `private` hold, or remove one of them",
            );
            continue;
        }
        entries.push(entry);
    }
    entries
}

fn entry(value: &Value<'_>) -> Option<Allowed> {
    if value.raw.is_str() {
        let entry = Allowed { place: place(value)?, private: false, headers: Vec::new(), authorities: None };
        refuse_unreachable(value, &entry);
        return Some(entry);
    }
    let section = value.section(&HTTP)?;
    let url = section.require("url", "write url = \"https://HOST\"");
    let private = section.get("private").and_then(|value| value.bool()).unwrap_or(false);
    let headers = section.get("headers").map(|value| headers(&value)).unwrap_or_default();
    let ca = section.get("ca");
    let url = url?;
    let place = place(&url)?;
    if let Some(ca) = ca.as_ref().filter(|_| place.scheme() == Scheme::Http) {
        ca.fault("with http:// no certificate is asked for", "remove `ca`, or write https://");
        return None;
    }
    let authorities = ca.and_then(|value| authorities(&value));
    if let Some(value) = section.get("headers") {
        if place.is_wildcard() {
            value.fault("a secret goes to one host, and a wildcard stands for many", "name the host that it is for in an entry of its own");
        } else if place.scheme() == Scheme::Http && !place.is_loopback() {
            value.fault("with http:// the secret would travel unencrypted", "write https://, or remove `headers`");
        }
    }
    let entry = Allowed { place, private, headers, authorities };
    refuse_unreachable(&url, &entry);
    Some(entry)
}

fn place(value: &Value<'_>) -> Option<Place> {
    match Place::parse(value.line()?) {
        Ok(place) => Some(place),
        Err(error) => {
            value.fault(error.what, error.remedy);
            None
        }
    }
}

/// Of an address the config alone tells that nothing would be sent to it: a fault, since the host would refuse each request.
fn refuse_unreachable(value: &Value<'_>, entry: &Allowed) {
    let reach = if entry.private { Reach::Named } else { Reach::Global };
    if let Some(kind) = entry.place.address().and_then(|address| refused(address, reach)) {
        let remedy = match entry.private {
            true => "name another",
            false => "write { url = \"…\", private = true }, if it is meant",
        };
        value.fault(format!("is {kind}: nothing would be sent there"), remedy);
    }
}

fn authorities(value: &Value<'_>) -> Option<Authorities> {
    let pem = value.file_text(CA_BYTES_MAX)?;
    Authorities::from_pem(&pem)
        .map_err(|reason| {
            value.fault(
                format!("holds no certificates of authorities: {reason}"),
                "name a PEM file: -----BEGIN CERTIFICATE-----, and so on, for each authority",
            );
        })
        .ok()
}

fn headers(value: &Value<'_>) -> Vec<SecretHeader> {
    let Some(table) = value.table() else { return Vec::new() };
    let mut headers: Vec<SecretHeader> = Vec::new();
    for (key, raw) in table {
        let name: &str = key.get_ref();
        let value = value.child(name, key.span().start, raw.get_ref());
        let Some(header) = header(name, &value) else { continue };
        if headers.iter().any(|other| other.name() == header.name()) {
            value.fault("is named twice: headers' names are the same in capitals", "remove one");
            continue;
        }
        headers.push(header);
    }
    headers
}

fn header(name: &str, value: &Value<'_>) -> Option<SecretHeader> {
    if value.raw.is_str() {
        value.fault(
            "a header's value stands in the file",
            "write { env = \"NAME\" } or { file = \"PATH\" } instead; what is no secret, the plugin can write itself",
        );
        return None;
    }
    let section = value.section(&HEADER)?;
    let prefix = match section.get("prefix") {
        Some(prefix) => prefix.line()?,
        None => "",
    };
    let secret = mailer::secret(value, &section)?;
    match SecretHeader::new(name, prefix, secret) {
        Ok(header) => Some(header),
        Err(error) => {
            let remedy = match error {
                HeaderError::Name => "write a name such as Authorization",
                HeaderError::Own => "remove it",
                HeaderError::Value => "correct the variable or the file, and `prefix`",
            };
            value.fault(error.to_string(), remedy);
            None
        }
    }
}
