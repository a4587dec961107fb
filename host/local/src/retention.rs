//! What dynoxide's stream table lacks: an index, and a trim horizon.
//!
//! Leans on the private schema of dynoxide 3.2.0, and refuses a file that has another. A stored sequence number is the
//! microseconds since the epoch when its record was made, or one more than the number before it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use crate::region::LocalError;

/// As AWS keeps them.
const RETENTION_S: i64 = 24 * 60 * 60;
/// More than a region takes in per second; a backlog is trimmed over several calls, and requests have their turns between.
const TRIM_ROWS_MAX: usize = 10_000;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const SCHEMA_VERSION: &str = "11";
/// Table and its columns with their types, as `table_info` tells them.
const EXPECTED: [(&str, &str); 1] = [(
    "_stream_records",
    "id INTEGER, table_name TEXT, event_name TEXT, keys_json TEXT, new_image TEXT, old_image TEXT, \
     sequence_number TEXT, shard_id TEXT, created_at INTEGER, user_identity TEXT, event_id TEXT",
)];

/// Without it dynoxide reads every record of the table to find the next sequence number, on each write.
const INDEX: &str = "CREATE INDEX IF NOT EXISTS _tripline_stream_records
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";

/// Each table that has records, with the second in which its present namesake was made; none where it was dropped.
/// Steps from name to name over the index instead of reading all records.
const RECORDED_TABLES: &str = "WITH RECURSIVE recorded (name) AS (
        SELECT min(table_name) FROM _stream_records
        UNION ALL
        SELECT (SELECT min(table_name) FROM _stream_records WHERE table_name > name) FROM recorded WHERE name IS NOT NULL
    )
    SELECT name, (SELECT created_at FROM _tables WHERE table_name = name) FROM recorded WHERE name IS NOT NULL";

const TRIM: &str = "DELETE FROM _stream_records WHERE id IN (
        SELECT id FROM _stream_records WHERE table_name = ?1 AND CAST(sequence_number AS INTEGER) < ?2 LIMIT ?3
    )";

#[derive(Debug)]
pub(crate) struct Retention {
    connection: Connection,
}

impl Retention {
    /// `file` has been opened by dynoxide before, which lays it out.
    pub(crate) fn open(file: &Path) -> Result<Self, LocalError> {
        let failed = |error: rusqlite::Error| LocalError::Open { file: file.to_owned(), reason: error.to_string() };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags).map_err(failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        check_schema(&connection).map_err(|reason| LocalError::Schema { file: PathBuf::from(file), reason })?;
        connection.execute_batch(INDEX).map_err(failed)?;
        Ok(Self { connection })
    }

    /// Removes records past the horizon and those of dropped tables, up to a bound; the rest goes next time.
    pub(crate) fn trim(&mut self) -> rusqlite::Result<usize> {
        // SQLite's clock, which is the machine's, as is dynoxide's.
        let now_s: i64 = self.connection.query_row("SELECT unixepoch('now')", [], |row| row.get(0))?;
        let horizon_s = now_s - RETENTION_S;
        let mut trimmed = 0;
        for (table, created_s) in self.recorded_tables()? {
            // A table that was made again must not show what its namesake left; dynoxide keeps the second of its making.
            let oldest_us = created_s.map_or(i64::MAX, |created_s| created_s.max(horizon_s) * 1_000_000);
            let left = TRIM_ROWS_MAX - trimmed;
            trimmed += self.connection.prepare_cached(TRIM)?.execute(params![table, oldest_us, left])?;
        }
        Ok(trimmed)
    }

    fn recorded_tables(&self) -> rusqlite::Result<Vec<(String, Option<i64>)>> {
        let mut statement = self.connection.prepare_cached(RECORDED_TABLES)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect()
    }
}

