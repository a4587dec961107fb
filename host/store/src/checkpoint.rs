//! How far each trigger has come in each shard.
//!
//! `checkpoints`: one row for each trigger, stream and shard. `watermark`: the sequence number as the stream wrote it, NULL
//! when there is none yet. `finished`: 1 when the shard is closed and done. `updated_ms`: of the last commit.
//! `acknowledged`: the sequence numbers above the watermark, usually none; written as a difference.
//!
//! Invariant: a checkpoint never goes back. Neither the watermark falls, nor is an acknowledged change forgotten, nor a
//! finished shard reopened: a commit that would is refused, since it would hand changes out twice.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use tripline_core::checkpoint::Checkpoint;
use tripline_core::name::{ShardId, StreamArn, TriggerName};
use tripline_core::port::StoredCheckpoint;
use tripline_core::sequence::SequenceNumber;
use tripline_core::time::Timestamp;

use crate::sql::{WriteError, from_sql, to_sql, unreadable};

pub(crate) const CREATE: &str = "
CREATE TABLE checkpoints (
    id           INTEGER PRIMARY KEY,
    trigger_name TEXT    NOT NULL,
    stream_arn   TEXT    NOT NULL,
    shard_id     TEXT    NOT NULL,
    watermark    TEXT,
    finished     INTEGER NOT NULL CHECK (finished IN (0, 1)),
    updated_ms   INTEGER NOT NULL,
    UNIQUE (stream_arn, trigger_name, shard_id)
) STRICT;
CREATE TABLE acknowledged (
    checkpoint_id   INTEGER NOT NULL REFERENCES checkpoints (id),
    sequence_number TEXT    NOT NULL,
    PRIMARY KEY (checkpoint_id, sequence_number)
) STRICT, WITHOUT ROWID;
";

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub(crate) trigger: TriggerName,
    pub(crate) stream: StreamArn,
    pub(crate) shard: ShardId,
}

/// One row, for people and scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckpointRow {
    pub trigger: String,
    pub stream: String,
    pub shard: String,
    pub watermark: Option<String>,
    /// Ascending.
    pub acknowledged: Vec<String>,
    pub finished: bool,
    pub updated_ms: u64,
}

pub(crate) fn load(connection: &Connection, place: &Place) -> rusqlite::Result<Option<Checkpoint>> {
    let mut find = connection
        .prepare_cached("SELECT id, watermark, finished FROM checkpoints WHERE stream_arn = ?1 AND trigger_name = ?2 AND shard_id = ?3")?;
    let key = params![place.stream.as_str(), place.trigger.as_str(), place.shard.as_str()];
    let found = find.query_row(key, |row| read(connection, row));
    found.optional()
}

/// Reads `id, watermark, finished`, and the set.
fn read(connection: &Connection, row: &Row<'_>) -> rusqlite::Result<Checkpoint> {
    let id: i64 = row.get(0)?;
    let watermark: Option<String> = row.get(1)?;
    let watermark = watermark.map(|text| number(&text)).transpose()?;
    let mut set = connection.prepare_cached("SELECT sequence_number FROM acknowledged WHERE checkpoint_id = ?1")?;
    let acknowledged = set
        .query_map([id], |row| row.get::<_, String>(0))?
        .map(|text| number(&text?))
        .collect::<Result<_, _>>()?;
    Ok(Checkpoint { watermark, acknowledged, finished: row.get(2)? })
}

fn number(text: &str) -> rusqlite::Result<SequenceNumber> {
    SequenceNumber::parse(text).map_err(|error| unreadable("sequence_number", error))
}

