//! Recorded changes, made again in a table.
//!
//! Always holds: each change of the recording becomes one in the stream with the same kind, keys and images. Where the table is not as it was
//! then, it is made so first, by a write of its own, which is a change too.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::{ScalarAttributeType, TableDescription};
use tripline_core::change::{Change, EventName};

use super::items::{Item, canonical, item};
use super::place::{Keys, shown};
use crate::cli::test::read_events;
use crate::config::KeyType;
use crate::rehearsal::Events;

#[derive(Debug)]
pub(super) struct Player {
    pub(super) client: Client,
    pub(super) table: String,
    pub(super) events: PathBuf,
    /// The table's; none: it could not be asked.
    pub(super) keys: Option<Keys>,
    /// The table is ours, and its key is the recorded changes'.
    pub(super) is_theirs: bool,
}

/// What became of recorded changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Play {
    Played(Played),
    /// None was made: the table, which is ours, has to have another key first.
    OtherKey,
}

/// How many writes were changes: those of the recording, and those that made the table as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Played {
    pub(super) recorded: u64,
    pub(super) prepared: u64,
}

pub(super) fn read(path: &Path) -> Result<Events> {
    let (text, file) = read_events(path)?;
    Ok(Events::read(&text, &file)?)
}

/// Names and types, in the order in which the first change has them.
pub(super) fn keys(events: &Events) -> Option<Keys> {
    let json = events.changes().first()?.keys_json();
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).ok()?;
    let kind = |value: &serde_json::Value| match value.as_object()?.keys().next()?.as_str() {
        "N" => Some(KeyType::Number),
        "B" => Some(KeyType::Binary),
        _ => Some(KeyType::String),
    };
    let mut keys: Keys = fields.iter().filter_map(|(name, value)| Some((name.clone(), kind(value)?))).collect();
    keys.sort_by_key(|(name, _)| json.find(&serde_json::Value::from(name.as_str()).to_string()));
    Some(keys)
}

/// In whatever order.
fn is_same_key(one: &Keys, other: &Keys) -> bool {
    one.len() == other.len() && one.iter().all(|key| other.contains(key))
}

/// None: the table does not say.
pub(super) async fn keys_of(client: &Client, table: &str) -> Result<Option<Keys>> {
    let described = client.describe_table().table_name(table).send().await.map_err(told)?.table;
    Ok(described.and_then(key_of))
}

fn key_of(described: TableDescription) -> Option<Keys> {
    let types = described.attribute_definitions.unwrap_or_default();
    let key = |name: String| {
        let kind = match types.iter().find(|of| of.attribute_name == name)?.attribute_type {
            ScalarAttributeType::N => KeyType::Number,
            ScalarAttributeType::B => KeyType::Binary,
            _ => KeyType::String,
        };
        Some((name, kind))
    };
    described.key_schema?.into_iter().map(|element| key(element.attribute_name)).collect()
}

impl Player {
    pub(super) async fn play(&self) -> Result<Play> {
        let events = read(&self.events)?;
        if let (Some(table), Some(recorded)) = (&self.keys, keys(&events))
            && !is_same_key(table, &recorded)
        {
            if self.is_theirs {
                return Ok(Play::OtherKey);
            }
            let (file, name) = (self.events.display(), &self.table);
            let (table, recorded) = (shown(table), shown(&recorded));
            bail!(
                "{file}: its changes have the key {recorded}, and table `{name}` has {table}: record changes of that table, or write that key for it under [dev] keys where `tripline dev` makes it"
            );
        }
        Ok(Play::Played(self.make_all(&events).await?))
    }

    async fn make_all(&self, events: &Events) -> Result<Played> {
        let mut played = Played::default();
        for (place, change) in events.changes().iter().enumerate() {
            let at = || format!("{}: change {} cannot be made again in table `{}`", self.events.display(), place + 1, self.table);
            let (recorded, prepared) = self.make(change).await.with_context(at)?;
            played.recorded += u64::from(recorded);
            played.prepared += u64::from(prepared);
        }
        Ok(played)
    }

    /// Whether it was a change, and whether another had to be made before it.
    async fn make(&self, change: &Change) -> Result<(bool, bool)> {
        let keys = item(change.keys_json())?;
        let image = |json: Option<&str>| json.map(item).transpose();
        let (old, new) = (image(change.old_image_json())?, image(change.new_image_json())?);
        let found = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(keys.clone()))
            .consistent_read(true)
            .send()
            .await;
        let current = found.map_err(told)?.item;
        // Images that the recorded stream had not: what is there will do, else the keys alone.
        let before = match change.event_name {
            EventName::Insert => None,
            EventName::Modify | EventName::Remove => Some(old.or_else(|| current.clone()).unwrap_or_else(|| keys.clone())),
        };
        let after = match change.event_name {
            EventName::Insert | EventName::Modify => Some(new.unwrap_or_else(|| keys.clone())),
            EventName::Remove => None,
        };
        let prepared = self.put(&keys, current.as_ref(), before.as_ref()).await?;
        Ok((self.put(&keys, before.as_ref(), after.as_ref()).await?, prepared))
    }

    /// Whether that is a change.
    async fn put(&self, keys: &Item, from: Option<&Item>, to: Option<&Item>) -> Result<bool> {
        if from.map(canonical) == to.map(canonical) {
            return Ok(false);
        }
        match to {
            Some(to) => drop(
                self.client
                    .put_item()
                    .table_name(&self.table)
                    .set_item(Some(to.clone()))
                    .send()
                    .await
                    .map_err(told)?,
            ),
            None => drop(
                self.client
                    .delete_item()
                    .table_name(&self.table)
                    .set_key(Some(keys.clone()))
                    .send()
                    .await
                    .map_err(told)?,
            ),
        }
        Ok(true)
    }
}

/// The SDK's errors say nothing by themselves.
pub(super) fn told(error: impl std::error::Error) -> anyhow::Error {
    anyhow::Error::msg(DisplayErrorContext(error).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(table: &[&str], recorded: &str, same: bool) {
        let text = format!("{{\"eventName\":\"INSERT\",\"dynamodb\":{{\"Keys\":{recorded}}}}}");
        let recorded = keys(&Events::read(&text, "events.jsonl").unwrap()).unwrap();
        let table: Keys = table
            .iter()
            .map(|key| match key.split_once(':') {
                Some((name, _)) => (name.to_owned(), KeyType::Number),
                None => ((*key).to_owned(), KeyType::String),
            })
            .collect();
        assert_eq!(is_same_key(&table, &recorded), same, "{recorded:?}");
    }

    #[test]
    fn recorded_changes_fit_a_table_with_their_key() {
        check(&["id"], r#"{"id":{"S":"1"}}"#, true);
        check(&["id"], r#"{"pk":{"S":"1"}}"#, false);
        check(&["id"], r#"{"id":{"N":"1"}}"#, false);
        check(&["id"], r#"{"id":{"S":"1"},"at":{"N":"1"}}"#, false);
        check(&["id", "at:N"], r#"{"at":{"N":"1"},"id":{"S":"1"}}"#, true);
        check(&["id", "at:N"], r#"{"id":{"S":"1"}}"#, false);
    }
}
