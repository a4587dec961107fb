//! One version of one plugin, compiled and linked.
//!
//! Always holds: a plugin that exists has a handler of a known contract version, and imports only what is linked.
//! Does not know which triggers use it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tripline_core::delivery::{Batch, Failure, Origin, Outcome, Report};
use tripline_core::name::PluginVersion;
use tripline_core::signal::{HandlerResult, Signal};

use crate::call;
use crate::context::TriggerContext;
use crate::contract::{Contract, Handler};
use crate::engine::Engine;
use crate::guest::Purpose;
use crate::warm::Pool;
use crate::wit_v0_1_0;

/// Why a version may not serve a trigger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ProbeError {
    pub reason: String,
    /// It was never called, ran out of time, or asked to be called again.
    pub may_pass: bool,
}

/// What an operator can grant. Without a grant it is linked and denies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Capability {
    Counters,
    State,
    Tables,
    Mailer,
    Http,
    Metrics,
}

const HTTP: &str = "wasi:http/outgoing-handler@0.2.12";

impl Capability {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Counters, wit_v0_1_0::COUNTERS),
        (Self::State, wit_v0_1_0::STATE),
        (Self::Tables, wit_v0_1_0::TABLES),
        (Self::Mailer, wit_v0_1_0::MAILER),
        (Self::Http, HTTP),
        (Self::Metrics, wit_v0_1_0::METRICS),
    ];

    /// The key under `grants` in `tripline.toml`; reading tables has one of its own, `reads`.
    pub fn as_grant(self) -> &'static str {
        match self {
            Self::Counters => "counters",
            Self::State => "state",
            Self::Tables => "tables",
            Self::Mailer => "mailers",
            Self::Http => "http",
            Self::Metrics => "metrics",
        }
    }
}

/// How it got here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loading {
    /// Compiled earlier, and taken from the compile cache.
    pub cached: bool,
    /// From its bytes to what can be called: hashed, compiled or read from the cache, checked, linked.
    pub took: Duration,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Plugin(Arc<Parts>);

/// What the loader found out.
pub(crate) struct Parts {
    pub(crate) engine: Engine,
    pub(crate) handler: Handler,
    pub(crate) contract: &'static Contract,
    pub(crate) version: PluginVersion,
    pub(crate) size_bytes: usize,
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
    pub(crate) loading: Loading,
}

impl Plugin {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The sha256 of the component's bytes.
    pub fn version(&self) -> &PluginVersion {
        &self.0.version
    }

    /// Of the component, not of the machine code.
    pub fn size_bytes(&self) -> usize {
        self.0.size_bytes
    }

    /// The interfaces it imports, with their versions, in the component's order.
    pub fn imports(&self) -> &[String] {
        &self.0.imports
    }

    pub fn exports(&self) -> &[String] {
        &self.0.exports
    }

    /// The contract that the host speaks with it: `0.1.0`.
    pub fn contract_version(&self) -> &'static str {
        self.0.contract.version
    }

    pub fn loading(&self) -> Loading {
        self.0.loading
    }

    /// What it imports of that which must be granted. Components of Python and QuickJS import all of it, used or not.
    pub fn asks_for(&self) -> Vec<Capability> {
        // Whatever version it speaks: its imports are all of that one.
        let name = |interface: &str| interface.split('@').next().map(str::to_owned);
        let imports = |interface: &str| self.0.imports.iter().any(|import| name(import) == name(interface));
        Capability::ALL
            .into_iter()
            .filter(|(_, interface)| imports(interface))
            .map(|(capability, _)| capability)
            .collect()
    }

    /// Calls the handler in a fresh instance, once there is room for one. May be dropped at any time.
    pub async fn handle(&self, batch: &Batch, context: &TriggerContext) -> Report {
        self.handle_in(batch, context, None).await
    }

    /// In one of the pool's, where it has one.
    pub(crate) async fn handle_in(&self, batch: &Batch, context: &TriggerContext, pool: Option<&Pool>) -> Report {
        let ended = call::call(self, batch, context, Purpose::Serve, pool).await;
        context
            .signals
            .emit(Signal::Handled { trigger: &context.trigger, result: ended.result, took: ended.took });
        ended.report
    }

    /// Calls the handler with an empty batch before it serves `origin`'s trigger. `Err` is the reason to refuse it.
    /// Nothing that it does here has an effect.
    pub async fn probe(&self, origin: &Arc<Origin>, context: &TriggerContext) -> Result<(), ProbeError> {
        let batch = Batch { origin: origin.clone(), shard: "probe".into(), attempt: 1, changes: Vec::new() };
        let ended = call::call(self, &batch, context, Purpose::Probe, None).await;
        let reason = match ended.report.outcome {
            // An empty batch has no positions that could have failed: that would be a bad result.
            Outcome::Handled(_) => return Ok(()),
            Outcome::Failed(Failure { reason, backtrace: Some(backtrace), .. }) => format!("{reason}\n{backtrace}"),
            Outcome::Failed(failure) => failure.reason.into(),
            Outcome::NotRun(reason) => reason,
        };
        let may_pass = matches!(ended.result, HandlerResult::NotRun | HandlerResult::Retry | HandlerResult::Timeout);
        Err(ProbeError { reason, may_pass })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn handler(&self) -> &Handler {
        &self.0.handler
    }
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("version", &self.0.version.short())
            .field("size_bytes", &self.0.size_bytes)
            .finish_non_exhaustive()
    }
}
