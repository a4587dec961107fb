//! Gaps: what triggers may have missed, for people.
//!
//! `gaps`: one row for each. `id` grows. `shard_id`: NULL for whole shards of which nothing was read. `after`: the last sequence
//! number before it that is acknowledged, NULL: none was. `since_ms` (NULL: not known) and `until_ms`: what was created between them may be
//! missing, by the stream's clock. `told_ms`: of the commit that told it, by the host's.
//!
//! Invariant: a gap is written in the transaction that passes over it, so it stands here exactly once. None is ever removed.

use rusqlite::{Connection, Row, params};
use serde::Serialize;
use tripline_core::gap::Gap;
use tripline_core::name::{ShardId, StreamArn, TriggerName};
use tripline_core::sequence::SequenceNumber;
use tripline_core::time::Timestamp;

use crate::sql::{from_sql, limit, to_sql};

pub(crate) const CREATE: &str = "
CREATE TABLE gaps (
    id           INTEGER PRIMARY KEY,
    trigger_name TEXT    NOT NULL,
    stream_arn   TEXT    NOT NULL,
    shard_id     TEXT,
    after        TEXT,
    since_ms     INTEGER,
    until_ms     INTEGER NOT NULL,
    cause        TEXT    NOT NULL,
    told_ms      INTEGER NOT NULL
) STRICT;
CREATE INDEX gaps_of_stream ON gaps (stream_arn);
";

/// One gap, for people and scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GapRow {
    pub id: i64,
    pub trigger: String,
    pub stream: String,
    /// None: whole shards of which nothing was read.
    pub shard: Option<String>,
    pub after: Option<String>,
    pub since_ms: Option<u64>,
    pub until_ms: u64,
    /// As `Cause::as_str` has it.
    pub cause: String,
    pub told_ms: u64,
}

pub(crate) fn insert(
    connection: &Connection,
    (trigger, stream): (&TriggerName, &StreamArn),
    gap: &Gap,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO gaps (trigger_name, stream_arn, shard_id, after, since_ms, until_ms, cause, told_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    insert.execute(params![
        trigger.as_str(),
        stream.as_str(),
        gap.shard.as_ref().map(ShardId::as_str),
        gap.after.as_ref().map(SequenceNumber::as_str),
        gap.since.map(|since| to_sql(since.as_ms())),
        to_sql(gap.until.as_ms()),
        gap.cause.as_str(),
        to_sql(now.as_ms()),
    ])?;
    Ok(())
}

const COLUMNS: &str = "SELECT id, trigger_name, stream_arn, shard_id, after, since_ms, until_ms, cause, told_ms FROM gaps";

/// The newest first, of all streams of this stream's table.
pub(crate) fn list_of_table(connection: &Connection, stream: &StreamArn, rows_max: usize) -> rusqlite::Result<Vec<GapRow>> {
    // Of an ARN without a label nothing is known: its own.
    let Some((table, _)) = stream.as_str().rsplit_once('/') else { return list(connection, Some(stream), rows_max) };
    // What comes after `/` in the order of bytes is `0`.
    let sql = format!("{COLUMNS} WHERE stream_arn >= ?1 || '/' AND stream_arn < ?1 || '0' ORDER BY id DESC LIMIT ?2");
    connection.prepare_cached(&sql)?.query_map(params![table, limit(rows_max)], read)?.collect()
}

/// The newest first, of one stream or of all.
pub(crate) fn list(connection: &Connection, stream: Option<&StreamArn>, rows_max: usize) -> rusqlite::Result<Vec<GapRow>> {
    match stream {
        Some(stream) => {
            let mut some = connection.prepare_cached(&format!("{COLUMNS} WHERE stream_arn = ?1 ORDER BY id DESC LIMIT ?2"))?;
            some.query_map(params![stream.as_str(), limit(rows_max)], read)?.collect()
        }
        None => {
            let mut all = connection.prepare_cached(&format!("{COLUMNS} ORDER BY id DESC LIMIT ?1"))?;
            all.query_map([limit(rows_max)], read)?.collect()
        }
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<GapRow> {
    Ok(GapRow {
        id: row.get(0)?,
        trigger: row.get(1)?,
        stream: row.get(2)?,
        shard: row.get(3)?,
        after: row.get(4)?,
        since_ms: row.get::<_, Option<i64>>(5)?.map(from_sql),
        until_ms: from_sql(row.get(6)?),
        cause: row.get(7)?,
        told_ms: from_sql(row.get(8)?),
    })
}
