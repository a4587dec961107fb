//! A directory with a config, the binary as a child process, and what it serves.
//!
//! Always holds: whatever was started is stopped when its handle is dropped; servers listen on free ports of 127.0.0.1.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region as AwsRegion};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification, StreamViewType,
};
use tempfile::TempDir;
use tripline::aws::Aws;
use tripline::config::Config;
use tripline::workload::{self, DATA_DIR, Findings, MAIL_DIR, Tables, Verifier};
use tripline_local::{Region, RegionConfig};
use tripline_store::{OpenError, SqliteReader};

use crate::compiled;
use crate::ports::free_port;

/// Nothing here takes longer, on the slowest machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
const STALLED_AFTER: Duration = Duration::from_secs(60);

pub(crate) fn tripline() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
    command.env("TRIPLINE_LOG", "info,tripline=debug");
    // Not in the home of who runs the tests.
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    for name in ["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"] {
        command.env_remove(name);
    }
    command
}

/// A config directory and the endpoints that it names.
pub(crate) struct Place {
    pub(crate) dir: TempDir,
    pub(crate) tables: Tables,
    _regions: Vec<Region>,
}

impl Place {
    /// On two embedded regions, which live in this process: killing the host leaves them alone.
    pub(crate) async fn embedded() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let region = |name: &str| Region::start(RegionConfig::new(name, dir.path().join("regions"))).unwrap();
        let regions = vec![region("eu-west-1"), region("us-east-1")];
        let (home, away) = (regions[0].endpoint(), regions[1].endpoint());
        Self::at(dir, &home, &away, regions).await
    }

    pub(crate) async fn on(home: &str, away: &str) -> Self {
        Self::at(tempfile::tempdir().unwrap(), home, away, Vec::new()).await
    }

    async fn at(dir: TempDir, home: &str, away: &str, regions: Vec<Region>) -> Self {
        for (name, text) in workload::config_files("127.0.0.1:0", home, away) {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let config = Config::load(&dir.path().join("tripline.toml"), &|_| None).unwrap();
        let tables = Tables::connect(&config).await.unwrap();
        tables.create().await.unwrap();
        Self { dir, tables, _regions: regions }
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.dir.path().join("tripline.toml")
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join(DATA_DIR)
    }

    /// Changes the config's text; what is to be replaced must be there.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.config_file()).unwrap();
        assert!(text.contains(from), "the config has no `{from}`");
        std::fs::write(self.config_file(), text.replace(from, to)).unwrap();
    }

    pub(crate) fn start(&self) -> Host {
        Host::start(&self.config_file())
    }

    /// What is committed, whether a host runs or not. None: no host ever came to make its database.
    pub(crate) fn committed(&self) -> Option<SqliteReader> {
        match SqliteReader::open(&self.data_dir()) {
            Ok(reader) => Some(reader),
            Err(OpenError::NoDatabase { .. } | OpenError::OlderSchema { .. }) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// What differs once nothing moves any more.
    pub(crate) async fn verify(&self) -> Findings {
        self.verify_with(Some(&self.dir.path().join(MAIL_DIR)), 0).await
    }

    /// The same where mail goes to a server.
    pub(crate) async fn verify_without_mail_files(&self) -> Findings {
        self.verify_with(None, 0).await
    }

    pub(crate) async fn verify_with(&self, mail_dir: Option<&Path>, dead_letters_expected: usize) -> Findings {
        let verifier = Verifier { tables: &self.tables, data_dir: &self.data_dir(), mail_dir, dead_letters_expected };
        verifier.wait(STALLED_AFTER).await.unwrap()
    }

    pub(crate) async fn client(&self, stream: &str) -> aws_sdk_dynamodb::Client {
        let config = Config::load(&self.config_file(), &|_| None).unwrap();
        aws_sdk_dynamodb::Client::new(&Aws::new().config(&config.streams[&stream.into()].connection).await)
    }
}

/// `tripline run`, as a process.
pub(crate) struct Host {
    child: Child,
    pub(crate) address: String,
    config: PathBuf,
    log: Receiver<String>,
    /// Log lines that were taken from `log` for one trigger and may be another's.
    kept: RefCell<Vec<String>>,
}

impl Host {
    /// Returns once it says that it runs.
    pub(crate) fn start(config: &Path) -> Self {
        Self::start_in(tripline(), config)
    }

    /// The same with `environment` beside the test's own.
    pub(crate) fn start_with(config: &Path, environment: &[(String, String)]) -> Self {
        let mut command = tripline();
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        Self::start_in(command, config)
    }

    /// The same with `command`: the binary, in whatever surroundings; its arguments are put behind.
    pub(crate) fn start_in(command: Command, config: &Path) -> Self {
        let mut host = Self::spawn(command, config);
        host.wait_until_running();
        host
    }

    pub(crate) fn wait_until_running(&mut self) {
        let running = self.wait_for_log("running");
        let url = running["metrics"].as_str().unwrap();
        self.address = url.trim_start_matches("http://").trim_end_matches("/metrics").to_owned();
        compiled::keep(&self.config);
    }

    /// Returns at once: it may not run yet, nor ever.
    pub(crate) fn spawn(mut command: Command, config: &Path) -> Self {
        compiled::lend(config);
        let mut child = command
            .args(["run", "--log-format", "json", "-c"])
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        // Bounded: a host that floods its log waits for this reader, which drops what nobody asks for.
        let (lines, log) = sync_channel(10_000);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = lines.try_send(line);
            }
        });
        Self { child, address: String::new(), config: config.to_owned(), log, kept: RefCell::default() }
    }

    /// The next log line with this message.
    pub(crate) fn wait_for_log(&self, message: &str) -> serde_json::Value {
        self.wait_for_event(message, |event| event["message"].as_str() == Some(message))
    }

    /// The next log line that is wanted; `what` it is, for the word of a failure.
    pub(crate) fn wait_for_event(&self, what: &str, mut wanted: impl FnMut(&serde_json::Value) -> bool) -> serde_json::Value {
        let deadline = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.log.recv_timeout(left) else {
                panic!("the host never logged `{what}`; it said:\n{}", seen.join("\n"));
            };
            if let Ok(event) = serde_json::from_str::<serde_json::Value>(&line)
                && wanted(&event)
            {
                return event;
            }
            seen.push(line);
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL: no chance to finish anything.
    pub(crate) fn kill(mut self) -> ExitStatus {
        self.child.kill().unwrap();
        self.child.wait().unwrap()
    }

    /// SIGTERM; says whether it exited with 0.
    pub(crate) fn stop(mut self) -> bool {
        self.terminate()
    }

    /// The same, and what it has logged that nobody has asked for yet.
    pub(crate) fn stop_and_tell(mut self) -> (bool, String) {
        let ended = self.terminate();
        // Its end is the end of its log.
        let lines: Vec<String> = self.kept.take().into_iter().chain(self.log.iter()).collect();
        (ended, lines.join("\n"))
    }

    fn terminate(&mut self) -> bool {
        self.signal("TERM");
        self.child.wait().unwrap().success()
    }

    /// `TERM`, `INT` and the like.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// None: it still runs.
    pub(crate) fn exit_status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Its exit status, and how long that took; it must end before `limit`.
    pub(crate) async fn ends_within(&mut self, limit: Duration) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.exit_status() {
                return (status, begun.elapsed());
            }
            assert!(begun.elapsed() < limit, "it still runs after {limit:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// GET; the status and the body.
    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        http_get(&self.address, path)
    }

    /// The sum of a metric's samples whose labels contain `labels`.
    pub(crate) fn metric(&self, name: &str, labels: &str) -> f64 {
        let (status, body) = self.get("/metrics");
        assert_eq!(status, 200);
        let samples = body
            .lines()
            .filter(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} ")));
        let values = samples
            .filter(|line| line.contains(labels))
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap());
        values.sum()
    }

    /// What the plugin of this trigger has logged, as soon as that is `done`: a line that was written may not be read yet.
    pub(crate) async fn logged(&self, trigger: &str, done: impl Fn(&str) -> bool) -> String {
        self.until(&format!("{trigger} has logged it"), |host| done(&host.guest_logs(trigger))).await;
        self.guest_logs(trigger)
    }

    /// What the plugin of this trigger has logged, as far as it is read.
    pub(crate) fn guest_logs(&self, trigger: &str) -> String {
        let lines: Vec<String> = self.log.try_iter().collect();
        let mut kept = self.kept.borrow_mut();
        kept.extend(lines);
        let of_trigger = kept.iter().filter(|line| {
            serde_json::from_str::<serde_json::Value>(line).is_ok_and(|event| event["trigger"] == trigger && event["version"].is_string())
        });
        of_trigger.cloned().collect::<Vec<_>>().join("\n")
    }

    /// Waits until `done` holds.
    pub(crate) async fn until(&self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(Instant::now() < deadline, "waited in vain until {what}; metrics:\n{}", self.get("/metrics").1);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A client of an endpoint on this machine.
pub(crate) fn client_of(endpoint: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(AwsRegion::new("eu-west-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"));
    Client::from_conf(config.build())
}

/// With the key `id` and a stream.
pub(crate) async fn create_table(client: &Client, table: &str, view: StreamViewType) {
    let key = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S).build();
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(view).build();
    let create = client
        .create_table()
        .table_name(table)
        .attribute_definitions(key.unwrap())
        .key_schema(KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap())
        .billing_mode(BillingMode::PayPerRequest)
        .stream_specification(stream.unwrap());
    create.send().await.unwrap();
}

