//! What an operator has told triggers, and must outlive a restart: to pause, and where to set out again.
//!
//! `paused`: one row for each trigger that an operator pauses; `since_ms`: since when. What the config pauses has none.
//! `starts`: one row for each trigger that was rewound and is not pinned again yet; changes that were created before `since_ms` are passed over.
//!
//! Invariant: a row of `starts` goes in the transaction that pins the trigger.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use tripline_core::name::TriggerName;
use tripline_core::time::Timestamp;

use crate::sql::{from_sql, to_sql};

pub(crate) const CREATE: &str = "
CREATE TABLE paused (
    trigger_name TEXT    PRIMARY KEY,
    since_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE starts (
    trigger_name TEXT    PRIMARY KEY,
    since_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// `since`: none where it goes on. Who is paused already stays so since then.
pub(crate) fn pause(connection: &Connection, trigger: &TriggerName, since: Option<Timestamp>) -> rusqlite::Result<()> {
    match since {
        Some(since) => {
            let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO paused (trigger_name, since_ms) VALUES (?1, ?2)")?;
            insert.execute(params![trigger.as_str(), to_sql(since.as_ms())])?
        }
        None => connection
            .prepare_cached("DELETE FROM paused WHERE trigger_name = ?1")?
            .execute([trigger.as_str()])?,
    };
    Ok(())
}

pub(crate) fn paused(connection: &Connection) -> rusqlite::Result<Vec<(TriggerName, Timestamp)>> {
    let mut all = connection.prepare_cached("SELECT trigger_name, since_ms FROM paused ORDER BY trigger_name")?;
    let rows = all.query_map([], |row| Ok((row.get::<_, String>(0)?.into(), Timestamp::from_ms(from_sql(row.get(1)?)))))?;
    rows.collect()
}

pub(crate) fn start(connection: &Connection, trigger: &TriggerName) -> rusqlite::Result<Option<Timestamp>> {
    let mut find = connection.prepare_cached("SELECT since_ms FROM starts WHERE trigger_name = ?1")?;
    let found = find.query_row([trigger.as_str()], |row| row.get(0)).optional()?;
    Ok(found.map(|ms| Timestamp::from_ms(from_sql(ms))))
}

/// `since`: none where the trigger is pinned.
pub(crate) fn set_start(connection: &Connection, trigger: &TriggerName, since: Option<Timestamp>) -> rusqlite::Result<()> {
    match since {
        Some(since) => {
            let mut upsert = connection.prepare_cached("INSERT OR REPLACE INTO starts (trigger_name, since_ms) VALUES (?1, ?2)")?;
            upsert.execute(params![trigger.as_str(), to_sql(since.as_ms())])?
        }
        None => connection
            .prepare_cached("DELETE FROM starts WHERE trigger_name = ?1")?
            .execute([trigger.as_str()])?,
    };
    Ok(())
}

/// By the triggers' names; who is not there has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TriggerCounts {
    pub dead_letters: BTreeMap<String, u64>,
    pub gaps: BTreeMap<String, u64>,
}

pub(crate) fn counts(connection: &Connection) -> rusqlite::Result<TriggerCounts> {
    let count = |sql: &str| -> rusqlite::Result<BTreeMap<String, u64>> {
        let mut all = connection.prepare_cached(sql)?;
        let rows = all.query_map([], |row| Ok((row.get::<_, String>(0)?, from_sql(row.get(1)?))))?;
        rows.collect()
    };
    Ok(TriggerCounts {
        dead_letters: count("SELECT trigger_name, letters FROM dead_letter_totals")?,
        gaps: count("SELECT trigger_name, count(*) FROM gaps GROUP BY trigger_name")?,
    })
}
