//! The schema and its versions: `PRAGMA user_version` counts the migrations that a file has seen.
//!
//! Invariant: a migration that was released is never edited, only followed; a file that is newer than this program is not touched.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::directory::database_file;
use crate::error::OpenError;
use crate::{checkpoint, counter, dead_letter, gap, outbox, pin, state, steer};

/// Each entry takes a file from the version of its index to the next.
const MIGRATIONS: &[&[&str]] = &[
    &[checkpoint::CREATE, counter::CREATE, state::CREATE, outbox::CREATE, dead_letter::CREATE],
    &[checkpoint::COMPLETE_UNTIL, pin::CREATE, gap::CREATE],
    &[state::VERSION, dead_letter::REDRIVE, steer::CREATE, checkpoint::STRETCHES],
];

const KNOWN: u32 = MIGRATIONS.len() as u32;

/// An operator's `sqlite3` shell may hold a lock for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const STATEMENTS_MAX: usize = 64;
/// A WAL file that one large commit has grown is cut back to this.
const WAL_BYTES_KEPT: i64 = 64 * 1024 * 1024;

/// The one connection that writes. The caller holds the directory's lock.
pub(crate) fn open_writer(dir: &Path) -> Result<Connection, OpenError> {
    let file = database_file(dir);
    let fault = |error: rusqlite::Error| OpenError::from_sqlite(&file, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&file, flags).map_err(fault)?;
    let found = version(&connection, &file)?;
    if found > KNOWN {
        return Err(OpenError::NewerSchema { file, found, known: KNOWN });
    }
    configure(&connection).map_err(fault)?;
    check(&connection, &file)?;
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(fault)?;
    if mode != "wal" {
        let reason = format!("SQLite cannot use a write-ahead log there (journal mode `{mode}`): put `data_dir` on a local disk");
        return Err(OpenError::Io { path: file, reason });
    }
    connection.pragma_update(None, "synchronous", "FULL").map_err(fault)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT).map_err(fault)?;
    migrate(&mut connection, found).map_err(fault)?;
    Ok(connection)
}

/// A damaged page would otherwise be met in the midst of a transaction, again and again.
fn check(connection: &Connection, file: &Path) -> Result<(), OpenError> {
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| OpenError::from_sqlite(file, &error))?;
    if found == "ok" {
        return Ok(());
    }
    // `*** in database main ***` stands above what was found.
    let lines: Vec<&str> = found.lines().filter(|line| !line.starts_with("***")).collect();
    Err(OpenError::Corrupt { file: file.to_owned(), reason: lines.join("; ") })
}

/// A connection that only reads: beside a running host, or with none.
pub(crate) fn open_reader(dir: &Path) -> Result<Connection, OpenError> {
    let file = database_file(dir);
    match file.try_exists() {
        Ok(true) => {}
        Ok(false) => return Err(OpenError::NoDatabase { dir: dir.to_owned() }),
        Err(error) => return Err(OpenError::from_io(dir, &error)),
    }
    let fault = |error: rusqlite::Error| OpenError::from_sqlite(&file, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(&file, flags).map_err(fault)?;
    configure(&connection).map_err(fault)?;
    if let Err(error) = look(&connection)
        && error.sqlite_error_code() == Some(ErrorCode::CannotOpen)
        && let Some(uri) = whole_by_itself(&file)
    {
        connection = Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI).map_err(fault)?;
    }
    match version(&connection, &file)? {
        found if found > KNOWN => Err(OpenError::NewerSchema { file, found, known: KNOWN }),
        found if found < KNOWN => Err(OpenError::OlderSchema { file, found, known: KNOWN }),
        _ => Ok(connection),
    }
}

/// How to open a file beside which SQLite may not write, as in a backup that is mounted read-only: nobody changes it. None: a log
/// belongs to it, which cannot be read without writing.
fn whole_by_itself(file: &Path) -> Option<String> {
    let log = file.with_extension("db-wal");
    if std::fs::metadata(log).is_ok_and(|log| log.len() > 0) {
        return None;
    }
    let path = std::path::absolute(file)
        .ok()?
        .to_str()?
        .replace('%', "%25")
        .replace('?', "%3f")
        .replace('#', "%23");
    Some(format!("file:{path}?immutable=1"))
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(())
}

/// The file's version; also the first look into it, which finds what is no database.
fn version(connection: &Connection, file: &Path) -> Result<u32, OpenError> {
    let (version, tables) = look(connection).map_err(|error| OpenError::from_sqlite(file, &error))?;
    let foreign = || OpenError::Corrupt { file: file.to_owned(), reason: "its tables are not tripline's".to_owned() };
    if (version == 0) != (tables == 0) {
        return Err(foreign());
    }
    u32::try_from(version).map_err(|_| foreign())
}

/// `user_version`, and the number of tables and what else a schema has.
fn look(connection: &Connection) -> rusqlite::Result<(i64, i64)> {
    let version = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    Ok((version, tables))
}

fn migrate(connection: &mut Connection, found: u32) -> rusqlite::Result<()> {
    for (version, statements) in (1u32..).zip(MIGRATIONS).skip(found as usize) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for statement in *statements {
            transaction.execute_batch(statement)?;
        }
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}
