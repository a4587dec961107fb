//! The four operations of DynamoDB Streams between JSON and the world.

use serde_json::{Value, json};

use super::params::{Params, missing};
use super::tables::{key_schema, seconds};
use super::world::{ApiError, GetRecords, IteratorKind, ListStreams, ShardShown, StreamPage, World};

/// The answer's JSON.
pub(super) fn answer(world: &mut World, operation: &str, params: &Params, now_ms: u64) -> Result<String, ApiError> {
    match operation {
        "ListStreams" => list(world, params, now_ms),
        "DescribeStream" => describe(world, params, now_ms),
        "GetShardIterator" => iterator(world, params, now_ms),
        "GetRecords" => {
            params.only(operation, &["ShardIterator", "Limit"])?;
            let request = GetRecords { iterator: params.required("ShardIterator")?, limit: params.number("Limit")? };
            world.get_records(&request, now_ms).map(|page| page.body)
        }
        _ => Err(ApiError::new("UnknownOperationException", format!("DynamoDB Streams has no operation {operation}"))),
    }
}

fn list(world: &mut World, params: &Params, now_ms: u64) -> Result<String, ApiError> {
    params.only("ListStreams", &["TableName", "Limit", "ExclusiveStartStreamArn"])?;
    let table = params.text("TableName")?;
    let request = ListStreams { table, limit: params.number("Limit")?, after: params.text("ExclusiveStartStreamArn")? };
    let listed = world.list_streams(&request, now_ms)?;
    let shown = listed.streams.iter();
    let streams: Vec<Value> = shown
        .map(|stream| json!({ "StreamArn": *stream.arn, "StreamLabel": *stream.label, "TableName": *stream.table }))
        .collect();
    let mut answer = json!({ "Streams": streams });
    if let Some(last) = listed.last {
        answer["LastEvaluatedStreamArn"] = Value::from(&*last);
    }
    Ok(answer.to_string())
}

fn describe(world: &mut World, params: &Params, now_ms: u64) -> Result<String, ApiError> {
    params.only("DescribeStream", &["StreamArn", "Limit", "ExclusiveStartShardId", "ShardFilter"])?;
    let children_of = match params.object("ShardFilter")? {
        None => None,
        Some(filter) if filter.get("Type").and_then(Value::as_str) == Some("CHILD_SHARDS") => {
            Some(filter.get("ShardId").and_then(Value::as_str).ok_or_else(|| missing("shardFilter.shardId"))?)
        }
        Some(_) => return Err(ApiError::validation("A ShardFilter's Type is CHILD_SHARDS")),
    };
    let request = StreamPage {
        arn: params.required("StreamArn")?,
        limit: params.number("Limit")?,
        after: params.text("ExclusiveStartShardId")?,
        children_of,
    };
    let page = world.describe_stream(&request, now_ms)?;
    let mut description = json!({
        "StreamArn": *page.arn,
        "StreamLabel": *page.label,
        "StreamStatus": page.status.as_str(),
        "StreamViewType": page.view.as_str(),
        "CreationRequestDateTime": seconds(page.created_ms),
        "TableName": *page.table,
        "KeySchema": key_schema(&page.schema),
        "Shards": page.shards.iter().map(shard).collect::<Vec<_>>(),
    });
    if let Some(last) = page.last {
        description["LastEvaluatedShardId"] = Value::from(&*last);
    }
    Ok(json!({ "StreamDescription": description }).to_string())
}

fn shard(shown: &ShardShown) -> Value {
    let mut range = json!({ "StartingSequenceNumber": shown.starting.to_string() });
    if let Some(ending) = shown.ending {
        range["EndingSequenceNumber"] = Value::from(ending.to_string());
    }
    let mut shard = json!({ "ShardId": *shown.id, "SequenceNumberRange": range });
    if let Some(parent) = &shown.parent {
        shard["ParentShardId"] = Value::from(&**parent);
    }
    shard
}

fn iterator(world: &mut World, params: &Params, now_ms: u64) -> Result<String, ApiError> {
    params.only("GetShardIterator", &["StreamArn", "ShardId", "ShardIteratorType", "SequenceNumber"])?;
    let kind = IteratorKind::parse(params.required("ShardIteratorType")?, params.text("SequenceNumber")?)?;
    let iterator = world.get_shard_iterator(params.required("StreamArn")?, params.required("ShardId")?, kind, now_ms)?;
    Ok(json!({ "ShardIterator": iterator }).to_string())
}
