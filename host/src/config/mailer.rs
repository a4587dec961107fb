//! `[mailers.NAME]`: how mail leaves, and as whom.
//!
//! Invariant: a password comes from the environment or a file of its own, is in no fault, and never travels unencrypted
//! to another machine.

use std::path::PathBuf;

use tripline_capability::Secret;
use tripline_capability::mail::{CaCertificates, Mailer, MailerConfig, Tls, Transport};
use tripline_core::mail::Rate;

use super::endpoint;
use super::read::{Section, Value};
use super::schema::{MAILER, PASSWORD};
use super::unit;

const PASSWORD_BYTES_MAX: u64 = 64 * 1024;
/// The system's own bundle has a quarter of a megabyte.
const CA_BYTES_MAX: u64 = 1024 * 1024;
const SENDMAIL: &str = "/usr/sbin/sendmail";
const URL_REMEDY: &str = "write \"smtp://HOST:587\", \"smtps://HOST:465\", \"sendmail:\" or \"file:FOLDER\"";

/// None when something needed is missing or wrong.
pub(super) fn mailer(name: &str, value: &Value<'_>) -> Option<MailerConfig> {
    let section = value.section(&MAILER)?;
    let url = section.require("url", URL_REMEDY);
    let from = section.require("from", "write from = \"shop@example.com\"").and_then(|value| address(&value));
    let password = section.get("password").and_then(|value| password(&value));
    let username = section.get("username").and_then(|value| value.line()).map(str::to_owned);
    let rate_max = section.get("rate_max").map(|value| rate(&value));
    let url = url?;
    let text = url.line()?;
    let (scheme, rest) = match text.split_once(':') {
        Some(split) => split,
        None => {
            url.fault("is no URL of a mailer", URL_REMEDY);
            return None;
        }
    };
    let transport = match scheme {
        "smtp" | "smtps" => smtp(&section, &url, rest, Login { username, password })?,
        "sendmail" | "file" => {
            for key in ["tls", "ca", "username", "password"] {
                if let Some(value) = section.get(key) {
                    value.fault(format!("{scheme}: takes no {key}"), "remove it, or use an smtp: or smtps: url");
                }
            }
            if scheme == "file" { file(&url, rest)? } else { sendmail(&url, rest)? }
        }
        _ => {
            url.fault("no mailer has this scheme", URL_REMEDY);
            return None;
        }
    };
    Some(MailerConfig { name: name.into(), transport, from: from?, rate_max: rate_max.flatten() })
}

struct Login {
    username: Option<String>,
    password: Option<Secret>,
}

fn smtp(section: &Section<'_>, url: &Value<'_>, rest: &str, login: Login) -> Option<Transport> {
    let implicit = url.text()?.starts_with("smtps:");
    let authority = rest.strip_prefix("//").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    if authority.is_some_and(|authority| authority.contains('@')) {
        url.fault(
            "a user or a password in the url",
            "write only the host and the port here, with username = \"…\" and password = { env = \"NAME\" } beside it",
        );
        return None;
    }
    let parsed = authority.filter(|authority| !authority.contains(['/', '?', '#'])).and_then(endpoint::host_and_port);
    let Some((host, port)) = parsed.filter(|(host, port)| !host.is_empty() && *port != Some(0)) else {
        url.fault("no host and port", URL_REMEDY);
        return None;
    };
    let tls = match section.get("tls") {
        Some(value) if implicit => value.choice(&[("implicit", Tls::Implicit)], &[])?,
        Some(value) => value.choice(&[("starttls", Tls::StartTls), ("none", Tls::None)], &[])?,
        None if implicit => Tls::Implicit,
        None => Tls::StartTls,
    };
    login_comes_whole_and_encrypted(section, tls, host);
    let port = port.unwrap_or(if implicit { 465 } else { 587 });
    let ca = section.get("ca").and_then(|value| authorities(&value, tls));
    Some(Transport::Smtp { host: host.to_owned(), port, tls, ca, username: login.username, password: login.password })
}

fn authorities(value: &Value<'_>, tls: Tls) -> Option<CaCertificates> {
    if tls == Tls::None {
        value.fault("with tls = \"none\" no certificate is asked for", "remove `ca`, or remove `tls` (STARTTLS is then required)");
        return None;
    }
    let pem = value.file_text(CA_BYTES_MAX)?;
    match CaCertificates::from_pem(&pem) {
        Ok(certificates) => Some(certificates),
        Err(reason) => {
            value.fault(
                format!("holds no certificates of authorities: {reason}"),
                "name a PEM file: -----BEGIN CERTIFICATE-----, and so on, for each authority",
            );
            None
        }
    }
}

