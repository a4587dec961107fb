//! `tripline run` as a process: the binary beside this one, its log, its metrics, and what the kernel says of it.
//!
//! Always holds: it runs on the first processor where there are two, as contestants do; it is killed when dropped.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use crate::case::{REGION, TABLE};
use crate::measure::{Place, keep_to};

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(300);
/// A scrape costs the host a millisecond or so.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Log lines that nobody has asked for yet: then the reader waits, and with it the host.
const LINES_MAX: usize = 10_000;

#[derive(Clone, Copy, Debug)]
pub(super) enum Plugin {
    /// Reads two attributes of the new image.
    TwoAttributes,
    /// Logs each change.
    Echo,
    /// The fixture's mode `worker`, with these settings besides.
    Worker(&'static str),
}

/// What its config says.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) endpoint: &'a str,
    pub(super) triggers: usize,
    pub(super) plugin: Plugin,
    /// More lines of each trigger.
    pub(super) policy: &'a str,
}

/// Of the log, what is waited for.
#[derive(Debug)]
enum Line {
    /// With the address of its metrics.
    Running(String),
    /// A plugin said this, at this time: nanoseconds since 1970, by the host's clock.
    Guest { said: String, at_ns: i128 },
}

#[derive(Debug)]
pub(super) struct Host {
    child: Child,
    address: String,
    lines: mpsc::Receiver<Line>,
    _dir: TempDir,
}

/// Since it was started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    pub(super) cpu_seconds: f64,
    pub(super) rss_bytes: u64,
    pub(super) rss_peak_bytes: u64,
}

impl Host {
    /// Returns once it says that it runs: plugins are compiled and probed, reading begins.
    pub(super) async fn start(wanted: &Wanted<'_>) -> Result<Self> {
        let dir = configured(wanted)?;
        let mut command = Command::new(binary()?);
        for (name, value) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AWS_") {
                command.env_remove(name);
            }
            drop(value);
        }
        // What is not known to be this machine is not given made-up credentials by the host itself.
        command.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local");
        command
            .args(["run", "--log", "info", "--log-format", "json", "-c"])
            .arg(dir.path().join("tripline.toml"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = spawn_in_its_place(command)?;
        let stderr = child.stderr.take().context("the host has no log")?;
        let (send, lines) = mpsc::channel(LINES_MAX);
        thread::spawn(move || follow(stderr, &send));
        let mut host = Self { child, address: String::new(), lines, _dir: dir };
        host.address = host.running().await?;
        Ok(host)
    }

    async fn running(&mut self) -> Result<String> {
        loop {
            if let Line::Running(address) = self.line().await? {
                return Ok(address);
            }
        }
    }

    /// The next thing that a plugin says, and when it said it.
    pub(super) async fn guest_line(&mut self) -> Result<(String, i128)> {
        loop {
            if let Line::Guest { said, at_ns } = self.line().await? {
                return Ok((said, at_ns));
            }
        }
    }

    async fn line(&mut self) -> Result<Line> {
        let line = timeout(PATIENCE, self.lines.recv()).await.context("the host says nothing any more")?;
        line.context("the host ended; what it said is above")
    }

    /// Until the sum of a metric's samples is `wanted`.
    pub(super) async fn until(&self, metric: &str, wanted: f64) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let is = self.metric(metric).await?;
            ensure!(is <= wanted, "{metric} is {is}, and should come to {wanted}");
            if is == wanted {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{metric} is {is} and not {wanted} after {PATIENCE:?}");
            sleep(LOOK_EVERY).await;
        }
    }

    /// Until the sum of a metric's samples is `wanted` or more. When that was, by a look every so often.
    pub(super) async fn reaches(&self, metric: &str, wanted: f64) -> Result<Instant> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let is = self.metric(metric).await?;
            if is >= wanted {
                return Ok(Instant::now());
            }
            ensure!(Instant::now() < deadline, "{metric} is {is} and not {wanted} after {PATIENCE:?}");
            sleep(LOOK_EVERY / 10).await;
        }
    }

    pub(super) async fn metric(&self, name: &str) -> Result<f64> {
        let mut stream = TcpStream::connect(&self.address).await?;
        // HTTP/1.0 leaves the body in one piece.
        let request = format!("GET /metrics HTTP/1.0\r\nHost: {}\r\n\r\n", self.address);
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        ensure!(answer.split(' ').nth(1) == Some("200"), "/metrics answered {}", answer.lines().next().unwrap_or_default());
        let is_it = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        let samples = answer.lines().filter(is_it).filter_map(|line| line.rsplit(' ').next());
        samples.map(|value| value.parse::<f64>().with_context(|| format!("{name} is `{value}`"))).sum()
    }

    pub(super) fn usage(&self) -> Result<Usage> {
        let proc = PathBuf::from(format!("/proc/{}", self.child.id()));
        let read =
            |file: &str| std::fs::read_to_string(proc.join(file)).with_context(|| format!("no {file} of the host: Linux has it in /proc"));
        let (stat, status) = (read("stat")?, read("status")?);
        // Behind the command's name, which may hold anything: user and system time are the 12th and 13th.
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat is strange")?;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        let kilobytes = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let value = line.and_then(|rest| rest.trim_start_matches(':').split_whitespace().next());
            Ok(value.with_context(|| format!("/proc/PID/status has no {name}"))?.parse()?)
        };
        Ok(Usage {
            cpu_seconds: ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
            rss_bytes: 1024 * kilobytes("VmRSS")?,
            rss_peak_bytes: 1024 * kilobytes("VmHWM")?,
        })
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A directory with all that it is told.
fn configured(wanted: &Wanted<'_>) -> Result<TempDir> {
    let dir = tempfile::tempdir()?;
    let (bytes, settings) = match wanted.plugin {
        Plugin::TwoAttributes => (tripline_bundled::TWO_ATTRIBUTES, String::new()),
        Plugin::Echo => (tripline_bundled::FIXTURE, "settings = { mode = \"echo\" }\n".to_owned()),
        Plugin::Worker(settings) => (
            tripline_bundled::FIXTURE,
            format!("grants = {{ counters = true, state = {} }}\nsettings = {{ mode = \"worker\", {settings} }}\n", uses_state(settings)),
        ),
    };
    let mut config = format!(
        "[host]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\n\
         [streams.orders]\ntable = \"{TABLE}\"\nregion = \"{REGION}\"\nendpoint = \"{}\"\n",
        wanted.endpoint
    );
    for index in 0..wanted.triggers {
        write!(
            config,
            "[triggers.trigger-{index}]\nstream = \"orders\"\nplugin = \"plugin.wasm\"\nview = \"new-image\"\n{settings}{}\n",
            wanted.policy
        )?;
    }
    std::fs::write(dir.path().join("plugin.wasm"), bytes)?;
    std::fs::write(dir.path().join("tripline.toml"), config)?;
    Ok(dir)
}

