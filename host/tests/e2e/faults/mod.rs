//! The fault table: what keeps the host from starting, what it says of it, and that nothing is damaged by it.
//!
//! Always holds: a fault is arranged for the real binary on a data directory that holds committed work. The command fails with 1, its
//! whole word is compared (what is wrong, where, what to do), no secret is in it, and the directory's content is what it was. In the
//! end, the faults removed, the same directory runs, and is exact.

mod credentials;
mod data_dir;
mod disk;
mod endpoints;
mod plugins;
mod scripted;
mod settings;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use expect_test::Expect;
use tripline::workload::Traffic;

use crate::harness::{Place, assert_clean, tripline};

/// What the commands' environment holds and no output may.
const ENVIRONMENT: [(&str, &str); 4] = [
    ("AWS_ACCESS_KEY_ID", "AKIDTRIPLINETEST"),
    ("AWS_SECRET_ACCESS_KEY", "secret-key-hunter2"),
    ("AWS_SESSION_TOKEN", "session-token-hunter2"),
    ("SMTP_PASSWORD", "password-hunter2"),
];
const SECRET: &str = "hunter2";
/// No fault takes longer to be said.
const TIME_MAX: Duration = Duration::from_secs(60);
const CHANGES: u64 = 60;

/// A command of the operator's.
#[derive(Clone, Copy, Debug)]
enum Ask<'a> {
    Run,
    Check,
    Dump,
    List,
    Inspect(&'a str),
}

impl Ask<'_> {
    fn args(self, place: &Place) -> Vec<String> {
        let owned = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
        let config = place.config_file().display().to_string();
        let data_dir = place.data_dir().display().to_string();
        match self {
            Self::Run => owned(&["run", "-c", &config]),
            Self::Check => owned(&["check", "-c", &config]),
            Self::Dump => owned(&["state", "dump", "--data-dir", &data_dir]),
            Self::List => owned(&["dlq", "list", "--data-dir", &data_dir]),
            Self::Inspect(plugin) => owned(&["inspect", &place.dir.path().join(plugin).display().to_string()]),
        }
    }
}

/// What is wrong: with the config, with the environment.
#[derive(Clone, Copy, Debug, Default)]
struct Fault<'a> {
    /// From, to.
    edits: &'a [(&'a str, &'a str)],
    env: &'a [(&'a str, &'a str)],
    unset: &'a [&'a str],
}

/// A place where a host has worked and was stopped.
struct Bench {
    place: Place,
    traffic: Traffic,
}

impl Bench {
    async fn new() -> Self {
        Self::at(Place::embedded().await).await
    }

    async fn at(place: Place) -> Self {
        let mut bench = Self { place, traffic: Traffic::new(7) };
        bench.works().await;
        bench
    }

    /// The host runs here, and what it does is exact.
    async fn works(&mut self) {
        let host = self.place.start();
        let changes = self.traffic.written() + CHANGES;
        self.traffic.write(&self.place.tables, changes, |_| ()).await.unwrap();
        assert_clean(&self.place.verify().await);
        assert!(host.stop());
    }

    /// Each of `asks` fails and says `expected`, the config being edited; nothing changes.
    async fn check_edited(&self, edits: &[(&str, &str)], asks: &[Ask<'_>], expected: Expect) {
        self.check(Fault { edits, ..Fault::default() }, asks, expected).await;
    }

    async fn check(&self, fault: Fault<'_>, asks: &[Ask<'_>], expected: Expect) {
        let config = std::fs::read_to_string(self.place.config_file()).unwrap();
        for (from, to) in fault.edits {
            self.place.edit(from, to);
        }
        let mut all_said = Vec::new();
        for ask in asks {
            let before = content(&self.place.data_dir());
            all_said.push(self.ask(fault, *ask).await);
            let after = content(&self.place.data_dir());
            assert!(before == after, "{ask:?} changed {:?}: {:?} became {:?}", self.place.data_dir(), sizes(&before), sizes(&after));
        }
        std::fs::write(self.place.config_file(), config).unwrap();
        expected.assert_eq(&all_said[0]);
        assert!(all_said.iter().all(|said| *said == all_said[0]), "{asks:?} say it differently: {all_said:#?}");
    }

    /// Nor is a secret in the log, however much of it is wanted.
    async fn keeps_secrets(&self, edits: &[(&str, &str)]) {
        let config = std::fs::read_to_string(self.place.config_file()).unwrap();
        for (from, to) in edits {
            self.place.edit(from, to);
        }
        let mut command = tokio::process::Command::from(tripline());
        command
            .args(Ask::Run.args(&self.place))
            .envs(ENVIRONMENT)
            .env("TRIPLINE_LOG", "debug")
            .kill_on_drop(true);
        let output = tokio::time::timeout(TIME_MAX, command.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("DEBUG"), "{said}");
        assert!(!said.contains(SECRET), "a secret in the log: {said}");
        std::fs::write(self.place.config_file(), config).unwrap();
    }

    /// The command needs nothing that is missing.
    async fn reads(&self, ask: Ask<'_>) {
        let output = tokio::process::Command::from(tripline()).args(ask.args(&self.place)).output().await.unwrap();
        assert!(output.status.success() && !output.stdout.is_empty(), "{ask:?}: {output:?}");
    }

    /// What the command says as it fails, without what differs from run to run.
    async fn ask(&self, fault: Fault<'_>, ask: Ask<'_>) -> String {
        let mut command = tokio::process::Command::from(tripline());
        command.args(ask.args(&self.place)).env("TRIPLINE_LOG", "off").kill_on_drop(true);
        command.envs(ENVIRONMENT).envs(fault.env.iter().copied());
        for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
            .iter()
            .chain(fault.unset)
        {
            command.env_remove(name);
        }
        let ended = tokio::time::timeout(TIME_MAX, command.output()).await;
        let output = ended.unwrap_or_else(|_| panic!("{ask:?} did not fail within {TIME_MAX:?}: {fault:?}")).unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{ask:?}, {fault:?}: {said}");
        for text in [&said, &String::from_utf8(output.stdout).unwrap()] {
            assert!(!text.contains(SECRET), "a secret in the word of {ask:?}: {text}");
        }
        tame(&said, self.place.dir.path())
    }
}

/// Without ports, processes and the place.
fn tame(said: &str, dir: &Path) -> String {
    let said = said.replace(dir.to_str().unwrap(), "DIR");
    let said = without_number_after(&said, "127.0.0.1:", "PORT");
    let said = without_number_after(&said, "(process ", "PID");
    let is_version = |word: &str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    said.split_inclusive([' ', ',', ':'])
        .map(|word| if is_version(word.trim_end_matches([' ', ',', ':'])) { "SHA256 " } else { word })
        .collect()
}

fn without_number_after(text: &str, before: &str, name: &str) -> String {
    let mut parts = text.split(before);
    let mut tamed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        tamed += before;
        tamed += if rest.len() < part.len() { name } else { "" };
        tamed += rest;
    }
    tamed
}

/// What of a data directory holds anything: not the lock, nor SQLite's map of its log, nor a log without anything in it.
fn content(data_dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(data_dir) else { return BTreeMap::new() };
    let files = entries.map(|entry| entry.unwrap()).filter(|entry| entry.path().is_file());
    let named = files.map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()));
    named
        .filter(|(name, bytes)| name != "lock" && !name.ends_with("-shm") && !(name.ends_with("-wal") && bytes.is_empty()))
        .collect()
}

fn sizes(content: &BTreeMap<String, Vec<u8>>) -> Vec<(&String, usize)> {
    content.iter().map(|(name, bytes)| (name, bytes.len())).collect()
}
