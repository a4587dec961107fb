//! Writes into an embedded DynamoDB: what arrives, in which order, and what is refused.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use dynoxide::Database;
use dynoxide::server::serve_with_shutdown;
use futures_util::future::pending;
use tokio::net::TcpListener;
use tripline_capability::tables::{Named, Target, TargetError};
use tripline_core::port::{Placeholders, TableTarget, TableWrite, WriteError, WriteOperation};
use tripline_core::signal::{Signal, Signals};

pub(crate) const SECRET: &str = "secret";

pub(crate) fn config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("key", SECRET, None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("eu-west-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// Counts the results of writes.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<BTreeMap<String, usize>>);

impl Heard {
    pub(crate) fn shown(&self) -> String {
        self.0
            .lock()
            .unwrap()
            .iter()
            .map(|(result, count)| format!("{result}={count}"))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

impl Signals for Heard {
    fn emit(&self, signal: Signal<'_>) {
        let (target, result, count) = match signal {
            Signal::TableWritten { target, result, .. } => (target, result.as_str().to_owned(), 1),
            Signal::TableTransacted { target, result, .. } => (target, format!("transaction {}", result.as_str()), 1),
            Signal::TableRead { target, result, keys, .. } => (target, format!("keys {}", result.as_str()), keys),
            _ => return,
        };
        assert_eq!(target, "copy");
        *self.0.lock().unwrap().entry(result).or_default() += count;
    }
}

/// The table `table`, as `[targets.copy]`.
pub(crate) fn copy(table: &str) -> Named<'_> {
    Named { name: "copy", table, access: "" }
}

pub(crate) fn update(key: &str, expression: &str) -> TableWrite {
    plain(WriteOperation::Update { key: key.to_owned(), expression: expression.to_owned() })
}

fn plain(operation: WriteOperation) -> TableWrite {
    TableWrite { operation, condition: None, placeholders: Placeholders::default() }
}

pub(crate) fn put(item: impl Into<String>) -> TableWrite {
    plain(WriteOperation::Put(item.into()))
}

pub(crate) fn delete(key: &str) -> TableWrite {
    plain(WriteOperation::Delete(key.to_owned()))
}

pub(crate) fn when(write: TableWrite, expression: &str, names: &[(&str, &str)], values: Option<&str>) -> TableWrite {
    let names = names.iter().map(|(placeholder, name)| ((*placeholder).to_owned(), (*name).to_owned())).collect();
    TableWrite { condition: Some(expression.to_owned()), placeholders: Placeholders { names, values: values.map(str::to_owned) }, ..write }
}

/// `ok`, `condition`, `invalid` or `unavailable` for each.
pub(crate) fn shown(results: &[Result<(), WriteError>]) -> String {
    let shown = results.iter().map(|result| match result {
        Ok(()) => "ok",
        Err(WriteError::ConditionFailed) => "condition",
        Err(WriteError::Invalid(_)) => "invalid",
        Err(WriteError::Unavailable(_)) => "unavailable",
    });
    shown.collect::<Vec<_>>().join(" ")
}

pub(crate) struct Fixture {
    pub(crate) config: SdkConfig,
    pub(crate) client: Client,
    pub(crate) target: Target,
    pub(crate) heard: Arc<Heard>,
}

impl Fixture {
    pub(crate) async fn items(&self, table: &str) -> Vec<HashMap<String, AttributeValue>> {
        self.client
            .scan()
            .table_name(table)
            .consistent_read(true)
            .send()
            .await
            .unwrap()
            .items
            .unwrap_or_default()
    }
}

/// Tables `orders` (pk: string, sk: number) and `secrets` (pk: string), and a target on `orders`.
pub(crate) async fn with_tables(body: impl AsyncFnOnce(Fixture)) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = config(&format!("http://{}", listener.local_addr().unwrap()));
    let server = serve_with_shutdown(listener, Database::memory().unwrap(), pending());
    let test = async {
        let client = Client::new(&config);
        let string = [("pk", KeyType::Hash, ScalarAttributeType::S)];
        create(&client, "secrets", &string).await;
        let [pk] = string;
        create(&client, "orders", &[("sk", KeyType::Range, ScalarAttributeType::N), pk]).await;
        let heard = Arc::new(Heard::default());
        let target = Target::connect(&config, copy("orders"), heard.clone()).await.unwrap();
        body(Fixture { config: config.clone(), client, target, heard }).await;
    };
    tokio::select! {
        result = server => panic!("the server ended: {result:?}"),
        () = test => {}
    }
}

async fn create(client: &Client, table: &str, keys: &[(&str, KeyType, ScalarAttributeType)]) {
    let mut request = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    // DynamoDB wants the partition key first.
    for (name, kind, scalar) in keys.iter().rev() {
        let element = KeySchemaElement::builder().attribute_name(*name).key_type(kind.clone()).build().unwrap();
        let attribute = AttributeDefinition::builder().attribute_name(*name).attribute_type(scalar.clone()).build().unwrap();
        request = request.key_schema(element).attribute_definitions(attribute);
    }
    request.send().await.unwrap();
}

#[tokio::test]
async fn every_type_arrives_as_it_was_written() {
    with_tables(async |fixture| {
        assert_eq!(fixture.target.keys().collect::<Vec<_>>(), ["pk", "sk"]);
        let item = r#"{"pk":{"S":"é\u00e9\n\"\\😀\ud83d\ude00"},"sk":{"N":"99999999999999999999999999999999999999"},"small":{"N":"-1E-130"},
            "b":{"B":"AP8Q"},"ss":{"SS":["a","ü"]},"ns":{"NS":["1","0.5"]},"bs":{"BS":["AA==","/w=="]},"empty":{"M":{}},"none":{"L":[]},
            "deep":{"M":{"l":{"L":[{"M":{"m":{"M":{}}}},{"NULL":true},{"BOOL":false}]},"k":{"S":""}}}}"#;
        let results = fixture.target.write(vec![put(item)]).await;
        assert_eq!(shown(&results), "ok", "{results:?}");
        let mut item = fixture.items("orders").await.remove(0);
        for set in ["ss", "ns"] {
            match item.get_mut(set).unwrap() {
                AttributeValue::Ss(members) | AttributeValue::Ns(members) => members.sort(),
                other => panic!("{other:?}"),
            }
        }
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let map = |entries: Vec<(&str, AttributeValue)>| AttributeValue::M(entries.into_iter().map(|(k, v)| (k.to_owned(), v)).collect());
        let inner = map(vec![("m", map(vec![]))]);
        let expected = map(vec![
            ("pk", text("éé\n\"\\😀😀")),
            ("sk", AttributeValue::N("99999999999999999999999999999999999999".to_owned())),
            ("small", item["small"].clone()),
            ("b", AttributeValue::B(Blob::new([0, 255, 16]))),
            ("ss", AttributeValue::Ss(vec!["a".to_owned(), "ü".to_owned()])),
            ("ns", AttributeValue::Ns(vec!["0.5".to_owned(), "1".to_owned()])),
            ("bs", item["bs"].clone()),
            ("empty", map(vec![])),
            ("none", AttributeValue::L(vec![])),
            (
                "deep",
                map(vec![("l", AttributeValue::L(vec![inner, AttributeValue::Null(true), AttributeValue::Bool(false)])), ("k", text(""))]),
            ),
        ]);
        assert_eq!(AttributeValue::M(item.clone()), expected);
        let small: f64 = item["small"].as_n().unwrap().parse().unwrap();
        assert_eq!(small, -1e-130);
        let mut bytes: Vec<_> = item["bs"].as_bs().unwrap().iter().map(|blob| blob.clone().into_inner()).collect();
        bytes.sort();
        assert_eq!(bytes, [vec![0], vec![255]]);
    })
    .await;
}

#[tokio::test]
async fn conditions_hold_or_stop_the_write() {
    with_tables(async |fixture| {
        let item = |version: u32| put(format!(r#"{{"pk":{{"S":"a"}},"sk":{{"N":"1"}},"v":{{"N":"{version}"}}}}"#));
        let newer = |version: u32| {
            let values = format!(r#"{{":v":{{"N":"{version}"}}}}"#);
            when(item(version), "attribute_not_exists(pk) OR #v < :v", &[("#v", "v")], Some(&values))
        };
        let key = r#"{"pk":{"S":"a"},"sk":{"N":"1"}}"#;
        let writes = vec![
            newer(5),
            newer(4),
            newer(6),
            newer(6),
            when(delete(key), "#v = :v", &[("#v", "v")], Some(r#"{":v":{"N":"5"}}"#)),
            when(item(7), "attribute_not_exists(pk)", &[], None),
        ];
        assert_eq!(shown(&fixture.target.write(writes).await), "ok condition ok condition condition condition");
        assert_eq!(fixture.items("orders").await[0]["v"].as_n().unwrap(), "6");
        let gone = vec![when(delete(key), "#v = :v", &[("#v", "v")], Some(r#"{":v":{"N":"6"}}"#)), delete(key)];
        assert_eq!(shown(&fixture.target.write(gone).await), "ok ok");
        assert!(fixture.items("orders").await.is_empty());
        assert_eq!(fixture.heard.shown(), "condition_failed=4 ok=4");
    })
    .await;
}

#[tokio::test]
async fn updates_change_what_is_there_and_share_their_placeholders() {
    with_tables(async |fixture| {
        let key = r#"{"pk":{"S":"a"},"sk":{"N":"1"}}"#;
        let below = |max: u32| {
            let values = format!(r#"{{":one":{{"N":"1"}},":max":{{"N":"{max}"}}}}"#);
            when(update(key, "ADD #n :one"), "attribute_not_exists(#n) OR #n < :max", &[("#n", "n")], Some(&values))
        };
        let broken = update(key, "this is no update");
        let unknown = when(update(key, "SET x = :nothing"), "attribute_exists(pk)", &[], None);
        let of_key = when(update(key, "SET sk = :v"), "attribute_exists(pk)", &[], Some(r#"{":v":{"N":"2"}}"#));
        let writes = vec![below(2), below(2), below(2), broken, unknown, of_key, update(key, "SET note = n")];
        let results = fixture.target.write(writes).await;
        assert_eq!(shown(&results), "ok ok condition invalid invalid invalid ok", "{results:?}");
        let items = fixture.items("orders").await;
        assert_eq!((items.len(), items[0]["n"].as_n().unwrap(), items[0]["note"].as_n().unwrap()), (1, &"2".to_owned(), &"2".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn writes_of_one_item_keep_their_order_and_others_run_beside_them() {
    with_tables(async |fixture| {
        // Each write wants to see the one before it: a single exchange would fail a condition.
        let writes = (0..400).map(|n| {
            let (item, step) = (n % 100, n / 100);
            // The same numbers in other spellings.
            let sk = ["7", "7.0", "0.7E1", "07"][step];
            let put = put(format!(r#"{{"n":{{"N":"{step}"}},"pk":{{"S":"item {item}"}},"sk":{{"N":"{sk}"}}}}"#));
            match step.checked_sub(1) {
                None => when(put, "attribute_not_exists(pk)", &[], None),
                Some(before) => when(put, "n = :before", &[], Some(&format!(r#"{{":before":{{"N":"{before}"}}}}"#))),
            }
        });
        let results = fixture.target.write(writes.collect()).await;
        assert_eq!(results.len(), 400);
        assert!(results.iter().all(Result::is_ok), "{}", shown(&results));
        let items = fixture.items("orders").await;
        assert_eq!(items.len(), 100);
        assert!(items.iter().all(|item| item["n"].as_n().unwrap() == "3"));
    })
    .await;
}

#[tokio::test]
async fn nothing_of_a_guest_reaches_another_table_or_another_parameter() {
    with_tables(async |fixture| {
        let key = r#""pk":{"S":"a"},"sk":{"N":"1"}"#;
        let attack = format!(r#"{{{key}}},"TableName":"secrets""#);
        let writes = vec![
            put(&attack),
            put(format!(r#"{{{key}}},"TableName":"secrets","Item":{{"pk":{{"S":"a"}}}}"#)),
            put(format!(r#"{{{key}}}}} {{"TableName":"secrets""#)),
            delete(&attack),
            when(put(format!("{{{key}}}")), "attribute_exists(pk)", &[], Some(r#"{},"TableName":"secrets""#)),
            when(put(format!("{{{key}}}")), r#"x","TableName":"secrets"#, &[], None),
            when(put(format!("{{{key}}}")), "#a = #a", &[("#a", "x\"},\"TableName\":\"secrets")], None),
            // An attribute may be called anything.
            put(format!(r#"{{{key},"TableName":{{"S":"secrets"}}}}"#)),
        ];
        let results = fixture.target.write(writes).await;
        assert_eq!(shown(&results), "invalid invalid invalid invalid invalid invalid condition ok", "{results:?}");
        assert!(fixture.items("secrets").await.is_empty());
        let items = fixture.items("orders").await;
        assert_eq!(items.len(), 1);
        assert_eq!(items[0]["TableName"].as_s().unwrap(), "secrets");
    })
    .await;
}

#[tokio::test]
async fn what_dynamodb_refuses_for_good_stops_no_other_write() {
    with_tables(async |fixture| {
        let item = |pk: &str, rest: &str| put(format!(r#"{{"pk":{{"S":"{pk}"}},"sk":{{"N":"1"}}{rest}}}"#));
        let writes = vec![
            item("fine", ""),
            item("", ""),
            put(r#"{"pk":{"S":"a"},"sk":{"S":"not a number"}}"#),
            item("large", &format!(r#","x":{{"S":"{}"}}"#, "x".repeat(410 * 1024))),
            item("no value", r#","x":{"Q":"1"}"#),
            item("no number", r#","x":{"N":"one"}"#),
            when(item("a", ""), "this is no condition", &[], None),
            when(item("a", ""), "attribute_exists(pk)", &[("#unused", "x")], None),
            delete(r#"{"pk":{"S":"a"},"sk":{"N":"1"},"more":{"S":"x"}}"#),
            item("a", ""),
        ];
        let results = fixture.target.write(writes).await;
        assert_eq!(shown(&results), "ok invalid invalid invalid invalid invalid invalid invalid invalid ok", "{results:?}");
        assert_eq!(fixture.items("orders").await.len(), 2);
        assert!(fixture.target.write(vec![]).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_table_that_is_not_there_is_named_with_the_remedy() {
    with_tables(async |fixture| {
        let error = Target::connect(&fixture.config, copy("nowhere"), fixture.heard.clone()).await.unwrap_err();
        assert!(matches!(error, TargetError::NoSuchTable(_)), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("no table `nowhere` in eu-west-1 at http://127.0.0.1") && text.contains("[targets.copy]"), "{text}");

        fixture.client.delete_table().table_name("orders").send().await.unwrap();
        let results = fixture.target.write(vec![put(r#"{"pk":{"S":"a"},"sk":{"N":"1"}}"#)]).await;
        assert!(
            matches!(&results[0], Err(WriteError::Unavailable(text)) if text.contains("there is no table `orders` now")),
            "{results:?}"
        );
    })
    .await;
}
