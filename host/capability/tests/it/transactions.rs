//! Transactions in an embedded DynamoDB: all or none, why none, and each of them once.

use std::sync::Arc;

use tripline_capability::tables::{Named, Target};
use tripline_core::port::{Placeholders, TableTarget, TableWrite, Transact, TransactAction, TransactError, Transaction, WriteError};
use tripline_core::signal::Silence;

use crate::endpoint::Endpoint;
use crate::tables::{config, copy, delete, put, update, when, with_tables};

fn of(target: &Target, write: TableWrite) -> Transact {
    Transact { spot: target.spot(), action: TransactAction::Write(write) }
}

fn check(target: &Target, key: &str, condition: &str) -> Transact {
    let action = TransactAction::Check { key: key.to_owned(), condition: condition.to_owned(), placeholders: Placeholders::default() };
    Transact { spot: target.spot(), action }
}

fn transaction(token: &str, writes: Vec<Transact>) -> Transaction {
    Transaction { token: token.to_owned(), writes }
}

fn key(n: u32) -> String {
    format!(r#"{{"pk":{{"S":"a"}},"sk":{{"N":"{n}"}}}}"#)
}

#[tokio::test]
async fn all_are_made_or_none_and_every_reason_is_told() {
    with_tables(async |fixture| {
        let orders = &fixture.target;
        let secrets = Target::connect(&fixture.config, Named { name: "other", ..copy("secrets") }, Arc::new(Silence))
            .await
            .unwrap();
        assert_eq!(orders.spot().home, secrets.spot().home);
        let writes = || {
            vec![
                of(orders, put(key(1))),
                of(&secrets, put(r#"{"pk":{"S":"s"}}"#)),
                of(orders, when(update(&key(2), "ADD n :one"), "attribute_not_exists(pk)", &[], Some(r#"{":one":{"N":"1"}}"#))),
                check(orders, &key(3), "attribute_not_exists(pk)"),
            ]
        };
        orders.transact(transaction("one", writes())).await.unwrap();
        assert_eq!((fixture.items("orders").await.len(), fixture.items("secrets").await.len()), (2, 1));
        // The same token: made already.
        orders.transact(transaction("one", writes())).await.unwrap();
        let cancelled = orders.transact(transaction("two", writes())).await;
        assert_eq!(cancelled, Err(TransactError::Cancelled(vec![None, None, Some(WriteError::ConditionFailed), None])));
        let undone = vec![of(orders, delete(&key(1))), check(&secrets, r#"{"pk":{"S":"none"}}"#, "attribute_exists(pk)")];
        let cancelled = orders.transact(transaction("three", undone)).await;
        assert_eq!(cancelled, Err(TransactError::Cancelled(vec![None, Some(WriteError::ConditionFailed)])));
        assert_eq!(fixture.items("orders").await.len(), 2);
        assert_eq!(fixture.heard.shown(), "transaction cancelled=2 transaction ok=2");
    })
    .await;
}

#[tokio::test]
async fn what_can_never_be_made_is_invalid() {
    with_tables(async |fixture| {
        let orders = &fixture.target;
        let twice = vec![of(orders, put(key(1))), of(orders, delete(&key(1)))];
        let broken = vec![of(orders, put(key(1))), check(orders, &key(2), "this is no condition")];
        let elsewhere = vec![of(orders, put(key(1))), of(orders, put(format!(r#"{},"TableName":"secrets""#, key(1))))];
        let large = format!(r#"{{"pk":{{"S":"a"}},"sk":{{"N":"1"}},"x":{{"S":"{}"}}}}"#, "x".repeat(17 << 20));
        for (writes, expected) in [
            (twice, "multiple operations on one item"),
            (broken, "ValidationException"),
            (elsewhere, "write 1: the item is not JSON"),
            (vec![of(orders, put(large))], "DynamoDB takes 16777216, and 4 MB in all items"),
        ] {
            match orders.transact(transaction("t", writes)).await {
                Err(TransactError::Invalid(reason)) => assert!(reason.contains(expected), "no `{expected}` in {reason}"),
                other => panic!("no `{expected}`: {other:?}"),
            }
        }
        assert!(fixture.items("orders").await.is_empty() && fixture.items("secrets").await.is_empty());
    })
    .await;
}

const TABLE: &str = r#"{"Table":{"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],
    "TableArn":"arn:aws:dynamodb:eu-west-1:123456789012:table/orders"}}"#;

/// What an endpoint's answer to a transaction of two writes comes to.
async fn answered(status: u16, body: &'static str) -> Result<(), TransactError> {
    let endpoint =
        Endpoint::bind(move |operation| if operation == "DescribeTable" { (200, TABLE.to_owned()) } else { (status, body.to_owned()) })
            .await;
    let test = async {
        let target = Target::connect(&config(&endpoint.url()), copy("orders"), Arc::new(Silence)).await.unwrap();
        assert!(target.spot().home.starts_with("eu-west-1:123456789012|eu-west-1|http://127.0.0.1:"), "{:?}", target.spot());
        target.transact(transaction("t", vec![of(&target, put(key(1))), of(&target, put(key(2)))])).await
    };
    let result = endpoint.serve(test).await;
    let asked = endpoint.asked.lock().unwrap();
    let sent: Vec<_> = asked.iter().filter(|asked| asked.header("x-amz-target").ends_with(".TransactWriteItems")).collect();
    assert_eq!(sent.len(), 1, "a transaction is sent once");
    assert!(
        sent[0]
            .body
            .starts_with(r#"{"ClientRequestToken":"t","TransactItems":[{"Put":{"TableName":"orders","Item":"#),
        "{}",
        sent[0].body
    );
    result
}

#[tokio::test]
async fn each_answer_is_a_decision() {
    assert_eq!(answered(200, "{}").await, Ok(()));
    let cancelled = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","message":"Transaction cancelled",
        "CancellationReasons":[{"Code":"TransactionConflict","Message":"ongoing"},{"Code":"ValidationError","Message":"type"}]}"#;
    let reasons = [WriteError::Unavailable("TransactionConflict: ongoing".into()), WriteError::Invalid("ValidationError: type".into())];
    assert_eq!(answered(400, cancelled).await, Err(TransactError::Cancelled(reasons.map(Some).into())));
    let throttled = r#"{"__type":"x#TransactionCanceledException","CancellationReasons":[{"Code":"ThrottlingError"},{"Code":"None"}]}"#;
    let reason = Some(WriteError::Unavailable("ThrottlingError".into()));
    assert_eq!(answered(400, throttled).await, Err(TransactError::Cancelled(vec![reason, None])));
    for (status, body, expected) in [
        (400, r#"{"__type":"x#TransactionCanceledException","message":"why"}"#, "TransactionCanceledException: why"),
        (400, r#"{"__type":"x#TransactionInProgressException","message":"why"}"#, "TransactionInProgressException"),
        (400, r#"{"__type":"x#ProvisionedThroughputExceededException","message":"why"}"#, "why"),
        (400, r#"{"__type":"x#AccessDeniedException","message":"why"}"#, "ConditionCheckItem"),
        (500, r#"{"__type":"x#InternalServerError","message":"why"}"#, "why"),
        (0, "", ""),
    ] {
        match answered(status, body).await {
            Err(TransactError::Unavailable(reason)) => assert!(reason.contains(expected), "no `{expected}` in {reason}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}
