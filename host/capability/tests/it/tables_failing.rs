//! Endpoints that fail: which errors mean "never", which "later", and what is said about them.

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future};
use tripline_capability::tables::{Target, TargetError};
use tripline_core::port::TableTarget;
use tripline_core::signal::Silence;

use crate::endpoint::Endpoint;
use crate::ports::refusing;
use crate::sigv4;
use crate::tables::{Heard, SECRET, config, copy, delete, put, shown, when};

const TABLE: &str = r#"{"Table":{"KeySchema":[{"AttributeName":"sk","KeyType":"RANGE"},{"AttributeName":"pk","KeyType":"HASH"}]}}"#;
const ITEM: &str = r#"{"pk":{"S":"é"},"sk":{"S":"1"}}"#;

/// Describes the table, then answers every write like this.
async fn failing(status: u16, body: &'static str) -> Endpoint {
    Endpoint::bind(move |operation| if operation == "DescribeTable" { (200, TABLE.to_owned()) } else { (status, body.to_owned()) }).await
}

#[track_caller]
fn check(status: u16, body: &'static str, expected: &str, text: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let results = runtime.block_on(async {
        let endpoint = failing(status, body).await;
        let test = async {
            let target = Target::connect(&config(&endpoint.url()), copy("orders"), Arc::new(Silence)).await.unwrap();
            target.write(vec![put(ITEM)]).await
        };
        endpoint.serve(test).await
    });
    assert_eq!(shown(&results), expected, "{results:?}");
    let said = results[0].as_ref().map_or_else(ToString::to_string, |()| String::new());
    assert!(said.contains(text), "{said}");
}

#[test]
fn each_error_is_a_decision() {
    check(200, "{}", "ok", "");
    for (code, expected, text) in [
        ("ConditionalCheckFailedException", "condition", "did not hold"),
        ("ValidationException", "invalid", "ValidationException: why"),
        ("ItemCollectionSizeLimitExceededException", "invalid", "why"),
        ("SerializationException", "invalid", "why"),
        ("ProvisionedThroughputExceededException", "unavailable", "why"),
        ("ThrottlingException", "unavailable", "why"),
        ("RequestLimitExceeded", "unavailable", "why"),
        ("TransactionConflictException", "unavailable", "why"),
        ("AccessDeniedException", "unavailable", "allow dynamodb:PutItem"),
        ("UnrecognizedClientException", "unavailable", "renew them"),
        ("ExpiredTokenException", "unavailable", "renew them"),
        ("InvalidSignatureException", "unavailable", "renew them"),
        ("ResourceNotFoundException", "unavailable", "there is no table `orders` now"),
        ("SomethingNewException", "unavailable", "SomethingNewException: why"),
    ] {
        let body: &'static str = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"why"}}"#).leak();
        check(400, body, expected, text);
    }
    check(500, r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"why"}"#, "unavailable", "why");
    check(503, "<html>busy</html>", "unavailable", "");
    check(400, "", "unavailable", "");
    check(0, "", "unavailable", "");
}

#[tokio::test]
async fn after_a_failure_later_writes_of_the_item_are_not_tried() {
    let endpoint = failing(500, "{}").await;
    let heard = Arc::new(Heard::default());
    let test = async {
        let target = Target::connect(&config(&endpoint.url()), copy("orders"), heard.clone()).await.unwrap();
        target
            .write(vec![put(ITEM), put(r#"{"pk":{"S":"other"},"sk":{"S":"1"}}"#), delete(ITEM), put("{}")])
            .await
    };
    let results = endpoint.serve(test).await;
    assert_eq!(shown(&results), "unavailable unavailable unavailable invalid");
    assert!(results[2].as_ref().unwrap_err().to_string().contains("an earlier write of this item failed"));
    assert_eq!(heard.shown(), "invalid=1 unavailable=2");
    // One try each: the trigger's policy repeats, nobody else.
    assert_eq!(endpoint.asked.lock().unwrap().len(), 1 + 2);
}

#[tokio::test]
async fn the_request_is_signed_with_the_guests_bytes_in_it() {
    let endpoint = failing(200, "{}").await;
    let test = async {
        let target = Target::connect(&config(&endpoint.url()), copy("orders"), Arc::new(Silence)).await.unwrap();
        assert_eq!(target.keys().collect::<Vec<_>>(), ["pk", "sk"]);
        let conditional = when(delete(ITEM), "#v < :v", &[("#v", "v")], Some(r#"{":v":{"N":"1"}}"#));
        assert_eq!(shown(&target.write(vec![put(ITEM), conditional]).await), "ok ok");
    };
    endpoint.serve(test).await;
    let asked = endpoint.asked.lock().unwrap().clone();
    let bodies: Vec<_> = asked.iter().map(|asked| (asked.header("x-amz-target"), &*asked.body)).collect();
    let expected = [
        ("DynamoDB_20120810.DescribeTable", r#"{"TableName":"orders"}"#),
        ("DynamoDB_20120810.PutItem", r#"{"TableName":"orders","Item":{"pk":{"S":"é"},"sk":{"S":"1"}}}"#),
        (
            "DynamoDB_20120810.DeleteItem",
            concat!(
                r#"{"TableName":"orders","Key":{"pk":{"S":"é"},"sk":{"S":"1"}},"ConditionExpression":"#,
                r##""#v < :v","ExpressionAttributeNames":{"#v":"v"},"ExpressionAttributeValues":{":v":{"N":"1"}}}"##
            ),
        ),
    ];
    assert_eq!(bodies, expected);
    for asked in &asked {
        assert_eq!(sigv4::carried(asked), sigv4::expected(asked, SECRET), "{asked:?}");
    }
}

#[track_caller]
fn check_connect(result: Result<Target, TargetError>, kind: &str, text: &str) {
    let error = result.unwrap_err();
    assert!(format!("{error:?}").starts_with(kind), "{error:?}");
    let said = error.to_string();
    assert!(said.starts_with("target `copy`: ") && said.contains("[targets.copy]") && said.contains(text), "{said}");
}

#[tokio::test]
async fn nobody_listens() {
    let (_socket, refusing) = refusing();
    let url = format!("http://{refusing}");
    let result = Target::connect(&config(&url), copy("orders"), Arc::new(Silence)).await;
    check_connect(result, "Unreachable", &format!("at {url}"));
}

#[tokio::test]
async fn credentials_are_missing_or_refused() {
    #[derive(Debug)]
    struct Nobody;

    impl ProvideCredentials for Nobody {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("no profile")))
        }
    }

    let body = r#"{"__type":"com.amazon.coral.service#UnrecognizedClientException","message":"The security token is invalid"}"#;
    let endpoint = Endpoint::bind(move |_| (400, body.to_owned())).await;
    let test = async {
        let given = config(&endpoint.url());
        let result = Target::connect(&given, copy("orders"), Arc::new(Silence)).await;
        check_connect(result, "Refused", "the credentials are not accepted");
        let without = SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-west-1"))
            .endpoint_url(endpoint.url())
            .credentials_provider(SharedCredentialsProvider::new(Nobody))
            .build();
        let result = Target::connect(&without, copy("orders"), Arc::new(Silence)).await;
        check_connect(result, "Refused", "AWS_ACCESS_KEY_ID");
    };
    endpoint.serve(test).await;
}
