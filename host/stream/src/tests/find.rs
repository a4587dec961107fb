//! Which stream is a table's latest, and what is said where there is none.

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use tripline_core::port::{FindError, ReadError, StreamSource};

use super::server::{Answer, Asked, Server};
use super::{clock, config, sdk_config};
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
    let found = Source::new(&sdk_config(), config, clock()).latest().await;
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
    let found = Source::new(&sdk_config(), config, clock()).latest().await.unwrap_err();
    assert!(matches!(found, FindError::StreamOff(_)), "{found}");
    assert_eq!((streams.asked().len(), tables.asked().len()), (1, 1));
    assert_eq!(tables.asked()[0].operation, "describetable");
}

/// Every stream that the table has, oldest first, and the calls that it took.
#[track_caller]
fn check_all(world: World, expected: &str, calls: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = World { view: "NEW_IMAGE", ..world };
    runtime.block_on(async {
        let server = Server::start(move |asked| world.answer(asked));
        let source: &dyn StreamSource = &Source::new(&sdk_config(), config(&server.endpoint()), clock());
        let found = match source.streams().await {
            Ok(arns) => arns.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(FindError::NoSuchTable(_)) => "no such table".to_owned(),
            Err(FindError::StreamOff(_)) => "off".to_owned(),
            Err(FindError::Read(error)) => format!("{error:?}"),
        };
        let called: Vec<String> = server.asked().iter().map(|asked| asked.operation.clone()).collect();
        assert_eq!((found.as_str(), called.join(" ").as_str()), (expected, calls));
    });
}

#[test]
fn all_streams_of_a_table_oldest_first() {
    check_all(streams("orders/1"), "orders/1", "liststreams");
    check_all(
        streams("orders/2025-11-22 orders/2025-11-24; users/2025-11-21 orders/2025-11-23 orders/2025-11-22"),
        "orders/2025-11-22 orders/2025-11-23 orders/2025-11-24",
        "liststreams liststreams",
    );
    // Several of them may be the latest: the table says which, and the others are not forgotten.
    let latest = |arn: &str| table(json!({ "LatestStreamArn": arn, "StreamSpecification": { "StreamEnabled": true } }));
    let with_table = "liststreams describetable describestream";
    check_all(World { streams: "orders/2#a orders/2#b orders/1", ..latest("orders/2#a") }, "orders/1 orders/2#b orders/2#a", with_table);
    check_all(World { streams: "orders/ orders/1", ..latest("orders/") }, "orders/1 orders/", with_table);
    check_all(latest("orders/1"), "orders/1", with_table);
    check_all(World::default(), "no such table", "liststreams describetable");
    check_all(table(json!({ "TableName": "orders" })), "off", "liststreams describetable");
}

/// What DescribeStream says of a stream, and what `inspect` makes of it as the latest and as an older one: a view, or none where it is gone.
#[track_caller]
fn check_inspect(description: Option<Value>, latest: &str, older: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let server = Server::start(move |_| match &description {
            Some(description) => Answer::json(json!({ "StreamDescription": description })),
            None => not_found(),
        });
        let source: &dyn StreamSource = &Source::new(&sdk_config(), config(&server.endpoint()), clock());
        for (is_latest, expected) in [(true, latest), (false, older)] {
            let found = match source.inspect(&"orders/1".into(), is_latest).await {
                Ok(Some(info)) => format!("{} {}", info.arn, info.view),
                Ok(None) => "gone".to_owned(),
                Err(error) => error.to_string().replace(&server.endpoint(), "ENDPOINT"),
            };
            assert!(found.ends_with(expected), "latest: {is_latest}: {found}");
        }
    });
}

#[test]
fn an_older_stream_must_say_that_it_is_closing() {
    let of = |arn: &str, status: &str| Some(json!({ "StreamArn": arn, "StreamStatus": status, "StreamViewType": "KEYS_ONLY" }));
    let it = "orders/1 keys-only";
    check_inspect(of("orders/1", "DISABLED"), it, it);
    check_inspect(of("orders/1", "DISABLING"), it, it);
    check_inspect(of("orders/1", "ENABLED"), it, "gone");
    check_inspect(of("orders/2", "DISABLED"), it, "gone");
    check_inspect(None, "gone", "gone");
    check_inspect(Some(json!({ "StreamArn": "orders/1", "StreamStatus": "DISABLED" })), "an answer whose StreamViewType is ``", "gone");
}
