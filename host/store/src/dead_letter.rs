//! Changes that triggers gave up on, kept whole.
//!
//! `dead_letters`: one row for each. `id` is never used again. `record_json`: the record as the stream sent it.
//! `reason`, `backtrace`: of the last delivery. `created_ms`: of the commit that acknowledged the change. `size_bytes`: of the row, about.
//! `redrive_ms`: since when it is to be delivered again, NULL: it is not. `redrives`: how often it was, to no avail.
//! `dead_letter_totals`: of each trigger, how many there are and their bytes; kept by SQL triggers, so that no writer can forget it.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use tripline_core::effect::DeadLetter;
use tripline_core::letter::{Bounds, DropCause, Kept, Letter};
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

pub(crate) const REDRIVE: &str = "
ALTER TABLE dead_letters ADD COLUMN size_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE dead_letters ADD COLUMN redrive_ms INTEGER;
ALTER TABLE dead_letters ADD COLUMN redrives INTEGER NOT NULL DEFAULT 0;
UPDATE dead_letters SET size_bytes = 256 + length(CAST(record_json AS BLOB)) + length(CAST(reason AS BLOB))
                                     + coalesce(length(CAST(backtrace AS BLOB)), 0);
CREATE INDEX dead_letters_of_trigger ON dead_letters (trigger_name);
CREATE INDEX dead_letters_created ON dead_letters (created_ms);
CREATE INDEX dead_letters_marked ON dead_letters (trigger_name) WHERE redrive_ms IS NOT NULL;
CREATE TABLE dead_letter_totals (
    trigger_name TEXT    PRIMARY KEY,
    letters      INTEGER NOT NULL,
    bytes        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO dead_letter_totals SELECT trigger_name, count(*), sum(size_bytes) FROM dead_letters GROUP BY trigger_name;
CREATE TRIGGER dead_letter_written AFTER INSERT ON dead_letters BEGIN
    INSERT INTO dead_letter_totals VALUES (NEW.trigger_name, 1, NEW.size_bytes)
    ON CONFLICT (trigger_name) DO UPDATE SET letters = letters + 1, bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER dead_letter_rewritten AFTER UPDATE OF size_bytes ON dead_letters BEGIN
    UPDATE dead_letter_totals SET bytes = bytes + NEW.size_bytes - OLD.size_bytes WHERE trigger_name = NEW.trigger_name;
END;
CREATE TRIGGER dead_letter_gone AFTER DELETE ON dead_letters BEGIN
    UPDATE dead_letter_totals SET letters = letters - 1, bytes = bytes - OLD.size_bytes WHERE trigger_name = OLD.trigger_name;
END;
";

/// What a row takes besides its text.
const OVERHEAD_BYTES: usize = 256;

const COLUMNS: &str = "id, trigger_name, stream_arn, shard_id, event_id, sequence_number, record_json, reason, backtrace, attempts,
                       plugin_version, first_attempt_ms, last_attempt_ms, created_ms, size_bytes, redrive_ms, redrives";

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
    pub size_bytes: u64,
    /// Since when it is to be delivered again.
    pub redrive_ms: Option<u64>,
    /// How often it was delivered again to no avail.
    pub redrives: u32,
}

fn size_bytes(letter: &DeadLetter) -> i64 {
    let backtrace = letter.backtrace.as_ref().map_or(0, |backtrace| backtrace.len());
    limit(OVERHEAD_BYTES + letter.record_json.len() + letter.reason.len() + backtrace)
}

pub(crate) fn insert(connection: &Connection, place: &Place, letter: &DeadLetter, now: Timestamp) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO dead_letters (trigger_name, stream_arn, shard_id, event_id, sequence_number, record_json, reason, backtrace,
                                   attempts, plugin_version, first_attempt_ms, last_attempt_ms, created_ms, size_bytes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
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
        size_bytes(letter),
    ])?;
    Ok(())
}

/// Which of these are not there.
pub(crate) fn unknown(connection: &Connection, ids: &[i64]) -> rusqlite::Result<Vec<i64>> {
    let mut find = connection.prepare_cached("SELECT 1 FROM dead_letters WHERE id = ?1")?;
    absent(ids.iter().copied(), |id| find.exists([id]))
}