fn uses_state(settings: &str) -> bool {
    settings.contains("keeps") || settings.contains("sums")
}

/// Beside this binary, where cargo puts both.
fn binary() -> Result<PathBuf> {
    let binary = std::env::current_exe()?.with_file_name("tripline");
    if !binary.is_file() {
        bail!("{} is missing: `cargo xtask bench` builds it", binary.display());
    }
    Ok(binary)
}

/// A child runs where the thread may that starts it.
fn spawn_in_its_place(mut command: Command) -> Result<Child> {
    let spawning = thread::spawn(move || {
        keep_to(Place::Contestant);
        command.spawn()
    });
    match spawning.join() {
        Ok(spawned) => spawned.context("the host cannot be started"),
        Err(_) => bail!("the host cannot be started"),
    }
}

/// Hands on what is waited for; what went wrong goes to whoever measures.
fn follow(log: ChildStderr, send: &mpsc::Sender<Line>) {
    for text in BufReader::new(log).lines().map_while(Result::ok) {
        let Ok(event) = serde_json::from_str::<Value>(&text) else {
            eprintln!("{text}");
            continue;
        };
        let line = understand(&event);
        if line.is_none() && matches!(event["level"].as_str(), Some("WARN" | "ERROR")) {
            eprintln!("{text}");
        }
        if line.is_some_and(|line| send.blocking_send(line).is_err()) {
            return;
        }
    }
}

fn understand(event: &Value) -> Option<Line> {
    let said = event["message"].as_str()?;
    if event["target"] == "tripline::guest" {
        let at = DateTime::from_str(event["timestamp"].as_str()?, DateTimeFormat::DateTime).ok()?;
        return Some(Line::Guest { said: said.to_owned(), at_ns: at.as_nanos() });
    }
    let metrics = event["metrics"].as_str().filter(|_| said == "running")?;
    Some(Line::Running(metrics.trim_start_matches("http://").trim_end_matches("/metrics").to_owned()))
}
