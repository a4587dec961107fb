//! Which stream is a table's latest, and what is said where there is none.

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use tripline_core::port::{FindError, ReadError, StreamSource};

use super::server::{Answer, Asked, Server};
use super::{config, sdk_config};
use crate::source::{Source, SourceConfig, table_name};

/// What the endpoint knows.
#[derive(Clone, Default)]
struct World {
    /// `table/label`, a page for each group separated by `;`. The ARN is the same text.
    streams: &'static str,
    /// Of DescribeTable: none is no table.
    table: Option<Value>,
    view: &'static str,
    /// Whether DescribeStream knows no stream.
    trimmed: bool,
}

impl World {
    fn answer(&self, asked: &Asked) -> Answer {
        match asked.operation.as_str() {
            "liststreams" => self.list(asked.input["ExclusiveStartStreamArn"].as_str()),
            "describestream" if self.trimmed => not_found(),
            "describestream" => Answer::json(json!({ "StreamDescription": { "StreamViewType": self.view, "StreamStatus": "DISABLED" } })),
            _ => self.table.as_ref().map_or_else(not_found, |table| Answer::json(json!({ "Table": table }))),
        }
    }

    fn list(&self, start: Option<&str>) -> Answer {
        let pages: Vec<&str> = self.streams.split(';').collect();
        let page = start.map_or(0, |start| pages.iter().position(|page| page.trim().ends_with(start)).unwrap() + 1);
        let streams = pages[page].split_whitespace().map(|arn| {
            let (table, label) = arn.split_once('/').unwrap();
            let label = label.split('#').next();
            json!({ "StreamArn": arn, "TableName": table, "StreamLabel": label })
        });
        let last = pages[page].split_whitespace().last().filter(|_| page + 1 < pages.len());
        Answer::json(json!({ "Streams": streams.collect::<Vec<_>>(), "LastEvaluatedStreamArn": last }))
    }
}

fn not_found() -> Answer {
    Answer::new(400, r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException"}"#)
}

async fn find(world: World, table: &str) -> String {
    let view = if world.view.is_empty() { "NEW_IMAGE" } else { world.view };
    let world = World { view, ..world };
    let server = Server::start(move |asked| world.answer(asked));
    let config = SourceConfig { table: table.to_owned(), ..config(&server.endpoint()) };
    let found = Source::new(&sdk_config(), config).latest().await;
    let called: Vec<String> = server.asked().iter().map(|asked| asked.operation.clone()).collect();
    let found = match found {
        Ok(info) => format!("{} {} of {} in {}", info.arn, info.view, info.table, info.region),
        Err(FindError::NoSuchTable(text)) => format!("NoSuchTable: {text}"),
        Err(FindError::StreamOff(text)) => format!("StreamOff: {text}"),
        Err(FindError::Read(ReadError::Unavailable(text))) => format!("Unavailable: {text}"),
        Err(FindError::Read(error)) => format!("{error:?}"),
    };
    format!("{found}\n{}\n", called.join(" ")).replace(&server.endpoint(), "ENDPOINT")
}

#[track_caller]
fn check(world: World, expected: Expect) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    expected.assert_eq(&runtime.block_on(find(world, "orders")));
}

fn streams(streams: &'static str) -> World {
    World { streams, ..World::default() }
}

fn table(table: Value) -> World {
    World { table: Some(table), ..World::default() }
}

