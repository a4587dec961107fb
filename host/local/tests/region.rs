//! Regions as a client sees them: over HTTP, one beside the other, stopped and started again.

#![allow(clippy::unwrap_used, reason = "in the helpers of tests a panic is the failure")]

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use tripline_local::{LocalError, Region, RegionConfig};

/// One call of the API; panics unless the answer is a 200.
#[track_caller]
fn call(region: &Region, target: &str, body: &Value) -> Value {
    let address = region.endpoint().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    let body = body.to_string();
    write!(
        stream,
        "POST / HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.0\r\n\
         x-amz-target: {target}\r\nx-amz-date: 20260101T000000Z\r\n\
         authorization: AWS4-HMAC-SHA256 Credential=a/20260101/r/dynamodb/aws4_request, SignedHeaders=host, Signature=0\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{answer}");
    serde_json::from_str(body).unwrap()
}

fn create_table(region: &Region) {
    let table = json!({
        "TableName": "orders",
        "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
    });
    call(region, "DynamoDB_20120810.CreateTable", &table);
}

fn put(region: &Region, key: &str) {
    call(region, "DynamoDB_20120810.PutItem", &json!({ "TableName": "orders", "Item": { "pk": { "S": key } } }));
}

/// The keys of all records of `orders`, from the horizon.
fn stream(region: &Region) -> Vec<String> {
    let target = |operation: &str| format!("DynamoDBStreams_20120810.{operation}");
    let streams = call(region, &target("ListStreams"), &json!({ "TableName": "orders" }));
    let arn = &streams["Streams"][0]["StreamArn"];
    let described = call(region, &target("DescribeStream"), &json!({ "StreamArn": arn }));
    let shard = &described["StreamDescription"]["Shards"][0]["ShardId"];
    let from = json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" });
    let iterator = call(region, &target("GetShardIterator"), &from);
    let page = call(region, &target("GetRecords"), &json!({ "ShardIterator": iterator["ShardIterator"] }));
    let records = page["Records"].as_array().unwrap().iter();
    records.map(|record| record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap().to_owned()).collect()
}

fn start(name: &str, dir: &std::path::Path) -> Region {
    Region::start(RegionConfig::new(name, dir)).unwrap()
}

#[test]
fn two_regions_know_nothing_of_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let (eu, us) = (start("eu-west-1", dir.path()), start("us-east-1", dir.path()));
    for region in [&eu, &us] {
        create_table(region);
        put(region, region.name());
    }
    put(&eu, "more");
    assert_eq!(stream(&eu), ["eu-west-1", "more"]);
    assert_eq!(stream(&us), ["us-east-1"]);
}

#[test]
fn a_stopped_region_comes_back_with_its_tables_and_its_stream() {
    let dir = tempfile::tempdir().unwrap();
    let region = start("eu-west-1", dir.path());
    let address = region.endpoint();
    create_table(&region);
    put(&region, "a");
    drop(region);
    assert!(TcpStream::connect(address.trim_start_matches("http://")).is_err());
    let region = start("eu-west-1", dir.path());
    put(&region, "b");
    assert_eq!(stream(&region), ["a", "b"]);
}

/// A host's runtime of one thread: neither starting, stopping nor dropping may need it, and a client that has sent half a
/// request must not hold the stop up for ever.
#[tokio::test]
async fn regions_start_and_stop_inside_a_runtime() {
    let dir = tempfile::tempdir().unwrap();
    let region = start("eu-west-1", dir.path());
    let address = region.endpoint().trim_start_matches("http://").to_owned();
    let mut stuck = TcpStream::connect(&address).unwrap();
    stuck.write_all(b"POST / HTTP/1.1\r\ncontent-length: 100\r\n\r\nhalf").unwrap();
    // Connections are taken in order: the region has the stuck one by now.
    create_table(&region);
    region.stop().await;
    assert!(TcpStream::connect(&address).is_err());
    drop(start("eu-west-1", dir.path()));
}

#[test]
fn says_why_it_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let region = start("eu-west-1", dir.path());
    let listen = region.endpoint().trim_start_matches("http://").parse().unwrap();
    let taken = Region::start(RegionConfig { listen, ..RegionConfig::new("us-east-1", dir.path()) }).unwrap_err();
    assert!(matches!(&taken, LocalError::Listen { address, .. } if *address == listen), "{taken}");

    for name in ["", "../eu", "EU", "eu west"] {
        let illegal = Region::start(RegionConfig::new(name, dir.path())).unwrap_err();
        assert!(matches!(&illegal, LocalError::Name(given) if given == name), "{illegal}");
    }

    std::fs::write(dir.path().join("eu-west-2.sqlite"), "not a database, but long enough to be read as the head of one").unwrap();
    let broken = Region::start(RegionConfig::new("eu-west-2", dir.path())).unwrap_err();
    assert!(matches!(&broken, LocalError::Open { .. }) && broken.to_string().contains("eu-west-2.sqlite"), "{broken}");
}