fn check_schema(connection: &Connection) -> Result<(), String> {
    let query = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, Option<String>>(0));
    let version = query("SELECT value FROM _config WHERE key = 'schema_version'").map_err(|error| error.to_string())?;
    if version.as_deref() != Some(SCHEMA_VERSION) {
        return Err(format!("its schema version is {}, not {SCHEMA_VERSION}", version.as_deref().unwrap_or("none")));
    }
    for (table, expected) in EXPECTED {
        let columns = format!("SELECT group_concat(name || ' ' || type, ', ') FROM pragma_table_info('{table}')");
        let columns = query(&columns).map_err(|error| error.to_string())?.unwrap_or_default();
        if columns != expected {
            return Err(format!("`{table}` has the columns `{columns}`, not `{expected}`"));
        }
    }
    let created = "SELECT type FROM pragma_table_info('_tables') WHERE name = 'created_at'";
    match query(created) {
        Ok(Some(kind)) if kind == "INTEGER" => Ok(()),
        _ => Err("`_tables` has no `created_at INTEGER`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixture {
        _dir: tempfile::TempDir,
        file: PathBuf,
        _database: dynoxide::Database,
    }

    fn fixture() -> Fixture {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("region.sqlite");
        let database = dynoxide::Database::new(file.to_str().unwrap()).unwrap();
        Fixture { _dir: dir, file, _database: database }
    }

    /// `table@age` in seconds, a table with its making's age; `table:age` a record. Answers with the records that stay.
    #[track_caller]
    fn check_trim(content: &str, stays: &str) {
        let fixture = fixture();
        let mut retention = Retention::open(&fixture.file).unwrap();
        let sql = &retention.connection;
        for (id, entry) in content.split_whitespace().enumerate() {
            if let Some((table, age_s)) = entry.split_once('@') {
                let insert = "INSERT INTO _tables (table_name, key_schema, attribute_definitions, created_at)
                    VALUES (?1, '[]', '[]', unixepoch('now') - ?2)";
                sql.execute(insert, params![table, age_s]).unwrap();
            } else {
                let (table, age_s) = entry.split_once(':').unwrap();
                let insert = "INSERT INTO _stream_records
                    (table_name, event_name, keys_json, sequence_number, shard_id, created_at, event_id)
                    VALUES (?1, 'INSERT', '{}', (unixepoch('now') - ?2) * 1000000 + ?3, 's', unixepoch('now') - ?2, ?1 || ':' || ?2)";
                sql.execute(insert, params![table, age_s, id]).unwrap();
            }
        }
        retention.trim().unwrap();
        let left = "SELECT coalesce(group_concat(event_id, ' ' ORDER BY id), '') FROM _stream_records";
        let left: String = retention.connection.query_row(left, [], |row| row.get(0)).unwrap();
        assert_eq!(left, stays);
    }

    #[test]
    fn trims_what_is_older_than_a_day() {
        check_trim("a@200000 a:100000 a:86500 a:86000 a:5", "a:86000 a:5");
    }

    #[test]
    fn trims_what_dropped_tables_left() {
        check_trim("a@200000 a:10 b:10 c:10 d@200000 d:10 d:5", "a:10 d:10 d:5");
    }

    #[test]
    fn a_table_made_again_inherits_nothing() {
        check_trim("a@60 a:500 a:70 a:50 b@600 b:70", "a:50 b:70");
    }

    /// `rows` records with the sequence numbers from 1.
    fn fill(retention: &Retention, table: &str, rows: usize) {
        let fill = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
            INSERT INTO _stream_records (table_name, event_name, keys_json, sequence_number, shard_id, created_at)
            SELECT ?1, 'INSERT', '{}', i, 's', 0 FROM n";
        retention.connection.execute(fill, params![table, rows]).unwrap();
    }

    #[test]
    fn trims_in_bounded_steps() {
        let fixture = fixture();
        let mut retention = Retention::open(&fixture.file).unwrap();
        fill(&retention, "dropped", 7_000);
        fill(&retention, "too", 8_000);
        let steps: Vec<usize> = (0..3).map(|_| retention.trim().unwrap()).collect();
        assert_eq!(steps, [TRIM_ROWS_MAX, 15_000 - TRIM_ROWS_MAX, 0]);
    }

    /// The two statements of dynoxide's that grew slower with every record: by the index, the work does not grow with them.
    #[test]
    fn dynoxide_finds_its_records_by_the_index() {
        let fixture = fixture();
        let retention = Retention::open(&fixture.file).unwrap();
        fill(&retention, "a", 5_000);
        for statement in [
            "SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1 FROM _stream_records WHERE table_name = 'a'",
            "SELECT event_name FROM _stream_records
             WHERE table_name = 'a' AND shard_id = 's' AND CAST(sequence_number AS INTEGER) > 4990
             ORDER BY CAST(sequence_number AS INTEGER) ASC LIMIT 1000",
        ] {
            let mut statement = retention.connection.prepare(statement).unwrap();
            let rows = statement.query_map([], |_| Ok(())).unwrap().count();
            assert!(rows == 1 || rows == 10, "{rows}");
            let steps = statement.get_status(rusqlite::StatementStatus::VmStep);
            assert!(steps < 300, "{steps} steps");
        }
    }

    #[track_caller]
    fn check_refused(alteration: &str, reason: &str) {
        let fixture = fixture();
        Connection::open(&fixture.file).unwrap().execute_batch(alteration).unwrap();
        let message = Retention::open(&fixture.file).unwrap_err().to_string();
        assert!(message.contains(reason) && message.contains("region.sqlite"), "{message}");
    }

    #[test]
    fn refuses_another_schema() {
        check_refused("ALTER TABLE _stream_records ADD COLUMN more TEXT", "event_id TEXT, more TEXT`, not `id INTEGER");
        check_refused("ALTER TABLE _stream_records RENAME COLUMN sequence_number TO number", "number TEXT");
        check_refused("DROP TABLE _stream_records", "has the columns ``");
        check_refused("UPDATE _config SET value = '12' WHERE key = 'schema_version'", "its schema version is 12, not 11");
        check_refused("ALTER TABLE _tables RENAME COLUMN created_at TO made", "no `created_at INTEGER`");
    }
}
