//! Recorded changes, made again in a table.
//!
//! Always holds: each change of the recording becomes one in the stream with the same kind, keys and images. Where the table is not as it was
//! then, it is made so first, by a write of its own, which is a change too.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use tripline_core::change::{Change, EventName};

use super::items::{Item, canonical, item};
use crate::cli::test::read_events;
use crate::rehearsal::Events;

#[derive(Debug)]
pub(super) struct Player {
    pub(super) client: Client,
    pub(super) table: String,
    pub(super) events: PathBuf,
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

impl Player {
    pub(super) async fn play(&self) -> Result<Played> {
        let mut played = Played::default();
        for (place, change) in read(&self.events)?.changes().iter().enumerate() {
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
