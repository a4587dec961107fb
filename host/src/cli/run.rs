//! `tripline run`.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::ConfigFile;
use crate::app::App;

pub(crate) async fn run(options: &ConfigFile) -> Result<()> {
    let config = options.load()?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let stop = CancellationToken::new();
    let app = tokio::select! {
        app = App::build(&config) => app?,
        () = stop_signal()? => return Ok(()),
    };
    tracing::info!(metrics = format!("http://{}/metrics", app.listens_on()), "running");
    let on_signal = stop_signal()?;
    let serving = app.run(stop.clone());
    tokio::pin!(serving);
    tokio::select! {
        ended = &mut serving => return ended,
        () = on_signal => {}
    }
    tracing::info!(drain_max_s = config.host.drain_max.as_secs(), "stopping: what is under way may finish");
    stop.cancel();
    let again = stop_signal()?;
    tokio::select! {
        ended = serving => ended,
        // What is not committed is delivered again by the next run.
        () = again => anyhow::bail!("stopped at the second signal, before what was under way had finished"),
    }
}

/// Resolves at the next SIGTERM or SIGINT.
pub(crate) fn stop_signal() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for Ctrl-C")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
