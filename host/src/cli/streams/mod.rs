//! `tripline streams`: the streams of the config, or of an account, as they are: listed, described, watched, turned on and off.
//!
//! Always holds: what only looks changes nothing; a shard that the running host reads gets no second reader unless somebody asks for it.

mod describe;
mod direct;
mod gaps;
mod list;
mod show;
mod switch;
mod tail;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use tripline_core::name::StreamName;
use tripline_core::view::ViewType;
use tripline_stream::{Source, SourceConfig};

use super::ConfigFile;
use crate::aws::Aws;
use crate::clock;
use crate::config::{Config, Connection, StreamConfig, is_loopback};
use crate::sources;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the streams of the config; with --region, --endpoint or --profile, all streams there.
    List(list::Options),
    /// Print a stream's shards as a tree, with how far each trigger has come.
    Describe(describe::Options),
    /// Print changes as they come.
    Tail(tail::Options),
    /// Give a table a stream.
    Enable(switch::EnableOptions),
    /// Turn a table's stream off.
    Disable(switch::DisableOptions),
}

pub(crate) async fn run(command: &Command) -> Result<()> {
    match command {
        Command::List(options) => list::run(options).await,
        Command::Describe(options) => describe::run(options).await,
        Command::Tail(options) => tail::run(options).await,
        Command::Enable(options) => switch::enable(options).await,
        Command::Disable(options) => switch::disable(options).await,
    }
}

/// Where streams are looked for.
#[derive(Args, Debug)]
struct Place {
    #[command(flatten)]
    file: ConfigFile,
    /// Not the config's streams but those of this region.
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Not the config's streams but those of this endpoint.
    #[arg(long, value_name = "URL", requires = "region")]
    endpoint: Option<String>,
    /// Not the config's streams but those that this profile of the AWS files reaches.
    #[arg(long, value_name = "PROFILE")]
    profile: Option<String>,
}

/// A table's streams, reached.
#[derive(Clone, Debug)]
struct Reached {
    /// In the config; none where it is no stream of it.
    name: Option<StreamName>,
    table: String,
    region: String,
    endpoint: Option<String>,
    /// Where the host of the config keeps what it knows.
    data_dir: Option<PathBuf>,
    source: Arc<Source>,
}

impl Place {
    fn is_elsewhere(&self) -> bool {
        self.region.is_some() || self.endpoint.is_some() || self.profile.is_some()
    }

    fn config(&self) -> Result<Config> {
        let without = || {
            let file = self.file.config.display();
            format!("the streams of {file}; for those of an account, give --region, --profile or --endpoint")
        };
        self.file.load().with_context(without)
    }

    /// Every stream of the config, in the order of names.
    async fn all(&self) -> Result<Vec<Reached>> {
        let config = self.config()?;
        let aws = Aws::new();
        let mut all = Vec::new();
        for stream in config.streams.values() {
            all.push(Reached::of_config(&aws, stream, &config.host.data_dir).await?);
        }
        Ok(all)
    }

    /// `name` is a stream of the config; elsewhere, a table.
    async fn one(&self, name: &str) -> Result<Reached> {
        if self.is_elsewhere() {
            return self.elsewhere(name).await;
        }
        let config = self.config()?;
        let Some(stream) = config.streams.get(&StreamName::from(name)) else {
            let known: Vec<_> = config.streams.keys().map(StreamName::as_str).collect();
            let file = self.file.config.display();
            bail!(
                "{file} has no stream `{name}`: it has {}; for a table that is not in it, give --region, --profile or --endpoint",
                known.join(", ")
            );
        };
        Reached::of_config(&Aws::new(), stream, &config.host.data_dir).await
    }

    /// A table by its name; empty: all tables.
    async fn elsewhere(&self, table: &str) -> Result<Reached> {
        let connection = Connection {
            region: self.region.clone(),
            endpoint: self.endpoint.as_deref().map(|endpoint| endpoint.trim_end_matches('/').to_owned()),
            profile: self.profile.clone(),
            role_arn: None,
        };
        let aws = Aws::new().config(&connection).await;
        let region = aws
            .region()
            .context("there is no region: give --region, or set AWS_REGION or the profile's")?
            .to_string();
        let endpoint = connection.endpoint;
        let config = SourceConfig { table: table.to_owned(), region: region.clone(), endpoint: endpoint.clone(), streams_endpoint: None };
        let source = Arc::new(Source::new(&aws, config, clock::shared()));
        Ok(Reached { name: None, table: table.to_owned(), region, endpoint, data_dir: None, source })
    }
}

impl Reached {
    async fn of_config(aws: &Aws, stream: &StreamConfig, data_dir: &Path) -> Result<Self> {
        let place = format!("streams.{}", stream.name);
        let source = sources::source(aws, stream).await.ok_or_else(|| anyhow!(sources::no_region(&place)))?;
        let region = aws.config(&stream.connection).await.region().map(ToString::to_string);
        Ok(Self {
            name: Some(stream.name.clone()),
            table: stream.table.clone(),
            region: region.unwrap_or_default(),
            endpoint: stream.streams_endpoint.clone().or_else(|| stream.connection.endpoint.clone()),
            data_dir: Some(data_dir.to_owned()),
            source: Arc::new(source),
        })
    }

    /// As the user called it.
    fn called(&self) -> &str {
        self.name.as_ref().map_or(&self.table, StreamName::as_str)
    }

    /// Whether calls cost nothing but this machine's time.
    fn is_local(&self) -> bool {
        self.endpoint.as_deref().is_some_and(is_loopback)
    }
}

pub(crate) fn view(text: &str) -> Result<ViewType, String> {
    ViewType::from_config(text).ok_or_else(|| {
        let all: Vec<_> = ViewType::ALL.iter().map(|view| view.as_config()).collect();
        format!("a view is one of {}", all.join(", "))
    })
}
