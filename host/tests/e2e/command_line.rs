//! What a new user types, right and wrong.

use std::process::Output;

use serde_json::Value;

use crate::harness::{Place, assert_clean, tripline};
use tripline::workload::Traffic;

fn output(args: &[&str]) -> Output {
    tripline().args(args).output().unwrap()
}

#[track_caller]
fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stdout)))
}

/// Fails, and says each of `parts`.
#[track_caller]
fn check_fault(args: &[&str], parts: &[&str]) {
    let output = output(args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{args:?} succeeded");
    for part in parts {
        assert!(said.contains(part), "{args:?}: no `{part}` in:\n{said}");
    }
}

#[test]
fn the_demo_once_verifies_itself() {
    let summary = json(&output(&["demo", "--once", "--records", "300", "--json"]));
    assert_eq!(summary["records"], 300);
    for zero in ["replica_differences", "counter_differences", "dead_letters"] {
        assert_eq!(summary[zero], 0, "{summary}");
    }
    assert_eq!(summary["mails_sent"], summary["mails_expected"]);
    assert!(summary["mails_expected"].as_u64() > Some(0), "{summary}");
    assert!(summary["seconds"].as_f64() > Some(0.0), "{summary}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_can_be_read_while_the_host_runs_and_after() {
    let place = Place::embedded().await;
    let host = place.start();
    Traffic::new(3).write(&place.tables, 200, |_| ()).await.unwrap();
    assert_clean(&place.verify().await);
    let data_dir = place.data_dir();
    let dump = || json(&output(&["state", "dump", "--json", "--data-dir", data_dir.to_str().unwrap()]));
    let running = dump();
    assert!(
        running["counters"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["name"] == "orders" && row["labels"]["status"] == "placed")
    );
    assert!(!running["checkpoints"].as_array().unwrap().is_empty());
    let (status, body) = host.get("/readyz");
    assert_eq!(status, 200, "{body}");
    let (status, metrics) = host.get("/metrics");
    assert_eq!(status, 200);
    assert!(metrics.contains("status=\"placed\""), "{metrics}");
    assert!(host.stop());
    assert_eq!(dump()["counters"], running["counters"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_a_plugin_refuses_is_kept_whole_as_a_dead_letter() {
    let place = Place::embedded().await;
    let client = place.client("users").await;
    let host = place.start();
    let text = |value: &str| aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned());
    let put = client
        .put_item()
        .table_name("users")
        .item("id", text("u1"))
        .item("name", text("No Address"))
        .item("plan", text("pro"));
    put.send().await.unwrap();
    host.until("the change is a dead letter", |host| host.metric("tripline_changes_dead_lettered_total", "trigger=\"welcome\"") == 1.0)
        .await;
    let data_dir = place.data_dir();
    let at = ["--json", "--data-dir", data_dir.to_str().unwrap()];
    let list = json(&output(&[&["dlq", "list"][..], &at].concat()));
    let letter = &list[0];
    assert_eq!(letter["trigger"], "welcome");
    assert!(letter["reason"].as_str().unwrap().contains("email"), "{letter}");
    let shown = json(&output(&[&["dlq", "show", &letter["id"].to_string()][..], &at].concat()));
    // Whole: the trigger's attributes do not cut what is kept.
    assert!(shown["record_json"].as_str().unwrap().contains("\"id\":{\"S\":\"u1\"}"), "{shown}");
    assert!(host.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_all_faults_in_one_go_and_what_plugins_ask_for() {
    let place = Place::embedded().await;
    let file = place.config_file();
    let args = ["check", "-c", file.to_str().unwrap()];
    let report = json(&output(&[&args[..], &["--json"]].concat()));
    let replicate = report["triggers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|trigger| trigger["trigger"] == "replicate")
        .unwrap();
    assert!(replicate["asks_for"].as_array().unwrap().iter().all(|asked| asked["granted"] == true), "{replicate}");

    place.edit("view = \"new-and-old-images\"", "view = \"both\"");
    place.edit("stream = \"users\"", "stream = \"user\"");
    check_fault(&args, &["triggers.stats.view", "triggers.welcome.stream", "tripline.toml:"]);
    let faulty = output(&[&args[..], &["--json"]].concat());
    assert!(!faulty.status.success());
    let faults: Value = serde_json::from_slice(&faulty.stdout).unwrap();
    assert!(
        faults["faults"]
            .as_array()
            .unwrap()
            .iter()
            .all(|fault| fault["line"].is_u64() && fault["remedy"].is_string()),
        "{faults}"
    );
    // The faults of plugins, where it is known which they are.
    std::fs::write(place.dir.path().join("text.wasm"), "no plugin").unwrap();
    place.edit("bundled:analytics-counter", "text.wasm");
    let told = ["error: triggers.stats: plugin `", "text.wasm`: not WebAssembly", "2 faults in ", ", and 1 of a plugin"];
    check_fault(&args, &told);
    check_fault(&["run", "-c", file.to_str().unwrap()], &told);
    let faults: Value = serde_json::from_slice(&output(&[&args[..], &["--json"]].concat()).stdout).unwrap();
    let last = faults["faults"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["key"], &last["remedy"]),
        (&Value::from("triggers.stats.plugin"), &Value::from("name the file that the build makes")),
        "{faults}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_a_plugin_refuses_are_a_fault_of_check() {
    let place = Place::embedded().await;
    place.edit("subject = \"Welcome, {{ new.name }}\"", "subject = \"Welcome, {{ new.name\"");
    check_fault(&["check", "-c", place.config_file().to_str().unwrap()], &["triggers.welcome", "subject"]);
    // Its trigger is sound, though the rest is not.
    place.edit("[host]", "[host]\ncolour = \"red\"");
    check_fault(
        &["check", "-c", place.config_file().to_str().unwrap()],
        &["host.colour", "triggers.welcome", "subject", ", and 1 of a plugin"],
    );
}

#[test]
fn inspect_says_what_a_plugin_wants_and_what_is_none() {
    let report = json(&output(&["inspect", "bundled:cross-region-writer", "--json"]));
    assert_eq!(report["contract"], "tripline:trigger@0.1.0");
    assert!(report["asks_for"].as_array().unwrap().iter().any(|grant| grant == "tables"), "{report}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "no component").unwrap();
    check_fault(&["inspect", file.path().to_str().unwrap()], &["component"]);
    check_fault(&["inspect", "bundled:nothing"], &["nothing"]);
    check_fault(&["inspect", "/dev/zero"], &["268435457 bytes, and a plugin has at most 268435456"]);
    check_fault(&["inspect", "\u{1b}[2Jgone"], &["\\u{1b}[2Jgone"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_host_on_the_same_data_is_refused() {
    let place = Place::embedded().await;
    let host = place.start();
    check_fault(&["run", "-c", place.config_file().to_str().unwrap()], &["data"]);
    assert!(host.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_said_with_the_remedy() {
    let place = Place::embedded().await;
    place.edit("table = \"users\"", "table = \"nobody\"");
    check_fault(&["run", "-c", place.config_file().to_str().unwrap()], &["streams.users", "nobody"]);
    check_fault(&["run", "-c", "/nowhere/tripline.toml"], &["/nowhere/tripline.toml"]);
}
