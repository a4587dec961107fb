//! The scripted endpoint as a client meets it: every operation, every header, every fault acted out on the wire.

#![allow(clippy::unwrap_used, reason = "in the helpers of tests a panic is the failure")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tripline_local::scripted::world::{Faults, PerCall};
use tripline_local::scripted::{ClockConfig, Scripted, ScriptedConfig};

/// 2025-06-15, 15:06:40 UTC.
const START_MS: u64 = 1_750_000_000_000;

/// With a clock that stands.
fn start(faults: Faults) -> Scripted {
    let clock = ClockConfig { start_ms: Some(START_MS), rate: 0 };
    Scripted::start(ScriptedConfig { faults, clock, shards: 2, ..ScriptedConfig::default() }).unwrap()
}

/// All bytes that come back, to the end of the connection.
fn exchange(scripted: &Scripted, target: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(scripted.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    write!(
        stream,
        "POST / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.0\r\nx-amz-target: {target}\r\n\
         content-length: {}\r\n\r\n{body}",
        scripted.address(),
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// `PutItem` of DynamoDB, else of DynamoDB Streams.
fn target(operation: &str) -> String {
    let streams = ["ListStreams", "DescribeStream", "GetShardIterator", "GetRecords"];
    format!("DynamoDB{}_20120810.{operation}", if streams.contains(&operation) { "Streams" } else { "" })
}

/// Status and body.
fn call(scripted: &Scripted, operation: &str, body: &Value) -> (u16, Value) {
    let answer = exchange(scripted, &target(operation), &body.to_string());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{operation}: no answer: {answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::from(body)))
}

#[track_caller]
fn ok(scripted: &Scripted, operation: &str, body: &Value) -> Value {
    let (status, answer) = call(scripted, operation, body);
    assert_eq!(status, 200, "{operation}: {answer}");
    answer
}

/// The error's code without its namespace.
#[track_caller]
fn refused(scripted: &Scripted, operation: &str, body: &Value) -> String {
    let (status, answer) = call(scripted, operation, body);
    assert!(status >= 400 && answer["message"].is_string(), "{operation}: {status} {answer}");
    answer["__type"].as_str().unwrap().split_once('#').unwrap().1.to_owned()
}

fn table() -> Value {
    json!({
        "TableName": "orders",
        "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }, { "AttributeName": "at", "KeyType": "RANGE" }],
        "AttributeDefinitions": [{ "AttributeName": "at", "AttributeType": "N" }, { "AttributeName": "id", "AttributeType": "S" }],
        "BillingMode": "PAY_PER_REQUEST",
        "StreamSpecification": { "StreamEnabled": true, "StreamViewType": "NEW_AND_OLD_IMAGES" },
    })
}

fn item(id: &str, at: u32, total: u32) -> Value {
    json!({ "id": { "S": id }, "at": { "N": at.to_string() }, "total": { "N": total.to_string() } })
}

fn key(id: &str, at: u32) -> Value {
    json!({ "id": { "S": id }, "at": { "N": at.to_string() } })
}

fn put(scripted: &Scripted, item: Value) {
    ok(scripted, "PutItem", &json!({ "TableName": "orders", "Item": item }));
}

/// The ARN of the table's `index`-th stream, and its shards.
fn stream(scripted: &Scripted, index: usize) -> (String, Vec<Value>) {
    let listed = ok(scripted, "ListStreams", &json!({ "TableName": "orders" }));
    let arn = listed["Streams"][index]["StreamArn"].as_str().unwrap().to_owned();
    let described = ok(scripted, "DescribeStream", &json!({ "StreamArn": arn }));
    (arn, described["StreamDescription"]["Shards"].as_array().unwrap().clone())
}

/// `INSERT a/1` of every record of a stream, shard by shard, and whether each shard ended.
fn records(scripted: &Scripted, index: usize) -> (Vec<String>, Vec<bool>) {
    let (arn, shards) = stream(scripted, index);
    let (mut seen, mut ended) = (Vec::new(), Vec::new());
    for shard in shards {
        let from = json!({ "StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON" });
        let iterator = ok(scripted, "GetShardIterator", &from)["ShardIterator"].clone();
        let page = ok(scripted, "GetRecords", &json!({ "ShardIterator": iterator }));
        seen.extend(page["Records"].as_array().unwrap().iter().map(|record| {
            let keys = &record["dynamodb"]["Keys"];
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            format!("{} {}/{}", text(&record["eventName"]), text(&keys["id"]["S"]), text(&keys["at"]["N"]))
        }));
        ended.push(page["NextShardIterator"].is_null());
    }
    (seen, ended)
}

#[test]
fn a_table_is_made_written_read_and_deleted() {
    let scripted = start(Faults::default());
    let made = ok(&scripted, "CreateTable", &table());
    assert_eq!(made["TableDescription"]["TableStatus"], "ACTIVE");
    assert_eq!(refused(&scripted, "CreateTable", &table()), "ResourceInUseException");
    assert_eq!(ok(&scripted, "ListTables", &json!({})), json!({ "TableNames": ["orders"] }));
    put(&scripted, item("a", 1, 10));
    put(&scripted, item("a", 1, 10));
    put(&scripted, item("a", 2, 20));
    let old = json!({ "TableName": "orders", "Item": item("a", 1, 11), "ReturnValues": "ALL_OLD" });
    assert_eq!(ok(&scripted, "PutItem", &old), json!({ "Attributes": item("a", 1, 10) }));
    let of = |key: Value| json!({ "TableName": "orders", "Key": key });
    assert_eq!(ok(&scripted, "GetItem", &of(key("a", 1))), json!({ "Item": item("a", 1, 11) }));
    assert_eq!(ok(&scripted, "GetItem", &of(key("b", 1))), json!({}));
    ok(&scripted, "DeleteItem", &of(key("a", 2)));
    let writes = json!([{ "PutRequest": { "Item": item("a", 3, 30) } }, { "DeleteRequest": { "Key": key("a", 1) } }]);
    ok(&scripted, "BatchWriteItem", &json!({ "RequestItems": { "orders": writes } }));
    assert_eq!(ok(&scripted, "Scan", &json!({ "TableName": "orders" }))["Items"], json!([item("a", 3, 30)]));
    // The second put of the same item is no change.
    let (seen, _) = records(&scripted, 0);
    assert_eq!(seen, ["INSERT a/1", "INSERT a/2", "MODIFY a/1", "REMOVE a/2", "INSERT a/3", "REMOVE a/1"]);
    let described = ok(&scripted, "DescribeTable", &json!({ "TableName": "orders" }));
    assert_eq!(described["Table"]["LatestStreamArn"], stream(&scripted, 0).0);
    assert_eq!(described["Table"]["KeySchema"][1], json!({ "AttributeName": "at", "KeyType": "RANGE" }));
    ok(&scripted, "DeleteTable", &json!({ "TableName": "orders" }));
    assert_eq!(refused(&scripted, "DescribeTable", &json!({ "TableName": "orders" })), "ResourceNotFoundException");
    assert_eq!(records(&scripted, 0).1, [true, true], "a deleted table's stream closes and stays");
}

#[test]
fn scans_and_lists_come_in_pages() {
    let scripted = start(Faults::default());
    for name in ["orders", "users", "zebras"] {
        let mut table = table();
        table["TableName"] = Value::from(name);
        ok(&scripted, "CreateTable", &table);
    }
    let first = ok(&scripted, "ListTables", &json!({ "Limit": 2 }));
    assert_eq!(first, json!({ "TableNames": ["orders", "users"], "LastEvaluatedTableName": "users" }));
    assert_eq!(ok(&scripted, "ListTables", &json!({ "ExclusiveStartTableName": "users" })), json!({ "TableNames": ["zebras"] }));
    for at in 0..5 {
        put(&scripted, item("a", at, 0));
    }
    let (mut after, mut counts) = (Value::Null, Vec::new());
    for _ in 0..3 {
        let page = ok(&scripted, "Scan", &json!({ "TableName": "orders", "Limit": 2, "ExclusiveStartKey": after }));
        counts.push(page["Count"].clone());
        after = page["LastEvaluatedKey"].clone();
    }
    assert_eq!((counts, after), (vec![json!(2), json!(2), json!(1)], Value::Null));
    let page = ok(&scripted, "ListStreams", &json!({ "Limit": 2 }));
    let rest = ok(&scripted, "ListStreams", &json!({ "ExclusiveStartStreamArn": page["LastEvaluatedStreamArn"] }));
    assert_eq!((page["Streams"].as_array().unwrap().len(), rest["Streams"].as_array().unwrap().len()), (2, 1));
}

#[test]
fn streams_are_switched_and_shards_split() {
    let scripted = start(Faults::default());
    ok(&scripted, "CreateTable", &table());
    put(&scripted, item("a", 1, 1));
    scripted.world(|world, now_ms| {
        let open: Vec<_> = world.shards_open("orders").collect();
        world.split(open[0], now_ms).unwrap();
        world.roll(open[1], now_ms).unwrap();
    });
    put(&scripted, item("a", 1, 2));
    let (arn, shards) = stream(&scripted, 0);
    let parents: Vec<bool> = shards.iter().map(|shard| shard["ParentShardId"].is_string()).collect();
    let closed: Vec<bool> = shards
        .iter()
        .map(|shard| shard["SequenceNumberRange"]["EndingSequenceNumber"].is_string())
        .collect();
    assert_eq!(parents, [false, false, true, true, true]);
    assert_eq!(closed, [true, true, false, false, false]);
    let filter = json!({ "Type": "CHILD_SHARDS", "ShardId": shards[0]["ShardId"] });
    let children = ok(&scripted, "DescribeStream", &json!({ "StreamArn": arn, "ShardFilter": filter, "Limit": 1 }));
    let children = &children["StreamDescription"];
    assert_eq!((children["Shards"].as_array().unwrap().len(), &children["LastEvaluatedShardId"]), (1, &shards[2]["ShardId"]));
    assert_eq!(children["Shards"][0]["ParentShardId"], shards[0]["ShardId"]);

    let switch = |specification: Value| json!({ "TableName": "orders", "StreamSpecification": specification });
    ok(&scripted, "UpdateTable", &switch(json!({ "StreamEnabled": false })));
    assert_eq!(records(&scripted, 0).1, [true; 5]);
    ok(&scripted, "UpdateTable", &switch(json!({ "StreamEnabled": true, "StreamViewType": "KEYS_ONLY" })));
    assert_eq!(
        refused(&scripted, "UpdateTable", &switch(json!({ "StreamEnabled": true, "StreamViewType": "KEYS_ONLY" }))),
        "ValidationException"
    );
    put(&scripted, item("a", 1, 3));
    assert_eq!(records(&scripted, 1).0, ["MODIFY a/1"]);
    let described = ok(&scripted, "DescribeStream", &json!({ "StreamArn": arn }));
    assert_eq!(described["StreamDescription"]["StreamStatus"], "DISABLED");
}

#[test]
fn the_clock_is_the_worlds() {
    let scripted = start(Faults::default());
    ok(&scripted, "CreateTable", &table());
    put(&scripted, item("a", 1, 1));
    let date = |scripted: &Scripted| {
        let answer = exchange(scripted, &target("ListStreams"), "{}");
        answer.lines().find_map(|line| line.strip_prefix("date: ")).unwrap().to_owned()
    };
    assert_eq!(date(&scripted), "Sun, 15 Jun 2025 15:06:40 GMT");
    let (arn, shards) = stream(&scripted, 0);
    let from = json!({ "StreamArn": arn, "ShardId": shards[0]["ShardId"], "ShardIteratorType": "TRIM_HORIZON" });
    let iterator = ok(&scripted, "GetShardIterator", &from);
    scripted.advance(Duration::from_secs(15 * 60));
    assert_eq!(refused(&scripted, "GetRecords", &json!({ "ShardIterator": iterator["ShardIterator"] })), "ExpiredIteratorException");
    scripted.advance(Duration::from_secs(24 * 60 * 60));
    assert_eq!(records(&scripted, 0).0, Vec::<String>::new());
    assert_eq!(date(&scripted), "Mon, 16 Jun 2025 15:21:40 GMT");
    // A minute passes within a second.
    let before = scripted.now_ms();
    let begun = Instant::now();
    scripted.set_rate(6000);
    while scripted.now_ms() < before + 60_000 {
        assert!(begun.elapsed() < Duration::from_secs(60), "the clock stands");
        std::thread::yield_now();
    }
    assert!(begun.elapsed() >= Duration::from_millis(10));
}

#[test]
fn headers_are_those_of_the_protocol() {
    let scripted = start(Faults::default());
    let answer = exchange(&scripted, &target("ListTables"), "{}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.strip_prefix(&format!("{name}: ")))
            .unwrap_or_else(|| panic!("no {name}: {head}"))
    };
    assert_eq!(header("content-type"), "application/x-amz-json-1.0");
    assert_eq!(header("x-amz-crc32"), crc32(body.as_bytes()).to_string());
    assert_eq!(header("x-amzn-requestid").len(), 52);
    assert_eq!(header("content-length"), body.len().to_string());
}

/// Bit by bit, unlike the server's.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes
        .iter()
        .fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }))
}

