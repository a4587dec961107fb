//! The same config on another DynamoDB: ministack, an independent implementation, in a process of its own.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use tripline::workload::Traffic;

use crate::harness::{PATIENCE, Place, assert_clean};

struct Ministack {
    child: Child,
    endpoint: String,
}

impl Ministack {
    async fn start() -> Self {
        let program = tools().join("venv/bin/ministack");
        assert!(program.exists(), "{} is missing: `cargo xtask test` sets it up", program.display());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Command::new(program)
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("SERVICES", "dynamodb,dynamodbstreams")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let ministack = Self { child, endpoint: format!("http://127.0.0.1:{port}") };
        let deadline = Instant::now() + PATIENCE;
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            assert!(Instant::now() < deadline, "ministack does not listen on {}", ministack.endpoint);
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        ministack
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `cargo xtask test` names it; plain `cargo test` finds what that has set up before.
fn tools() -> PathBuf {
    std::env::var_os("TRIPLINE_TOOLS").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/tools"), PathBuf::from)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_config_works_on_ministack_and_survives_a_kill() {
    let ministack = Ministack::start().await;
    // One process is several regions: they are told apart by the signature.
    let place = Place::on(&ministack.endpoint, &ministack.endpoint).await;
    let mut traffic = Traffic::new(5);
    let host = place.start();
    traffic.write(&place.tables, 200, |_| ()).await.unwrap();
    host.kill();
    let host = place.start();
    traffic.write(&place.tables, 400, |_| ()).await.unwrap();
    assert_clean(&place.verify().await);
    assert!(host.stop());
}
