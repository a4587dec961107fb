//! What people are shown of streams and shards.

use serde_json::json;
use tripline_core::name::StreamArn;
use tripline_core::view::ViewType;

use super::server::{Answer, Server};
use super::{clock, source};
use crate::{Source, SourceConfig};

fn arn(table: &str, label: &str) -> String {
    format!("arn:aws:dynamodb:eu-west-1:123456789012:table/{table}/stream/{label}")
}

#[tokio::test]
async fn every_shard_of_every_page_comes_with_its_range_and_parent() {
    let server = Server::start(|asked| {
        let shard = |id: &str, parent: Option<&str>, first: &str, last: Option<&str>| json!({ "ShardId": id, "ParentShardId": parent, "SequenceNumberRange": { "StartingSequenceNumber": first, "EndingSequenceNumber": last } });
        let (shards, last) = match asked.input["ExclusiveStartShardId"].as_str() {
            None => (vec![shard("a", Some("gone"), "1", Some("9"))], Some("a")),
            Some(_) => (vec![shard("b", Some("a"), "10", None), shard("c", Some("a"), "11", Some(""))], None),
        };
        Answer::json(json!({ "StreamDescription": {
            "StreamArn": arn("orders", "L"), "StreamLabel": "L", "TableName": "orders", "StreamStatus": "ENABLED",
            "StreamViewType": "OLD_IMAGE", "CreationRequestDateTime": 1.7e9, "Shards": shards, "LastEvaluatedShardId": last,
        } }))
    });
    let details = source(&server.endpoint()).details(&arn("orders", "L").into()).await.unwrap();
    let summary = &details.summary;
    assert_eq!((&*summary.table, &*summary.label, &*summary.status, summary.view), ("orders", "L", "ENABLED", Some(ViewType::OldImage)));
    assert_eq!(summary.created.map(|time| time.as_ms()), Some(1_700_000_000_000));
    assert!(summary.is_on());
    let shards = details.shards.iter().map(|shard| {
        let parent = shard.description.parent.as_ref().map_or("-", |parent| parent.as_str());
        format!("{}<{parent} {}..{}", shard.description.id, shard.first.as_deref().unwrap_or("-"), shard.last.as_deref().unwrap_or(""))
    });
    assert_eq!(shards.collect::<Vec<_>>(), ["a<gone 1..9", "b<a 10..", "c<a 11.."]);
}

#[tokio::test]
async fn an_account_lists_the_streams_of_all_tables_the_newest_of_each_first() {
    let server = Server::start(|asked| {
        assert_eq!(asked.input.get("TableName"), None);
        let (streams, last) = match asked.input["ExclusiveStartStreamArn"].as_str() {
            None => (vec![("users", "2024"), ("orders", "2023")], Some(arn("orders", "2023"))),
            Some(_) => (vec![("orders", "2025")], None),
        };
        let streams: Vec<_> = streams
            .iter()
            .map(|(table, label)| json!({ "StreamArn": arn(table, label), "TableName": table }))
            .collect();
        Answer::json(json!({ "Streams": streams, "LastEvaluatedStreamArn": last }))
    });
    let all = super::sdk_config();
    let config =
        SourceConfig { table: String::new(), region: "eu-west-1".to_owned(), endpoint: Some(server.endpoint()), streams_endpoint: None };
    let found = Source::new(&all, config, clock()).listed().await.unwrap();
    let expected = [arn("orders", "2025"), arn("orders", "2023"), arn("users", "2024")].map(StreamArn::from);
    assert_eq!(found, expected);
}
