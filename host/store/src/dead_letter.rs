//! Changes that triggers gave up on, kept whole.
//!
//! `dead_letters`: one row for each. `id` is never used again. `record_json`: the record as the stream sent it.
//! `reason`, `backtrace`: of the last delivery. `created_ms`: of the commit that acknowledged the change.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use tripline_core::effect::DeadLetter;
use tripline_core::name::TriggerName;
use tripline_core::time::Timestamp;

use crate::checkpoint::Place;
use crate::sql::{from_sql, limit, to_sql};

pub(crate) const CREATE: &str = "
CREATE TABLE dead_letters (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    trigger_name     TEXT    NOT NULL,
    stream_arn       TEXT    NOT NULL,
    shard_id         TEXT    NOT NULL,
    event_id         TEXT    NOT NULL,
    sequence_number  TEXT    NOT NULL,
    record_json      TEXT    NOT NULL,
    reason           TEXT    NOT NULL,
    backtrace        TEXT,
    attempts         INTEGER NOT NULL,
    plugin_version   TEXT    NOT NULL,
    first_attempt_ms INTEGER NOT NULL,
    last_attempt_ms  INTEGER NOT NULL,
    created_ms       INTEGER NOT NULL
) STRICT;
";

const COLUMNS: &str = "id, trigger_name, stream_arn, shard_id, event_id, sequence_number, record_json, reason, backtrace, attempts,
                       plugin_version, first_attempt_ms, last_attempt_ms, created_ms";

/// One dead letter, for people and scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeadLetterRow {
    pub id: i64,
    pub trigger: String,
    pub stream: String,
    pub shard: String,
    pub event_id: String,
    pub sequence_number: String,
    pub record_json: String,
    pub reason: String,
    pub backtrace: Option<String>,
    pub attempts: u32,
    pub plugin_version: String,
    pub first_attempt_ms: u64,
    pub last_attempt_ms: u64,
    pub created_ms: u64,
}

pub(crate) fn insert(connection: &Connection, place: &Place, letter: &DeadLetter, now: Timestamp) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO dead_letters (trigger_name, stream_arn, shard_id, event_id, sequence_number, record_json, reason, backtrace,
                                   attempts, plugin_version, first_attempt_ms, last_attempt_ms, created_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    insert.execute(params![
        place.trigger.as_str(),
        place.stream.as_str(),
        place.shard.as_str(),
        letter.event_id,
        letter.sequence_number,
        letter.record_json,
        letter.reason,
        letter.backtrace,
        letter.attempts,
        letter.plugin_version,
        to_sql(letter.first_attempt_ms),
        to_sql(letter.last_attempt_ms),
        to_sql(now.as_ms()),
    ])?;
    Ok(())
}

/// The oldest first.
pub(crate) fn list(connection: &Connection, trigger: Option<&TriggerName>, rows_max: usize) -> rusqlite::Result<Vec<DeadLetterRow>> {
    let sql = format!("SELECT {COLUMNS} FROM dead_letters WHERE ?1 IS NULL OR trigger_name = ?1 ORDER BY id LIMIT ?2");
    let mut all = connection.prepare_cached(&sql)?;
    let rows = all.query_map(params![trigger.map(TriggerName::as_str), limit(rows_max)], read)?;
    rows.collect()
}

pub(crate) fn find(connection: &Connection, id: i64) -> rusqlite::Result<Option<DeadLetterRow>> {
    let mut one = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM dead_letters WHERE id = ?1"))?;
    one.query_row([id], read).optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<DeadLetterRow> {
    Ok(DeadLetterRow {
        id: row.get(0)?,
        trigger: row.get(1)?,
        stream: row.get(2)?,
        shard: row.get(3)?,
        event_id: row.get(4)?,
        sequence_number: row.get(5)?,
        record_json: row.get(6)?,
        reason: row.get(7)?,
        backtrace: row.get(8)?,
        attempts: row.get(9)?,
        plugin_version: row.get(10)?,
        first_attempt_ms: from_sql(row.get(11)?),
        last_attempt_ms: from_sql(row.get(12)?),
        created_ms: from_sql(row.get(13)?),
    })
}
