//! A real mail server, aiosmtpd, as a process of its own: with TLS by an authority of its own, logins, and replies that a test asks for.
//!
//! Always holds: it listens on 127.0.0.1 alone, and is killed when its handle is dropped. Two packages' tests use this file.

#![allow(dead_code, reason = "two packages' tests use it, each some of it")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

const SCRIPT: &str = include_str!("server.py");

#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// `none`, `starttls`, `implicit`.
    pub(crate) tls: &'static str,
    /// What its certificate is for.
    pub(crate) names: Vec<&'static str>,
    pub(crate) expired: bool,
    /// Username and password, which it then demands.
    pub(crate) login: Option<(&'static str, &'static str)>,
    /// Of `PLAIN` and `LOGIN`.
    pub(crate) mechanisms: Vec<&'static str>,
    /// Replies by place, each used once: `connect`, `MAIL`, `RCPT user`, `DATA user`; there also `drop within` and `drop after`.
    pub(crate) script: BTreeMap<String, Vec<&'static str>>,
    /// Sent in the clear together with the answer to STARTTLS.
    pub(crate) inject: &'static str,
    /// 0: any free one.
    pub(crate) port: u16,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            tls: "none",
            names: vec!["127.0.0.1", "localhost"],
            expired: false,
            login: None,
            mechanisms: vec!["PLAIN", "LOGIN"],
            script: BTreeMap::new(),
            inject: "",
            port: 0,
        }
    }
}

impl Options {
    pub(crate) fn script(mut self, place: &str, replies: &[&'static str]) -> Self {
        self.script.insert(place.to_owned(), replies.to_vec());
        self
    }
}

#[derive(Debug)]
pub(crate) struct MailServer {
    child: Child,
    dir: TempDir,
    pub(crate) port: u16,
}

impl MailServer {
    /// Returns once it listens.
    pub(crate) fn start(options: &Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("server.py");
        std::fs::write(&script, SCRIPT).unwrap();
        let Options { tls, names, expired, login, mechanisms, script: replies, inject, port } = options;
        let (username, password) = login.unzip();
        let told = json!({
            "dir": dir.path(), "tls": tls, "names": names, "expired": expired, "username": username, "password": password,
            "mechanisms": mechanisms, "script": replies, "inject": inject, "port": port,
        });
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let mut child = Command::new(python())
            .arg(&script)
            .arg(told.to_string())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said = || std::fs::read_to_string(dir.path().join("log")).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("the mail server did not start:\n{}", said()));
        Self { child, dir, port }
    }

    /// The authority that signed its certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    pub(crate) fn events(&self, kind: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.dir.path().join("events.jsonl")).unwrap();
        let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.filter(|event| event["event"] == kind).collect()
    }

    pub(crate) fn count(&self, kind: &str) -> usize {
        self.events(kind).len()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As `cargo xtask test` has set it up; plain `cargo test` finds it there too.
fn python() -> PathBuf {
    let default = || {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .find(|dir| dir.join("Cargo.lock").exists())
            .unwrap()
            .join("target/tools")
    };
    let tools = std::env::var_os("TRIPLINE_TOOLS").map_or_else(default, PathBuf::from);
    let python = tools.join("venv/bin/python");
    assert!(python.exists(), "{} is missing: `cargo xtask test` sets it up", python.display());
    python
}
