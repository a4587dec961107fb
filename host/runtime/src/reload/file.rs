//! Watches one plugin's file for the triggers that use it.
//!
//! Always holds: what serves is never taken away; a new version serves all of the file's triggers or none; one bad content
//! is told once; nothing is missed, since a slow poll stands behind the watch.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use tripline_core::delivery::Origin;
use tripline_core::name::PluginVersion;
use tripline_core::signal::{Signal, Signals};

use super::bell::{Bell, Look};
use super::slot::Slot;
use super::source;
use super::stamp::Stamp;
use crate::context::TriggerContext;
use crate::engine::Engine;
use crate::load::{LoadError, version_of};
use crate::plugin::Plugin;

/// One trigger that runs the file's plugin.
#[derive(Clone, Debug)]
pub struct PluginUse {
    pub slot: Slot,
    pub origin: Arc<Origin>,
    pub context: TriggerContext,
}

#[derive(Debug)]
pub struct PluginFile {
    engine: Engine,
    path: PathBuf,
    name: String,
    uses: Vec<PluginUse>,
    signals: Arc<dyn Signals>,
    serving: PluginVersion,
    /// Of the content looked at last.
    seen: Option<Stamp>,
    /// What was refused last: the content, or none where there was none to read, and why.
    refused: Option<(Option<PluginVersion>, String)>,
}

impl PluginFile {
    /// `serving`: the version that all the slots hold, loaded from `path` a while ago.
    pub fn new(path: PathBuf, serving: &Plugin, uses: Vec<PluginUse>, signals: Arc<dyn Signals>) -> Self {
        let name = path.display().to_string();
        let (engine, serving) = (serving.engine().clone(), serving.version().clone());
        Self { engine, path, name, uses, signals, serving, seen: None, refused: None }
    }

    /// Until `stop`. Holds up no batch: versions are compiled on blocking threads and probed in instances of their own.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut bell = Bell::new(&self.path);
        // The file may have changed since it was loaded.
        let mut look = Look::Poll;
        loop {
            // First watch, then look: what is written in between rings.
            bell.follow(&self.path);
            let looked = async {
                self.look(look, &bell).await;
                bell.next().await
            };
            look = tokio::select! {
                () = stop.cancelled() => return,
                next = looked => next,
            };
        }
    }

    async fn look(&mut self, look: Look, bell: &Bell) {
        let stamp = match Stamp::of(&self.path).await {
            Ok(stamp) => stamp,
            Err(error) => return self.unreadable(error.into()),
        };
        if look == Look::Poll && self.seen == Some(stamp) {
            return;
        }
        let bytes = match source::read(&self.path).await {
            Ok(bytes) => bytes,
            Err(error) => return self.unreadable(error),
        };
        if Stamp::of(&self.path).await.ok() != Some(stamp) {
            return bell.ring();
        }
        // Just truncated, it seems, and about to be written. If not, the poll finds it as it is.
        if bytes.is_empty() && look == Look::Closely {
            self.seen = None;
            return;
        }
        self.seen = Some(stamp);
        self.consider(bytes).await;
    }

    async fn consider(&mut self, bytes: Bytes) {
        let hashed = bytes.clone();
        let Ok(version) = tokio::task::spawn_blocking(move || version_of(&hashed)).await else {
            // The runtime is shutting down.
            return;
        };
        if version == self.serving {
            self.refused = None;
            return;
        }
        match self.try_version(bytes).await {
            Ok(plugin) => self.serve(&plugin),
            Err(reason) => self.refuse(Some(version), reason),
        }
    }

    async fn try_version(&self, bytes: Bytes) -> Result<Plugin, String> {
        let plugin = self.engine.load(bytes).await.map_err(|error| error.to_string())?;
        for used in &self.uses {
            let probed = plugin.probe(&used.origin, &used.context).await;
            probed.map_err(|reason| format!("its probe for trigger `{}` failed: {reason}", used.context.trigger))?;
        }
        Ok(plugin)
    }

    fn serve(&mut self, plugin: &Plugin) {
        self.serving = plugin.version().clone();
        self.refused = None;
        for used in &self.uses {
            used.slot.swap(plugin.clone());
            let trigger = &used.context.trigger;
            let version = plugin.version();
            self.signals.emit(Signal::PluginServes { trigger, plugin: &self.name, version, reload: true });
        }
    }

    fn unreadable(&mut self, error: LoadError) {
        self.seen = None;
        let reason = match error {
            LoadError::Unreadable(error) if error.kind() == ErrorKind::NotFound => "the file is gone".to_owned(),
            error => error.to_string(),
        };
        self.refuse(None, reason);
    }

    fn refuse(&mut self, version: Option<PluginVersion>, reason: String) {
        let refused = Some((version, reason));
        if self.refused == refused {
            return;
        }
        if let Some((version, reason)) = &refused {
            let which = version.as_ref().map(|version| format!("version {}: ", version.short())).unwrap_or_default();
            let reason = format!("{which}{reason}; version {} goes on", self.serving.short());
            self.signals.emit(Signal::PluginRefused { plugin: &self.name, reason: &reason });
        }
        self.refused = refused;
    }
}

#[cfg(test)]
mod tests;
