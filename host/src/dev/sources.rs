//! What an author edits: files and folders, watched, and what they hold.
//!
//! Invariant: a save is told once, by contents: a file that is written as it was is none, nor is a component in a watched folder, which a build makes,
//! nor what the host writes. Watches are a help and no truth: what
//! is there is looked at every two seconds too.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::cli::output::tame;

const POLL: Duration = Duration::from_secs(2);
/// Quiet for so long: an editor that writes, renames and removes is done.
const QUIET: Duration = Duration::from_millis(30);
/// A folder that never falls quiet is looked at all the same.
const NOISE_MAX: Duration = Duration::from_secs(1);
/// What is larger is told by its length and time.
const READ_BYTES_MAX: u64 = 8 << 20;
/// Beyond that a folder is no source, and what is in there is not looked at.
const FILES_MAX: usize = 20_000;
/// Made by tools, in whatever folder.
const MADE: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// What was there at one time: a hash of each file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Print(BTreeMap<PathBuf, u64>);

/// Something else is there now.
#[derive(Debug)]
pub(super) struct Saved {
    /// When the first sign of it came.
    pub(super) at: Instant,
    pub(super) files: BTreeSet<PathBuf>,
    pub(super) print: Print,
}

#[derive(Debug)]
pub(super) struct Sources {
    paths: Vec<PathBuf>,
    /// The host's: it writes there all the time.
    data_dir: Option<PathBuf>,
    bell: Arc<Bell>,
    /// None where the system gives no watch: then the looks alone must do.
    _watcher: Option<RecommendedWatcher>,
}

#[derive(Debug, Default)]
struct Bell {
    rung: Notify,
    first: Mutex<Option<Instant>>,
}

impl Bell {
    fn hear(&self, event: &notify::Result<Event>) {
        if event.as_ref().is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
            return;
        }
        self.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
        self.rung.notify_one();
    }

    fn take(&self) -> Option<Instant> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Sources {
    pub(super) fn new(paths: Vec<PathBuf>, data_dir: Option<&Path>) -> Self {
        let bell = Arc::new(Bell::default());
        let ringer = bell.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| ringer.hear(&event));
        let watcher = watcher.and_then(|mut watcher| {
            for path in &paths {
                // A file's watch is lost when an editor puts another in its place: its folder is watched.
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
                let (path, mode) =
                    if path.is_dir() { (path.as_path(), RecursiveMode::Recursive) } else { (folder, RecursiveMode::NonRecursive) };
                watcher.watch(path, mode)?;
            }
            Ok(watcher)
        });
        let watcher = watcher
            .map_err(|error| tracing::warn!(%error, "sources cannot be watched: they are looked at every two seconds instead"))
            .ok();
        Self { paths, data_dir: data_dir.map(|dir| plain(dir).to_owned()), bell, _watcher: watcher }
    }

    /// What is there now.
    pub(super) fn print(&self) -> Print {
        let mut print = Print::default();
        self.paths.iter().for_each(|path| self.collect(path, &mut print));
        print
    }

    fn is_the_hosts(&self, path: &Path) -> bool {
        self.data_dir.as_ref().is_some_and(|dir| plain(path).starts_with(dir))
    }

    /// Resolves once something else than `print` is there, and all is quiet.
    pub(super) async fn changed(&self, print: &Print) -> Saved {
        loop {
            // A ring that came while nobody listened is kept.
            if timeout(POLL, self.bell.rung.notified()).await.is_ok() {
                let begun = Instant::now();
                while begun.elapsed() < NOISE_MAX && timeout(QUIET, self.bell.rung.notified()).await.is_ok() {}
            }
            let at = self.bell.take().unwrap_or_else(Instant::now);
            let now = self.print();
            let files = print.differs(&now);
            if !files.is_empty() {
                return Saved { at, files, print: now };
            }
        }
    }

    fn collect(&self, path: &Path, print: &mut Print) {
        if print.0.len() >= FILES_MAX || self.is_the_hosts(path) {
            return;
        }
        if path.is_dir() {
            let entries = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
            let is_source = |path: &PathBuf| {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                !name.starts_with('.') && !name.ends_with('~') && !name.ends_with(".wasm") && !MADE.contains(&&*name)
            };
            // A link to a folder may lead back here.
            entries
                .filter(|path| is_source(path) && !(path.is_symlink() && path.is_dir()))
                .for_each(|path| self.collect(&path, print));
        } else if let Some(hash) = hash(path, READ_BYTES_MAX) {
            print.0.insert(path.to_owned(), hash);
        }
    }
}

