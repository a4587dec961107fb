//! How far each trigger has come in each shard.
//!
//! `checkpoints`: one row for each trigger, stream and shard. `watermark`: the sequence number as the stream wrote it, NULL
//! when there is none yet. `finished`: 1 when the shard is closed and done. `updated_ms`: of the last commit.
//! `complete_until_ms`: what was created before is acknowledged, or told as a gap; by the stream's clock, NULL: not known.
//! `acknowledged`: stretches of changes above the watermark, usually none; written as a difference. `sequence_number`: of the first change,
//! `last_number`: of the last, NULL where it is the same.
//!
//! Invariant: a checkpoint never goes back. Neither the watermark falls, nor is an acknowledged change forgotten, nor a
//! finished shard reopened: a commit that would is refused, since it would hand changes out twice. An earlier
//! `complete_until` says less than what is stored and is no less true: the later one stays.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use tripline_core::checkpoint::Checkpoint;
use tripline_core::name::{ShardId, StreamArn, TriggerName};
use tripline_core::port::StoredCheckpoint;
use tripline_core::sequence::SequenceNumber;
use tripline_core::time::Timestamp;

use crate::sql::{WriteError, from_sql, limit, to_sql, unreadable};

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

/// The indexes: of what a trigger's way is, and of what may be pruned. None of them changes when a watermark moves.
pub(crate) const COMPLETE_UNTIL: &str = "
ALTER TABLE checkpoints ADD COLUMN complete_until_ms INTEGER;
CREATE INDEX checkpoints_of_trigger ON checkpoints (trigger_name, stream_arn);
CREATE INDEX checkpoints_finished ON checkpoints (updated_ms) WHERE finished = 1;
CREATE INDEX checkpoints_unfinished ON checkpoints (stream_arn, trigger_name) WHERE finished = 0;
";

/// A row was one change before.
pub(crate) const STRETCHES: &str = "ALTER TABLE acknowledged ADD COLUMN last_number TEXT;";

/// A finished shard is named by DescribeStream for a day after it closed: its row is kept for much longer.
const FINISHED_KEPT_MS: u64 = 3 * 24 * 60 * 60 * 1000;

/// One row, for people and scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckpointRow {
    pub trigger: String,
    pub stream: String,
    pub shard: String,
    pub watermark: Option<String>,
    /// Stretches above the watermark, ascending: `17` or, from the first to the last change, `17-29`.
    pub acknowledged: Vec<String>,
    pub finished: bool,
    /// What was created before, by the stream's clock, is acknowledged or told as a gap.
    pub complete_until_ms: Option<u64>,
    pub updated_ms: u64,
}

pub(crate) fn load(connection: &Connection, place: &Place) -> rusqlite::Result<Option<Checkpoint>> {
    let mut find = connection
        .prepare_cached(&format!("SELECT {READ} FROM checkpoints WHERE stream_arn = ?1 AND trigger_name = ?2 AND shard_id = ?3"))?;
    let key = params![place.stream.as_str(), place.trigger.as_str(), place.shard.as_str()];
    let found = find.query_row(key, |row| read(connection, row));
    found.optional()
}

const READ: &str = "id, watermark, finished, complete_until_ms";

/// Reads `READ`, and the set.
fn read(connection: &Connection, row: &Row<'_>) -> rusqlite::Result<Checkpoint> {
    let id: i64 = row.get(0)?;
    let watermark: Option<String> = row.get(1)?;
    let watermark = watermark.map(|text| number(&text)).transpose()?;
    let mut set = connection.prepare_cached("SELECT sequence_number, last_number FROM acknowledged WHERE checkpoint_id = ?1")?;
    let stretches = set.query_map([id], |row| {
        let first = number(&row.get::<_, String>(0)?)?;
        let last = row.get::<_, Option<String>>(1)?.map(|last| number(&last)).transpose()?;
        Ok((first.clone(), last.unwrap_or(first)))
    })?;
    let acknowledged = stretches.collect::<rusqlite::Result<_>>()?;
    let complete_until: Option<i64> = row.get(3)?;
    let complete_until = complete_until.map(|ms| Timestamp::from_ms(from_sql(ms)));
    Ok(Checkpoint { watermark, acknowledged, finished: row.get(2)?, complete_until })
}

