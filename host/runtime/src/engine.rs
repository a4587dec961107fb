//! The wasmtime engine: pool, epoch ticks, linked imports, and how many instances may live at once.
//!
//! Always holds: whoever has a permit finds room in the pool, so that a full pool is a wait and never an error; an idle instance keeps its
//! permit until somebody waits for one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::compile::Compiler;
use crate::contract::{self, Contract};
use crate::guest::Guest;
use crate::headers;
use crate::memory::TABLE_ELEMENTS_MAX;
use crate::warm::Idle;

/// More would reserve more than a sane part of the address space: each instance reserves 4 GiB for each memory.
pub const INSTANCES_MAX: u32 = 1000;

/// How long a busy guest keeps a thread before others get their turn.
pub(crate) const EPOCH_TICK: Duration = Duration::from_millis(10);

// What one component may consist of. Rust has one core instance or three; Python has one for each shared library.
pub(crate) const CORE_INSTANCES_PER_COMPONENT: u32 = 128;
pub(crate) const MEMORIES_PER_COMPONENT: u32 = 4;
pub(crate) const TABLES_PER_COMPONENT: u32 = 16;
/// All that 32 bits reach, and no address more than is reserved anyway: what a trigger's plugin may have of it, `limits.memory` says.
pub(crate) const MEMORY_BYTES_MAX: usize = 4 << 30;
/// Bookkeeping that wasmtime makes for one instance, by its number of functions and imports.
const INSTANCE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Memory that stays with a slot and is zeroed instead of given back: a guest of the usual size never asks the kernel for a page. Where Linux
/// can say which pages were touched (6.7 and newer), these are meant; elsewhere the lowest, which are zeroed whether touched or not.
const KEEP_RESIDENT_BYTES: usize = 256 * 1024;
const KEEP_TOUCHED_BYTES: usize = 2 * 1024 * 1024;
const WASM_STACK_BYTES: usize = 1024 * 1024;
const ASYNC_STACK_BYTES: usize = 2 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// Instances that live at once, over all triggers: 1 to `INSTANCES_MAX`.
    pub instances_max: u32,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { instances_max: 64 }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("{0} instances at once: choose between 1 and {INSTANCES_MAX}")]
    Instances(u32),
    #[error(
        "the WebAssembly engine cannot be set up for {instances_max} instances ({reason}): lower their number, or lift the limit on this process's address space (`ulimit -v`)"
    )]
    SetUp { instances_max: u32, reason: String },
    #[error("the thread that measures plugins' time cannot be started: {0}")]
    Epoch(#[source] std::io::Error),
}

/// Cheap to clone. Plugins keep it alive.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    wasmtime: wasmtime::Engine,
    /// In the order of `contract::SPOKEN`: a plugin is linked with what its own version has, and nothing else.
    linkers: Vec<Linker<Guest>>,
    compiler: Compiler,
    instances: Arc<Semaphore>,
    idle: Idle,
    config: EngineConfig,
}

impl Engine {
    /// It compiles in this process, and keeps nothing.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        Self::compiling(config, Compiler::default())
    }

    pub fn compiling(config: EngineConfig, compiler: Compiler) -> Result<Self, EngineError> {
        if !(1..=INSTANCES_MAX).contains(&config.instances_max) {
            return Err(EngineError::Instances(config.instances_max));
        }
        let set_up = |error: wasmtime::Error| EngineError::SetUp { instances_max: config.instances_max, reason: format!("{error:#}") };
        let wasmtime = wasmtime::Engine::new(&settings(config)).map_err(set_up)?;
        let linkers = contract::SPOKEN.iter().map(|contract| link(&wasmtime, contract)).collect::<Result<_, _>>();
        let linkers = linkers.map_err(set_up)?;
        tick(wasmtime.weak()).map_err(EngineError::Epoch)?;
        let instances = Arc::new(Semaphore::new(config.instances_max as usize));
        Ok(Self(Arc::new(Inner { wasmtime, linkers, compiler, instances, idle: Idle::default(), config })))
    }

    pub fn config(&self) -> EngineConfig {
        self.0.config
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.0.wasmtime
    }

    pub(crate) fn linker(&self, contract: &Contract) -> &Linker<Guest> {
        let position = contract::SPOKEN.iter().position(|spoken| spoken.handler == contract.handler);
        &self.0.linkers[position.unwrap_or_default()]
    }

    pub(crate) fn compiler(&self) -> &Compiler {
        &self.0.compiler
    }

    /// Room for one more instance, once there is some; idle ones give way. None: the engine has stopped.
    pub(crate) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        let instances = &self.0.instances;
        if let Ok(room) = instances.clone().try_acquire_owned() {
            return Some(room);
        }
        let _waiting = self.0.idle.make_room();
        instances.clone().acquire_owned().await.ok()
    }

    pub(crate) fn idle(&self) -> &Idle {
        &self.0.idle
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("config", &self.0.config)
            .field("instances_free", &self.0.instances.available_permits())
            .finish_non_exhaustive()
    }
}

fn settings(config: EngineConfig) -> Config {
    let instances = config.instances_max;
    let tells_touched = PoolingAllocationConfig::is_pagemap_scan_available();
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .max_component_instance_size(INSTANCE_BYTES_MAX)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .total_core_instances(instances * CORE_INSTANCES_PER_COMPONENT)
        .max_core_instance_size(INSTANCE_BYTES_MAX)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .total_memories(instances * MEMORIES_PER_COMPONENT)
        .max_memories_per_module(MEMORIES_PER_COMPONENT)
        .max_memory_size(MEMORY_BYTES_MAX)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .total_tables(instances * TABLES_PER_COMPONENT)
        .max_tables_per_module(TABLES_PER_COMPONENT)
        .table_elements(TABLE_ELEMENTS_MAX)
        .total_stacks(instances)
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(if tells_touched { KEEP_TOUCHED_BYTES } else { KEEP_RESIDENT_BYTES })
        .table_keep_resident(KEEP_RESIDENT_BYTES);
    let mut settings = compile_settings();
    settings.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    settings
}

/// All that machine code depends on; without a pool, which reserves more addresses than a compiler's process may have.
pub(crate) fn compile_settings() -> Config {
    let mut settings = Config::new();
    settings
        .wasm_component_model(true)
        .epoch_interruption(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Enable)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(ASYNC_STACK_BYTES);
    settings
}

/// Everything that a version of the contract may import.
fn link(engine: &wasmtime::Engine, contract: &Contract) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    headers::bound(&mut linker)?;
    (contract.add_to_linker)(&mut linker)?;
    Ok(linker)
}

/// Advances the epoch until the engine is gone. A thread, not a task: it must tick when every executor thread is in a guest.
fn tick(engine: EngineWeak) -> std::io::Result<()> {
    let ticks = move || {
        loop {
            // Parked for a time: nobody unparks it, and an early wake-up is an early tick, which harms nothing.
            std::thread::park_timeout(EPOCH_TICK);
            let Some(engine) = engine.upgrade() else { return };
            engine.increment_epoch();
        }
    };
    std::thread::Builder::new().name("epoch".into()).spawn(ticks).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_pool_of_no_or_too_many_instances() {
        for instances_max in [0, INSTANCES_MAX + 1] {
            let refused = Engine::new(EngineConfig { instances_max });
            assert!(matches!(refused, Err(EngineError::Instances(n)) if n == instances_max));
        }
    }

    #[test]
    fn the_largest_pool_can_be_set_up() {
        Engine::new(EngineConfig { instances_max: INSTANCES_MAX }).unwrap();
    }
}
