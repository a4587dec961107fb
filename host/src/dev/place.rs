//! Where an author's host works: beside the config's own `data_dir`, with tables of its own where the config names no endpoint.
//!
//! Invariant: nothing outside this machine is written to: a table without an endpoint is one of an embedded region, made here and empty; no
//! credential is used there, and mail goes into files. What an earlier run has left is removed, but for compiled code; one that still runs holds a lock.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType as KeyRole, ScalarAttributeType, StreamSpecification, StreamViewType,
};
use tripline_capability::mail::Transport;
use tripline_local::{Region, RegionConfig};

use super::play::told;
use super::say;
use crate::aws::Aws;
use crate::cli::output::tame;
use crate::config::{Config, Connection, KeyType};

const REGION: &str = "us-east-1";
/// Below the config's `data_dir`.
const DIR: &str = "dev";
const LOCK: &str = "lock";
const HOST: &str = "host";
const REGIONS: &str = "regions";
const MAIL: &str = "mail";
/// What a host keeps of compiled plugins, in its own directory: minutes of work.
const COMPILED: &str = "compiled";

pub(super) type Keys = Vec<(String, KeyType)>;

#[derive(Debug)]
pub(super) struct Place {
    dir: PathBuf,
    regions: BTreeMap<String, Region>,
    /// By region and name.
    made: BTreeMap<(String, String), Made>,
    /// Last: others may come once all else is gone.
    _lock: Lock,
}

/// How a table was made.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Made {
    keys: Keys,
    /// It has a stream.
    followed: bool,
}

/// Held as long as this process works there, however it ends.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    /// Closing the file is not enough: a build that another thread is just starting has a copy of it until it runs.
    fn drop(&mut self) {
        // Closed all the same.
        let _ = self.0.unlock();
    }
}

impl Lock {
    fn take(dir: &Path) -> Result<Self> {
        let path = dir.join(LOCK);
        let at = || format!("cannot lock {}", path.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(at)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // For the message alone.
                let _ = file.take(32).read_to_string(&mut holder);
                bail!("another `tripline dev` (process {}) works in {}: stop it first", holder.trim(), dir.display());
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(at),
        }
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()))
            .with_context(at)?;
        Ok(Self(file))
    }
}

impl Place {
    /// `data_dir` is the config's.
    pub(super) fn claim(data_dir: &Path) -> Result<Self> {
        let dir = data_dir.join(DIR);
        let host = dir.join(HOST);
        std::fs::create_dir_all(&host).with_context(|| format!("cannot make {}", host.display()))?;
        let lock = Lock::take(&dir)?;
        for path in [dir.join(REGIONS), dir.join(MAIL)] {
            remove(&path)?;
        }
        let entries = std::fs::read_dir(&host).with_context(|| format!("cannot read {}", host.display()))?;
        for entry in entries {
            let path = entry?.path();
            if !path.ends_with(COMPILED) {
                remove(&path)?;
            }
        }
        Ok(Self { dir, regions: BTreeMap::new(), made: BTreeMap::new(), _lock: lock })
    }

    /// Whether the table is one of ours.
    pub(super) fn has(&self, connection: &Connection, table: &str) -> bool {
        self.made.contains_key(&id(connection, table))
    }

    /// Points the config at what is here. `recorded`: the keys of the table that the recorded changes are of.
    pub(super) async fn embed(&mut self, config: &mut Config, recorded: Option<(&str, Keys)>) -> Result<()> {
        config.host.data_dir = self.dir.join(HOST);
        let mut tables = BTreeSet::new();
        for stream in config.streams.values_mut() {
            if stream.connection.endpoint.is_none() && stream.streams_endpoint.is_none() {
                self.connect(&mut stream.connection)?;
                tables.insert((stream.connection.clone(), stream.table.clone(), true));
            }
        }
        for target in config.targets.values_mut() {
            if target.connection.endpoint.is_none() {
                self.connect(&mut target.connection)?;
                let is_followed = tables.contains(&(target.connection.clone(), target.table.clone(), true));
                if !is_followed {
                    tables.insert((target.connection.clone(), target.table.clone(), false));
                }
            }
        }
        for mailer in config.mailers.values_mut() {
            mailer.transport = Transport::File { dir: self.dir.join(MAIL) };
        }
        for (connection, table, followed) in tables {
            let keys = config.dev.keys.get(&table).cloned();
            let keys = keys.or_else(|| recorded.as_ref().filter(|(of, _)| *of == table).map(|(_, keys)| keys.clone()));
            let keys = keys.unwrap_or_else(|| vec![("id".to_owned(), KeyType::String)]);
            self.make(&connection, &table, Made { keys, followed }).await?;
        }
        Ok(())
    }

