//! The same config on another DynamoDB: ministack, an independent implementation, in a process of its own.

use std::process::Command;

use tripline::workload::Traffic;

use crate::harness::{Place, Server, assert_clean, tool};

fn ministack(port: u16) -> Command {
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
