//! Rings when something happens in the directories of a plugin's file.
//!
//! Always holds: rings add up to one; our own reading of the file does not ring.
//! Does not know what happened: whoever hears it looks at the file.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::Instant;

/// Quiet for so long: the writer is done.
const QUIET: Duration = Duration::from_millis(100);
/// A directory that never falls quiet is looked at all the same.
const NOISE_MAX: Duration = Duration::from_secs(2);

/// What stands behind the watch, which may miss things on network file systems.
const POLL: Duration = Duration::from_secs(2);

/// How to look at the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Its content may have changed in any way.
    Closely,
    /// Only if its length, time or identity changed.
    Poll,
}

#[derive(Debug, Default)]
struct Rung {
    notify: Notify,
    /// The file itself was named, so that its content may differ though its length and time do not.
    named: AtomicBool,
}

#[derive(Debug)]
pub(super) struct Bell {
    rung: Arc<Rung>,
    /// None where the system gives no watch: then the poll alone must do.
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
}

impl Bell {
    /// Watches nothing yet.
    pub(super) fn new(file: &Path) -> Self {
        let rung = Arc::new(Rung::default());
        let name = file.file_name().map(OsString::from);
        let rings = rung.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // An error is a lost event: look.
            let (relevant, named) = match &event {
                Ok(event) => (is_change(event.kind), event.paths.iter().any(|path| path.file_name() == name.as_deref())),
                Err(_) => (true, true),
            };
            if relevant {
                rings.named.fetch_or(named, Ordering::Relaxed);
                rings.notify.notify_one();
            }
        });
        let watcher = watcher
            .inspect_err(|error| tracing::warn!(%error, "no file watch: plugins are looked at every few seconds"))
            .ok();
        Self { rung, watcher, watched: BTreeSet::new() }
    }

    /// Watches the directories that `file` lies in: its own, and that of what its symlinks lead to now.
    pub(super) fn follow(&mut self, file: &Path) {
        let Some(watcher) = &mut self.watcher else { return };
        let wanted = directories(file);
        for gone in self.watched.difference(&wanted) {
            // Already gone with its directory, more often than not.
            let _ = watcher.unwatch(gone);
        }
        // A directory that cannot be watched now (it is not there) is tried again at the next look.
        self.watched = wanted
            .into_iter()
            .filter(|directory| self.watched.contains(directory) || watcher.watch(directory, RecursiveMode::NonRecursive).is_ok())
            .collect();
    }

    /// Resolves once something happened and all is quiet again, or once nothing has happened for `POLL`. A ring that comes
    /// while nobody listens, or to a listener that is dropped before it heard it, is kept.
    pub(super) async fn next(&self) -> Look {
        if tokio::time::timeout(POLL, self.rung.notify.notified()).await.is_err() {
            return Look::Poll;
        }
        let noisy_until = Instant::now() + NOISE_MAX;
        while Instant::now() < noisy_until && tokio::time::timeout(QUIET, self.rung.notify.notified()).await.is_ok() {}
        if self.rung.named.swap(false, Ordering::Relaxed) { Look::Closely } else { Look::Poll }
    }

    /// Rings it: somebody found the file half written.
    pub(super) fn ring(&self) {
        self.rung.named.store(true, Ordering::Relaxed);
        self.rung.notify.notify_one();
    }
}

/// All but being looked at.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

/// Of every step of the way that symlinks lead, a file's or a directory's.
fn directories(file: &Path) -> BTreeSet<PathBuf> {
    /// As many as Linux follows.
    const LINKS_MAX: usize = 40;
    let mut directories = BTreeSet::new();
    let mut next = Some(file.to_path_buf());
    for _ in 0..LINKS_MAX {
        let Some(path) = next else { break };
        let directory = parent(&path);
        next = std::fs::read_link(&path).ok().map(|target| directory.join(target));
        directories.insert(directory);
    }
    // A directory on the way may be a symlink too (`..data` of a Kubernetes volume): watch where that one lies.
    let on_the_way: Vec<PathBuf> = directories.iter().flat_map(|directory| directory.ancestors().map(Path::to_path_buf)).collect();
    directories.extend(on_the_way.iter().filter(|path| path.is_symlink()).map(|link| parent(link)));
    directories
}

fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}
