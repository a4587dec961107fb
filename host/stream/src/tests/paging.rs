//! DescribeStream over all its pages, whatever the endpoint says of the last one; and what iterators are asked for.

use serde_json::{Value, json};
use tripline_core::name::{ShardId, StreamArn};
use tripline_core::port::{Position, StreamSource};
use tripline_core::sequence::SequenceNumber;

use super::server::{Answer, Server};
use super::source;

/// Pages as `START: shards > LAST`, separated by `;`; a shard is `child<parent` or `root`. Answers with the shards found, in
/// that form, and the number of calls.
async fn shards(pages: &'static str) -> (String, usize) {
    let server = Server::start(|asked| {
        let start = asked.input["ExclusiveStartShardId"].as_str().unwrap_or("-");
        let page = pages.split(';').find_map(|page| page.trim().strip_prefix(start)?.strip_prefix(':'));
        let (shards, last) = page.unwrap_or("").split_once('>').unwrap_or_default();
        let shard = |shard: &str| match shard.split_once('<') {
            Some((id, parent)) => json!({ "ShardId": id, "ParentShardId": parent }),
            None => json!({ "ShardId": shard }),
        };
        let shards: Vec<Value> = shards.split_whitespace().map(shard).collect();
        let last = match last.trim() {
            "none" => Value::Null,
            last => last.into(),
        };
        Answer::json(json!({ "StreamDescription": { "Shards": shards, "LastEvaluatedShardId": last } }))
    });
    let found = source(&server.endpoint()).shards(&StreamArn::from("arn:stream")).await.unwrap();
    for asked in server.asked() {
        assert_eq!((asked.operation.as_str(), &asked.input["StreamArn"]), ("describestream", &json!("arn:stream")));
        assert_eq!(asked.input["Limit"], 100);
    }
    let shards = found.iter().map(|shard| match &shard.parent {
        Some(parent) => format!("{}<{parent}", shard.id),
        None => shard.id.to_string(),
    });
    (shards.collect::<Vec<_>>().join(" "), server.asked().len())
}

#[track_caller]
fn check(pages: &'static str, found: &str, calls: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(shards(pages)), (found.to_owned(), calls));
}

#[test]
fn shards_of_all_pages() {
    check("-: > none", "", 1);
    check("-: a b<a > none", "a b<a", 1);
    check("-: a b<a > b; b: c<b d<b > d; d: e > none", "a b<a c<b d<b e", 3);
    check("-: a< > ", "a", 1);
}

#[test]
fn a_last_shard_does_not_mean_that_more_follow() {
    check("-: a > a; a: > none", "a", 2);
    check("-: a > a; a: > a", "a", 2);
    check("-: a > a; a: b > b; b: a > a", "a b", 3);
    check("-: a b > b; b: a b > b", "a b", 2);
}

#[tokio::test]
async fn an_endpoint_that_pages_for_ever_is_left() {
    let server = Server::start(|asked| {
        let start: u64 = asked.input["ExclusiveStartShardId"].as_str().unwrap_or("0").parse().unwrap();
        Answer::json(json!({ "StreamDescription": { "Shards": [], "LastEvaluatedShardId": (start + 1).to_string() } }))
    });
    let error = source(&server.endpoint()).shards(&StreamArn::from("arn")).await.unwrap_err();
    assert!(error.to_string().ends_with("more than 1000 pages of shards"), "{error}");
    assert_eq!(server.asked().len(), 1000);
}

#[tokio::test]
async fn answers_without_what_they_are_for() {
    let server = Server::start(|asked| match asked.operation.as_str() {
        "describestream" if asked.input["StreamArn"] == "empty" => Answer::json("{}"),
        "describestream" => Answer::json(r#"{"StreamDescription":{"Shards":[{"ParentShardId":"a"}]}}"#),
        _ => Answer::json("{}"),
    });
    let source = source(&server.endpoint());
    let shard = ShardId::from("shard");
    let iterator = source.iterator(&StreamArn::from("arn"), &shard, &Position::TrimHorizon).await.unwrap_err();
    let empty = source.shards(&StreamArn::from("empty")).await.unwrap_err();
    let nameless = source.shards(&StreamArn::from("arn")).await.unwrap_err();
    for (error, text) in [
        (iterator, "an answer without ShardIterator"),
        (empty, "an answer without StreamDescription"),
        (nameless, "a shard without ShardId"),
    ] {
        assert!(error.to_string().ends_with(text), "{error}");
    }
}

#[tokio::test]
async fn an_iterator_begins_where_it_was_asked_to() {
    let server = Server::start(|_| Answer::json(r#"{"ShardIterator":"iterator"}"#));
    let source = source(&server.endpoint());
    let (stream, shard) = (StreamArn::from("arn"), ShardId::from("shard"));
    // Letter for letter: a padded number must go back padded.
    let after = Position::After(SequenceNumber::parse("000000000000000000042").unwrap());
    for position in [Position::TrimHorizon, after] {
        assert_eq!(&*source.iterator(&stream, &shard, &position).await.unwrap(), "iterator");
    }
    let asked: Vec<Value> = server.asked().into_iter().map(|asked| asked.input).collect();
    assert_eq!(
        asked,
        [
            json!({ "StreamArn": "arn", "ShardId": "shard", "ShardIteratorType": "TRIM_HORIZON" }),
            json!({
                "StreamArn": "arn", "ShardId": "shard", "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "SequenceNumber": "000000000000000000042",
            }),
        ]
    );
}
