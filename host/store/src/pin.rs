//! Where each trigger is: in which of its table's streams, and since when it wants changes.
//!
//! `pins`: one row for each trigger. `since_ms`: changes that were created before are passed over, NULL: none are. `over`: 1 when the
//! stream has ended and all of it is acknowledged. `complete_until_ms`: until when nothing is missing, for shards that are not begun.

use rusqlite::{Connection, OptionalExtension, params};
use tripline_core::name::{StreamArn, TriggerName};
use tripline_core::port::StoredWay;
use tripline_core::start::Pin;
use tripline_core::time::Timestamp;

use crate::checkpoint;
use crate::sql::{from_sql, to_sql};
use crate::steer;

pub(crate) const CREATE: &str = "
CREATE TABLE pins (
    trigger_name TEXT    PRIMARY KEY,
    stream_arn   TEXT    NOT NULL,
    since_ms     INTEGER,
    over         INTEGER NOT NULL CHECK (over IN (0, 1)),
    complete_until_ms INTEGER
) STRICT, WITHOUT ROWID;
";

pub(crate) fn save(connection: &Connection, trigger: &TriggerName, pin: &Pin) -> rusqlite::Result<()> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO pins (trigger_name, stream_arn, since_ms, over, complete_until_ms) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (trigger_name) DO UPDATE SET stream_arn = excluded.stream_arn, since_ms = excluded.since_ms, over = excluded.over,
         complete_until_ms = excluded.complete_until_ms",
    )?;
    let ms = |time: Option<Timestamp>| time.map(|time| to_sql(time.as_ms()));
    upsert.execute(params![trigger.as_str(), pin.stream.as_str(), ms(pin.since), pin.over, ms(pin.complete_until)])?;
    Ok(())
}

/// False: it had none.
pub(crate) fn remove(connection: &Connection, trigger: &TriggerName) -> rusqlite::Result<bool> {
    Ok(connection.prepare_cached("DELETE FROM pins WHERE trigger_name = ?1")?.execute([trigger.as_str()])? > 0)
}

fn load(connection: &Connection, trigger: &TriggerName) -> rusqlite::Result<Option<Pin>> {
    let mut find = connection.prepare_cached("SELECT stream_arn, since_ms, over, complete_until_ms FROM pins WHERE trigger_name = ?1")?;
    let found = find.query_row([trigger.as_str()], |row| {
        let time = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(|ms| Timestamp::from_ms(from_sql(ms))));
        Ok(Pin { stream: StreamArn::from(row.get::<_, String>(0)?), since: time(1)?, over: row.get(2)?, complete_until: time(3)? })
    });
    found.optional()
}

/// In the order of the triggers, all from one snapshot: a pin and its checkpoints belong together.
pub(crate) fn ways(connection: &Connection, triggers: &[TriggerName]) -> rusqlite::Result<Vec<StoredWay>> {
    let snapshot = connection.unchecked_transaction()?;
    let way = |trigger: &TriggerName| {
        let (pin, start) = (load(&snapshot, trigger)?, steer::start(&snapshot, trigger)?);
        Ok(StoredWay { trigger: trigger.clone(), pin, start, checkpoints: checkpoint::of_trigger(&snapshot, trigger)? })
    };
    triggers.iter().map(way).collect()
}
