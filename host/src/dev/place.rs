//! Where an author's host works: beside the config's own `data_dir`, with tables of its own where the config names no endpoint.
//!
//! Invariant: nothing outside this machine is written to: a table without an endpoint is one of an embedded region, made here and empty; no
//! credential is used there, and mail goes into files. What an earlier run has left is removed, but for compiled code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType as KeyRole, ScalarAttributeType, StreamSpecification, StreamViewType,
};
use tripline_capability::mail::Transport;
use tripline_local::{Region, RegionConfig};

use super::play::told;
use crate::aws::Aws;
use crate::cli::host_api::HostApi;
use crate::config::{Config, Connection, KeyType};

const REGION: &str = "us-east-1";
/// Below the config's `data_dir`.
const DIR: &str = "dev";
const HOST: &str = "host";
const REGIONS: &str = "regions";
const MAIL: &str = "mail";
/// What a host keeps of compiled plugins, in its own directory: minutes of work.
const COMPILED: &str = "compiled";

type Keys = Vec<(String, KeyType)>;

#[derive(Debug)]
pub(super) struct Place {
    dir: PathBuf,
    regions: BTreeMap<String, Region>,
    made: BTreeSet<(String, String)>,
}

impl Place {
    /// `data_dir` is the config's.
    pub(super) async fn claim(data_dir: &Path) -> Result<Self> {
        let dir = data_dir.join(DIR);
        let host = dir.join(HOST);
        if let Some(running) = HostApi::of(&host).await? {
            bail!("another `tripline dev` works in {} (it serves {}): stop it first", dir.display(), running.address);
        }
        std::fs::create_dir_all(&host).with_context(|| format!("cannot make {}", host.display()))?;
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
        Ok(Self { dir, regions: BTreeMap::new(), made: BTreeSet::new() })
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
            if !matches!(mailer.transport, Transport::File { .. }) {
                mailer.transport = Transport::File { dir: self.dir.join(MAIL) };
            }
        }
        for (connection, table, followed) in tables {
            let keys = config.dev.keys.get(&table).cloned();
            let keys = keys.or_else(|| recorded.as_ref().filter(|(of, _)| *of == table).map(|(_, keys)| keys.clone()));
            let keys = keys.unwrap_or_else(|| vec![("id".to_owned(), KeyType::String)]);
            self.make(&connection, &table, (keys, followed)).await?;
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

    async fn make(&mut self, connection: &Connection, table: &str, (keys, followed): (Keys, bool)) -> Result<()> {
        let id = (connection.region.clone().unwrap_or_default(), table.to_owned());
        if self.made.contains(&id) {
            return Ok(());
        }
        let client = Client::new(&Aws::new().config(connection).await);
        let stream = StreamSpecification::builder()
            .stream_enabled(true)
            .stream_view_type(StreamViewType::NewAndOldImages)
            .build()?;
        let mut create = client
            .create_table()
            .table_name(table)
            .billing_mode(BillingMode::PayPerRequest)
            .set_stream_specification(followed.then_some(stream));
        for ((name, kind), role) in keys.iter().zip([KeyRole::Hash, KeyRole::Range]) {
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
        self.made.insert(id);
        Ok(())
    }
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
