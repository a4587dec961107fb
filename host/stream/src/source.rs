//! One table's streams: the four calls of the DynamoDB Streams API behind core's `StreamSource`.
//!
//! Invariant: every call ends within seconds, and paging ends however the endpoint answers.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodbstreams::operation::get_shard_iterator::builders::GetShardIteratorFluentBuilder;
use aws_sdk_dynamodbstreams::types::{Shard, ShardIteratorType, StreamDescription};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use tripline_core::name::{ShardId, StreamArn};
use tripline_core::port::{BoxFuture, FindError, Position, ReadError, StreamInfo, StreamSource};
use tripline_core::shard_graph::ShardDescription;
use tripline_core::slice::{Page, slice_page};
use tripline_core::time::Timestamp;
use tripline_wire::{Client, Slot};

use crate::clock::{Clock, StreamClock};
use crate::error::Call;
use crate::limits::Limits;

/// DescribeStream's and ListStreams' own maximum.
pub(crate) const PAGE_ITEMS_MAX: i32 = 100;
/// 100,000 shards, or streams of one table: no table has them, but an endpoint may be broken.
pub(crate) const PAGES_MAX: usize = 1000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceConfig {
    /// Name or ARN. Empty: no one table; only `Source::listed` and `Source::summary` make sense then.
    pub table: String,
    pub region: String,
    /// One for both APIs; none: what the `SdkConfig` says, else AWS's own.
    pub endpoint: Option<String>,
    /// Of DynamoDB Streams alone, before `endpoint`.
    pub streams_endpoint: Option<String>,
}

/// Reads the streams of one table. Cheap calls, no task of its own; connections are kept as long as it lives.
#[derive(Clone)]
pub struct Source {
    /// The table's name, also where the config has its ARN.
    table: Box<str>,
    /// As the config has it: the DynamoDB API takes either.
    table_or_arn: Box<str>,
    region: Box<str>,
    endpoint: Option<Box<str>>,
    streams_endpoint: Option<Box<str>>,
    pub(crate) streams: aws_sdk_dynamodbstreams::Client,
    pub(crate) tables: aws_sdk_dynamodb::Client,
    pub(crate) limits: Arc<Limits>,
    clock: StreamClock,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    pub(crate) connect: Duration,
    /// From the first byte sent to the last byte of the body.
    pub(crate) attempt: Duration,
}

const TIMEOUTS: Timeouts = Timeouts { connect: Duration::from_secs(3), attempt: Duration::from_secs(15) };

impl Source {
    /// Credentials, and the HTTP client for all but loopback endpoints, are those of `sdk_config`; its retries, timeouts and
    /// region are not used. `clock` is the one whose times `StreamSource::clock` is asked about.
    pub fn new(sdk_config: &SdkConfig, config: SourceConfig, clock: Clock) -> Self {
        Self::with_timeouts(sdk_config, config, clock, TIMEOUTS)
    }

