//! The compile cache: a private directory of machine code, by component and engine.
//!
//! Always holds: the directory and every file in it belong to this user, and nobody else may write them, or they are not used; after the
//! check everything goes through the directory's handle, so that nothing can be put in its place. An entry appears whole or not at all. All
//! entries together stay within the bound: what was used longest ago goes first.
//! Several processes may use it at once. Does not know what is in an entry.

use std::fs::{DirBuilder, File, Metadata};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, Mode, OFlags, Timespec, Timestamps, UTIME_NOW};

use super::trusted::Private;

/// Larger than the code of any component that may be loaded; a bound for what is read into memory.
const ENTRY_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
const OTHERS_MAY_WRITE: u32 = 0o022;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheConfig {
    pub dir: PathBuf,
    /// Make it where it is missing, with the folders above it; else it is done without.
    pub make: bool,
    /// Of all entries together.
    pub bytes_max: u64,
}

/// Why a cache is not used. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub(super) enum CacheError {
    #[error("compile cache: {dir} cannot be used: {source}: until it can, plugins are compiled at every start", dir = dir.display())]
    Io { dir: PathBuf, source: io::Error },
    #[error(
        "compile cache: {dir} belongs to user {owner}, and this is user {user}, who runs no code of others: remove it, or run as its owner; until then plugins are compiled at every start",
        dir = dir.display()
    )]
    Foreign { dir: PathBuf, owner: u32, user: u32 },
    #[error(
        "compile cache: others may write to {dir} (mode {mode:o}), and what they put there would run in this host: remove it, and it is made anew; until then plugins are compiled at every start",
        dir = dir.display()
    )]
    Open { dir: PathBuf, mode: u32 },
}

#[derive(Debug)]
pub(super) struct Cache {
    dir: File,
    path: PathBuf,
    bytes_max: u64,
}

impl Cache {
    /// None: it is not there, and is not to be made.
    pub(super) fn open(config: CacheConfig) -> Result<Option<Self>, CacheError> {
        let CacheConfig { dir: path, make, bytes_max } = config;
        let failed = |source: io::Error| CacheError::Io { dir: path.clone(), source };
        if make {
            DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(failed)?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(dir) => File::from(dir),
            Err(rustix::io::Errno::NOENT) if !make => return Ok(None),
            Err(error) => return Err(failed(error.into())),
        };
        let found = dir.metadata().map_err(failed)?;
        let user = rustix::process::geteuid().as_raw();
        if found.uid() != user {
            return Err(CacheError::Foreign { dir: path, owner: found.uid(), user });
        }
        if found.mode() & OTHERS_MAY_WRITE != 0 {
            return Err(CacheError::Open { dir: path, mode: found.mode() & 0o7777 });
        }
        Ok(Some(Self { dir, path, bytes_max }))
    }

    /// For people.
    pub(super) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// None: there is none. It counts as used now.
    pub(super) fn read(&self, name: &str) -> io::Result<Option<Private>> {
        // Without waiting: it may be a pipe.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.dir, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let private = read_private(&file)?;
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        // On a disk that cannot be written it stays as old as it is.
        let _ = rustix::fs::futimens(&file, &Timestamps { last_access: now, last_modification: now });
        Ok(Some(private))
    }

    pub(super) fn remove(&self, name: &str) {
        if let Err(error) = rustix::fs::unlinkat(&self.dir, name, AtFlags::empty()) {
            tracing::warn!(%error, entry = %self.path_of(name).display(), "compile cache: an entry cannot be removed");
        }
    }

    /// A file for a new entry. Dropped, it is gone.
    pub(super) fn begin(self: &Arc<Self>) -> io::Result<Output> {
        // By chance, and not by the process: in containers each of them is number 1.
        let name = format!(".new-{:016x}", RandomState::new().hash_one(()));
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.dir, &name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(Output { file: File::from(file), place: Some((self.clone(), name)) })
    }

