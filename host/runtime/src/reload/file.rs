//! Watches one plugin's file for the triggers that use it.
//!
//! Always holds: what serves is never taken away; a new version serves all of the file's triggers or none; one bad content
//! is told once; what may be half written is not told before it has stood still; nothing is missed, since a slow poll stands
//! behind the watch; what the file holds no longer is neither compiled nor probed to its end, and never serves.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tripline_core::delivery::Origin;
use tripline_core::name::PluginVersion;
use tripline_core::signal::{Signal, Signals};

use super::bell::{Bell, Look};
use super::slot::Slot;
use super::source;
use super::stamp::Stamp;
use crate::compile::Priority;
use crate::context::TriggerContext;
use crate::engine::Engine;
use crate::load::{LoadError, is_unfinished, version_of};
use crate::plugin::{Plugin, ProbeError};

/// What stands behind the watch, which may miss things on network file systems.
const POLL: Duration = Duration::from_secs(2);
/// The file changed while it was read: look again.
const AGAIN: Duration = Duration::from_millis(100);
/// A file that is gone, empty or cut off is most often about to be whole. What stands so for this long is told.
const UNFINISHED_MAX: Duration = Duration::from_secs(3);
/// What was seen to grow must stand so for this long when it looks whole: a component is one before its last section is there.
const GROWN_MAX: Duration = Duration::from_secs(1);
/// After a probe that may pass later; twice as long after each that failed.
const PROBE_AGAIN: Duration = Duration::from_secs(1);
/// At most so long after a load that the machine did not let end: a disk that was full has room some time.
const LOAD_AGAIN_MAX: Duration = Duration::from_secs(60);
/// Probes of one version, with waits of two minutes in all between them. Then it waits for its file to be touched.
const PROBES_MAX: u32 = 8;

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
    /// What may not be what it is to become (none: the file is gone), and since when it stands so.
    doubt: Option<(Option<Stamp>, Instant)>,
    /// It looked unfinished the last time.
    grows: bool,
    /// A version that may serve once its probe passes.
    waiting: Option<Waiting>,
    /// A version that was refused for want of something that is not its own.
    unloaded: Option<Unloaded>,
    /// What was refused last: the content, or none where there was none to read, and why.
    refused: Option<(Option<PluginVersion>, String)>,
}

#[derive(Debug)]
struct Waiting {
    plugin: Plugin,
    probes: u32,
    due: Instant,
}

#[derive(Debug)]
struct Unloaded {
    version: PluginVersion,
    loads: u32,
    due: Instant,
}

impl PluginFile {
    /// `serving`: the version that all the slots hold, loaded from `path` a while ago.
    pub fn new(path: PathBuf, serving: &Plugin, uses: Vec<PluginUse>, signals: Arc<dyn Signals>) -> Self {
        let name = path.display().to_string();
        let (engine, serving) = (serving.engine().clone(), serving.version().clone());
        Self {
            engine,
            path,
            name,
            uses,
            signals,
            serving,
            seen: None,
            doubt: None,
            grows: false,
            waiting: None,
            unloaded: None,
            refused: None,
        }
    }

