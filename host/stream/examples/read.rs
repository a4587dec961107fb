//! Reads a stream that it makes itself, against any DynamoDB: the check by hand against emulators.
//!
//! `cargo run -p tripline-stream --example read -- http://127.0.0.1:4566`. It makes, changes and drops the table
//! `tripline-read`, and prints what the source makes of each step; nothing is asserted.

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for the eyes: it prints, and ends at the first fault of its own")]

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification, StreamViewType,
};
use tripline_core::name::{ShardId, StreamArn};
use tripline_core::port::{Position, StreamSource};
use tripline_core::sequence::SequenceNumber;
use tripline_core::time::Timestamp;
use tripline_stream::{Source, SourceConfig};

const TABLE: &str = "tripline-read";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let endpoint = std::env::args().nth(1).expect("an endpoint, as http://127.0.0.1:4566");
    let credentials = Credentials::new("111111111111", "secret", None, None, "example");
    let sdk_config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build();
    let tables = aws_sdk_dynamodb::config::Builder::from(&sdk_config).endpoint_url(&endpoint).build();
    let tables = Client::from_conf(tables);
    let config = SourceConfig { table: TABLE.to_owned(), region: "eu-west-1".to_owned(), endpoint: Some(endpoint), streams_endpoint: None };
    // Nothing here asks what the stream's clock shows.
    let source = Source::new(&sdk_config, config, Arc::new(Timestamp::default));

    println!("no table: {:?}", source.latest().await);
    create(&tables).await;
    println!("no stream: {:?}", source.latest().await);
    set_stream(&tables, true).await;
    let info = source.latest().await.unwrap();
    println!("found: {info:?}");
    write(&tables).await;
    let last = read(&source, &info.arn, &Position::TrimHorizon).await;
    if let Some(last) = last {
        println!("-- after {last}");
        put(&tables, "after").await;
        read(&source, &info.arn, &Position::After(last)).await;
    }
    faults(&source, &info.arn).await;

    println!("-- disabled");
    set_stream(&tables, false).await;
    println!("latest: {:?}", source.latest().await);
    read(&source, &info.arn, &Position::TrimHorizon).await;
    println!("-- enabled again");
    set_stream(&tables, true).await;
    println!("latest: {:?}", source.latest().await);
    tables.delete_table().table_name(TABLE).send().await.unwrap();
    println!("-- dropped\nlatest: {:?}", source.latest().await);
    println!("shards: {:?}", source.shards(&info.arn).await);
}

async fn create(tables: &Client) {
    let key = AttributeDefinition::builder()
        .attribute_name("pk")
        .attribute_type(ScalarAttributeType::S)
        .build()
        .unwrap();
    let schema = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build().unwrap();
    let request = tables.create_table().table_name(TABLE).billing_mode(BillingMode::PayPerRequest);
    request.attribute_definitions(key).key_schema(schema).send().await.unwrap();
}

async fn set_stream(tables: &Client, enabled: bool) {
    let specification = StreamSpecification::builder().stream_enabled(enabled);
    let specification = specification
        .set_stream_view_type(enabled.then_some(StreamViewType::NewAndOldImages))
        .build()
        .unwrap();
    let result = tables.update_table().table_name(TABLE).stream_specification(specification).send().await;
    println!("update-table: {:?}", result.err());
}

async fn put(tables: &Client, key: &str) {
    let number = AttributeValue::N("12345678901234567890123456789012345678".to_owned());
    let request = tables.put_item().table_name(TABLE).item("pk", AttributeValue::S(key.to_owned()));
    let result = request.item("n", number).send().await;
    println!("put {key}: {:?}", result.err());
}

async fn write(tables: &Client) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let all = tables.put_item().table_name(TABLE).item("pk", text("é \" \\ \u{1} 😀"));
    let all = all.item("b", AttributeValue::B(Blob::new([0, 255, 254]))).item("bool", AttributeValue::Bool(true));
    let all = all
        .item("null", AttributeValue::Null(true))
        .item("ss", AttributeValue::Ss(vec!["a".to_owned(), "é".to_owned()]));
    let all = all.item("ns", AttributeValue::Ns(vec!["1".to_owned(), "-1e-130".to_owned()]));
    let all = all.item("bs", AttributeValue::Bs(vec![Blob::new([1]), Blob::new([2])])).item("empty", text(""));
    let all = all
        .item("l", AttributeValue::L(Vec::new()))
        .item("m", AttributeValue::M([("k".to_owned(), text("v"))].into()));
    let all = all.item("empty-map", AttributeValue::M(Default::default()));
    println!("put all: {:?}", all.send().await.err());
    put(tables, "a").await;
    put(tables, "a").await;
    let update = tables.update_item().table_name(TABLE).key("pk", text("a")).update_expression("SET x = :x");
    println!("update: {:?}", update.expression_attribute_values(":x", text("1")).send().await.err());
    println!("delete: {:?}", tables.delete_item().table_name(TABLE).key("pk", text("a")).send().await.err());
}

/// Every shard to its end, or until three pages in a row are empty.
async fn read(source: &Source, stream: &StreamArn, from: &Position) -> Option<SequenceNumber> {
    let mut last = None;
    let shards = source.shards(stream).await;
    println!("shards: {shards:?}");
    for shard in shards.unwrap_or_default() {
        let mut next = source.iterator(stream, &shard.id, from).await.map_err(|error| println!("iterator: {error:?}")).ok();
        let mut empty = 0;
        while let Some(iterator) = next.filter(|_| empty < 3) {
            let page = match source.page(&iterator).await {
                Ok(page) => page,
                Err(error) => {
                    println!("page: {error:?}");
                    break;
                }
            };
            empty = if page.changes.is_empty() { empty + 1 } else { 0 };
            for change in &page.changes {
                println!("{change:?} created {} size {}\n    {}", change.created, change.size_bytes, change.record_json());
                last = Some(change.sequence_number.clone());
            }
            println!(
                "page: {} changes, next is the same: {}, end: {}",
                page.changes.len(),
                page.next_iterator.as_ref() == Some(&iterator),
                page.next_iterator.is_none()
            );
            next = page.next_iterator;
        }
    }
    last
}

async fn faults(source: &Source, stream: &StreamArn) {
    println!("-- faults");
    println!("broken iterator: {:?}", source.page("no-iterator").await.err());
    println!("unknown stream: {:?}", source.shards(&StreamArn::from(format!("{stream}9"))).await);
    let unknown = ShardId::from("shardId-00000000000000000000-00000000");
    println!("unknown shard: {:?}", source.iterator(stream, &unknown, &Position::TrimHorizon).await);
    for shard in source.shards(stream).await.unwrap_or_default() {
        for number in ["000000000000000000001", "999999999999999999999999999999"] {
            let after = Position::After(SequenceNumber::parse(number).unwrap());
            println!("after {number}: {:?}", source.iterator(stream, &shard.id, &after).await);
        }
    }
}