#[track_caller]
pub(crate) fn assert_clean(findings: &Findings) {
    assert!(findings.are_clean(), "{findings:#?}");
    assert!(findings.mails_expected > 0, "the traffic had nobody sign up: {findings:?}");
}

/// Where `cargo xtask test` has put what tests need.
pub(crate) fn tools() -> PathBuf {
    std::env::var_os("TRIPLINE_TOOLS").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools"), PathBuf::from)
}

/// A program that `cargo xtask test` has set up; plain `cargo test` finds it there too.
pub(crate) fn tool(name: &str) -> PathBuf {
    let program = tools().join("venv/bin").join(name);
    assert!(program.exists(), "{} is missing: `cargo xtask test` sets it up", program.display());
    program
}

/// The same of a Debian package; the one on PATH where none was set up.
pub(crate) fn debian_tool(name: &str) -> PathBuf {
    let program = tools().join("debian/usr/bin").join(name);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path).map(|folder| folder.join(name));
    let found = std::iter::once(program).chain(installed).find(|program| program.is_file());
    found.unwrap_or_else(|| panic!("{name} is missing: `cargo xtask test` sets it up"))
}

/// A shared library of a Debian package, wherever its architecture puts it.
pub(crate) fn debian_library(name: &str) -> PathBuf {
    let stamp = tools().join("debian").join(format!("{name}.path"));
    let path = std::fs::read_to_string(&stamp).unwrap_or_else(|_| panic!("{name} is missing: `cargo xtask test` sets it up"));
    PathBuf::from(path)
}

/// GET; the status and the body, which HTTP/1.0 leaves in one piece.
pub(crate) fn http_get(address: &str, path: &str) -> (u16, String) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    (status, body)
}

/// A server that a test started, on a free port; killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// `command` is told the port, and must listen on it before `PATIENCE` is over.
    pub(crate) async fn start(command: impl FnOnce(u16) -> Command) -> Self {
        let port = free_port();
        let child = command(port).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let server = Self { child, port };
        let deadline = Instant::now() + PATIENCE;
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(Instant::now() < deadline, "nothing listens on port {port}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        server
    }

    /// `STOP`, `CONT` and the like.
    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }
}

/// To one that has ended it does nothing: a child that was not waited for keeps its process ID.
fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
