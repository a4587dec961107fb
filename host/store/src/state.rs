//! The key-value state of plugins.
//!
//! `state`: one row for each trigger and key. `value`: the plugin's bytes. `expires_ms`: Unix time in milliseconds after
//! which the entry is as good as deleted, NULL: never. Readers pass over what has expired; the writer removes it now and then.
//! `version`: another for each write; 0: an earlier version of this program wrote it. `state_version`: one row, the last version given.
//!
//! Invariant: a key never has the same version twice, whatever was deleted, purged or rolled back in between and however often the host
//! was started: what a batch has seen of a key still stands if the version does.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Serialize, Serializer};
use tripline_core::delivery::Seen;
use tripline_core::name::TriggerName;
use tripline_core::port::StateEntry;
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

pub(crate) const VERSION: &str = "
ALTER TABLE state ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
CREATE TABLE state_version (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    last INTEGER NOT NULL
) STRICT;
INSERT INTO state_version VALUES (1, 0);
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
    pub(crate) version: u64,
}

/// The versions that writes are given. Those of a transaction that fails are never given again, as if they had been used.
#[derive(Debug)]
pub(crate) struct Versions {
    last: u64,
    durable: u64,
}

impl Versions {
    pub(crate) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let last = from_sql(connection.query_row("SELECT last FROM state_version", [], |row| row.get(0))?);
        Ok(Self { last, durable: last })
    }

    pub(crate) fn give(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// To be called within each transaction that has given any, before it commits.
    pub(crate) fn save(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.last != self.durable {
            connection.prepare_cached("UPDATE state_version SET last = ?1")?.execute([to_sql(self.last)])?;
        }
        Ok(())
    }

    /// The transaction has committed.
    pub(crate) fn settle(&mut self) {
        self.durable = self.last;
    }
}

pub(crate) fn set(connection: &Connection, trigger: &TriggerName, entry: &Entry<'_>) -> rusqlite::Result<()> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO state (trigger_name, key, value, expires_ms, version) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (trigger_name, key)
         DO UPDATE SET value = excluded.value, expires_ms = excluded.expires_ms, version = excluded.version",
    )?;
    upsert.execute(params![trigger.as_str(), entry.key, entry.value, entry.expires_ms.map(to_sql), to_sql(entry.version)])?;
    Ok(())
}

pub(crate) fn delete(connection: &Connection, trigger: &TriggerName, key: &str) -> rusqlite::Result<()> {
    let mut delete = connection.prepare_cached("DELETE FROM state WHERE trigger_name = ?1 AND key = ?2")?;
    delete.execute(params![trigger.as_str(), key])?;
    Ok(())
}

/// All of a trigger's.
pub(crate) fn clear(connection: &Connection, trigger: &TriggerName) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM state WHERE trigger_name = ?1")?
        .execute([trigger.as_str()])?;
    Ok(())
}

/// All from one snapshot: a batch never sees half of another's commit.
pub(crate) fn get(
    connection: &Connection,
    trigger: &TriggerName,
    keys: &[Box<str>],
    now: Timestamp,
) -> rusqlite::Result<Vec<Option<StateEntry>>> {
    let snapshot = connection.unchecked_transaction()?;
    let mut find = snapshot.prepare_cached(
        "SELECT value, version FROM state WHERE trigger_name = ?1 AND key = ?2 AND (expires_ms IS NULL OR expires_ms >= ?3)",
    )?;
    let now = to_sql(now.as_ms());
    let entry = |row: &Row<'_>| Ok(StateEntry { value: row.get(0)?, version: from_sql(row.get(1)?) });
    keys.iter()
        .map(|key| find.query_row(params![trigger.as_str(), key, now], entry).optional())
        .collect()
}

/// Which of these entries are not as they were seen. As of then: what had expired was none, and what was alive and has been purged since is not
/// as it was.
pub(crate) fn conflicts(connection: &Connection, trigger: &TriggerName, seen: &[Seen]) -> rusqlite::Result<Vec<Box<str>>> {
    let mut find = connection
        .prepare_cached("SELECT version FROM state WHERE trigger_name = ?1 AND key = ?2 AND (expires_ms IS NULL OR expires_ms >= ?3)")?;
    let mut keys = Vec::new();
    for Seen { key, version, at } in seen {
        let stands: Option<i64> = find.query_row(params![trigger.as_str(), key, to_sql(at.as_ms())], |row| row.get(0)).optional()?;
        if stands.map(from_sql) != *version {
            keys.push(key.clone());
        }
    }
    Ok(keys)
}

/// Removes at most `rows_max` expired entries and says how many.
pub(crate) fn purge(connection: &Connection, now: Timestamp, rows_max: usize) -> rusqlite::Result<usize> {
    let mut purge =
        connection.prepare_cached("DELETE FROM state WHERE rowid IN (SELECT rowid FROM state WHERE expires_ms < ?1 LIMIT ?2)")?;
    purge.execute(params![to_sql(now.as_ms()), limit(rows_max)])
}

/// One trigger's entries whose key begins with `prefix` and comes after `after`, in the order of keys; expired ones too, until they are removed.
pub(crate) fn page(
    connection: &Connection,
    (trigger, prefix): (&TriggerName, &str),
    after: Option<&str>,
    rows_max: usize,
) -> rusqlite::Result<Vec<StateRow>> {
    let mut page = connection.prepare_cached(
        "SELECT trigger_name, key, value, expires_ms FROM state
         WHERE trigger_name = ?1 AND (?2 IS NULL OR key > ?2) AND substr(key, 1, length(?3)) = ?3 ORDER BY key LIMIT ?4",
    )?;
    page.query_map(params![trigger.as_str(), after, prefix, limit(rows_max)], shown)?.collect()
}

fn shown(row: &Row<'_>) -> rusqlite::Result<StateRow> {
    let expires_ms: Option<i64> = row.get(3)?;
    Ok(StateRow { trigger: row.get(0)?, key: row.get(1)?, value: row.get(2)?, expires_ms: expires_ms.map(from_sql) })
}

/// Expired entries too, until they are removed.
pub(crate) fn list(connection: &Connection, trigger: Option<&TriggerName>, rows_max: usize) -> rusqlite::Result<Vec<StateRow>> {
    let mut all = connection.prepare_cached(
        "SELECT trigger_name, key, value, expires_ms FROM state WHERE ?1 IS NULL OR trigger_name = ?1 ORDER BY trigger_name, key LIMIT ?2",
    )?;
    let rows = all.query_map(params![trigger.map(TriggerName::as_str), limit(rows_max)], shown)?;
    rows.collect()
}
