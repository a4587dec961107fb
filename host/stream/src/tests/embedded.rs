//! The whole way against a DynamoDB that was not written for these tests.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification, StreamViewType,
};
use tripline_core::change::Change;
use tripline_core::port::{FindError, Position, StreamSource};
use tripline_core::slice::Page;
use tripline_core::view::ViewType;
use tripline_local::{Region, RegionConfig};

use super::source;
use crate::source::Source;

async fn create_table(source: &Source, stream: bool) {
    let key = AttributeDefinition::builder()
        .attribute_name("pk")
        .attribute_type(ScalarAttributeType::S)
        .build()
        .unwrap();
    let schema = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build().unwrap();
    let request = source.tables.create_table().table_name("orders").billing_mode(BillingMode::PayPerRequest);
    let request = request.attribute_definitions(key).key_schema(schema).stream_specification(specification(stream));
    request.send().await.unwrap();
}

fn specification(enabled: bool) -> StreamSpecification {
    let specification = StreamSpecification::builder().stream_enabled(enabled);
    let view = enabled.then_some(StreamViewType::NewAndOldImages);
    specification.set_stream_view_type(view).build().unwrap()
}

async fn put(source: &Source, key: &str, plan: &str) {
    let request = source.tables.put_item().table_name("orders").item("pk", AttributeValue::S(key.to_owned()));
    request.item("plan", AttributeValue::S(plan.to_owned())).send().await.unwrap();
}

async fn page(source: &Source, from: &Position) -> Page {
    let stream = source.latest().await.unwrap().arn;
    let shards = source.shards(&stream).await.unwrap();
    assert_eq!(shards.len(), 1);
    assert_eq!(shards[0].parent, None);
    let iterator = source.iterator(&stream, &shards[0].id, from).await.unwrap();
    source.page(&iterator).await.unwrap()
}

fn render(changes: &[Change]) -> Vec<String> {
    let image = |image: Option<&str>| image.unwrap_or("-").replace(r#""pk":"#, "");
    let render = |change: &Change| {
        let (name, new, old) = (change.event_name.as_str(), change.new_image_json(), change.old_image_json());
        format!("{name} {} {} {}", change.keys_json(), image(new).contains("gold"), image(old).contains("free"))
    };
    changes.iter().map(render).collect()
}

#[tokio::test]
async fn reads_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let region = Region::start(RegionConfig::new("eu-west-1", dir.path())).unwrap();
    let source = source(&region.endpoint());
    create_table(&source, true).await;
    let info = source.latest().await.unwrap();
    assert_eq!((info.view, &*info.table, &*info.region), (ViewType::NewAndOldImages, "orders", "eu-west-1"));

    put(&source, "a", "free").await;
    put(&source, "a", "gold").await;
    let delete = source.tables.delete_item().table_name("orders").key("pk", AttributeValue::S("a".to_owned()));
    delete.send().await.unwrap();
    let first = page(&source, &Position::TrimHorizon).await;
    let all = [r#"INSERT {"pk":{"S":"a"}} false false"#, r#"MODIFY {"pk":{"S":"a"}} true true"#, r#"REMOVE {"pk":{"S":"a"}} false false"#];
    assert_eq!(render(&first.changes), all);

    // On with the page's own iterator, then from a sequence number as after a restart.
    put(&source, "b", "gold").await;
    let next = source.page(first.next_iterator.as_deref().unwrap()).await.unwrap();
    assert_eq!(render(&next.changes), [r#"INSERT {"pk":{"S":"b"}} true false"#]);
    let after = page(&source, &Position::After(first.changes[1].sequence_number.clone())).await;
    assert_eq!(render(&after.changes), [all[2], r#"INSERT {"pk":{"S":"b"}} true false"#]);
    region.stop().await;
}

#[tokio::test]
async fn says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let region = Region::start(RegionConfig::new("eu-west-1", dir.path())).unwrap();
    let source = source(&region.endpoint());
    let none = source.latest().await.unwrap_err();
    assert!(matches!(none, FindError::NoSuchTable(_)), "{none}");
    create_table(&source, false).await;
    let off = source.latest().await.unwrap_err();
    assert!(matches!(off, FindError::StreamOff(_)), "{off}");
    let on = source.tables.update_table().table_name("orders").stream_specification(specification(true));
    on.send().await.unwrap();
    assert_eq!(source.latest().await.unwrap().view, ViewType::NewAndOldImages);
}