    pub(crate) fn with_timeouts(sdk_config: &SdkConfig, config: SourceConfig, clock: Clock, timeouts: Timeouts) -> Self {
        let attempt = TimeoutConfig::builder()
            .connect_timeout(timeouts.connect)
            .operation_attempt_timeout(timeouts.attempt)
            .operation_timeout(timeouts.attempt)
            .build();
        let credentials = sdk_config.credentials_provider().unwrap_or_else(no_credentials);
        let shared = sdk_config
            .to_builder()
            .credentials_provider(credentials)
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(config.region.clone()))
            .retry_config(RetryConfig::disabled())
            .timeout_config(attempt)
            .build();
        let streams_endpoint = config.streams_endpoint.or_else(|| config.endpoint.clone());
        let clock = StreamClock::new(clock);
        let heard = clock.clone();
        let client = Client::new(sdk_config.http_client(), Arc::new(move |date| heard.heard(date)));
        let mut streams = aws_sdk_dynamodbstreams::config::Builder::from(&shared).http_client(client);
        if let Some(endpoint) = &streams_endpoint {
            streams = streams.endpoint_url(endpoint);
        }
        let limits = Limits::of(&config.region, streams_endpoint.as_deref().or(sdk_config.endpoint_url()));
        let mut tables = aws_sdk_dynamodb::config::Builder::from(&shared);
        if let Some(endpoint) = &config.endpoint {
            tables = tables.endpoint_url(endpoint);
        }
        Self {
            table: table_name(&config.table).into(),
            table_or_arn: config.table.into(),
            region: config.region.into(),
            endpoint: config.endpoint.map(Into::into),
            streams_endpoint: streams_endpoint.map(Into::into),
            streams: aws_sdk_dynamodbstreams::Client::from_conf(streams.build()),
            tables: aws_sdk_dynamodb::Client::from_conf(tables.build()),
            limits,
            clock,
        }
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    pub(crate) fn table_or_arn(&self) -> &str {
        &self.table_or_arn
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Of the DynamoDB API.
    pub(crate) fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    pub(crate) fn streams_call(&self, operation: &'static str) -> Call<'_> {
        let endpoint = self.streams_endpoint.as_deref();
        Call { operation, table: &self.table, region: &self.region, endpoint }
    }

    pub(crate) fn tables_call(&self, operation: &'static str) -> Call<'_> {
        Call { operation, table: &self.table, region: &self.region, endpoint: self.endpoint() }
    }

    async fn all_shards(&self, stream: &StreamArn) -> Result<Vec<ShardDescription>, ReadError> {
        let (_, shards) = self.described(stream).await?;
        let described = |shard: &Shard| ShardDescription {
            id: shard.shard_id().unwrap_or_default().into(),
            parent: shard.parent_shard_id().filter(|parent| !parent.is_empty()).map(Into::into),
        };
        Ok(shards.iter().map(described).collect())
    }

    /// All pages of DescribeStream: what the last one says of the stream, and every shard once, each with its ID.
    pub(crate) async fn described(&self, stream: &StreamArn) -> Result<(StreamDescription, Vec<Shard>), ReadError> {
        let call = self.streams_call("DescribeStream");
        let mut shards = Vec::new();
        let mut seen = HashSet::new();
        let mut asked = HashSet::new();
        let mut start: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let request = self.streams.describe_stream().stream_arn(stream.as_str()).limit(PAGE_ITEMS_MAX);
            let request = request.set_exclusive_start_shard_id(start);
            self.limits.describe_stream().await;
            let answer = request.send().await.map_err(|error| call.error(&error))?;
            let Some(mut description) = answer.stream_description else {
                return Err(call.unavailable("an answer without StreamDescription"));
            };
            for shard in description.shards.take().unwrap_or_default() {
                let Some(id) = shard.shard_id.clone().filter(|id| !id.is_empty()) else {
                    return Err(call.unavailable("a shard without ShardId"));
                };
                if seen.insert(id) {
                    shards.push(shard);
                }
            }
            // That there is one does not mean that more follow; one that was asked for before would go round for ever.
            match description.last_evaluated_shard_id.take().filter(|last| !last.is_empty()) {
                Some(last) if asked.insert(last.clone()) => start = Some(last),
                _ => return Ok((description, shards)),
            }
        }
        Err(call.unavailable(format_args!("more than {PAGES_MAX} pages of shards")))
    }

    /// An iterator at the shard's tip: of what is there already it shows nothing.
    pub async fn tip(&self, stream: &StreamArn, shard: &ShardId) -> Result<Box<str>, ReadError> {
        let request = self.streams.get_shard_iterator().stream_arn(stream.as_str()).shard_id(shard.as_str());
        self.opened(request.shard_iterator_type(ShardIteratorType::Latest)).await
    }

    async fn shard_iterator(&self, stream: &StreamArn, shard: &ShardId, from: &Position) -> Result<Box<str>, ReadError> {
        let request = self.streams.get_shard_iterator().stream_arn(stream.as_str()).shard_id(shard.as_str());
        let request = match from {
            Position::TrimHorizon => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
            Position::After(number) => request.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).sequence_number(number.as_str()),
        };
        self.opened(request).await
    }

    async fn opened(&self, request: GetShardIteratorFluentBuilder) -> Result<Box<str>, ReadError> {
        let call = self.streams_call("GetShardIterator");
        let answer = request.send().await.map_err(|error| call.error(&error))?;
        match answer.shard_iterator {
            Some(iterator) if !iterator.is_empty() => Ok(iterator.into()),
            _ => Err(call.unavailable("an answer without ShardIterator")),
        }
    }

    async fn records(&self, iterator: &str) -> Result<Page, ReadError> {
        let call = self.streams_call("GetRecords");
        let _body = self.limits.body().await;
        let slot = Slot::default();
        let carried = slot.clone();
        let request = self.streams.get_records().shard_iterator(iterator).customize();
        let sent = request.mutate_request(move |request| request.add_extension(carried.clone())).send();
        sent.await.map_err(|error| call.error(&error))?;
        let Some(body) = slot.into_body() else {
            return Err(call.unavailable("an answer that did not pass the connector"));
        };
        slice_page(body.into()).map_err(|error| call.unavailable(error))
    }
}

impl StreamSource for Source {
    fn latest(&self) -> BoxFuture<'_, Result<StreamInfo, FindError>> {
        Box::pin(self.find_latest())
    }

    fn streams(&self) -> BoxFuture<'_, Result<Vec<StreamArn>, FindError>> {
        Box::pin(self.find_all())
    }

    fn inspect<'a>(&'a self, stream: &'a StreamArn, latest: bool) -> BoxFuture<'a, Result<Option<StreamInfo>, ReadError>> {
        Box::pin(async move { if latest { self.find_open(stream).await } else { self.find_closing(stream).await } })
    }

    fn shards<'a>(&'a self, stream: &'a StreamArn) -> BoxFuture<'a, Result<Vec<ShardDescription>, ReadError>> {
        Box::pin(self.all_shards(stream))
    }

    fn iterator<'a>(&'a self, stream: &'a StreamArn, shard: &'a ShardId, from: &'a Position) -> BoxFuture<'a, Result<Box<str>, ReadError>> {
        Box::pin(self.shard_iterator(stream, shard, from))
    }

    fn page<'a>(&'a self, iterator: &'a str) -> BoxFuture<'a, Result<Page, ReadError>> {
        Box::pin(self.records(iterator))
    }

    fn clock(&self, now: Timestamp) -> Timestamp {
        self.clock.at(now)
    }
}

impl fmt::Debug for Source {
    /// Without the SDK's clients, whose config holds credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("table", &self.table_or_arn)
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .field("streams_endpoint", &self.streams_endpoint)
            .finish_non_exhaustive()
    }
}

/// Without any provider the SDK fails with an error of its own making, which nobody could tell from a lost connection.
fn no_credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(provide_credentials_fn(|| async { Err(CredentialsError::not_loaded("the host has configured none")) }))
}

/// `orders` of `arn:aws:dynamodb:eu-west-1:123456789012:table/orders`, with or without `/stream/…` behind it.
pub(crate) fn table_name(name_or_arn: &str) -> &str {
    let Some((_, path)) = name_or_arn.split_once(":table/") else {
        return name_or_arn;
    };
    path.split('/').next().unwrap_or(path)
}