fn number(text: &str) -> rusqlite::Result<SequenceNumber> {
    SequenceNumber::parse(text).map_err(|error| unreadable("sequence_number", error))
}

/// Replaces `old`, which the disk has, by `new`, and returns what the disk has then.
pub(crate) fn save(
    connection: &Connection,
    place: &Place,
    (old, mut new): (&Checkpoint, Checkpoint),
    now: Timestamp,
) -> Result<Checkpoint, WriteError> {
    refuse_going_back(place, old, &new).map_err(WriteError::Refused)?;
    new.complete_until = new.complete_until.max(old.complete_until);
    let mut upsert = connection.prepare_cached(
        "INSERT INTO checkpoints (trigger_name, stream_arn, shard_id, watermark, finished, complete_until_ms, updated_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (stream_arn, trigger_name, shard_id)
         DO UPDATE SET watermark = excluded.watermark, finished = excluded.finished,
                       complete_until_ms = excluded.complete_until_ms, updated_ms = excluded.updated_ms
         RETURNING id",
    )?;
    let watermark = new.watermark.as_ref().map(SequenceNumber::as_str);
    let (trigger, stream, shard) = (place.trigger.as_str(), place.stream.as_str(), place.shard.as_str());
    let complete_until = new.complete_until.map(|until| to_sql(until.as_ms()));
    let row = params![trigger, stream, shard, watermark, new.finished, complete_until, to_sql(now.as_ms())];
    let id: i64 = upsert.query_row(row, |row| row.get(0))?;

    let mut remove = connection.prepare_cached("DELETE FROM acknowledged WHERE checkpoint_id = ?1 AND sequence_number = ?2")?;
    for (gone, _) in old.acknowledged.iter().filter(|(first, _)| new.acknowledged.last_of(first).is_none()) {
        remove.execute(params![id, gone.as_str()])?;
    }
    let mut insert = connection
        .prepare_cached("INSERT OR REPLACE INTO acknowledged (checkpoint_id, sequence_number, last_number) VALUES (?1, ?2, ?3)")?;
    for (first, last) in new.acknowledged.iter().filter(|(first, last)| old.acknowledged.last_of(first) != Some(last)) {
        insert.execute(params![id, first.as_str(), Some(last.as_str()).filter(|_| first != last)])?;
    }
    Ok(new)
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
    let is_kept = |first: &SequenceNumber, last: &SequenceNumber| {
        new.finished || new.watermark.as_ref().is_some_and(|mark| last <= mark) || new.acknowledged.covers(first, last)
    };
    match old.acknowledged.iter().find(|(first, last)| !is_kept(first, last)) {
        Some((first, last)) => refused(format!("the acknowledged changes {first} to {last} would be forgotten")),
        None => Ok(()),
    }
}

pub(crate) fn of_trigger(connection: &Connection, trigger: &TriggerName) -> rusqlite::Result<Vec<StoredCheckpoint>> {
    let mut all = connection.prepare_cached(&format!(
        "SELECT {READ}, stream_arn, shard_id FROM checkpoints WHERE trigger_name = ?1 ORDER BY stream_arn, shard_id"
    ))?;
    let rows = all.query_map([trigger.as_str()], |row| {
        Ok(StoredCheckpoint {
            checkpoint: read(connection, row)?,
            stream: StreamArn::from(row.get::<_, String>(4)?),
            shard: ShardId::from(row.get::<_, String>(5)?),
        })
    })?;
    rows.collect()
}