#[test]
fn what_it_cannot_do_it_refuses() {
    let scripted = start(Faults::default());
    ok(&scripted, "CreateTable", &table());
    let key = key("a", 1);
    for (operation, body, code) in [
        ("UpdateItem", json!({}), "UnknownOperationException"),
        ("PutItem", json!({ "TableName": "orders", "Item": item("a", 1, 1), "ConditionExpression": "x" }), "ValidationException"),
        ("PutItem", json!({ "TableName": "orders", "Item": { "id": { "S": "a" } } }), "ValidationException"),
        ("PutItem", json!({ "TableName": "none", "Item": item("a", 1, 1) }), "ResourceNotFoundException"),
        ("GetItem", json!({ "TableName": "orders", "Key": { "id": { "S": "a" } } }), "ValidationException"),
        ("GetItem", json!({ "TableName": "orders", "Key": item("a", 1, 1) }), "ValidationException"),
        ("GetItem", json!({ "Key": key }), "ValidationException"),
        ("DeleteItem", json!({ "TableName": 7, "Key": key }), "ValidationException"),
        ("Scan", json!({ "TableName": "orders", "FilterExpression": "x" }), "ValidationException"),
        ("UpdateTable", json!({ "TableName": "orders", "BillingMode": "PROVISIONED" }), "ValidationException"),
        ("UpdateTable", json!({ "TableName": "orders" }), "ValidationException"),
        ("CreateTable", json!({ "TableName": "x", "GlobalSecondaryIndexes": [] }), "ValidationException"),
        ("CreateTable", json!({ "TableName": "x", "KeySchema": [{ "AttributeName": "a", "KeyType": "HASH" }] }), "ValidationException"),
        ("BatchWriteItem", json!({ "RequestItems": { "orders": [] } }), "ValidationException"),
        (
            "BatchWriteItem",
            json!({ "RequestItems": { "orders": [{ "DeleteRequest": { "Key": key } }, { "DeleteRequest": { "Key": key } }] } }),
            "ValidationException",
        ),
        ("DescribeStream", json!({ "StreamArn": "arn:none" }), "ResourceNotFoundException"),
        ("DescribeStream", json!({ "StreamArn": "arn:none", "ShardFilter": { "Type": "X" } }), "ValidationException"),
        (
            "GetShardIterator",
            json!({ "StreamArn": "arn:none", "ShardId": "x", "ShardIteratorType": "LATEST" }),
            "ResourceNotFoundException",
        ),
        ("GetShardIterator", json!({ "StreamArn": "a", "ShardId": "x", "ShardIteratorType": "AT_TIMESTAMP" }), "ValidationException"),
        ("GetRecords", json!({ "ShardIterator": "x" }), "ValidationException"),
        ("GetRecords", json!([]), "SerializationException"),
    ] {
        assert_eq!(refused(&scripted, operation, &body), code, "{operation} {body}");
    }
    assert!(exchange(&scripted, "Other_1.ListTables", "{}").contains("UnknownOperationException"));
    assert!(exchange(&scripted, &target("ListTables"), "{").contains("SerializationException"));
}

