//! Reads of tables: from an embedded DynamoDB, and from endpoints that answer in part, out of order, or not at all.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tripline_capability::tables::Target;
use tripline_core::port::{TableReadError, TableTarget};

use crate::endpoint::Endpoint;
use crate::tables::{Heard, config, copy, put, shown, with_tables};

fn key(n: usize) -> String {
    format!(r#"{{"pk":{{"S":"item {n}"}},"sk":{{"N":"{n}"}}}}"#)
}

fn item(n: usize) -> String {
    format!(r#"{{"pk":{{"S":"item {n}"}},"sk":{{"N":"{n}"}},"v":{{"S":"é {n}"}}}}"#)
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn many_keys_are_paged_and_each_gets_its_own_item() {
    with_tables(async |fixture| {
        let results = fixture.target.write((0..250).map(|n| put(item(n))).collect()).await;
        assert!(results.iter().all(Result::is_ok), "{}", shown(&results));
        // Backwards, with holes, one of them twice, one spelled otherwise.
        let mut keys: Vec<String> = (0..250).rev().map(|n| key(if n % 10 == 3 { 1000 + n } else { n })).collect();
        keys.push(key(7));
        keys.push(r#"{ "sk" : {"N":"7.0"}, "\u0070k":{"S":"item 7"} }"#.to_owned());
        for consistent in [true, false] {
            let found = fixture.target.get(keys.clone(), consistent).await.unwrap();
            assert_eq!(found.len(), 252);
            for (index, found) in found.iter().enumerate() {
                let n = if index < 250 { 249 - index } else { 7 };
                let expected = (index >= 250 || n % 10 != 3).then(|| value(&item(n)));
                assert_eq!(found.as_deref().map(value), expected, "{index}");
            }
        }
        for keys in [vec![key(8)], vec![key(8), key(8)]] {
            let found = fixture.target.get(keys.clone(), true).await.unwrap();
            assert_eq!(found.iter().flatten().map(|found| value(found)).collect::<Vec<_>>(), vec![value(&item(8)); keys.len()]);
        }
        assert_eq!(fixture.target.get(vec![key(999)], true).await.unwrap(), [None]);
        assert_eq!(fixture.heard.shown(), "keys ok=508 ok=250");
    })
    .await;
}

#[tokio::test]
async fn what_is_no_key_of_the_table_is_invalid() {
    with_tables(async |fixture| {
        for (bad, expected) in [
            ("[]", "key 1: the key is not a JSON object"),
            (r#"{"pk":{"S":"a"}}"#, "key 1: the table's key attribute `sk` is missing"),
            (r#"{"pk":{"S":"a"},"sk":{"N":"1"}},"TableName":"secrets""#, "key 1: the key is not JSON"),
            (r#"{"pk":{"S":"a"},"sk":{"N":"1"},"more":{"S":"x"}}"#, "ValidationException"),
        ] {
            match fixture.target.get(vec![key(1), bad.to_owned()], false).await {
                Err(TableReadError::Invalid(reason)) => assert!(reason.contains(expected), "no `{expected}` in {reason}"),
                other => panic!("{bad}: {other:?}"),
            }
        }
        fixture.client.delete_table().table_name("orders").send().await.unwrap();
        for keys in [vec![key(1)], vec![key(1), key(2)]] {
            match fixture.target.get(keys, false).await {
                Err(TableReadError::Unavailable(reason)) => assert!(reason.contains("there is no table `orders` now"), "{reason}"),
                other => panic!("{other:?}"),
            }
        }
    })
    .await;
}

const TABLE: &str = r#"{"Table":{"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}]}}"#;
const THROTTLED: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}"#;

/// Reads `keys` from an endpoint that answers so, and says how often it was asked.
async fn read(
    keys: Vec<String>,
    answer: impl Fn(&str) -> (u16, String) + Send + Sync + 'static,
) -> (Result<Vec<Option<String>>, TableReadError>, usize) {
    let endpoint =
        Endpoint::bind_to(move |operation, body| if operation == "DescribeTable" { (200, TABLE.to_owned()) } else { answer(body) }).await;
    let test = async {
        let target = Target::connect(&config(&endpoint.url()), copy("orders"), Arc::new(Heard::default())).await.unwrap();
        target.get(keys, true).await
    };
    let result = endpoint.serve(test).await;
    let asked = endpoint.asked.lock().unwrap().len() - 1;
    (result, asked)
}

/// Answers at most `at_once` keys of a batch, the last ones first; the items that are there have even numbers.
fn partly(body: &str, at_once: usize) -> String {
    let request = value(body);
    let mut keys = request["RequestItems"]["orders"]["Keys"].as_array().unwrap().clone();
    assert_eq!(request["RequestItems"]["orders"]["ConsistentRead"], true);
    assert!(keys.len() <= 100, "{} keys in one request", keys.len());
    let distinct: BTreeSet<String> = keys.iter().map(Value::to_string).collect();
    assert_eq!(distinct.len(), keys.len(), "a key stands twice in one request");
    keys.reverse();
    let rest = keys.split_off(at_once.min(keys.len()));
    let number = |key: &Value| key["sk"]["N"].as_str().unwrap().parse::<usize>().unwrap();
    let items: Vec<String> = keys.iter().map(number).filter(|n| n % 2 == 0).map(|n| format!("  {}", item(n))).collect();
    let open = if rest.is_empty() { json!({}) } else { json!({ "orders": { "Keys": rest, "ConsistentRead": true } }) };
    format!(r#"{{"Responses":{{"orders":[{}]}},"UnprocessedKeys":{open}}}"#, items.join(","))
}

#[tokio::test]
async fn what_was_left_unprocessed_is_asked_for_again() {
    let keys: Vec<String> = (0..230).chain([4]).map(key).collect();
    let throttles = AtomicUsize::new(0);
    let (found, asked) = read(keys, move |body| {
        // Now and then nothing at all: the whole batch unprocessed, or an error that says so.
        match throttles.fetch_add(1, Ordering::Relaxed) {
            1 => (400, THROTTLED.to_owned()),
            2 => (200, partly(body, 0)),
            _ => (200, partly(body, 40)),
        }
    })
    .await;
    let expected: Vec<Option<String>> = (0..230).chain([4]).map(|n| (n % 2 == 0).then(|| item(n))).collect();
    assert_eq!(found.unwrap(), expected, "the bytes as they were sent");
    // 40 of each hundred at a time, and of thirty at once; two answers brought nothing.
    assert_eq!(asked, 3 + 3 + 1 + 2);
}

#[tokio::test]
async fn a_table_that_only_throttles_is_given_up_within_seconds() {
    let began = std::time::Instant::now();
    for (keys, body) in [(vec![key(1)], None), (vec![key(1), key(2)], None), (vec![key(1), key(2)], Some(0))] {
        let (found, asked) = read(keys, move |request| match body {
            None => (400, THROTTLED.to_owned()),
            Some(at_once) => (200, partly(request, at_once)),
        })
        .await;
        let Err(TableReadError::Unavailable(reason)) = found else { panic!("{found:?}") };
        assert!(reason.starts_with("throttled 7 times in a row: "), "{reason}");
        assert_eq!(asked, 7);
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(15), "{:?}", began.elapsed());
}

#[tokio::test]
async fn each_answer_is_a_decision() {
    let invalid = r#"{"__type":"x#ValidationException","message":"why"}"#;
    let denied = r#"{"__type":"x#AccessDeniedException","message":"why"}"#;
    let foreign = r#"{"Responses":{"orders":[{"v":{"S":"x"}}]}}"#;
    for keys in [vec![key(2)], vec![key(2), key(4)]] {
        let is_one = keys.len() == 1;
        for (status, body, expected) in [
            (400, invalid, "invalid: ValidationException: why"),
            (400, denied, "unavailable: the host may not read table `orders`: allow dynamodb:GetItem and dynamodb:BatchGetItem"),
            (500, r#"{"__type":"x#InternalServerError","message":"why"}"#, "unavailable: "),
            (200, "no JSON", "unavailable: the endpoint's answer is no DynamoDB answer"),
            (200, foreign, "unavailable: the endpoint's answer is none of BatchGetItem"),
            (0, "", "unavailable: "),
        ] {
            // GetItem has no list of items.
            if is_one && body == foreign {
                continue;
            }
            let (found, asked) = read(keys.clone(), move |_| (status, body.to_owned())).await;
            let said = match found {
                Err(TableReadError::Invalid(reason)) => format!("invalid: {reason}"),
                Err(TableReadError::Unavailable(reason)) => format!("unavailable: {reason}"),
                Ok(found) => panic!("{body}: {found:?}"),
            };
            assert!(said.starts_with(expected), "{said}");
            assert_eq!(asked, 1, "{said}");
        }
    }
    let asked = Arc::new(Mutex::new(String::new()));
    let kept = asked.clone();
    let (found, _) = read(vec![key(2)], move |body| {
        body.clone_into(&mut kept.lock().unwrap());
        (200, r#"{"Item": {"v" : {"S":"\u00e9"}} }"#.to_owned())
    })
    .await;
    assert_eq!(found.unwrap(), [Some(r#"{"v" : {"S":"\u00e9"}}"#.to_owned())]);
    assert_eq!(*asked.lock().unwrap(), format!(r#"{{"TableName":"orders","Key":{},"ConsistentRead":true}}"#, key(2)));
}

#[tokio::test]
async fn items_beyond_the_hosts_bound_are_refused_and_not_gathered() {
    let large = "x".repeat(400 * 1024);
    let (found, _) = read((0..1000).map(key).collect(), move |body| {
        let keys = value(body)["RequestItems"]["orders"]["Keys"].as_array().unwrap().clone();
        // As DynamoDB, up to 16 MB at once.
        let (now, later) = keys.split_at(keys.len().min(40));
        let item = |key: &Value| format!(r#"{{"pk":{},"sk":{},"x":{{"S":"{large}"}}}}"#, key["pk"], key["sk"]);
        let items: Vec<String> = now.iter().map(item).collect();
        let open = if later.is_empty() { json!({}) } else { json!({ "orders": { "Keys": later } }) };
        (200, format!(r#"{{"Responses":{{"orders":[{}]}},"UnprocessedKeys":{open}}}"#, items.join(",")))
    })
    .await;
    assert!(matches!(&found, Err(TableReadError::Invalid(reason)) if reason.contains("read fewer keys")), "{found:?}");
    // The item of a key that stands many times is copied for each.
    let item = format!(r#"{{"Item":{{"x":{{"S":"{}"}}}}}}"#, "x".repeat(400 * 1024));
    for (times, refused) in [(160, false), (200, true)] {
        let item = item.clone();
        let (found, _) = read(vec![key(1); times], move |_| (200, item.clone())).await;
        assert_eq!(matches!(&found, Err(TableReadError::Invalid(reason)) if reason.contains("read fewer keys")), refused, "{times}");
    }
}
