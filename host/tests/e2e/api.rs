//! The API of a real host, searched by schemathesis for answers that its document does not describe.

use std::process::{Command, Stdio};

use crate::harness::tool;
use crate::triggers::Shop;

/// Bounded, so that a run takes seconds; the same cases each time.
const EXAMPLES_MAX: &str = "40";
const SEED: &str = "20261122";

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_right() {
    let shop = Shop::new().await;
    let host = shop.start();
    shop.write(5).await;
    host.until("something is counted", |host| host.metric("tripline_changes_acknowledged_total", "trigger=\"count\"") >= 5.0)
        .await;
    let token = std::fs::read_to_string(shop.dir.path().join("data/token")).unwrap();
    let mut schemathesis = Command::new(tool("schemathesis"));
    schemathesis
        .current_dir(shop.dir.path())
        .args([
            "run",
            &format!("http://{}/api/v1/openapi.json", host.address),
            "--checks",
            "all",
            "--seed",
            SEED,
            "--max-examples",
            EXAMPLES_MAX,
        ])
        .args(["--header", &format!("Authorization: Bearer {}", token.trim_end()), "--no-color", "--generation-database", "none"])
        // An answer that does not end is nothing to judge.
        .args(["--exclude-operation-id", "tail", "--workers", "1", "--request-timeout", "60"])
        .stdin(Stdio::null());
    let output = schemathesis.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("Tested: 15"), "{said}");
    // What it has paused goes on, and what it has rewound is handled.
    for trigger in ["count", "other"] {
        shop.json(&["triggers", "resume", trigger]);
    }
    host.until("all is handled", |host| host.metric("tripline_iterator_age_seconds", "") == 0.0).await;
    println!("{}", said.lines().rev().take(25).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n"));
    assert!(host.stop());
}
