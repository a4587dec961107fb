//! What plugins reach through `tables` and `metrics`, through the binary, on two implementations of DynamoDB: updates, transactions, reads, samples.
//!
//! What proves it is what the tables hold afterwards, what /metrics says, and the reasons of the dead letters.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, StreamViewType};
use tempfile::TempDir;
use tripline_local::{Region, RegionConfig};
use tripline_store::SqliteReader;

use crate::harness::{Host, Server, client_of, create_table, debian_tool, tripline};
use crate::ministack::ministack;

struct Reach {
    dir: TempDir,
    endpoint: String,
    client: Client,
}

impl Reach {
    /// With a table `orders` that is followed and a table `copies`.
    async fn on(endpoint: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("fixture.wasm"), tripline_bundled::FIXTURE).unwrap();
        let client = client_of(endpoint);
        for table in ["orders", "copies"] {
            create_table(&client, table, StreamViewType::NewAndOldImages).await;
        }
        Self { dir, endpoint: endpoint.to_owned(), client }
    }

    /// `triggers`: sections of the config.
    fn configure(&self, triggers: &str) {
        let place = format!("region = \"eu-west-1\"\nendpoint = \"{}\"\n", self.endpoint);
        let config = format!(
            "[host]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\n[streams.shop]\ntable = \"orders\"\n{place}\
             [targets.copies]\ntable = \"copies\"\n{place}[targets.shop]\ntable = \"orders\"\n{place}{triggers}"
        );
        std::fs::write(self.dir.path().join("tripline.toml"), config).unwrap();
    }

    fn start(&self, triggers: &str) -> Host {
        self.configure(triggers);
        Host::start(&self.dir.path().join("tripline.toml"))
    }

    async fn put(&self, ids: impl IntoIterator<Item = String>) {
        for id in ids {
            let put = self.client.put_item().table_name("orders").item("id", AttributeValue::S(id));
            put.item("note", AttributeValue::S("é".to_owned())).send().await.unwrap();
        }
    }

    /// The items of `copies`, by their IDs.
    async fn copies(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let items = self
            .client
            .scan()
            .table_name("copies")
            .consistent_read(true)
            .send()
            .await
            .unwrap()
            .items
            .unwrap_or_default();
        let text = |value: AttributeValue| match value {
            AttributeValue::S(text) | AttributeValue::N(text) => text,
            other => panic!("{other:?}"),
        };
        let item = |item: std::collections::HashMap<String, AttributeValue>| {
            let item: BTreeMap<_, _> = item.into_iter().map(|(name, value)| (name, text(value))).collect();
            (item["id"].clone(), item)
        };
        items.into_iter().map(item).collect()
    }

    /// Event IDs are the stream's, so a letter is known by its reason.
    fn reasons(&self) -> Vec<String> {
        let letters = SqliteReader::open(&self.dir.path().join("data")).unwrap().dead_letters(None, 1000).unwrap();
        letters.into_iter().map(|letter| letter.reason).collect()
    }
}

fn trigger(name: &str, settings: &str, grants: &str) -> String {
    format!(
        "[triggers.{name}]\nstream = \"shop\"\nplugin = \"fixture.wasm\"\nview = \"new-image\"\nretry.attempts_max = 2\n\
         settings = {{ mode = \"{name}\", {settings} }}\ngrants = {{ {grants} }}\n"
    )
}

const TRANSACT: &str = r#"table = "copies", key = "id", total_key = "{\"id\":{\"S\":\"all\"}}""#;