/// One name for one place, whether or not it begins in `.`.
fn plain(path: &Path) -> &Path {
    path.strip_prefix(".").unwrap_or(path)
}

pub(super) fn is_same(one: &Path, other: &Path) -> bool {
    plain(one) == plain(other)
}

/// The first few.
pub(super) fn names(files: &BTreeSet<PathBuf>) -> String {
    const SHOWN: usize = 3;
    let mut names: Vec<String> = files.iter().take(SHOWN).map(|file| tame(&file.display().to_string())).collect();
    if files.len() > SHOWN {
        names.push(format!("{} more", files.len() - SHOWN));
    }
    names.join(", ")
}

impl Print {
    /// But for these.
    pub(super) fn without(&self, files: &[&Path]) -> Self {
        let stays = |path: &Path| !files.iter().any(|file| is_same(file, path));
        Self(self.0.iter().filter(|(path, _)| stays(path)).map(|(path, hash)| (path.clone(), *hash)).collect())
    }

    /// Of texts.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let hash = |text: &str| {
            let mut hasher = DefaultHasher::new();
            text.hash(&mut hasher);
            hasher.finish()
        };
        Self(files.iter().map(|(path, text)| (PathBuf::from(path), hash(text))).collect())
    }

    pub(super) fn differs(&self, now: &Self) -> BTreeSet<PathBuf> {
        let paths = self.0.keys().chain(now.0.keys());
        paths.filter(|path| self.0.get(*path) != now.0.get(*path)).cloned().collect()
    }
}

/// None: it is not there, or cannot be read. What has more than `bytes_max` is told by its length and time.
fn hash(path: &Path, bytes_max: u64) -> Option<u64> {
    let metadata = fs::metadata(path).ok()?;
    let mut hasher = DefaultHasher::new();
    if metadata.len() > bytes_max {
        (metadata.len(), metadata.modified().ok()).hash(&mut hasher);
    } else {
        fs::read(path).ok()?.hash(&mut hasher);
    }
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &BTreeSet<PathBuf>) -> Vec<String> {
        files.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn contents_are_what_is_compared() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("src/target")).unwrap();
        fs::create_dir_all(at("src/data")).unwrap();
        for name in ["src/a.rs", "src/.hidden", "src/a.rs~", "src/target/b.rs", "src/plugin.wasm", "src/data/db", "Cargo.toml"] {
            fs::write(at(name), "1").unwrap();
        }
        let sources = Sources::new(vec![at("src"), at("Cargo.toml")], Some(&at("src/data")));
        let print = sources.print();
        assert_eq!(print.0.len(), 2, "{print:?}");
        assert_eq!(print.without(&[&at("Cargo.toml")]).0.len(), 1);
        for name in ["src/a.rs", "src/.hidden", "src/a.rs~", "src/target/b.rs"] {
            fs::write(at(name), "1").unwrap();
        }
        fs::write(at("src/plugin.wasm"), "2").unwrap();
        fs::write(at("src/data/db"), "2").unwrap();
        assert_eq!(print.differs(&sources.print()), BTreeSet::new());
        fs::write(at("src/a.rs"), "2").unwrap();
        fs::write(at("src/new.rs"), "1").unwrap();
        fs::remove_file(at("Cargo.toml")).unwrap();
        assert_eq!(names(&print.differs(&sources.print())), ["Cargo.toml", "a.rs", "new.rs"]);
    }

    #[tokio::test]
    async fn a_save_is_noticed_however_the_editor_saves() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("plugin.py");
        fs::write(&file, "1").unwrap();
        let sources = Sources::new(vec![file.clone()], None);
        for (count, replaced) in [false, true, true, false].into_iter().enumerate() {
            let print = sources.print();
            let text = format!("version {count}");
            if replaced {
                fs::write(dir.path().join("new"), text).unwrap();
                fs::rename(dir.path().join("new"), &file).unwrap();
            } else {
                fs::write(&file, text).unwrap();
            }
            let saved = timeout(Duration::from_secs(60), sources.changed(&print)).await.unwrap();
            assert_eq!(names(&saved.files), ["plugin.py"]);
        }
    }
}