#[test]
fn faults_are_acted_out() {
    let off = Faults::default();
    let acted = |faults: Faults| {
        let scripted = start(faults);
        ok(&scripted, "CreateTable", &table());
        let begun = Instant::now();
        (exchange(&scripted, &target("ListStreams"), "{}"), begun.elapsed())
    };
    let promised =
        |answer: &str| -> usize { answer.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap() };

    let (answer, _) = acted(Faults { server_error: PerCall::all(1.0), ..off.clone() });
    assert!(answer.starts_with("HTTP/1.1 50") && answer.contains("__type"), "{answer}");
    let (answer, _) = acted(Faults { throttle: PerCall::all(1.0), ..off.clone() });
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("Exce"), "{answer}");
    let (answer, _) = acted(Faults { html: 1.0, ..off.clone() });
    assert!(answer.starts_with("HTTP/1.1 50") && answer.contains("content-type: text/html") && answer.ends_with("</html>"), "{answer}");
    let (answer, _) = acted(Faults { no_answer: 1.0, ..off.clone() });
    assert_eq!(answer, "");
    let (answer, _) = acted(Faults { cut_off: 1.0, ..off.clone() });
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    assert!(answer.starts_with("HTTP/1.1 200") && body.len() == promised(&answer) / 2 && !body.is_empty(), "{answer}");
    // Between 1 and 200 milliseconds, of 20 answers surely not all within 10.
    let scripted = start(Faults { slow: 1.0, slow_ms_max: 200, ..off });
    let begun = Instant::now();
    for _ in 0..20 {
        ok(&scripted, "ListStreams", &json!({}));
    }
    assert!(begun.elapsed() > Duration::from_millis(200), "{:?}", begun.elapsed());
    // Whoever writes is spared.
    let scripted = start(Faults::all(1.0));
    ok(&scripted, "CreateTable", &table());
    put(&scripted, item("a", 1, 1));
}

