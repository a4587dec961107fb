//! The key-value state of plugins.
//!
//! `state`: one row for each trigger and key. `value`: the plugin's bytes. `expires_ms`: Unix time in milliseconds after
//! which the entry is as good as deleted, NULL: never. Readers pass over what has expired; the writer removes it now and then.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Serialize, Serializer};
use tripline_core::name::TriggerName;
use tripline_core::time::Timestamp;

use crate::sql::{from_sql, limit, to_sql};

pub(crate) const CREATE: &str = "
CREATE TABLE state (
    trigger_name TEXT NOT NULL,
    key          TEXT NOT NULL,
    value        BLOB NOT NULL,
    expires_ms   INTEGER,
    PRIMARY KEY (trigger_name, key)
) STRICT;
CREATE INDEX state_expiring ON state (expires_ms) WHERE expires_ms IS NOT NULL;
";

/// One row, for people and scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StateRow {
    pub trigger: String,
    pub key: String,
    /// As JSON: a string where it is UTF-8, else the bytes as an array of numbers.
    #[serde(serialize_with = "text_or_bytes")]
    pub value: Vec<u8>,
    pub expires_ms: Option<u64>,
}

fn text_or_bytes<S: Serializer>(value: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    match std::str::from_utf8(value) {
        Ok(text) => serializer.serialize_str(text),
        Err(_) => serializer.serialize_bytes(value),
    }
}

pub(crate) struct Entry<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: &'a [u8],
    pub(crate) expires_ms: Option<u64>,
}

pub(crate) fn set(connection: &Connection, trigger: &TriggerName, entry: &Entry<'_>) -> rusqlite::Result<()> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO state (trigger_name, key, value, expires_ms) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (trigger_name, key) DO UPDATE SET value = excluded.value, expires_ms = excluded.expires_ms",
    )?;
    upsert.execute(params![trigger.as_str(), entry.key, entry.value, entry.expires_ms.map(to_sql)])?;
    Ok(())
}

pub(crate) fn delete(connection: &Connection, trigger: &TriggerName, key: &str) -> rusqlite::Result<()> {
    let mut delete = connection.prepare_cached("DELETE FROM state WHERE trigger_name = ?1 AND key = ?2")?;
    delete.execute(params![trigger.as_str(), key])?;
    Ok(())
}

/// All from one snapshot: a batch never sees half of another's commit.
pub(crate) fn get(
    connection: &Connection,
    trigger: &TriggerName,
    keys: &[Box<str>],
    now: Timestamp,
) -> rusqlite::Result<Vec<Option<Vec<u8>>>> {
    let snapshot = connection.unchecked_transaction()?;
    let mut find = snapshot
        .prepare_cached("SELECT value FROM state WHERE trigger_name = ?1 AND key = ?2 AND (expires_ms IS NULL OR expires_ms >= ?3)")?;
    let now = to_sql(now.as_ms());
    keys.iter()
        .map(|key| find.query_row(params![trigger.as_str(), key, now], |row| row.get(0)).optional())
        .collect()
}

/// Removes at most `rows_max` expired entries and says how many.
pub(crate) fn purge(connection: &Connection, now: Timestamp, rows_max: usize) -> rusqlite::Result<usize> {
    let mut purge =
        connection.prepare_cached("DELETE FROM state WHERE rowid IN (SELECT rowid FROM state WHERE expires_ms < ?1 LIMIT ?2)")?;
    purge.execute(params![to_sql(now.as_ms()), limit(rows_max)])
}

/// Expired entries too, until they are removed.
pub(crate) fn list(connection: &Connection, trigger: Option<&TriggerName>, rows_max: usize) -> rusqlite::Result<Vec<StateRow>> {
    let mut all = connection.prepare_cached(
        "SELECT trigger_name, key, value, expires_ms FROM state WHERE ?1 IS NULL OR trigger_name = ?1 ORDER BY trigger_name, key LIMIT ?2",
    )?;
    let rows = all.query_map(params![trigger.map(TriggerName::as_str), limit(rows_max)], |row| {
        let expires_ms: Option<i64> = row.get(3)?;
        Ok(StateRow { trigger: row.get(0)?, key: row.get(1)?, value: row.get(2)?, expires_ms: expires_ms.map(from_sql) })
    })?;
    rows.collect()
}
