//! Endpoints and tables: what is not there, does not answer, or is not enough.

use std::net::TcpListener;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification, StreamViewType,
};
use expect_test::expect;

use super::scripted::{Answer, Scripted};
use super::{Ask, Bench};
use crate::ports;

const USERS: &str = "table = \"users\"\nregion = \"eu-west-1\"\n";

/// Where `users` is read from, for an edit.
fn at(endpoint: &str) -> String {
    format!("{USERS}streams_endpoint = \"{endpoint}\"\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_does_not_answer() {
    let mut bench = Bench::new().await;
    let (_socket, refusing) = ports::refusing();
    let refused = format!("http://{refusing}");
    bench.check_edited(&[(USERS, &at(&refused))], &[Ask::Run], expect![[r#"
        error: streams.users: ListStreams for table `users` in eu-west-1 at http://127.0.0.1:PORT: Connection refused (os error 111); check the network, and its `region` and `endpoint`, then start again
    "#]]).await;
    bench.check_edited(&[(USERS, &at("http://nowhere.invalid:8000"))], &[Ask::Run], expect![[r#"
        error: streams.users: ListStreams for table `users` in eu-west-1 at http://nowhere.invalid:8000: failed to lookup address information: Name or service not known; check the network, and its `region` and `endpoint`, then start again
    "#]]).await;
    // Takes connections, and never says anything: in bounded time, however many streams and targets are there.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let config = std::fs::read_to_string(bench.place.config_file()).unwrap();
    let endpoints: Vec<&str> = config.lines().filter(|line| line.starts_with("endpoint = ")).collect();
    let all_silent: Vec<(&str, String)> = endpoints.iter().map(|line| (*line, format!("endpoint = \"{silent}\""))).collect();
    let mut edits: Vec<(&str, &str)> = all_silent.iter().map(|(from, to)| (*from, to.as_str())).collect();
    edits.dedup();
    bench.check_edited(&edits, &[Ask::Run], expect![[r#"
        error: target `orders-us`: table `orders` in us-east-1 at http://127.0.0.1:PORT cannot be described now: check the network, `region` and `endpoint` in [targets.orders-us] (request has timed out: operation timeout (all attempts including retries) occurred after 4s)
        error: streams.orders: ListStreams for table `orders` in eu-west-1 at http://127.0.0.1:PORT: no answer in time; check the network, and its `region` and `endpoint`, then start again
        error: streams.users: ListStreams for table `users` in eu-west-1 at http://127.0.0.1:PORT: no answer in time; check the network, and its `region` and `endpoint`, then start again
    "#]]).await;
    no_dynamodb(&bench).await;
    bench.works().await;
}

async fn no_dynamodb(bench: &Bench) {
    let page = Scripted::start(Answer { status: 500, body: "<!doctype html><title>500 Internal Server Error</title>" });
    bench.check_edited(&[(USERS, &at(&page.endpoint()))], &[Ask::Run], expect![[r#"
        error: streams.users: ListStreams for table `users` in eu-west-1 at http://127.0.0.1:PORT: HTTP status 500 without an error code; check the network, and its `region` and `endpoint`, then start again
    "#]]).await;
    let page = Scripted::start(Answer { status: 200, body: "<html>It works!</html>" });
    bench.check_edited(&[(USERS, &at(&page.endpoint()))], &[Ask::Run], expect![[r#"
        error: streams.users: ListStreams for table `users` in eu-west-1 at http://127.0.0.1:PORT: an answer with HTTP status 200 that cannot be read: Error at offset 0: unexpected token '<'. Expected one of '{', '[', '"', 'null', 'true', 'false', <number>; check the network, and its `region` and `endpoint`, then start again
    "#]]).await;
    let busy = Scripted::start(Answer {
        status: 400,
        body: r#"{"__type":"com.amazon.coral.availability#ThrottlingException","message":"Rate exceeded"}"#,
    });
    bench.check_edited(&[(USERS, &at(&busy.endpoint()))], &[Ask::Run], expect![[r#"
        error: streams.users: throttled: ListStreams for table `users` in eu-west-1 at http://127.0.0.1:PORT: ThrottlingException: Rate exceeded; start again later
    "#]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_there_or_not_enough() {
    let mut bench = Bench::new().await;
    let client = bench.place.client("users").await;
    let keys_only = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::KeysOnly)
        .build()
        .unwrap();
    for (table, stream) in [("plain", None), ("keys", Some(keys_only))] {
        let key = AttributeDefinition::builder()
            .attribute_name("id")
            .attribute_type(ScalarAttributeType::S)
            .build()
            .unwrap();
        let create = client
            .create_table()
            .table_name(table)
            .attribute_definitions(key)
            .billing_mode(BillingMode::PayPerRequest);
        let create = create.key_schema(KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap());
        create.set_stream_specification(stream).send().await.unwrap();
    }
    bench.check_edited(&[("table = \"users\"", "table = \"nobody\"")], &[Ask::Run], expect![[r#"
        error: streams.users: there is no table `nobody` in eu-west-1 at http://127.0.0.1:PORT; check its name, the region and the account of the credentials
    "#]]).await;
    bench.check_edited(&[("table = \"users\"", "table = \"plain\"")], &[Ask::Run], expect![[r#"
        error: streams.users: table `plain` in eu-west-1 at http://127.0.0.1:PORT has no stream; enable it: tripline streams enable plain --view new-and-old-images --region eu-west-1 --endpoint http://127.0.0.1:PORT
    "#]]).await;
    bench.check_edited(&[("table = \"users\"", "table = \"keys\"")], &[Ask::Run], expect![[r#"
        error: triggers.welcome.view: `new-image` is more than the stream of table `keys` holds, which is `keys-only` (KEYS_ONLY). Set `view = "keys-only"`, or give the table a stream with StreamViewType=NEW_AND_OLD_IMAGES (disable its stream, then enable it with that view)
    "#]]).await;
    // A target, and a stream with it.
    let target = ("[targets.orders-us]\ntable = \"orders\"", "[targets.orders-us]\ntable = \"nothing\"");
    bench
        .check_edited(&[target, ("table = \"users\"", "table = \"nobody\"")], &[Ask::Run], expect![[r#"
            error: target `orders-us`: there is no table `nothing` in us-east-1 at http://127.0.0.1:PORT: create it, or correct `table`, `region` or `endpoint` in [targets.orders-us]
            error: streams.users: there is no table `nobody` in eu-west-1 at http://127.0.0.1:PORT; check its name, the region and the account of the credentials
        "#]])
        .await;
    bench.works().await;
}
