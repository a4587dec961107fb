//! What the host keeps for one instance while it runs: its context, its effects, its logs, its memory.
//!
//! Always holds: one per instance, never shared; dies with it. What is of one call (context, effects, reads, log lines, randomness) begins anew with
//! each: of the call before there is only what the guest itself still holds, its memory and its handles, and a clock that goes on. Has no file, no network but `http`, no environment.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tripline_core::change::Change;
use tripline_core::delivery::{Batch, ReadFrom, Seen};
use tripline_core::effect::Effect;
use tripline_core::name::StreamArn;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::body::HostOutgoingBody;
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
    /// When its monotonic clock stood at zero.
    made: Instant,
}

/// What the host holds for an instance between two calls.
pub(crate) struct HeldByHost {
    pub(crate) bytes: usize,
    pub(crate) handles: usize,
    /// Http requests under way, and bodies that are not ended.
    pub(crate) requests_open: usize,
}

/// What a call leaves behind.
#[derive(Default)]
pub(crate) struct Left {
    pub(crate) effects: Vec<Effect>,
    pub(crate) reads: Vec<ReadFrom>,
    pub(crate) seen: Vec<Seen>,
}

impl Guest {
    pub(crate) fn new(batch: &Batch, context: &TriggerContext, purpose: Purpose, logs: Arc<GuestLogs>) -> Self {
        let mut resources = ResourceTable::new();
        resources.set_max_capacity(HANDLES_MAX);
        let made = Instant::now();
        Self {
            context: context.clone(),
            changes: batch.changes.clone(),
            stream: batch.origin.stream.clone(),
            purpose,
            effects: Effects::new(batch.changes.len()),
            seen: SeenState::default(),
            http: Http::new(context, purpose, logs.clone()),
            transactions: Transactions::default(),
            memory: Memory::new(context.limits.memory_bytes_max),
            waits_in: None,
            wasi: surroundings(batch, context, &logs, made),
            logs,
            resources,
            made,
        }
    }

    /// For another batch of the same trigger. Each field is named: what is new in here says what becomes of it.
    pub(crate) fn again(&mut self, batch: &Batch, given: &TriggerContext) {
        let Self { context, changes, stream, purpose, effects, seen, transactions, logs, memory, waits_in, wasi, http, resources: _, made } =
            self;
        *context = given.clone();
        changes.clone_from(&batch.changes);
        *stream = batch.origin.stream.clone();
        *purpose = Purpose::Serve;
        *effects = Effects::new(batch.changes.len());
        *seen = SeenState::default();
        *transactions = Transactions::default();
        logs.again();
        memory.again(given.limits.memory_bytes_max);
        *waits_in = None;
        *wasi = surroundings(batch, given, logs, *made);
        http.again(given, Purpose::Serve);
    }

    /// What the call came to; nothing of it is left here.
    pub(crate) fn take(&mut self) -> Left {
        let (effects, reads) = std::mem::replace(&mut self.effects, Effects::new(0)).into_parts();
        Left { effects, reads, seen: std::mem::take(&mut self.seen).into_seen() }
    }

    /// Idle from now on: it keeps nobody's page alive.
    pub(crate) fn rest(&mut self) {
        self.changes = Vec::new();
        self.transactions = Transactions::default();
    }

    pub(crate) fn held(&mut self) -> HeldByHost {
        let (mut handles, mut bodies) = (0, 0);
        for entry in self.resources.iter_mut() {
            handles += 1;
            bodies += usize::from(entry.is::<HostOutgoingBody>());
        }
        HeldByHost { bytes: self.http.held_bytes(), handles, requests_open: self.http.under_way() + bodies }
    }
}

fn surroundings(batch: &Batch, context: &TriggerContext, logs: &Arc<GuestLogs>, made: Instant) -> WasiCtx {
    let mut wasi = WasiCtx::builder();
    wasi.stdout(logs.stdout())
        .stderr(logs.stderr())
        .wall_clock(WallClock(context.clock.clone()))
        .monotonic_clock(SinceMade(made))
        .max_random_size(RANDOM_BYTES_MAX)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    if let Some(seed) = context.seed {
        seeded::surround(&mut wasi, seed, batch);
    }
    wasi.build()
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

/// Goes on from one call to the next: a guest may remember what it was.
struct SinceMade(Instant);

impl HostMonotonicClock for SinceMade {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