/// Which of these are not there, not marked, or another trigger's.
pub(crate) fn unmarked(connection: &Connection, trigger: &TriggerName, ids: impl Iterator<Item = i64>) -> rusqlite::Result<Vec<i64>> {
    let mut find =
        connection.prepare_cached("SELECT 1 FROM dead_letters WHERE id = ?1 AND trigger_name = ?2 AND redrive_ms IS NOT NULL")?;
    absent(ids, |id| find.exists(params![id, trigger.as_str()]))
}

fn absent(ids: impl Iterator<Item = i64>, mut is_there: impl FnMut(i64) -> rusqlite::Result<bool>) -> rusqlite::Result<Vec<i64>> {
    let mut absent = Vec::new();
    for id in ids {
        if !is_there(id)? {
            absent.push(id);
        }
    }
    Ok(absent)
}

/// To be delivered again. False: it is marked, or not there.
pub(crate) fn mark(connection: &Connection, id: i64, now: Timestamp) -> rusqlite::Result<bool> {
    let mut mark = connection.prepare_cached("UPDATE dead_letters SET redrive_ms = ?2 WHERE id = ?1 AND redrive_ms IS NULL")?;
    Ok(mark.execute(params![id, to_sql(now.as_ms())])? > 0)
}

/// False: it is not there.
pub(crate) fn remove(connection: &Connection, id: i64) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached("DELETE FROM dead_letters WHERE id = ?1")?.execute([id])? > 0)
}

/// It was delivered again, and failed: it is no longer marked.
pub(crate) fn failed_again(connection: &Connection, id: i64, letter: &DeadLetter) -> rusqlite::Result<()> {
    let mut update = connection.prepare_cached(
        "UPDATE dead_letters SET reason = ?2, backtrace = ?3, attempts = ?4, plugin_version = ?5, last_attempt_ms = ?6, size_bytes = ?7,
                                 redrive_ms = NULL, redrives = redrives + 1
         WHERE id = ?1",
    )?;
    update.execute(params![
        id,
        letter.reason,
        letter.backtrace,
        letter.attempts,
        letter.plugin_version,
        to_sql(letter.last_attempt_ms),
        size_bytes(letter),
    ])?;
    Ok(())
}

/// The first that are marked: at most so many, and no more bytes unless the first alone has more.
pub(crate) fn marked(connection: &Connection, trigger: &TriggerName, rows_max: usize, bytes_max: usize) -> rusqlite::Result<Vec<Letter>> {
    let sql = format!("SELECT {COLUMNS} FROM dead_letters WHERE trigger_name = ?1 AND redrive_ms IS NOT NULL ORDER BY id LIMIT ?2");
    let mut marked = connection.prepare_cached(&sql)?;
    let mut rows = marked.query(params![trigger.as_str(), limit(rows_max)])?;
    let (mut letters, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let row = read(row)?;
        bytes += row.record_json.len();
        if bytes > bytes_max && !letters.is_empty() {
            break;
        }
        letters.push(letter(row));
    }
    Ok(letters)
}

fn letter(row: DeadLetterRow) -> Letter {
    Letter {
        id: row.id,
        stream: row.stream.into(),
        shard: row.shard.into(),
        letter: DeadLetter {
            event_id: row.event_id.into(),
            sequence_number: row.sequence_number.into(),
            record_json: row.record_json.into(),
            reason: row.reason.into(),
            backtrace: row.backtrace.map(Into::into),
            attempts: row.attempts,
            plugin_version: row.plugin_version.into(),
            first_attempt_ms: row.first_attempt_ms,
            last_attempt_ms: row.last_attempt_ms,
        },
    }
}

/// `LetterChoice::Matching`, of ?1 and ?2. Somebody may have edited the file: what is no JSON is searched whole.
const MATCHING: &str = "(?1 IS NULL OR trigger_name = ?1)
    AND (?2 IS NULL OR instr(reason, ?2) > 0 OR instr(event_id, ?2) > 0
         OR instr(CASE WHEN json_valid(record_json) THEN record_json -> '$.dynamodb.Keys' ELSE record_json END, ?2) > 0)";