#[test]
fn limits_are_those_of_real_time() {
    let scripted = Scripted::start(ScriptedConfig { limit_calls: true, ..ScriptedConfig::default() }).unwrap();
    // Six at once, an hour of the world's time apart. A machine may be too busy to make six calls a second: then again.
    for _ in 0..60 {
        let begun = Instant::now();
        let answers: Vec<(u16, Value)> = (0..6)
            .map(|_| {
                scripted.advance(Duration::from_secs(3600));
                call(&scripted, "ListStreams", &json!({}))
            })
            .collect();
        if begun.elapsed() < Duration::from_millis(900) {
            let (status, body) = answers.last().unwrap();
            assert_eq!((*status, body["__type"].as_str()), (400, Some("com.amazon.coral.availability#ThrottlingException")));
            return;
        }
    }
    panic!("six calls never took less than a second");
}

#[tokio::test]
async fn it_stops() {
    let scripted = start(Faults::default());
    let address = scripted.address();
    // An idle connection does not hold it up.
    let idle = TcpStream::connect(address).unwrap();
    scripted.stop().await;
    assert!(TcpStream::connect(address).is_err());
    drop(idle);
    let address = {
        let dropped = start(Faults::default());
        dropped.address()
    };
    assert!(TcpStream::connect(address).is_err());
}