    /// Until `stop`. Holds up no batch: versions are compiled on blocking threads and probed in instances of their own.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut bell = Bell::new();
        // The file may have changed since it was loaded.
        let mut look = Look::Poll;
        loop {
            // First watch, then look: what is written in between rings.
            bell.follow(&self.path);
            let looked = async {
                let within = self.look(&bell, look, Instant::now()).await;
                bell.next(within).await
            };
            look = tokio::select! {
                () = stop.cancelled() => return,
                next = looked => next,
            };
        }
    }

    /// Returns how long to wait for a ring before the next look.
    async fn look(&mut self, bell: &Bell, look: Look, now: Instant) -> Duration {
        let stamp = match Stamp::of(&self.path).await {
            Ok(stamp) => stamp,
            Err(error) => return self.unreadable(error.into(), now),
        };
        let is_due = self.unloaded.as_ref().is_some_and(|unloaded| unloaded.due <= now);
        if look == Look::Poll && self.seen == Some(stamp) && !is_due {
            return self.probe_again(bell, now).await;
        }
        let bytes = match source::read_file(&self.path).await {
            Ok(bytes) => bytes,
            Err(error) => return self.unreadable(error, now),
        };
        if Stamp::of(&self.path).await.ok() != Some(stamp) {
            return AGAIN;
        }
        let unfinished = is_unfinished(&bytes);
        self.grows |= unfinished;
        let patience = if unfinished { UNFINISHED_MAX } else { GROWN_MAX };
        if self.grows
            && let Some(left) = self.doubted(Some(stamp), patience, now)
        {
            return left;
        }
        self.doubt = None;
        self.grows = false;
        self.seen = Some(stamp);
        self.waiting = None;
        self.consider(bell, bytes, now).await
    }

    /// How much longer to wait before it is believed; none: it stood so for long enough.
    fn doubted(&mut self, stamp: Option<Stamp>, patience: Duration, now: Instant) -> Option<Duration> {
        let since = match self.doubt {
            Some((held, since)) if held == stamp => since,
            _ => now,
        };
        self.doubt = Some((stamp, since));
        let left = patience.saturating_sub(now.duration_since(since));
        (!left.is_zero()).then(|| left.min(POLL))
    }

    async fn consider(&mut self, bell: &Bell, bytes: Bytes, now: Instant) -> Duration {
        // None: the runtime is shutting down.
        let Some(version) = hashed(bytes.clone()).await else { return POLL };
        if version == self.serving {
            self.refused = None;
            return POLL;
        }
        let loading = self.engine.load_at(bytes, Priority::Behind);
        match self.unless_replaced(bell, &version, loading).await {
            None => self.overtaken(),
            Some(Ok(plugin)) => {
                self.unloaded = None;
                self.try_version(bell, plugin, 1, now).await
            }
            Some(Err(error)) => {
                self.refuse(Some(version.clone()), error.to_string());
                let may_pass = matches!(error, LoadError::Compiler(_) | LoadError::NoRoom(_));
                self.unloaded = may_pass.then(|| self.load_again(version, now));
                POLL
            }
        }
    }

    fn load_again(&self, version: PluginVersion, now: Instant) -> Unloaded {
        let before = self.unloaded.as_ref().filter(|unloaded| unloaded.version == version);
        let loads = before.map_or(0, |unloaded| unloaded.loads) + 1;
        let pause = PROBE_AGAIN.saturating_mul(1 << loads.min(8)).min(LOAD_AGAIN_MAX);
        Unloaded { version, loads, due: now + pause }
    }

    /// None as soon as the file does not hold this version any more.
    async fn unless_replaced<T>(&self, bell: &Bell, version: &PluginVersion, doing: impl Future<Output = T>) -> Option<T> {
        let mut doing = pin!(doing);
        let mut stamp = self.seen;
        loop {
            let done = tokio::select! {
                done = &mut doing => (Some(done), Look::Poll),
                look = bell.next(POLL) => (None, look),
            };
            let now = Stamp::of(&self.path).await.ok();
            let is_held = match done.1 {
                Look::Poll if now.is_some() && now == stamp => true,
                _ => self.holds(version).await,
            };
            match (done.0, is_held) {
                (_, false) => return None,
                (None, true) => stamp = now,
                (done, true) => return done,
            }
        }
    }

    async fn holds(&self, version: &PluginVersion) -> bool {
        match source::read_file(&self.path).await {
            Ok(bytes) => hashed(bytes).await.as_ref() == Some(version),
            Err(_) => false,
        }
    }

    /// Looks again, closely.
    fn overtaken(&mut self) -> Duration {
        self.seen = None;
        Duration::ZERO
    }

    async fn probe_again(&mut self, bell: &Bell, now: Instant) -> Duration {
        match self.waiting.take_if(|waiting| waiting.due <= now) {
            Some(Waiting { plugin, probes, .. }) => self.try_version(bell, plugin, probes + 1, now).await,
            None => self.waiting.as_ref().map_or(POLL, |waiting| waiting.due.duration_since(now).min(POLL)),
        }
    }

    /// Serves it, or says why not. `probes`: which one this is.
    async fn try_version(&mut self, bell: &Bell, plugin: Plugin, probes: u32, now: Instant) -> Duration {
        let Some(probed) = self.unless_replaced(bell, plugin.version(), self.probe(&plugin)).await else { return self.overtaken() };
        match probed {
            Ok(()) => self.serve(&plugin),
            Err((trigger, error)) => {
                self.refuse(Some(plugin.version().clone()), format!("its probe for trigger `{trigger}` failed: {error}"));
                if error.may_pass && probes < PROBES_MAX {
                    let pause = PROBE_AGAIN.saturating_mul(1 << (probes - 1));
                    self.waiting = Some(Waiting { plugin, probes, due: now + pause });
                    return pause.min(POLL);
                }
            }
        }
        POLL
    }

    async fn probe(&self, plugin: &Plugin) -> Result<(), (String, ProbeError)> {
        for used in &self.uses {
            let probed = plugin.probe(&used.origin, &used.context).await;
            probed.map_err(|error| (used.context.trigger.to_string(), error))?;
        }
        Ok(())
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

    fn unreadable(&mut self, error: LoadError, now: Instant) -> Duration {
        self.seen = None;
        self.waiting = None;
        self.grows = false;
        if let Some(left) = self.doubted(None, UNFINISHED_MAX, now) {
            return left;
        }
        let reason = match error {
            LoadError::Unreadable(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                "the file is gone: put it back, or a new version in its place".to_owned()
            }
            error => error.to_string(),
        };
        self.refuse(None, reason);
        POLL
    }

    fn refuse(&mut self, version: Option<PluginVersion>, reason: String) {
        let refused = Some((version, reason));
        if self.refused == refused {
            return;
        }
        if let Some((version, reason)) = &refused {
            let which = version.as_ref().map(|version| format!("version {}: ", version.short())).unwrap_or_default();
            let reason = format!("{which}{reason}; version {} goes on", self.serving.short());
            self.signals
                .emit(Signal::PluginRefused { plugin: &self.name, version: version.as_ref(), reason: &reason });
        }
        self.refused = refused;
    }
}

/// None: the runtime is shutting down.
async fn hashed(bytes: Bytes) -> Option<PluginVersion> {
    tokio::task::spawn_blocking(move || version_of(&bytes)).await.ok()
}

#[cfg(test)]
mod tests;
