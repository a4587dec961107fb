//! `tripline run`.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::ConfigFile;
use crate::app::App;

pub(crate) async fn run(options: &ConfigFile) -> Result<()> {
    let config = options.load_with_plugins().await?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let stop = CancellationToken::new();
    let mut signals = StopSignals::listen()?;
    let app = tokio::select! {
        app = App::build(&config) => app?,
        () = signals.next() => return Ok(()),
    };
    tracing::info!(metrics = format!("http://{}/metrics", app.listens_on()), "running");
    let serving = app.run(stop.clone());
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => return ended,
        () = signals.next() => {}
    }
    tracing::info!(drain_max_s = config.host.drain_max.as_secs(), "stopping: what is under way may finish");
    stop.cancel();
    tokio::select! {
        ended = serving => ended,
        // What is not committed is delivered again by the next run.
        () = signals.next() => anyhow::bail!("stopped at the second signal, before what was under way had finished"),
    }
}

/// SIGTERM and SIGINT, none of which is missed from `listen` on.
#[derive(Debug)]
pub(crate) struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?,
        })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
