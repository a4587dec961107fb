//! The sliced path against the SDK's own typed output: the same bodies, over HTTP, field by field.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use aws_sdk_dynamodbstreams::operation::get_records::GetRecordsOutput;
use aws_sdk_dynamodbstreams::types::{AttributeValue, Record};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tripline_core::change::Change;
use tripline_core::port::StreamSource;
use tripline_core::slice::Page;

use super::server::{Answer, Server};
use super::{generate, source};

/// Serves `bodies`, the iterator being the position, and compares what each path makes of each.
async fn compare(bodies: Vec<String>) -> Seen {
    let bodies = Arc::new(bodies);
    let served = bodies.clone();
    let server = Server::start(move |asked| {
        let index: usize = asked.input["ShardIterator"].as_str().unwrap().parse().unwrap();
        let body = &served[index];
        Answer::json(body).header("x-amz-crc32", crc32fast::hash(body.as_bytes()))
    });
    let source = source(&server.endpoint());
    let mut seen = Seen::default();
    for (index, body) in bodies.iter().enumerate() {
        let sliced = source.page(&index.to_string()).await.unwrap();
        // Without a slot the connector leaves the body to the SDK.
        let typed = source.streams.get_records().shard_iterator(index.to_string()).send().await.unwrap();
        compare_pages(&sliced, &typed, body);
        seen.count(&typed);
    }
    seen
}

#[track_caller]
fn compare_pages(sliced: &Page, typed: &GetRecordsOutput, body: &str) {
    assert_eq!(sliced.len_bytes, body.len());
    assert_eq!(sliced.next_iterator.as_deref(), typed.next_shard_iterator(), "{body}");
    assert_eq!(sliced.changes.len(), typed.records().len(), "{body}");
    let parsed: Value = serde_json::from_str(body).unwrap();
    for (index, (change, record)) in sliced.changes.iter().zip(typed.records()).enumerate() {
        let parsed = &parsed["Records"][index];
        compare_records(change, record, body);
        compare_identities(change, record, &parsed["userIdentity"], body);
        assert_eq!(&json_of(change.record_json()), parsed, "{body}");
    }
}

#[track_caller]
fn compare_records(change: &Change, record: &Record, body: &str) {
    let data = record.dynamodb().unwrap();
    assert_eq!(Some(&*change.event_id), record.event_id(), "{body}");
    assert_eq!(Some(change.event_name.as_str()), record.event_name().map(|name| name.as_str()), "{body}");
    assert_eq!(Some(change.sequence_number.as_str()), data.sequence_number(), "{body}");
    assert_eq!(change.size_bytes as i64, data.size_bytes().unwrap_or(0), "{body}");
    let created = data.approximate_creation_date_time();
    let created = created.map_or(0, |time| time.secs() * 1000 + i64::from((time.subsec_nanos() + 500_000) / 1_000_000));
    assert_eq!(change.created.as_ms() as i64, created, "{body}");
    assert_eq!(Some(json_of(change.keys_json())), data.keys().map(item), "{body}");
    assert_eq!(change.new_image_json().map(json_of), data.new_image().map(item), "{body}");
    assert_eq!(change.old_image_json().map(json_of), data.old_image().map(item), "{body}");
}