fn rate(value: &Value<'_>) -> Option<Rate> {
    const REMEDY: &str = "write a whole number from 1 to 10000 by a unit, as \"10/s\", \"600/m\" or \"1000/h\"";
    let text = value.text()?;
    let rate = unit::rate(text)
        .filter(|(mails, _)| (1..=10_000).contains(mails))
        .and_then(|(mails, per)| Rate::new(mails, per));
    if rate.is_none() {
        value.fault(format!("{text:?} is no rate"), REMEDY);
    }
    rate
}

fn login_comes_whole_and_encrypted(section: &Section<'_>, tls: Tls, host: &str) {
    match (section.get("username"), section.get("password")) {
        (Some(_), None) => {
            section.require("password", "write password = { env = \"NAME\" } or { file = \"PATH\" }, or remove `username`");
        }
        (None, Some(_)) => {
            section.require("username", "write username = \"…\", or remove `password`");
        }
        (Some(_), Some(password)) if tls == Tls::None && !endpoint::is_loopback_host(host) => password.fault(
            "with tls = \"none\" the password would travel unencrypted",
            "remove `tls` (STARTTLS is then required), use smtps:, or remove `username` and `password`",
        ),
        _ => {}
    }
}

fn sendmail(url: &Value<'_>, command: &str) -> Option<Transport> {
    let command = if command.is_empty() { SENDMAIL } else { command };
    if !command.starts_with('/') || command.starts_with("//") {
        url.fault("the command of sendmail: is an absolute path", format!("write \"sendmail:\" or \"sendmail:{SENDMAIL}\""));
        return None;
    }
    Some(Transport::Sendmail { command: command.into() })
}

/// `file:mails`, `file:/var/mails` and `file:///var/mails`.
fn file(url: &Value<'_>, rest: &str) -> Option<Transport> {
    let dir = match rest.strip_prefix("//") {
        Some(absolute) if absolute.starts_with('/') => absolute,
        Some(_) => {
            url.fault("a file: url has no host", "write \"file:FOLDER\", relative to the folder of this file, or \"file:///FOLDER\"");
            return None;
        }
        None => rest,
    };
    if dir.is_empty() {
        url.fault("no folder", "write \"file:FOLDER\", relative to the folder of this file, or \"file:///FOLDER\"");
        return None;
    }
    let dir: PathBuf = url.in_base(dir);
    Some(Transport::File { dir })
}

/// `a@b.example` or `Name <a@b.example>`, by the word of whoever will write it into mails.
fn address(value: &Value<'_>) -> Option<String> {
    let text = value.line()?;
    // Any transport would do: this one is built without a look at the machine.
    let transport = Transport::Sendmail { command: SENDMAIL.into() };
    let built = Mailer::build(MailerConfig { name: String::new(), transport, from: text.to_owned(), rate_max: None });
    if built.is_err() {
        value.fault(format!("{text:?} is no mail address"), "write \"shop@example.com\" or \"Shop <shop@example.com>\"");
    }
    built.is_ok().then(|| text.to_owned())
}

fn password(value: &Value<'_>) -> Option<Secret> {
    if value.raw.is_str() {
        value.fault(
            "a password stands in the file",
            "write { env = \"NAME\" } or { file = \"PATH\" } instead; and change the password if others can read this file",
        );
        return None;
    }
    let section = value.section(&PASSWORD)?;
    secret(value, &section)
}

/// From the variable that `env` names, or the file that `file` does.
pub(super) fn secret(value: &Value<'_>, section: &Section<'_>) -> Option<Secret> {
    let secret = match (section.get("env"), section.get("file")) {
        (Some(_), None) | (None, Some(_)) if !value.needs_secrets() => String::new(),
        (Some(name), None) => name.env()?,
        (None, Some(file)) => {
            let text = file.file_text(PASSWORD_BYTES_MAX)?;
            let secret = text.trim_end_matches(['\n', '\r']);
            if secret.is_empty() {
                file.fault("the file is empty", "write the secret into it");
                return None;
            }
            secret.to_owned()
        }
        _ => {
            value.fault("one of `env` and `file` is needed", "write { env = \"NAME\" } or { file = \"PATH\" }");
            return None;
        }
    };
    Some(Secret::new(secret))
}
