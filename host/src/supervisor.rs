//! Where the host's tasks are spawned, and what the end of each means.
//!
//! Invariant: no task ends unseen. Every kind runs until the host stops; one that ends before is a fault of the host's own, and the host drains
//! and exits, to be started again by whatever watches it: what it committed is exact.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tripline_core::name::{StreamName, TriggerName};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Stream(StreamName),
    Redrive(TriggerName),
    Letters,
    Plugins,
    Instances,
    Mail,
    Orders,
    Admin,
    Store,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream(name) => write!(f, "the consumer of stream `{name}`"),
            Self::Redrive(trigger) => write!(f, "the redrive of trigger `{trigger}`"),
            Self::Letters => f.write_str("the keeper of dead letters"),
            Self::Plugins => f.write_str("the watcher of plugins"),
            Self::Instances => f.write_str("the keeper of warm instances"),
            Self::Mail => f.write_str("the sender of mail"),
            Self::Orders => f.write_str("the clerk of operators' orders"),
            Self::Admin => f.write_str("the server of metrics and health"),
            Self::Store => f.write_str("the store"),
        }
    }
}

#[derive(Debug)]
pub struct Supervisor {
    tasks: JoinSet<(Kind, Result<()>)>,
    stop: CancellationToken,
}

impl Supervisor {
    /// `stop` ends all tasks in good order.
    pub fn new(stop: CancellationToken) -> Self {
        Self { tasks: JoinSet::new(), stop }
    }

    pub fn spawn(&mut self, kind: Kind, task: impl Future<Output = Result<()>> + Send + 'static) {
        self.tasks.spawn(async move { (kind, task.await) });
    }

    /// Runs until `stop`, then until every task has ended or `drain_max` is over; what still runs then is dropped, uncommitted.
    pub async fn run(mut self, drain_max: Duration) -> Result<()> {
        let early = tokio::select! {
            // First, since a task may end of it at once.
            biased;
            () = self.stop.cancelled() => None,
            ended = self.tasks.join_next() => ended,
        };
        let fault = early.map(|ended| match ended {
            Ok((kind, Ok(()))) => anyhow!("{kind} ended by itself"),
            Ok((kind, Err(error))) => error.context(format!("{kind} failed")),
            Err(panic) => anyhow!("a task of the host broke down: {panic}"),
        });
        if let Some(fault) = &fault {
            tracing::error!(error = format!("{fault:#}"), "stopping: a part of the host ended");
        }
        self.stop.cancel();
        if tokio::time::timeout(drain_max, self.drain()).await.is_err() {
            tracing::warn!(drain_max_s = drain_max.as_secs(), "drain time is over: what still ran is abandoned, uncommitted");
        }
        fault.map_or(Ok(()), Err)
    }

    async fn drain(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            match ended {
                Ok((_, Ok(()))) => {}
                Ok((kind, Err(error))) => tracing::error!(error = format!("{error:#}"), "{kind} failed while stopping"),
                Err(panic) => tracing::error!(%panic, "a task broke down while stopping"),
            }
        }
    }
}