/// Those that `LetterChoice::Matching` means and that come after this one, the oldest first.
pub(crate) fn page(
    connection: &Connection,
    (trigger, pattern): (Option<&TriggerName>, Option<&str>),
    after: Option<i64>,
    rows_max: usize,
) -> rusqlite::Result<Vec<DeadLetterRow>> {
    let sql = format!("SELECT {COLUMNS} FROM dead_letters WHERE {MATCHING} AND id > ?3 ORDER BY id LIMIT ?4");
    let mut page = connection.prepare_cached(&sql)?;
    let key = params![trigger.map(TriggerName::as_str), pattern, after.unwrap_or(0), limit(rows_max)];
    page.query_map(key, read)?.collect()
}

/// Of the letters that `LetterChoice::Matching` means.
pub(crate) fn matching(connection: &Connection, trigger: Option<&TriggerName>, pattern: Option<&str>) -> rusqlite::Result<Vec<i64>> {
    let mut matching = connection.prepare_cached(&format!("SELECT id FROM dead_letters WHERE {MATCHING} ORDER BY id"))?;
    let ids = matching.query_map(params![trigger.map(TriggerName::as_str), pattern], |row| row.get(0))?;
    ids.collect()
}

pub(crate) fn kept(connection: &Connection) -> rusqlite::Result<Kept> {
    let mut all = connection.prepare_cached("SELECT trigger_name, letters, bytes FROM dead_letter_totals ORDER BY trigger_name")?;
    let mut kept = Kept::default();
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        kept.letters.push((TriggerName::from(row.get::<_, String>(0)?), from_sql(row.get(1)?)));
        kept.bytes += from_sql(row.get(2)?);
    }
    let oldest: Option<i64> = connection
        .prepare_cached("SELECT min(created_ms) FROM dead_letters")?
        .query_row([], |row| row.get(0))?;
    kept.oldest = oldest.map(|ms| Timestamp::from_ms(from_sql(ms)));
    Ok(kept)
}

/// Removes what is beyond the bounds, the oldest first, at most `rows_max`. How many of each trigger, and why.
pub(crate) fn drop_beyond(
    connection: &Connection,
    bounds: Bounds,
    now: Timestamp,
    rows_max: usize,
) -> rusqlite::Result<BTreeMap<(TriggerName, DropCause), u64>> {
    let Kept { letters, bytes, .. } = kept(connection)?;
    let mut left: u64 = letters.iter().map(|(_, letters)| letters).sum();
    let mut excess = bytes.saturating_sub(bounds.bytes_max);
    let written_before = to_sql(now.as_ms().saturating_sub(u64::try_from(bounds.age_max.as_millis()).unwrap_or(u64::MAX)));
    let mut oldest =
        connection.prepare_cached("SELECT id, trigger_name, created_ms, size_bytes FROM dead_letters ORDER BY created_ms, id LIMIT ?1")?;
    let mut rows = oldest.query([limit(rows_max)])?;
    let mut beyond = Vec::new();
    while let Some(row) = rows.next()? {
        let cause = match row.get::<_, i64>(2)? {
            created if created < written_before => DropCause::Age,
            _ if excess > 0 && left > 1 => DropCause::Bytes,
            _ => break,
        };
        beyond.push((row.get::<_, i64>(0)?, TriggerName::from(row.get::<_, String>(1)?), cause));
        excess = excess.saturating_sub(from_sql(row.get(3)?));
        left -= 1;
    }
    drop(rows);
    let mut dropped = BTreeMap::new();
    for (id, trigger, cause) in beyond {
        remove(connection, id)?;
        *dropped.entry((trigger, cause)).or_default() += 1;
    }
    Ok(dropped)
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
    let redrive_ms: Option<i64> = row.get(15)?;
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
        size_bytes: from_sql(row.get(14)?),
        redrive_ms: redrive_ms.map(from_sql),
        redrives: row.get(16)?,
    })
}