/// Orders are copied in transactions that count them; an update counts up to three on each copy; all of one table's keys are read in one call.
async fn all_of_it(endpoint: &str) {
    let reach = Reach::on(endpoint).await;
    let triggers = [
        trigger("transact", TRANSACT, r#"tables = ["copies"]"#),
        trigger("look", r#"table = "shop", measures = true"#, r#"reads = ["shop"], metrics = true"#),
        trigger("measure", "", "metrics = true"),
    ]
    .concat();
    let host = reach.start(&triggers);
    reach.put((0..250).map(|n| format!("order {n:03}"))).await;
    let acknowledged = |host: &Host, trigger: &str| host.metric("tripline_changes_acknowledged_total", &format!("trigger=\"{trigger}\""));
    host.until("all are handled", |host| ["transact", "look", "measure"].iter().all(|trigger| acknowledged(host, trigger) >= 250.0))
        .await;
    let copies = reach.copies().await;
    assert_eq!((copies.len(), &copies["all"]["counted"]), (251, &"250".to_owned()));
    assert_eq!(copies["order 042"]["note"], "é");
    assert_eq!(host.metric("tripline_table_transactions_total", "result=\"ok\""), 250.0);
    assert_eq!(host.metric("tripline_custom_lookups_total", "found=\"yes\""), 250.0);
    assert_eq!(host.metric("tripline_table_keys_read_total", "target=\"shop\""), 250.0);
    assert_eq!(host.metric("tripline_custom_changes_total", "event=\"INSERT\""), 250.0);
    assert_eq!(host.metric("tripline_custom_change_bytes_count", ""), 250.0);
    let said = host.guest_logs("look");
    assert!(said.lines().any(|line| line.contains("order 007") && line.contains("has {")), "{said}");
    check_promtool(&host);

    // Once more: each transaction is cancelled, by its first write, and nothing of it is made.
    reach
        .client
        .delete_item()
        .table_name("orders")
        .key("id", AttributeValue::S("order 000".to_owned()))
        .send()
        .await
        .unwrap();
    reach.put(["order 000".to_owned()]).await;
    host.until("it is given up", |host| host.metric("tripline_changes_dead_lettered_total", "trigger=\"transact\"") >= 1.0)
        .await;
    assert_eq!(reach.reasons(), ["the transaction was cancelled; write 0: the condition did not hold"]);
    assert_eq!(reach.copies().await["all"]["counted"], "250");
    assert_eq!(host.metric("tripline_table_transactions_total", "result=\"cancelled\""), 1.0);
    assert!(host.stop());

    // Updates of an item that stands there already, with a condition.
    let host = reach.start(&trigger("update", r#"table = "copies", max = 3"#, r#"tables = ["copies"]"#));
    host.until("all are updated", |host| acknowledged(host, "update") >= 252.0).await;
    assert_eq!((&*reach.copies().await["order 000"]["n"], &*reach.copies().await["order 001"]["n"]), ("3", "1"));
    for note in ["a", "b", "c"] {
        let put = reach.client.put_item().table_name("orders").item("id", AttributeValue::S("order 001".to_owned()));
        put.item("note", AttributeValue::S(note.to_owned())).send().await.unwrap();
    }
    host.until("the fourth is given up", |host| host.metric("tripline_changes_dead_lettered_total", "trigger=\"update\"") >= 1.0)
        .await;
    assert_eq!(reach.copies().await["order 001"]["n"], "3");
    assert!(reach.reasons().contains(&"the condition did not hold".to_owned()), "{:?}", reach.reasons());
    assert!(host.stop());
}

fn check_promtool(host: &Host) {
    use std::io::Write as _;
    let (status, text) = host.get("/metrics");
    assert_eq!(status, 200);
    let mut child = std::process::Command::new(debian_tool("promtool"))
        .args(["check", "metrics"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert_eq!((output.status.success(), String::from_utf8(said).unwrap().as_str()), (true, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_transactions_reads_and_metrics_on_the_embedded_dynamodb() {
    let dir = tempfile::tempdir().unwrap();
    let region = Region::start(RegionConfig::new("eu-west-1", dir.path().join("regions"))).unwrap();
    all_of_it(&region.endpoint()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_transactions_reads_and_metrics_on_ministack() {
    let server = Server::start(ministack).await;
    all_of_it(&format!("http://127.0.0.1:{}", server.port)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_granted_is_denied_and_a_trap_takes_no_sample_back() {
    let dir = tempfile::tempdir().unwrap();
    let region = Region::start(RegionConfig::new("eu-west-1", dir.path().join("regions"))).unwrap();
    let reach = Reach::on(&region.endpoint()).await;
    // A table to write to is none to read, and the other way round.
    let denied = [
        trigger("transact", TRANSACT, r#"reads = ["copies"]"#),
        trigger("look", r#"table = "copies""#, r#"tables = ["copies"]"#),
        trigger("update", r#"table = "copies", max = 2"#, r#"reads = ["copies"]"#),
        trigger("measure", "traps = true", "metrics = true"),
    ]
    .concat();
    reach.configure(&denied);
    let checked = tripline().current_dir(reach.dir.path()).args(["check", "-c", "tripline.toml"]).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let host = reach.start(&denied);
    reach.put(["one".to_owned()]).await;
    host.until("all are given up", |host| host.metric("tripline_changes_dead_lettered_total", "") >= 4.0)
        .await;
    let reasons = reach.reasons();
    let has =
        |trigger: &str, what: &str| reasons.iter().any(|reason| reason.contains(&format!("trigger `{trigger}` is not granted {what}")));
    assert!(has("transact", "the table `copies`") && has("look", "to read the table `copies`"), "{reasons:#?}");
    assert!(has("update", "the table `copies`"), "{reasons:#?}");
    assert!(reach.copies().await.is_empty());
    // Two attempts, each of which counted before it trapped.
    assert_eq!(host.metric("tripline_custom_changes_total", "trigger=\"measure\""), 2.0);
    assert!(host.stop());
}
