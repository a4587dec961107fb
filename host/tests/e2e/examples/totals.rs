//! The view of totals against a DynamoDB: exact, though each change reaches it twice.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamViewType,
};
use tripline_local::{Region, RegionConfig};

use super::c::order_totals;
use crate::harness::{Host, client_of, create_table};

/// By order: customer and cents.
type Orders = BTreeMap<usize, (&'static str, i64)>;

async fn create_view(client: &Client) {
    let key = AttributeDefinition::builder().attribute_name("customer").attribute_type(ScalarAttributeType::S);
    let create = client
        .create_table()
        .table_name("customer-totals")
        .attribute_definitions(key.build().unwrap())
        .key_schema(KeySchemaElement::builder().attribute_name("customer").key_type(KeyType::Hash).build().unwrap())
        .billing_mode(BillingMode::PayPerRequest);
    create.send().await.unwrap();
}

/// Orders that come, change, move to another customer and go. How many changes that were.
async fn trade(client: &Client, orders: &mut Orders) -> usize {
    let mut changes = 0;
    for n in 0..60 {
        let (order, customer, cents) = (n % 13, ["ann", "bob", "carl"][n * 7 / 5 % 3], i64::try_from(n * n * 37 % 9_973).unwrap());
        let id = AttributeValue::S(format!("o-{order}"));
        if n % 5 == 4 {
            client.delete_item().table_name("orders").key("id", id).send().await.unwrap();
            changes += usize::from(orders.remove(&order).is_some());
        } else {
            let put = client
                .put_item()
                .table_name("orders")
                .item("id", id)
                .item("customer", AttributeValue::S(customer.to_owned()));
            put.item("total", AttributeValue::N(format!("{}.{:02}", cents / 100, cents % 100)))
                .send()
                .await
                .unwrap();
            changes += usize::from(orders.insert(order, (customer, cents)) != Some((customer, cents)));
        }
    }
    changes
}

/// Cents and orders of each customer, and how many changes say that they were added.
async fn view(client: &Client) -> (BTreeMap<String, (i64, i64)>, usize) {
    let scan = client.scan().table_name("customer-totals").consistent_read(true).send().await.unwrap();
    let (mut totals, mut applied) = (BTreeMap::new(), 0);
    for row in scan.items() {
        let customer = row["customer"].as_s().unwrap();
        if customer.starts_with("applied/") {
            applied += 1;
            continue;
        }
        let number = |name: &str| row[name].as_n().unwrap().parse::<f64>().unwrap();
        totals.insert(customer.clone(), ((number("total") * 100.0).round() as i64, number("orders") as i64));
    }
    (totals, applied)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_view_of_totals_is_exact_though_all_is_delivered_twice() {
    let dir = tempfile::tempdir().unwrap();
    let region = Region::start(RegionConfig::new("eu-west-1", dir.path().join("regions"))).unwrap();
    let (endpoint, client) = (region.endpoint(), client_of(&region.endpoint()));
    create_table(&client, "orders", StreamViewType::NewAndOldImages).await;
    create_view(&client).await;
    std::fs::copy(order_totals(), dir.path().join("plugin.wasm")).unwrap();
    // Each trigger's transactions are its own to DynamoDB: nothing but the plugin's row tells that a change was added.
    let place = format!("region = \"eu-west-1\"\nendpoint = \"{endpoint}\"\n");
    let trigger = "stream = \"orders\"\nplugin = \"plugin.wasm\"\nview = \"new-and-old-images\"\nretry.attempts_max = \"unlimited\"\n\
                   grants = { tables = [\"customers\"] }\nsettings = { table = \"customers\" }\n";
    let config = format!(
        "[host]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\n[streams.orders]\ntable = \"orders\"\n{place}\
         [targets.customers]\ntable = \"customer-totals\"\n{place}[triggers.totals]\n{trigger}[triggers.again]\n{trigger}"
    );
    std::fs::write(dir.path().join("tripline.toml"), config).unwrap();
    let mut orders = Orders::new();
    let changes = trade(&client, &mut orders).await;
    let host = Host::start(&dir.path().join("tripline.toml"));
    let all = changes as f64;
    let handled = |host: &Host, trigger: &str| host.metric("tripline_changes_acknowledged_total", &format!("trigger=\"{trigger}\"")) >= all;
    host.until("both have handled all", |host| handled(host, "totals") && handled(host, "again")).await;

    let mut expected: BTreeMap<String, (i64, i64)> = ["ann", "bob", "carl"].map(|customer| (customer.to_owned(), (0, 0))).into();
    for (customer, cents) in orders.values() {
        let total = expected.get_mut(*customer).unwrap();
        *total = (total.0 + cents, total.1 + 1);
    }
    assert_eq!(view(&client).await, (expected, changes));
    assert!(host.stop());
}
