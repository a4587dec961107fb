//! One instance of a plugin, with its store and its room in the engine, and what it has been used for.
//!
//! Always holds: nothing that the host keeps for a batch (effects, reads, limits of time, randomness) goes over to the instance's next one; the room is
//! free only when the store is gone.
//! Does not know whether it will be used again: `warm` asks `core::reuse`.

use std::time::Instant;

use tokio::sync::OwnedSemaphorePermit;
use tripline_core::delivery::{Batch, FailedChange, Failure};
use tripline_core::reuse::Used;
use tripline_core::signal::HandlerResult;
use wasmtime::{Store, UpdateDeadline};

use crate::context::TriggerContext;
use crate::contract::Instance;
use crate::engine::Engine;
use crate::guest::Guest;
use crate::plugin::Plugin;

/// Bytes that a guest may hand over in one call of the host, or as its result. More is a trap.
const HOSTCALL_BYTES_MAX: usize = 64 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
#[error("time limit")]
pub(crate) struct TimeLimit;

pub(crate) struct Live {
    // Before the permit, so that it is dropped first.
    store: Store<Guest>,
    /// None before the first batch.
    instance: Option<Instance>,
    batches: u32,
    made: tokio::time::Instant,
    _room: OwnedSemaphorePermit,
}

/// Why a handler did not answer.
pub(crate) enum Broken {
    /// Before the handler was called; the guest may have run all the same, in its start functions.
    NotInstantiated(wasmtime::Error),
    Trapped(wasmtime::Error),
}

impl Live {
    pub(crate) fn new(engine: &Engine, guest: Guest, room: OwnedSemaphorePermit) -> Self {
        let mut store = Store::new(engine.wasmtime(), guest);
        store.limiter(|guest| &mut guest.memory);
        store.set_hostcall_fuel(HOSTCALL_BYTES_MAX);
        Self { store, instance: None, batches: 0, made: tokio::time::Instant::now(), _room: room }
    }

    /// For another batch of the same trigger.
    pub(crate) fn again(&mut self, batch: &Batch, context: &TriggerContext) {
        self.store.data_mut().again(batch, context);
    }

    /// The handler's answer to the batch that the guest was made for. `started`: when its time began.
    pub(crate) async fn run(
        &mut self,
        plugin: &Plugin,
        batch: &Batch,
        started: Instant,
    ) -> Result<Result<Vec<FailedChange>, Failure>, Broken> {
        self.limit_time(started);
        self.batches = self.batches.saturating_add(1);
        let instance = match &mut self.instance {
            Some(instance) => instance,
            none => none.insert(plugin.handler().instantiate(&mut self.store).await.map_err(Broken::NotInstantiated)?),
        };
        instance.handle(&mut self.store, batch).await.map_err(Broken::Trapped)
    }

    fn limit_time(&mut self, started: Instant) {
        let time_max = self.guest().context.limits.time_max;
        self.store.set_epoch_deadline(1);
        self.store.epoch_deadline_callback(move |_| {
            if started.elapsed() >= time_max {
                return Err(TimeLimit.into());
            }
            // tokio's own yield: it lets the timer and the network have their turn before this guest goes on.
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
        });
    }

    pub(crate) fn guest(&self) -> &Guest {
        self.store.data()
    }

    pub(crate) fn guest_mut(&mut self) -> &mut Guest {
        self.store.data_mut()
    }

    pub(crate) fn age(&self) -> std::time::Duration {
        self.made.elapsed()
    }

    /// After a batch that ended so.
    pub(crate) fn used(&mut self, result: HandlerResult) -> Used {
        let (batches, age) = (self.batches, self.age());
        let guest = self.guest_mut();
        let held = guest.held();
        Used {
            result,
            batches,
            age,
            memory_bytes: guest.memory.bytes().saturating_add(held.bytes),
            was_denied_memory: guest.memory.denied().is_some(),
            handles: held.handles,
            requests_open: held.requests_open,
        }
    }
}
