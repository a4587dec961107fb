//! One region: a database file, a port, and the thread that serves them.
//!
//! Invariant: once a `Region` is stopped or dropped, its port is closed and its file is no longer open.
//! Requests and the trimming of the stream take turns on one thread, so that they never meet at SQLite's write lock.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dynoxide::Database;
use dynoxide::server::serve_with_shutdown;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::retention::Retention;

/// How long requests under way may take to finish once the region stops.
const STOP_GRACE: Duration = Duration::from_secs(1);
const TRIM_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegionConfig {
    /// What clients give as the region, `eu-west-1`: small letters, digits and hyphens, since it names the file too.
    pub name: String,
    /// The folder of the region's file, `NAME.sqlite`; made where it is missing.
    pub dir: PathBuf,
    /// Loopback, unless somebody is meant to reach it from elsewhere: dynoxide checks no signature.
    pub listen: SocketAddr,
}

impl RegionConfig {
    /// On a free port of 127.0.0.1.
    pub fn new(name: impl Into<String>, dir: impl Into<PathBuf>) -> Self {
        Self { name: name.into(), dir: dir.into(), listen: (Ipv4Addr::LOCALHOST, 0).into() }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    #[error("`{0}` cannot name an embedded region: use small letters, digits and hyphens, as in `eu-west-1`")]
    Name(String),
    #[error("cannot listen on {address} for the embedded region: {source}; stop what listens there, or choose another port")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("cannot open the embedded region's file {}: {reason}", file.display())]
    Open { file: PathBuf, reason: String },
    /// Trimming and indexing lean on dynoxide's private tables.
    #[error(
        "{} is not laid out as dynoxide 3.2.0 does it: {reason}. Was it written by another version? Remove it to begin with an empty region",
        file.display()
    )]
    Schema { file: PathBuf, reason: String },
    #[error("cannot start the embedded region's thread: {0}")]
    Thread(#[source] io::Error),
}

/// A running region. Dropping it stops it, waiting up to a second for requests under way.
#[derive(Debug)]
pub struct Region {
    name: String,
    address: SocketAddr,
    /// Dropped to stop.
    running: Option<oneshot::Sender<()>>,
    /// Resolves when the thread is done.
    ended: Option<oneshot::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Region {
    /// Opens the file and listens. Blocks for some milliseconds; needs no runtime, and may be called inside one.
    pub fn start(config: RegionConfig) -> Result<Self, LocalError> {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if config.name.is_empty() || !config.name.chars().all(legal) {
            return Err(LocalError::Name(config.name));
        }
        let name = config.name.clone();
        let (ready, opened) = sync_channel(1);
        let (running, stop) = oneshot::channel();
        let (ends, ended) = oneshot::channel();
        let thread = thread::Builder::new()
            .name(format!("region {name}"))
            .spawn(move || {
                run(&config, &ready, stop);
                // The region was dropped, and nobody waits: no matter.
                let _ = ends.send(());
            })
            .map_err(LocalError::Thread)?;
        let lost = || LocalError::Thread(io::Error::other("it panicked while it opened the region"));
        let address = opened.recv().map_err(|_| lost())??;
        Ok(Self { name, address, running: Some(running), ended: Some(ended), thread: Some(thread) })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// `http://127.0.0.1:PORT`, for both DynamoDB and DynamoDB Streams.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Resolves when the port is closed and the file is shut.
    pub async fn stop(mut self) {
        self.running = None;
        if let Some(ended) = self.ended.take() {
            // An error is a thread that panicked: it has ended too.
            let _ = ended.await;
        }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        self.running = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(region = self.name, "the embedded region's thread panicked");
        }
    }
}

/// The region's thread, from opening to closing.
fn run(config: &RegionConfig, ready: &SyncSender<Result<SocketAddr, LocalError>>, stop: oneshot::Receiver<()>) {
    let opened = open(config);
    // `start` waits for exactly one answer, so the other end is there.
    match opened {
        Err(error) => drop(ready.send(Err(error))),
        Ok(open) => {
            let _ = ready.send(Ok(open.address));
            open.serve(&config.name, stop);
        }
    }
}

struct Open {
    address: SocketAddr,
    listener: TcpListener,
    database: Database,
    retention: Retention,
    runtime: Runtime,
}

fn open(config: &RegionConfig) -> Result<Open, LocalError> {
    let file = config.dir.join(format!("{}.sqlite", config.name));
    let database = open_database(&config.dir, &file)?;
    let retention = Retention::open(&file)?;
    let listen = |source| LocalError::Listen { address: config.listen, source };
    let listener = TcpListener::bind(config.listen).map_err(listen)?;
    listener.set_nonblocking(true).map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(LocalError::Thread)?;
    Ok(Open { address, listener, database, retention, runtime })
}

fn open_database(dir: &Path, file: &Path) -> Result<Database, LocalError> {
    let failed = |reason: String| LocalError::Open { file: file.to_owned(), reason };
    std::fs::create_dir_all(dir).map_err(|error| failed(error.to_string()))?;
    let path = file.to_str().ok_or_else(|| failed("its path is not UTF-8".to_owned()))?;
    Database::new(path).map_err(|error| failed(error.to_string()))
}

impl Open {
    fn serve(self, name: &str, stop: oneshot::Receiver<()>) {
        let Self { listener, database, retention, runtime, .. } = self;
        runtime.block_on(async move {
            let listener = match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => listener,
                Err(error) => return tracing::error!(region = name, %error, "the embedded region cannot listen"),
            };
            let (open, closing) = oneshot::channel::<()>();
            let mut serving = Box::pin(serve_with_shutdown(listener, database, async {
                // Resolves when `open` is dropped.
                let _ = closing.await;
            }));
            tokio::select! {
                ended = &mut serving => return tracing::error!(region = name, ?ended, "the embedded region ended by itself"),
                // The sender is only ever dropped.
                _ = stop => {}
                () = trim_for_ever(name, retention) => {}
            }
            drop(open);
            if timeout(STOP_GRACE, serving).await.is_err() {
                tracing::debug!(region = name, "the embedded region cut off requests under way");
            }
        });
        // The runtime goes with whatever connections it still had, and with them the last handles of the database.
    }
}

async fn trim_for_ever(name: &str, mut retention: Retention) {
    let mut ticks = interval(TRIM_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = retention.trim() {
            tracing::error!(region = name, %error, "cannot trim the embedded region's stream; trying again in a second");
        }
    }
}
