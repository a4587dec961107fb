//! Runs plugins: the wasmtime engine, the loader, one call of a handler within its limits, hot reload.
//!
//! Always holds: a batch gets a fresh instance, or one that only its trigger has used, where that asks for it; a guest reaches only what its trigger is granted, sees only its view, and
//! ends at its limits of time and memory, whatever it does; what is not granted is linked and denies.
//! Knows nothing of streams, delivery policies, stores or the config's text.

mod beyond;
mod call;
mod compile;
mod context;
mod contract;
mod effects;
mod engine;
mod guest;
mod headers;
mod http;
mod live;
mod load;
mod logs;
mod memory;
mod plugin;
mod reload;
mod seeded;
mod seen;
mod shape;
mod text;
mod transactions;
mod warm;
#[cfg(feature = "test-versions")]
mod wit_v0_0_9;
mod wit_v0_1_0;
#[cfg(feature = "test-versions")]
mod wit_v0_1_1;

pub use compile::{CacheConfig, Compiler, CompilerConfig, CompilerProcess, WorkerConfig, compile_as_worker, user_dir};
pub use context::{Clock, Limits, TriggerContext};
pub use engine::{Engine, EngineConfig, EngineError, INSTANCES_MAX};
pub use load::LoadError;
pub use plugin::{Capability, Loading, Plugin, ProbeError};
pub use reload::{PluginFile, PluginSource, PluginUse, Slot};
