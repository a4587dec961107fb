//! The same config on another DynamoDB: ministack, an independent implementation, in a process of its own.

use std::process::Command;

use aws_sdk_dynamodb::types::{StreamSpecification, StreamViewType};
use tripline::workload::Traffic;

use crate::harness::{Place, Server, assert_clean, tool};

pub(crate) fn ministack(port: u16) -> Command {
    let mut command = Command::new(tool("ministack"));
    command
        .env("BIND_HOST", "127.0.0.1")
        .env("GATEWAY_PORT", port.to_string())
        .env("SERVICES", "dynamodb,dynamodbstreams");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_config_works_on_ministack_and_survives_a_kill() {
    let server = Server::start(ministack).await;
    // One process is several regions: they are told apart by the signature.
    let endpoint = format!("http://127.0.0.1:{}", server.port);
    let place = Place::on(&endpoint, &endpoint).await;
    let mut traffic = Traffic::new(5);
    let host = place.start();
    traffic.write(&place.tables, 200, |_| ()).await.unwrap();
    host.kill();
    let host = place.start();
    traffic.write(&place.tables, 400, |_| ()).await.unwrap();
    assert_clean(&place.verify().await);
    assert!(host.stop());
}

/// Gives the table a new stream; the old one stays readable.
async fn replace_stream(place: &Place, table: &str) {
    let client = place.client(table).await;
    let off = StreamSpecification::builder().stream_enabled(false).build().unwrap();
    let on = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewAndOldImages)
        .build()
        .unwrap();
    for specification in [off, on] {
        client.update_table().table_name(table).stream_specification(specification).send().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_replaced_while_the_host_was_down_is_read_to_its_end_first() {
    let server = Server::start(ministack).await;
    let endpoint = format!("http://127.0.0.1:{}", server.port);
    let place = Place::on(&endpoint, &endpoint).await;
    let mut traffic = Traffic::new(9);
    let host = place.start();
    traffic.write(&place.tables, 100, |_| ()).await.unwrap();
    assert_clean(&place.verify().await);
    assert!(host.stop());
    traffic.write(&place.tables, 200, |_| ()).await.unwrap();
    for table in ["users", "orders"] {
        replace_stream(&place, table).await;
    }
    traffic.write(&place.tables, 300, |_| ()).await.unwrap();
    let host = place.start();
    assert_clean(&place.verify().await);
    assert_eq!(host.metric("tripline_gaps_total", ""), 0.0);
    assert!(host.stop());
}
