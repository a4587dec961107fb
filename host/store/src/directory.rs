//! The data directory: made for its owner alone, and held by one host at a time.
//!
//! Invariant: the lock lives as long as the thread that writes. The operating system drops it with the process,
//! however that ends, so there is no stale lock to clean up.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::OpenError;

#[derive(Debug)]
pub(crate) struct DirectoryLock {
    file: File,
}

impl Drop for DirectoryLock {
    /// Closing the file is not enough: a program that another thread is just starting has a copy of it until it runs, and would hold the lock.
    fn drop(&mut self) {
        // Closed all the same.
        let _ = self.file.unlock();
    }
}

pub(crate) fn database_file(dir: &Path) -> PathBuf {
    dir.join("tripline.db")
}

/// Makes the directory and an empty database file where there is none, and takes the lock.
pub(crate) fn acquire(dir: &Path) -> Result<DirectoryLock, OpenError> {
    create_dir(dir).map_err(|error| OpenError::from_io(dir, &error))?;
    let path = dir.join("lock");
    let mut file =
        open_private(OpenOptions::new().read(true).write(true).create(true), &path).map_err(|error| OpenError::from_io(&path, &error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { dir: dir.to_owned(), pid: read_pid(&mut file) }),
        Err(TryLockError::Error(error)) => return Err(OpenError::from_io(&path, &error)),
    }
    write_pid(&mut file).map_err(|error| OpenError::from_io(&path, &error))?;
    let database = database_file(dir);
    match open_private(OpenOptions::new().write(true).create_new(true), &database) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(OpenError::from_io(&database, &error)),
    }
    Ok(DirectoryLock { file })
}

fn create_dir(dir: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Readable by the owner alone; SQLite gives its -wal and -shm files the mode of the database.
fn open_private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// For the message only: a holder that has not written it yet is just not named.
fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_a_child_has_holds_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let lock = acquire(dir.path()).unwrap();
        let copy = lock.file.try_clone().unwrap();
        assert!(matches!(acquire(dir.path()), Err(OpenError::InUse { .. })));
        drop(lock);
        drop(acquire(dir.path()).unwrap());
        drop(copy);
    }
}
