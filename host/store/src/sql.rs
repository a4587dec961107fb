//! Small change between SQLite and Rust: times, and what an error means for who waits.

use rusqlite::ErrorCode;
use tripline_core::name::TriggerName;
use tripline_core::port::StoreError;

/// SQLite's integers are signed: a time beyond them is as good as for ever.
pub(crate) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// SQLite has no unsigned row counts: a limit beyond them is none.
pub(crate) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// A value in the file that this crate never writes: somebody edited it.
pub(crate) fn unreadable(column: &'static str, reason: impl ToString) -> rusqlite::Error {
    let reason = format!("column {column}: {}", reason.to_string());
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, reason.into())
}

pub(crate) fn store_error(error: &rusqlite::Error) -> StoreError {
    let remedy = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => ": free space under `data_dir`; the batch is tried again",
        Some(ErrorCode::SystemIoFailure) => ": is the disk of `data_dir` full, or does it fail? The batch is tried again",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ": another program holds a lock on tripline.db; end its transaction",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => ": stop the host and restore `data_dir` from a backup",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => ": make `data_dir` writable for this user",
        _ => "",
    };
    StoreError(format!("tripline.db: {error}{remedy}"))
}

/// Why a write was not made.
#[derive(Debug)]
pub(crate) enum WriteError {
    /// Its own fault: others in the same transaction go on.
    Refused(String),
    /// Nobody's fault: the trigger's state is not as it was seen. As above.
    Conflict { trigger: TriggerName, keys: Vec<Box<str>> },
    /// These dead letters are not there, or not as they were. As above.
    Unknown(Vec<i64>),
    /// SQLite failed: nothing in this transaction can be kept.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}