    /// What was used longest ago goes, until `bytes` more have room.
    fn make_room(&self, bytes: u64, but: &str) -> io::Result<()> {
        let mut entries = self.entries(but)?;
        entries.sort_by_key(|(_, found)| (found.mtime(), found.mtime_nsec()));
        let mut total = entries.iter().map(|(_, found)| found.len()).sum::<u64>().saturating_add(bytes);
        for (name, found) in entries {
            if total <= self.bytes_max {
                break;
            }
            match rustix::fs::unlinkat(&self.dir, &name, AtFlags::empty()) {
                // Another process was first.
                Ok(()) | Err(rustix::io::Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
            total = total.saturating_sub(found.len());
        }
        Ok(())
    }

    /// All files but one, unfinished ones among them: who was killed left those, and they grow old.
    fn entries(&self, but: &str) -> io::Result<Vec<(String, Metadata)>> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(self.dir.as_fd())? {
            let entry = entry?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if name == but || name == "." || name == ".." {
                continue;
            }
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            // Another process may have removed it by now.
            let Ok(file) = rustix::fs::openat(&self.dir, name, flags, Mode::empty()) else { continue };
            let found = File::from(file).metadata()?;
            if found.is_file() {
                entries.push((name.to_owned(), found));
            }
        }
        Ok(entries)
    }
}

/// A file that is written before it is an entry, or is none ever.
#[derive(Debug)]
pub(crate) struct Output {
    file: File,
    place: Option<(Arc<Cache>, String)>,
}

impl Output {
    /// Without a name from its beginning, or in a directory where only this user may remove it.
    pub(super) fn nameless() -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile()?, place: None })
    }

    /// Among the entries, once it is whole.
    pub(super) fn is_kept(&self) -> bool {
        self.place.is_some()
    }

    pub(super) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// The same file for another process to write to.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// From its beginning.
    pub(super) fn read(&self) -> Result<Private, String> {
        rustix::fs::seek(&self.file, rustix::fs::SeekFrom::Start(0)).map_err(|error| error.to_string())?;
        read_private(&self.file).map_err(|error| error.to_string())
    }

    /// Whole and on the disk before it has its name.
    pub(super) fn keep_as(mut self, name: &str) -> io::Result<()> {
        let Some((cache, unfinished)) = &self.place else { return Ok(()) };
        let bytes = self.file.metadata()?.len();
        if bytes > cache.bytes_max {
            tracing::warn!(bytes, bytes_max = cache.bytes_max, "compile cache: what was compiled is larger than all of it, and not kept");
            return Ok(());
        }
        cache.make_room(bytes, unfinished)?;
        self.file.sync_all()?;
        rustix::fs::renameat(&cache.dir, unfinished, &cache.dir, name)?;
        let cache = cache.clone();
        self.place = None;
        cache.dir.sync_all()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        if let Some((cache, name)) = &self.place {
            cache.remove(name);
        }
    }
}

/// Refuses what another user may have written.
fn read_private(mut file: &File) -> io::Result<Private> {
    let found = file.metadata()?;
    let refused = |reason: &str| io::Error::other(reason.to_owned());
    if !found.is_file() {
        return Err(refused("it is no file"));
    }
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Err(refused("it belongs to another user"));
    }
    if found.mode() & OTHERS_MAY_WRITE != 0 {
        return Err(refused("others may write it"));
    }
    if found.len() > ENTRY_BYTES_MAX {
        return Err(refused("it is larger than any entry"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or_default());
    file.by_ref().take(ENTRY_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(Private(bytes))
}

/// Where a command without a `data_dir` keeps machine code: `$XDG_CACHE_HOME/tripline/compiled`, or the same under `~/.cache`.
#[must_use]
pub fn user_dir(env: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    // The specification has a relative path ignored.
    let absolute = |path: &PathBuf| path.is_absolute();
    let base = env("XDG_CACHE_HOME")
        .filter(absolute)
        .or_else(|| Some(env("HOME").filter(absolute)?.join(".cache")))?;
    Some(base.join(Path::new("tripline/compiled")))
}
