//! Why the data directory cannot be used. Every message names the path and the remedy.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{dir}: in use by another tripline host{}: stop it, or give this host a `data_dir` of its own", shown(*pid))]
    InUse { dir: PathBuf, pid: Option<u32> },
    #[error(
        "{file}: written by a newer tripline: its schema is {found}, this version knows up to {known}: \
         run the newer version, or another `data_dir`"
    )]
    NewerSchema { file: PathBuf, found: u32, known: u32 },
    /// Only for readers: a host would migrate it.
    #[error("{file}: written by an older tripline: its schema is {found}, this version wants {known}: start the host once, it migrates")]
    OlderSchema { file: PathBuf, found: u32, known: u32 },
    #[error(
        "{file}: not a readable tripline database: {reason}: restore it from a backup, or move it away together with its -wal and -shm \
         files to begin anew (counters, state and unsent mail are lost, and triggers begin at their `start`)"
    )]
    Corrupt { file: PathBuf, reason: String },
    /// Only for readers: a host would create it.
    #[error("{dir}: no tripline.db there: check `data_dir`, or start the host once")]
    NoDatabase { dir: PathBuf },
    #[error("{path}: not writable for this user: {reason}: change its owner or mode, or choose another `data_dir`")]
    ReadOnly { path: PathBuf, reason: String },
    #[error("{path}: {reason}: free space on the disk of `data_dir`, or choose another `data_dir`")]
    Full { path: PathBuf, reason: String },
    #[error("{path}: {reason}")]
    Io { path: PathBuf, reason: String },
}

fn shown(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

impl OpenError {
    pub(crate) fn from_io(path: &Path, error: &io::Error) -> Self {
        let (path, reason) = (path.to_owned(), error.to_string());
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path, reason },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path, reason },
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                Self::Io { path, reason: "a file stands where `data_dir` should be: choose another `data_dir`".to_owned() }
            }
            _ => Self::Io { path, reason },
        }
    }

    pub(crate) fn from_sqlite(file: &Path, error: &rusqlite::Error) -> Self {
        let (path, reason) = (file.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Corrupt { file: path, reason },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly { path, reason },
            Some(ErrorCode::DiskFull) => Self::Full { path, reason },
            Some(ErrorCode::CannotOpen) => Self::Io {
                path,
                reason: format!(
                    "{reason}: this user must be able to write beside it: change the owner or mode of `data_dir`, or copy it elsewhere"
                ),
            },
            // SQLite does not say which: a memory map cannot grow on a full disk, and that is no DiskFull to it.
            Some(ErrorCode::SystemIoFailure) => Self::Io {
                path,
                reason: format!("{reason}: is the disk of `data_dir` full, or does it fail? Free space on it, or have it looked at"),
            },
            _ => Self::Io { path, reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: io::ErrorKind, expected: &str) {
        let error = OpenError::from_io(Path::new("/data"), &io::Error::from(kind)).to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.starts_with("/data: "), "{error}");
    }

    #[test]
    fn io_errors_say_what_to_do() {
        check(io::ErrorKind::PermissionDenied, "change its owner or mode");
        check(io::ErrorKind::ReadOnlyFilesystem, "choose another `data_dir`");
        check(io::ErrorKind::NotADirectory, "a file stands where");
        check(io::ErrorKind::StorageFull, "no storage space: free space on the disk");
        check(io::ErrorKind::QuotaExceeded, "free space on the disk");
    }
}