/// Replaces `old`, which the disk has, by `new`.
pub(crate) fn save(
    connection: &Connection,
    place: &Place,
    (old, new): (&Checkpoint, &Checkpoint),
    now: Timestamp,
) -> Result<(), WriteError> {
    refuse_going_back(place, old, new).map_err(WriteError::Refused)?;
    let mut upsert = connection.prepare_cached(
        "INSERT INTO checkpoints (trigger_name, stream_arn, shard_id, watermark, finished, updated_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (stream_arn, trigger_name, shard_id)
         DO UPDATE SET watermark = excluded.watermark, finished = excluded.finished, updated_ms = excluded.updated_ms
         RETURNING id",
    )?;
    let watermark = new.watermark.as_ref().map(SequenceNumber::as_str);
    let (trigger, stream, shard) = (place.trigger.as_str(), place.stream.as_str(), place.shard.as_str());
    let row = params![trigger, stream, shard, watermark, new.finished, to_sql(now.as_ms())];
    let id: i64 = upsert.query_row(row, |row| row.get(0))?;

    let mut remove = connection.prepare_cached("DELETE FROM acknowledged WHERE checkpoint_id = ?1 AND sequence_number = ?2")?;
    for gone in old.acknowledged.difference(&new.acknowledged) {
        remove.execute(params![id, gone.as_str()])?;
    }
    let mut insert = connection.prepare_cached("INSERT OR IGNORE INTO acknowledged (checkpoint_id, sequence_number) VALUES (?1, ?2)")?;
    for added in new.acknowledged.difference(&old.acknowledged) {
        insert.execute(params![id, added.as_str()])?;
    }
    Ok(())
}

fn refuse_going_back(place: &Place, old: &Checkpoint, new: &Checkpoint) -> Result<(), String> {
    let Place { trigger, shard, .. } = place;
    let refused = |what: String| {
        Err(format!("trigger {trigger}, shard {shard}: {what}: refused, since changes would be handled twice (please report this)"))
    };
    if old.finished && !new.finished {
        return refused("a finished shard would be reopened".to_owned());
    }
    if new.watermark < old.watermark {
        let shown = |mark: &Option<SequenceNumber>| mark.as_ref().map_or("none".to_owned(), ToString::to_string);
        return refused(format!("the watermark would go back from {} to {}", shown(&old.watermark), shown(&new.watermark)));
    }
    match old.acknowledged.difference(&new.acknowledged).find(|number| !new.covers(number)) {
        Some(lost) => refused(format!("the acknowledged change {lost} would be forgotten")),
        None => Ok(()),
    }
}

pub(crate) fn streams(connection: &Connection) -> rusqlite::Result<Vec<StreamArn>> {
    let mut all = connection.prepare_cached("SELECT DISTINCT stream_arn FROM checkpoints")?;
    let rows = all.query_map([], |row| row.get::<_, String>(0).map(StreamArn::from))?;
    rows.collect()
}

pub(crate) fn of_stream(connection: &Connection, stream: &StreamArn) -> rusqlite::Result<Vec<StoredCheckpoint>> {
    let mut all = connection.prepare_cached(
        "SELECT id, watermark, finished, trigger_name, shard_id FROM checkpoints WHERE stream_arn = ?1 ORDER BY trigger_name, shard_id",
    )?;
    let rows = all.query_map([stream.as_str()], |row| {
        Ok(StoredCheckpoint {
            checkpoint: read(connection, row)?,
            trigger: TriggerName::from(row.get::<_, String>(3)?),
            shard: ShardId::from(row.get::<_, String>(4)?),
        })
    })?;
    rows.collect()
}

pub(crate) fn list(connection: &Connection) -> rusqlite::Result<Vec<CheckpointRow>> {
    let mut all = connection.prepare_cached(
        "SELECT id, watermark, finished, trigger_name, stream_arn, shard_id, updated_ms FROM checkpoints
         ORDER BY trigger_name, stream_arn, shard_id",
    )?;
    let rows = all.query_map([], |row| {
        let checkpoint = read(connection, row)?;
        Ok(CheckpointRow {
            trigger: row.get(3)?,
            stream: row.get(4)?,
            shard: row.get(5)?,
            watermark: checkpoint.watermark.map(|mark| mark.to_string()),
            acknowledged: checkpoint.acknowledged.iter().map(ToString::to_string).collect(),
            finished: checkpoint.finished,
            updated_ms: from_sql(row.get(6)?),
        })
    })?;
    rows.collect()
}
