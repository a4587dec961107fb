//! Streams as people look at them: every stream of a table or an account, and every shard of a stream with all that DescribeStream says.
//!
//! Always holds: nothing is read that would count against a shard's readers, but where `is_open` is asked, and there one page.

use aws_sdk_dynamodbstreams::types::{Shard, StreamDescription};
use tripline_core::name::{ShardId, StreamArn};
use tripline_core::port::{FindError, ReadError, StreamInfo, StreamSource};
use tripline_core::shard_graph::ShardDescription;
use tripline_core::time::Timestamp;
use tripline_core::view::ViewType;

use crate::find::label;
use crate::source::Source;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSummary {
    pub arn: StreamArn,
    /// What tells the streams of one table apart.
    pub label: Box<str>,
    pub table: Box<str>,
    /// ENABLING, ENABLED, DISABLING, DISABLED; as the endpoint spells it.
    pub status: Box<str>,
    /// None: the endpoint names none that this host knows.
    pub view: Option<ViewType>,
    pub created: Option<Timestamp>,
}

impl StreamSummary {
    /// Whether changes still come.
    pub fn is_on(&self) -> bool {
        matches!(&*self.status, "ENABLED" | "ENABLING")
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamDetails {
    pub summary: StreamSummary,
    pub shards: Vec<ShardDetails>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardDetails {
    pub description: ShardDescription,
    pub first: Option<Box<str>>,
    /// None: the shard is open. Some endpoints name one of an open shard too: see `Source::is_open`.
    pub last: Option<Box<str>>,
}

impl Source {
    /// Of the table, or of all tables where the source was given none. The newest of a table comes first.
    pub async fn listed(&self) -> Result<Vec<StreamArn>, ReadError> {
        let streams = self.list_streams().await?;
        let mut arns: Vec<StreamArn> = streams
            .into_iter()
            .filter_map(|stream| stream.stream_arn)
            .filter(|arn| !arn.is_empty())
            .map(Into::into)
            .collect();
        arns.sort_by(|a, b| (table(a), label(b.as_str())).cmp(&(table(b), label(a.as_str()))));
        arns.dedup();
        Ok(arns)
    }

    /// The table's latest stream; where it has none, the error says what to do.
    pub async fn find(&self) -> Result<StreamInfo, FindError> {
        self.find_latest().await
    }

    pub async fn summary(&self, stream: &StreamArn) -> Result<StreamSummary, ReadError> {
        let call = self.streams_call("DescribeStream");
        self.limits.describe_stream().await;
        let answer = self.streams.describe_stream().stream_arn(stream.as_str()).limit(1).send().await;
        let description = answer.map_err(|error| call.error(&error))?.stream_description;
        let Some(description) = description else {
            return Err(call.unavailable("an answer without StreamDescription"));
        };
        Ok(summary(stream, &description))
    }

    pub async fn details(&self, stream: &StreamArn) -> Result<StreamDetails, ReadError> {
        let (description, shards) = self.described(stream).await?;
        Ok(StreamDetails { summary: summary(stream, &description), shards: shards.into_iter().map(shard).collect() })
    }

    /// Whether the shard's tip leads on: the one answer that no endpoint gives wrong. Takes one GetRecords call.
    pub async fn is_open(&self, stream: &StreamArn, shard: &ShardId) -> Result<bool, ReadError> {
        let tip = self.tip(stream, shard).await?;
        Ok(self.page(&tip).await?.next_iterator.is_some())
    }
}

fn summary(arn: &StreamArn, description: &StreamDescription) -> StreamSummary {
    let own = |text: Option<&str>, other: &str| text.filter(|text| !text.is_empty()).unwrap_or(other).into();
    let created = description.creation_request_date_time().and_then(|time| u64::try_from(time.to_millis().ok()?).ok());
    StreamSummary {
        arn: arn.clone(),
        label: own(description.stream_label(), label(arn.as_str())),
        table: own(description.table_name(), table(arn)),
        status: own(description.stream_status().map(|status| status.as_str()), "unknown"),
        view: description.stream_view_type().and_then(|view| ViewType::from_aws(view.as_str())),
        created: created.map(Timestamp::from_ms),
    }
}

fn shard(shard: Shard) -> ShardDetails {
    let some = |text: Option<String>| text.filter(|text| !text.is_empty());
    let range = shard.sequence_number_range;
    ShardDetails {
        description: ShardDescription {
            id: shard.shard_id.unwrap_or_default().into(),
            parent: some(shard.parent_shard_id).map(Into::into),
        },
        first: range.as_ref().and_then(|range| some(range.starting_sequence_number.clone())).map(Into::into),
        last: range.and_then(|range| some(range.ending_sequence_number)).map(Into::into),
    }
}

fn table(arn: &StreamArn) -> &str {
    crate::source::table_name(arn.as_str())
}
