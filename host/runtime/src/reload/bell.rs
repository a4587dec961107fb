//! Rings when something happens on the way to a plugin's file.
//!
//! Always holds: rings add up to one; our own reading of the file does not ring; what is written and not closed yet is waited for.
//! Does not know what happened: whoever hears it looks at the file.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind, RemoveKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::way::Way;

/// Quiet for so long: the writer is done.
const QUIET: Duration = Duration::from_millis(100);
/// A directory that never falls quiet is looked at all the same.
const NOISE_MAX: Duration = Duration::from_secs(2);
/// And so is a file that a writer keeps open.
const OPEN_MAX: Duration = Duration::from_secs(10);
/// Only here does the system say that a writer has closed a file.
const CLOSING_IS_TOLD: bool = cfg!(any(target_os = "linux", target_os = "android"));

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
    /// What the file is called, and what its symlinks lead to.
    names: Mutex<BTreeSet<OsString>>,
    /// The file itself was named, so that its content may differ though its length and time do not.
    named: AtomicBool,
    /// Somebody has written to it, and not closed it since.
    open: AtomicBool,
    /// A directory was moved or removed, and its watch with it: another may bear its name, and its inode, by now.
    stale: AtomicBool,
}

impl Rung {
    fn hear(&self, event: &notify::Result<Event>) {
        let Ok(event) = event else {
            // A lost event.
            self.stale.store(true, Ordering::Relaxed);
            return self.ring(true);
        };
        if !is_change(event.kind) {
            return;
        }
        let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let is_named = |path: &PathBuf| path.file_name().is_some_and(|name| names.contains(name));
        let named = event.need_rescan() || event.paths.iter().any(is_named);
        drop(names);
        if named && let Some(open) = leaves_open(event.kind) {
            self.open.store(open, Ordering::Relaxed);
        }
        if may_take_a_watch_along(event.kind) {
            self.stale.store(true, Ordering::Relaxed);
        }
        self.ring(named);
    }

    fn ring(&self, named: bool) {
        self.named.fetch_or(named, Ordering::Relaxed);
        self.notify.notify_one();
    }
}

#[derive(Debug)]
pub(super) struct Bell {
    rung: Arc<Rung>,
    /// None where the system gives no watch: then the poll alone must do.
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    /// That some directory cannot be watched was said.
    complained: bool,
}

impl Bell {
    /// Watches nothing yet.
    pub(super) fn new() -> Self {
        let rung = Arc::new(Rung::default());
        let ringer = rung.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| ringer.hear(&event));
        let mut bell = Self { rung, watcher: None, watched: BTreeSet::new(), complained: false };
        match watcher {
            Ok(watcher) => bell.watcher = Some(watcher),
            Err(error) => bell.complain(&error),
        }
        bell
    }

    /// Watches the directories on the way that leads to `file` now: where its symlinks lie, and where they lead.
    pub(super) fn follow(&mut self, file: &Path) {
        let Some(watcher) = &mut self.watcher else { return };
        let way = Way::to(file);
        *self.rung.names.lock().unwrap_or_else(PoisonError::into_inner) = way.names;
        let renew = self.rung.stale.swap(false, Ordering::Relaxed);
        for old in self.watched.iter().filter(|old| renew || !way.directories.contains(*old)) {
            // Gone with its directory, more often than not.
            let _ = watcher.unwatch(old);
        }
        let mut fault = None;
        let mut watch = |directory: &PathBuf| {
            let held = !renew && self.watched.contains(directory);
            held || watcher.watch(directory, RecursiveMode::NonRecursive).map_err(|error| fault = Some(error)).is_ok()
        };
        // A directory that cannot be watched now is tried again at the next look.
        self.watched = way.directories.into_iter().filter(&mut watch).collect();
        if let Some(error) = fault {
            self.complain(&error);
        }
    }

    /// Once: a directory that has just gone is no reason to, and what lasts need not be said twice.
    fn complain(&mut self, error: &notify::Error) {
        if self.complained || matches!(error.kind, notify::ErrorKind::PathNotFound) {
            return;
        }
        self.complained = true;
        tracing::warn!(
            %error,
            "plugins cannot be watched: they are looked at every few seconds instead; \
             on Linux, fs.inotify.max_user_watches and fs.inotify.max_user_instances may be too low"
        );
    }

    /// Resolves once something happened and all is quiet again, or once nothing has happened for so long as `within`. A ring that
    /// comes while nobody listens, or to a listener that is dropped before it heard it, is kept.
    pub(super) async fn next(&self, within: Duration) -> Look {
        if tokio::time::timeout(within, self.rung.notify.notified()).await.is_err() {
            return Look::Poll;
        }
        let rung = Instant::now();
        loop {
            let is_open = self.rung.open.load(Ordering::Relaxed);
            let (patience, wait) = if is_open { (OPEN_MAX, OPEN_MAX) } else { (NOISE_MAX, QUIET) };
            let left = patience.saturating_sub(rung.elapsed()).min(wait);
            if left.is_zero() || (tokio::time::timeout(left, self.rung.notify.notified()).await.is_err()) {
                break;
            }
        }
        self.rung.open.store(false, Ordering::Relaxed);
        if self.rung.named.swap(false, Ordering::Relaxed) { Look::Closely } else { Look::Poll }
    }
}

/// All but being looked at.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(access) => access == AccessKind::Close(AccessMode::Write),
        _ => true,
    }
}

/// Whether somebody has the file open for writing after this; none: it says nothing of that.
fn leaves_open(kind: EventKind) -> Option<bool> {
    match kind {
        EventKind::Modify(ModifyKind::Data(_)) => Some(CLOSING_IS_TOLD),
        // Another file bears the name now, if any does.
        EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => Some(false),
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(false),
        _ => None,
    }
}

/// A directory that goes, under its name or for good, and events that were lost.
fn may_take_a_watch_along(kind: EventKind) -> bool {
    match kind {
        EventKind::Remove(kind) => kind != RemoveKind::File,
        EventKind::Modify(ModifyKind::Name(mode)) => mode != RenameMode::To,
        EventKind::Other => true,
        _ => false,
    }
}
