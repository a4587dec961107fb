//! What the host keeps for one instance while it runs: its context, its effects, its logs, its memory.
//!
//! Always holds: one per call, never shared; dies with its instance. Has no file, no network but `http`, no environment.

use std::sync::Arc;
use std::time::Duration;

use tripline_core::change::Change;
use tripline_core::delivery::Batch;
use tripline_core::name::StreamArn;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{HostWallClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use crate::context::{Clock, TriggerContext};
use crate::effects::Effects;
use crate::http::Http;
use crate::logs::GuestLogs;
use crate::memory::Memory;
use crate::seeded;
use crate::seen::SeenState;
use crate::transactions::Transactions;

/// Handles (streams, timers) that a guest may hold at once.
const HANDLES_MAX: usize = 10_000;
const RANDOM_BYTES_MAX: u64 = 1024 * 1024;

/// Why the host calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Serve,
    /// A new version answers an empty batch: nothing outside may change.
    Probe,
}

pub(crate) struct Guest {
    pub(crate) context: TriggerContext,
    pub(crate) changes: Vec<Arc<Change>>,
    pub(crate) stream: StreamArn,
    pub(crate) purpose: Purpose,
    pub(crate) effects: Effects,
    pub(crate) seen: SeenState,
    pub(crate) transactions: Transactions,
    pub(crate) logs: Arc<GuestLogs>,
    pub(crate) memory: Memory,
    /// The host call that the guest waits in, for the reason of a timeout.
    pub(crate) waits_in: Option<&'static str>,
    wasi: WasiCtx,
    pub(crate) http: Http,
    resources: ResourceTable,
}

impl Guest {
    pub(crate) fn new(batch: &Batch, context: &TriggerContext, purpose: Purpose, logs: Arc<GuestLogs>) -> Self {
        let mut wasi = WasiCtx::builder();
        wasi.stdout(logs.stdout())
            .stderr(logs.stderr())
            .wall_clock(WallClock(context.clock.clone()))
            .max_random_size(RANDOM_BYTES_MAX)
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false);
        if let Some(seed) = context.seed {
            seeded::surround(&mut wasi, seed, batch);
        }
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(HANDLES_MAX);
        Self {
            context: context.clone(),
            changes: batch.changes.clone(),
            stream: batch.origin.stream.clone(),
            purpose,
            effects: Effects::new(batch.changes.len()),
            seen: SeenState::default(),
            http: Http::new(context, purpose, logs.clone()),
            transactions: Transactions::default(),
            logs,
            memory: Memory::new(context.limits.memory_bytes_max),
            waits_in: None,
            wasi: wasi.build(),
            resources,
        }
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.resources }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http.ctx, table: &mut self.resources, hooks: &mut self.http.hooks }
    }
}

/// Guests see the host's clock, so that a test's clock is theirs too.
struct WallClock(Clock);

impl HostWallClock for WallClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis((self.0)().as_ms())
    }
}