/// The SDK reads the model's spelling alone, AWS sends the other: there the body itself is the reference.
#[track_caller]
fn compare_identities(change: &Change, record: &Record, parsed: &Value, body: &str) {
    let sliced = change.user_identity.as_ref().map(|identity| (&*identity.kind, &*identity.principal_id));
    let spelled = |kind: &str, principal_id: &str| Some((parsed[kind].as_str()?, parsed[principal_id].as_str()?));
    match spelled("type", "principalId") {
        Some(identity) => assert_eq!(sliced, Some(identity), "{body}"),
        None => {
            let typed = record
                .user_identity()
                .map(|identity| (identity.r#type().unwrap(), identity.principal_id().unwrap()));
            assert_eq!(sliced, typed, "{body}");
        }
    }
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn item(item: &HashMap<String, AttributeValue>) -> Value {
    item.iter().map(|(name, value)| (name.clone(), json_of_value(value))).collect()
}

/// DynamoDB JSON of a typed value.
fn json_of_value(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
        AttributeValue::Bool(flag) => json!({ "BOOL": flag }),
        AttributeValue::Null(flag) => json!({ "NULL": flag }),
        AttributeValue::Ss(texts) => json!({ "SS": texts }),
        AttributeValue::Ns(numbers) => json!({ "NS": numbers }),
        AttributeValue::Bs(blobs) => json!({ "BS": blobs.iter().map(|bytes| STANDARD.encode(bytes)).collect::<Vec<_>>() }),
        AttributeValue::L(values) => json!({ "L": values.iter().map(json_of_value).collect::<Vec<_>>() }),
        AttributeValue::M(values) => json!({ "M": item(values) }),
        other => panic!("an attribute type that the generator does not make: {other:?}"),
    }
}

/// What was compared, so that a generator that makes nothing is noticed.
#[derive(Debug, Default)]
struct Seen {
    records: usize,
    attributes: BTreeMap<&'static str, usize>,
    depth_max: usize,
}

impl Seen {
    fn count(&mut self, typed: &GetRecordsOutput) {
        for record in typed.records() {
            self.records += 1;
            let data = record.dynamodb().unwrap();
            let images = [data.keys(), data.new_image(), data.old_image()];
            for value in images.into_iter().flatten().flat_map(HashMap::values) {
                self.count_value(value, 0);
            }
        }
    }

    fn count_value(&mut self, value: &AttributeValue, depth: usize) {
        self.depth_max = self.depth_max.max(depth);
        let kind = match value {
            AttributeValue::S(_) => "S",
            AttributeValue::N(_) => "N",
            AttributeValue::B(_) => "B",
            AttributeValue::Bool(_) => "BOOL",
            AttributeValue::Null(_) => "NULL",
            AttributeValue::Ss(_) => "SS",
            AttributeValue::Ns(_) => "NS",
            AttributeValue::Bs(_) => "BS",
            AttributeValue::L(values) => {
                values.iter().for_each(|value| self.count_value(value, depth + 1));
                "L"
            }
            AttributeValue::M(values) => {
                values.values().for_each(|value| self.count_value(value, depth + 1));
                "M"
            }
            _ => "?",
        };
        *self.attributes.entry(kind).or_default() += 1;
    }
}

#[tokio::test]
async fn slices_equal_the_sdks_typed_output() {
    let seen = compare((0..400).map(generate::body).collect()).await;
    assert!(seen.records > 1000, "{seen:?}");
    for kind in ["S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "L", "M"] {
        assert!(seen.attributes[kind] > 300, "{seen:?}");
    }
}

#[tokio::test]
async fn items_nested_as_deep_as_dynamodb_allows() {
    let seen = compare(vec![generate::deep_body()]).await;
    assert_eq!((seen.records, seen.depth_max), (1, 32));
}

/// Written by hand, letter for letter: no generator's mistake can hide here.
#[tokio::test]
async fn items_written_by_hand() {
    let number = "12345678901234567890123456789012345678";
    let record = format!(
        r#"{{"eventID":"\u0065vent","eventName":"MODIFY","dynamodb":{{"Keys":{{"k\u0000":{{"S":"\"\\\/\b\f\n\r\t\u0000\ud83D\uDe00é"}}}},
        "NewImage":{{"n":{{"N":"{number}"}},"small":{{"N":"-1E-130"}},"ns":{{"NS":["{number}","-0"]}},"bs":{{"BS":["","AA==","//79"]}},
        "l":{{"L":[]}},"m":{{"M":{{}}}},"":{{"S":""}}}},"OldImage":{{}},"SequenceNumber":"{number}","SizeBytes":409600,
        "ApproximateCreationDateTime":1.732270000999E9}}}}"#
    );
    let body = format!(r#" {{ "Records" : [ {record} , {record} ] , "NextShardIterator" : null }} "#);
    let seen = compare(vec![body, r#"{"Records":[]}"#.to_owned(), "{}".to_owned()]).await;
    assert_eq!((seen.records, seen.attributes["N"]), (2, 4));
}

/// The one thing that the two paths must not agree on.
#[tokio::test]
async fn a_page_that_the_sdk_cannot_read_is_sliced() {
    let body = r#"{"Records":[{"eventID":"e","eventName":"INSERT","dynamodb":{"SequenceNumber":"1","Keys":{},"NewImage":{"a":{}}}}]}"#;
    let server = Server::start(move |_| Answer::json(body));
    let source = source(&server.endpoint());
    assert!(source.streams.get_records().shard_iterator("i").send().await.is_err());
    let page = source.page("i").await.unwrap();
    assert_eq!(page.changes[0].new_image_json(), Some(r#"{"a":{}}"#));
}

/// Each call gets its own body, however many are under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn calls_at_once_do_not_mix_their_bodies() {
    let server = Server::start(|asked| Answer::json(json!({ "NextShardIterator": asked.input["ShardIterator"] })));
    let source = source(&server.endpoint());
    let mut calls = tokio::task::JoinSet::new();
    for call in 0..200 {
        let source = source.clone();
        calls.spawn(async move {
            let iterator = format!("iterator-{call}");
            let page = source.page(&iterator).await.unwrap();
            assert_eq!(page.next_iterator.as_deref(), Some(&*iterator));
        });
    }
    assert_eq!(calls.join_all().await.len(), 200);
}