    fn connect(&mut self, connection: &mut Connection) -> Result<()> {
        let name = connection.region.clone().unwrap_or_else(|| REGION.to_owned());
        if !self.regions.contains_key(&name) {
            let region = Region::start(RegionConfig::new(name.as_str(), self.dir.join(REGIONS)))?;
            self.regions.insert(name.clone(), region);
        }
        let endpoint = self.regions.get(&name).map(Region::endpoint);
        *connection = Connection { region: Some(name), endpoint, profile: None, role_arn: None };
        Ok(())
    }

    /// Anew, where it was made otherwise.
    async fn make(&mut self, connection: &Connection, table: &str, made: Made) -> Result<()> {
        let id = id(connection, table);
        if self.made.get(&id) == Some(&made) {
            return Ok(());
        }
        let client = Client::new(&Aws::new().config(connection).await);
        if self.made.remove(&id).is_some() {
            let removed = client.delete_table().table_name(table).send().await;
            removed.map_err(told).with_context(|| format!("cannot remove table `{table}`"))?;
            say(&format!("table {table} is made anew, and empty: its key is {}", shown(&made.keys)))?;
        }
        let stream = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::NewAndOldImages)
            .build()?;
        let mut create = client
            .create_table()
            .table_name(table)
            .billing_mode(BillingMode::PayPerRequest)
            .set_stream_specification(made.followed.then_some(stream));
        for ((name, kind), role) in made.keys.iter().zip([KeyRole::Hash, KeyRole::Range]) {
            let kind = match kind {
                KeyType::String => ScalarAttributeType::S,
                KeyType::Number => ScalarAttributeType::N,
                KeyType::Binary => ScalarAttributeType::B,
            };
            create = create
                .attribute_definitions(AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build()?)
                .key_schema(KeySchemaElement::builder().attribute_name(name).key_type(role).build()?);
        }
        create.send().await.map_err(told).with_context(|| format!("cannot make table `{table}`"))?;
        self.made.insert(id, made);
        Ok(())
    }
}

fn id(connection: &Connection, table: &str) -> (String, String) {
    (connection.region.clone().unwrap_or_default(), table.to_owned())
}

/// As `[dev] keys` has them.
pub(super) fn shown(keys: &Keys) -> String {
    let kind = |kind: &KeyType| match kind {
        KeyType::String => "",
        KeyType::Number => ":N",
        KeyType::Binary => ":B",
    };
    let keys: Vec<String> = keys.iter().map(|(name, of)| format!("{:?}", tame(name) + kind(of))).collect();
    format!("[{}]", keys.join(", "))
}

fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_works_in_a_place_at_a_time() {
        let data_dir = tempfile::tempdir().unwrap();
        let place = Place::claim(data_dir.path()).unwrap();
        let mine = place.dir.join(REGIONS).join("mine");
        std::fs::create_dir_all(&mine).unwrap();
        let said = format!("{:#}", Place::claim(data_dir.path()).unwrap_err());
        let expected = format!("another `tripline dev` (process {}) works in ", std::process::id());
        assert!(said.contains(&expected) && said.contains("stop it first"), "{said}");
        assert!(mine.exists(), "who is refused has removed what another works with");
        drop(place);
        drop(Place::claim(data_dir.path()).unwrap());
        assert!(!mine.exists());
    }
}