#[test]
fn the_newest_by_its_label() {
    check(
        streams("orders/2025-11-22T10:00:00.000"),
        expect![[r#"
        orders/2025-11-22T10:00:00.000 new-image of orders in eu-west-1
        liststreams describestream
    "#]],
    );
    check(
        streams("orders/2025-11-22T09:59:59.999 orders/2025-11-22T10:00:00.001 orders/2025-11-22T10:00:00.000"),
        expect![[r#"
            orders/2025-11-22T10:00:00.001 new-image of orders in eu-west-1
            liststreams describestream
        "#]],
    );
    check(
        streams("orders/2025-11-22; orders/2025-11-24; orders/2025-11-23"),
        expect![[r#"
        orders/2025-11-24 new-image of orders in eu-west-1
        liststreams liststreams liststreams describestream
    "#]],
    );
}

#[test]
fn of_this_table_alone() {
    check(
        streams("orders-archive/9 orders/1 users/8"),
        expect![[r#"
        orders/1 new-image of orders in eu-west-1
        liststreams describestream
    "#]],
    );
}

#[test]
fn the_table_decides_where_the_list_does_not() {
    let enabled = json!({ "LatestStreamArn": "latest", "StreamSpecification": { "StreamEnabled": true } });
    check(
        World { streams: "orders/1#a orders/1#b", ..table(enabled.clone()) },
        expect![[r#"
        latest new-image of orders in eu-west-1
        liststreams describetable describestream
    "#]],
    );
    check(
        World { streams: "orders/ orders/1", ..table(enabled.clone()) },
        expect![[r#"
        latest new-image of orders in eu-west-1
        liststreams describetable describestream
    "#]],
    );
    check(
        table(enabled),
        expect![[r#"
        latest new-image of orders in eu-west-1
        liststreams describetable describestream
    "#]],
    );
    check(
        streams("orders/"),
        expect![[r#"
        orders/ new-image of orders in eu-west-1
        liststreams describestream
    "#]],
    );
}

#[test]
fn says_what_to_do_where_there_is_none() {
    check(
        World::default(),
        expect![[r#"
        NoSuchTable: there is no table `orders` in eu-west-1 at ENDPOINT; check its name, the region and the account of the credentials
        liststreams describetable
    "#]],
    );
    check(
        table(json!({ "TableName": "orders" })),
        expect![[r#"
        StreamOff: table `orders` in eu-west-1 at ENDPOINT has no stream; enable it: tripline streams enable orders --view new-and-old-images --region eu-west-1 --endpoint ENDPOINT
        liststreams describetable
    "#]],
    );
    let disabled = table(json!({ "LatestStreamArn": "old", "StreamSpecification": { "StreamEnabled": false } }));
    check(
        World { trimmed: true, ..disabled },
        expect![[r#"
        StreamOff: table `orders` in eu-west-1 at ENDPOINT has no stream; enable it: tripline streams enable orders --view new-and-old-images --region eu-west-1 --endpoint ENDPOINT
        liststreams describetable describestream
    "#]],
    );
}

/// It is to be read to its end: not every endpoint lists it.
#[test]
fn a_disabled_stream_that_is_still_readable() {
    check(
        table(json!({ "LatestStreamArn": "old" })),
        expect![[r#"
        old new-image of orders in eu-west-1
        liststreams describetable describestream
    "#]],
    );
    check(
        streams("orders/1"),
        expect![[r#"
        orders/1 new-image of orders in eu-west-1
        liststreams describestream
    "#]],
    );
}

#[test]
fn a_stream_that_cannot_be_described_is_gone() {
    let enabled = json!({ "LatestStreamArn": "latest", "StreamSpecification": { "StreamEnabled": true } });
    check(
        World { trimmed: true, ..table(enabled) },
        expect![[r#"
        Gone("DescribeStream for table `orders` in eu-west-1 at ENDPOINT: ResourceNotFoundException")
        liststreams describetable describestream
    "#]],
    );
    check(
        World { trimmed: true, ..streams("orders/1") },
        expect![[r#"
        Gone("DescribeStream for table `orders` in eu-west-1 at ENDPOINT: ResourceNotFoundException")
        liststreams describestream
    "#]],
    );
}

#[test]
fn the_view_is_the_streams() {
    for (view, name) in
        [("KEYS_ONLY", "keys-only"), ("NEW_IMAGE", "new-image"), ("OLD_IMAGE", "old-image"), ("NEW_AND_OLD_IMAGES", "new-and-old-images")]
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let found = runtime.block_on(find(World { view, ..streams("orders/1") }, "orders"));
        assert!(found.contains(&format!(" {name} of orders")), "{found}");
    }
    check(
        World { view: "ALL", ..streams("orders/1") },
        expect![[r#"
        Unavailable: DescribeStream for table `orders` in eu-west-1 at ENDPOINT: an answer whose StreamViewType is `ALL`
        liststreams describestream
    "#]],
    );
}

#[tokio::test]
async fn a_table_by_its_arn() {
    let arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/orders";
    let found = find(World { streams: "orders/1", ..World::default() }, arn).await;
    assert!(found.starts_with("orders/1 new-image of orders in eu-west-1"), "{found}");
    assert_eq!(table_name("orders"), "orders");
    assert_eq!(table_name(&format!("{arn}/stream/2025-11-22T10:00:00.000")), "orders");
}

#[tokio::test]
async fn each_api_has_its_endpoint() {
    let tables = Server::start(|_| Answer::json(json!({ "Table": {} })));
    let streams = Server::start(|_| Answer::json(json!({ "Streams": [] })));
    let config = SourceConfig { streams_endpoint: Some(streams.endpoint()), ..config(&tables.endpoint()) };
    let found = Source::new(&sdk_config(), config).latest().await.unwrap_err();
    assert!(matches!(found, FindError::StreamOff(_)), "{found}");
    assert_eq!((streams.asked().len(), tables.asked().len()), (1, 1));
    assert_eq!(tables.asked()[0].operation, "describetable");
}

#[track_caller]
fn check_after(listed: &'static str, current: &str, expected: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = World { view: "NEW_IMAGE", ..streams(listed) };
    let found = runtime.block_on(async {
        let server = Server::start(move |asked| world.answer(asked));
        Source::new(&sdk_config(), config(&server.endpoint()))
            .after(&current.into())
            .await
            .unwrap()
            .arn
            .to_string()
    });
    assert_eq!(found, expected);
}

#[test]
fn the_next_stream_is_the_one_made_next() {
    check_after("orders/2025-11-22 orders/2025-11-24; orders/2025-11-23", "orders/2025-11-22", "orders/2025-11-23");
    check_after("orders/2025-11-22 orders/2025-11-24", "orders/2025-11-23", "orders/2025-11-24");
    check_after("orders/2025-11-22", "orders/2025-11-22", "orders/2025-11-22");
}
