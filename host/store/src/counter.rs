//! Counters and sums of plugins.
//!
//! `counters`: one row for each trigger, name and labels. `labels`: a JSON object, names sorted, `{}` without labels, so
//! that equal labels are equal text and `labels ->> 'status'` works. `value`: an exact decimal as text, no exponent.
//!
//! Invariant: a value is the exact sum of what was added; what would not fit is refused, never rounded. Zero is a value.

use std::fmt;

use rusqlite::{Connection, OptionalExtension, params};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tripline_core::decimal::Decimal;
use tripline_core::effect::CounterKey;
use tripline_core::name::TriggerName;
use tripline_core::port::CounterValue;

use crate::sql::{WriteError, unreadable};

pub(crate) const CREATE: &str = "
CREATE TABLE counters (
    trigger_name TEXT NOT NULL,
    name         TEXT NOT NULL,
    labels       TEXT NOT NULL CHECK (json_valid(labels)),
    value        TEXT NOT NULL,
    PRIMARY KEY (trigger_name, name, labels)
) STRICT, WITHOUT ROWID;
";

/// Which counter of which trigger.
pub(crate) type CounterId = (TriggerName, CounterKey);

/// One row, for people and scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CounterRow {
    pub trigger: String,
    pub name: String,
    pub labels: Labels,
    pub value: String,
}

/// In the order of their names; as JSON an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels(pub Vec<(Box<str>, Box<str>)>);

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Labels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Labels(pairs))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}

fn labels_text(counter: &CounterKey) -> Result<String, rusqlite::Error> {
    serde_json::to_string(&Labels(counter.labels().to_vec())).map_err(|error| unreadable("labels", error))
}

fn labels(text: &str) -> rusqlite::Result<Labels> {
    serde_json::from_str(text).map_err(|error| unreadable("labels", error))
}

pub(crate) fn load(connection: &Connection, (trigger, counter): &CounterId) -> rusqlite::Result<Decimal> {
    let mut find = connection.prepare_cached("SELECT value FROM counters WHERE trigger_name = ?1 AND name = ?2 AND labels = ?3")?;
    let text: Option<String> = find
        .query_row(params![trigger.as_str(), counter.name, labels_text(counter)?], |row| row.get(0))
        .optional()?;
    text.map_or(Ok(Decimal::default()), |text| value(&text))
}

/// `value` plus `delta`, if the sum can be read back.
pub(crate) fn sum((trigger, counter): &CounterId, value: &Decimal, delta: &Decimal) -> Result<Decimal, WriteError> {
    let sum = value + delta;
    match Decimal::parse_sum(&sum.to_string()) {
        Ok(_) => Ok(sum),
        Err(error) => Err(WriteError::Refused(format!("trigger {trigger}, counter {counter}: the sum does not fit: {error}"))),
    }
}

pub(crate) fn save(connection: &Connection, (trigger, counter): &CounterId, value: &Decimal) -> rusqlite::Result<()> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO counters (trigger_name, name, labels, value) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (trigger_name, name, labels) DO UPDATE SET value = excluded.value",
    )?;
    upsert.execute(params![trigger.as_str(), counter.name, labels_text(counter)?, value.to_string()])?;
    Ok(())
}

/// All of a trigger's.
pub(crate) fn clear(connection: &Connection, trigger: &TriggerName) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM counters WHERE trigger_name = ?1")?
        .execute([trigger.as_str()])?;
    Ok(())
}

fn value(text: &str) -> rusqlite::Result<Decimal> {
    Decimal::parse_sum(text).map_err(|error| unreadable("value", error))
}

pub(crate) fn list(connection: &Connection) -> rusqlite::Result<Vec<CounterRow>> {
    let mut all =
        connection.prepare_cached("SELECT trigger_name, name, labels, value FROM counters ORDER BY trigger_name, name, labels")?;
    let rows = all.query_map([], |row| {
        let text: String = row.get(2)?;
        Ok(CounterRow { trigger: row.get(0)?, name: row.get(1)?, labels: labels(&text)?, value: row.get(3)? })
    })?;
    rows.collect()
}

pub(crate) fn values(connection: &Connection) -> rusqlite::Result<Vec<CounterValue>> {
    let rows = list(connection)?.into_iter();
    let values = rows.map(|row| {
        let counter = CounterKey::new(row.name, row.labels.0);
        Ok(CounterValue { trigger: TriggerName::from(row.trigger), counter, value: value(&row.value)? })
    });
    values.collect()
}