/// Removes a trigger's checkpoints of the streams of the same table that are older than this one, and says which.
pub(crate) fn leave_older(connection: &Connection, trigger: &TriggerName, stream: &StreamArn) -> rusqlite::Result<Vec<Place>> {
    // `…:table/orders/stream/LABEL`: what stands between `…/stream/` and the ARN itself has the same beginning and a smaller label.
    let Some((table, _)) = stream.as_str().rsplit_once('/') else { return Ok(Vec::new()) };
    let key = params![trigger.as_str(), format!("{table}/"), stream.as_str()];
    remove(connection, "trigger_name = ?1 AND stream_arn >= ?2 AND stream_arn < ?3", key)
}

/// Removes all of a trigger's checkpoints of the streams of this stream's table, and says which.
pub(crate) fn leave_table(connection: &Connection, trigger: &TriggerName, stream: &StreamArn) -> rusqlite::Result<Vec<Place>> {
    // What comes after `/` in the order of bytes is `0`.
    let table = stream.table_part();
    let key = params![trigger.as_str(), format!("{table}/"), format!("{table}0")];
    remove(connection, "trigger_name = ?1 AND stream_arn >= ?2 AND stream_arn < ?3", key)
}

/// Removes one checkpoint, if it is there.
pub(crate) fn leave_shard(connection: &Connection, place: &Place) -> rusqlite::Result<()> {
    let key = params![place.trigger.as_str(), place.stream.as_str(), place.shard.as_str()];
    remove(connection, "trigger_name = ?1 AND stream_arn = ?2 AND shard_id = ?3", key).map(drop)
}

/// Removes at most `rows_max` checkpoints of shards that were finished long ago, where their trigger has gone on since then in
/// that stream: what is the last that is known of a stream stays.
pub(crate) fn prune(connection: &Connection, now: Timestamp, rows_max: usize) -> rusqlite::Result<Vec<Place>> {
    let rows = "id IN (SELECT old.id FROM checkpoints AS old WHERE old.finished = 1 AND old.updated_ms < ?1
                       AND EXISTS (SELECT 1 FROM checkpoints AS new
                                   WHERE new.finished = 0 AND new.stream_arn = old.stream_arn AND new.trigger_name = old.trigger_name
                                   AND new.updated_ms > old.updated_ms)
                       ORDER BY old.updated_ms, old.id LIMIT ?2)";
    remove(connection, rows, params![to_sql(now.as_ms().saturating_sub(FINISHED_KEPT_MS)), limit(rows_max)])
}

fn remove(connection: &Connection, rows: &'static str, key: impl rusqlite::Params + Copy) -> rusqlite::Result<Vec<Place>> {
    let sets = format!("DELETE FROM acknowledged WHERE checkpoint_id IN (SELECT id FROM checkpoints WHERE {rows})");
    connection.prepare_cached(&sets)?.execute(key)?;
    let mut remove =
        connection.prepare_cached(&format!("DELETE FROM checkpoints WHERE {rows} RETURNING trigger_name, stream_arn, shard_id"))?;
    let gone = remove.query_map(key, |row| {
        Ok(Place {
            trigger: TriggerName::from(row.get::<_, String>(0)?),
            stream: StreamArn::from(row.get::<_, String>(1)?),
            shard: ShardId::from(row.get::<_, String>(2)?),
        })
    })?;
    gone.collect()
}

pub(crate) fn list(connection: &Connection) -> rusqlite::Result<Vec<CheckpointRow>> {
    let mut all = connection.prepare_cached(&format!(
        "SELECT {READ}, trigger_name, stream_arn, shard_id, updated_ms FROM checkpoints ORDER BY trigger_name, stream_arn, shard_id"
    ))?;
    let rows = all.query_map([], |row| {
        let checkpoint = read(connection, row)?;
        Ok(CheckpointRow {
            trigger: row.get(4)?,
            stream: row.get(5)?,
            shard: row.get(6)?,
            watermark: checkpoint.watermark.map(|mark| mark.to_string()),
            acknowledged: checkpoint.acknowledged.shown().collect(),
            finished: checkpoint.finished,
            complete_until_ms: checkpoint.complete_until.map(Timestamp::as_ms),
            updated_ms: from_sql(row.get(7)?),
        })
    })?;
    rows.collect()
}
