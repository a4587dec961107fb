//! An endpoint that speaks the JSON protocols of DynamoDB and DynamoDB Streams over a `World`: shards that split and close, iterators
//! that expire, a clock that a test sets, and faults.
//!
//! Invariants: once a `Scripted` is stopped or dropped, its port and all connections are closed. A request is answered from the world
//! in one step, under one lock. Knows nothing of who calls: no signature is checked.
//!
//! The table half is our own, without expressions. `rustack-dynamodb-core` was looked at for it: it keeps the items itself and tells of
//! a change only after the write, so that the shard, the sequence number and "changes nothing" could not be decided with the write under
//! the world's clock; and it brings thirteen thousand lines, a signature checker and some forty crates to tests that put and delete.

mod clock;
mod http;
mod params;
mod streams;
mod tables;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;
use tripline_world::World;

pub use tripline_world as world;

pub use clock::ClockConfig;
use clock::WorldClock;

#[derive(Clone, Debug)]
pub struct ScriptedConfig {
    /// Loopback, unless somebody is meant to reach it from elsewhere.
    pub listen: SocketAddr,
    pub seed: u64,
    pub faults: world::Faults,
    pub clock: ClockConfig,
    /// With how many shards the streams of tables begin that are made over HTTP.
    pub shards: u32,
    /// Calls above AWS's limits, counted in real time, are throttled.
    pub limit_calls: bool,
}

impl Default for ScriptedConfig {
    /// On a free port of 127.0.0.1, without faults, by the real clock.
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            seed: 0,
            faults: world::Faults::default(),
            clock: ClockConfig::default(),
            shards: 1,
            limit_calls: false,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ScriptedError {
    #[error("cannot listen on {address} for the scripted endpoint: {source}; stop what listens there, or choose another port")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("cannot start the scripted endpoint's thread: {0}")]
    Thread(#[source] io::Error),
}

/// The world and its clock, for the thread that serves and for whoever scripts.
#[derive(Debug)]
struct Shared {
    world: Mutex<World>,
    clock: WorldClock,
    shards: u32,
    /// Answered so far: the IDs of answers.
    requests: AtomicU64,
}

impl Shared {
    /// The world, the clock read under its lock: so times never fall from one caller to the next.
    fn lock(&self) -> (MutexGuard<'_, World>, u64) {
        // A caller that panicked within its script left a world that is whole: each step of it is.
        let world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let now_ms = self.clock.now_ms();
        (world, now_ms)
    }
}

/// A running endpoint. Dropping it stops it; requests under way are cut off.
#[derive(Debug)]
pub struct Scripted {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Dropped to stop.
    running: Option<oneshot::Sender<()>>,
    /// Resolves when the thread is done.
    ended: Option<oneshot::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    /// Needs no runtime, and may be called inside one.
    pub fn start(config: ScriptedConfig) -> Result<Self, ScriptedError> {
        let listen = |source| ScriptedError::Listen { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).map_err(listen)?;
        listener.set_nonblocking(true).map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let mut world = World::new(config.seed);
        world.set_faults(config.faults);
        world.limit_calls(config.limit_calls);
        let (clock, shards) = (WorldClock::start(config.clock), config.shards);
        let shared = Arc::new(Shared { world: Mutex::new(world), clock, shards, requests: AtomicU64::new(0) });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ScriptedError::Thread)?;
        let (running, stop) = oneshot::channel();
        let (ends, ended) = oneshot::channel();
        let served = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("scripted".to_owned())
            .spawn(move || {
                runtime.block_on(http::serve(listener, served, stop));
                // Connections that are left go with the runtime.
                drop(runtime);
                // It was dropped, and nobody waits: no matter.
                let _ = ends.send(());
            })
            .map_err(ScriptedError::Thread)?;
        Ok(Self { address, shared, running: Some(running), ended: Some(ended), thread: Some(thread) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`, for both DynamoDB and DynamoDB Streams.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Scripts the world, at its own time, between two requests.
    pub fn world<R>(&self, script: impl FnOnce(&mut World, u64) -> R) -> R {
        let (mut world, now_ms) = self.shared.lock();
        script(&mut world, now_ms)
    }

    /// By the world's clock.
    pub fn now_ms(&self) -> u64 {
        self.shared.clock.now_ms()
    }

    /// Puts the world's clock forward.
    pub fn advance(&self, by: Duration) {
        self.shared.clock.advance(by);
    }

    /// How many times as fast as the real clock the world's runs from now on; 0 stops it.
    pub fn set_rate(&self, rate: u32) {
        self.shared.clock.set_rate(rate);
    }

    /// Resolves when the port is closed.
    pub async fn stop(mut self) {
        self.running = None;
        if let Some(ended) = self.ended.take() {
            // An error is a thread that panicked: it has ended too.
            let _ = ended.await;
        }
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.running = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(address = %self.address, "the scripted endpoint's thread panicked");
        }
    }
}
