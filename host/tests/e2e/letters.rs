//! Dead letters that come back, through the binary: after the plugin was mended, through kills, and not at all where they are beyond the bounds.
//!
//! What proves it is the fixture's mode `turns`: it keeps of each item which changes it handled, and says when a batch begins and ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, StreamViewType};
use serde_json::Value;
use tempfile::TempDir;
use tripline_core::letter::{LetterChoice, Letters};
use tripline_core::signal::Silence;
use tripline_core::time::Timestamp;
use tripline_local::{Region, RegionConfig};
use tripline_store::{DeadLetterRow, SqliteReader, SqliteStore};

use crate::harness::{Host, client_of, create_table, tripline};
use crate::mended::mend;
use crate::plugin_file::version;

const ATTEMPTS: u32 = 2;

struct Shop {
    dir: TempDir,
    client: Client,
    _region: Region,
}

impl Shop {
    async fn new(bounds: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let region = Region::start(RegionConfig::new("eu-west-1", dir.path().join("regions"))).unwrap();
        let endpoint = region.endpoint();
        let config = format!(
            "[host]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\n{bounds}\n\
             [streams.shop]\ntable = \"orders\"\nregion = \"eu-west-1\"\nendpoint = \"{endpoint}\"\n\
             [triggers.t]\nstream = \"shop\"\nplugin = \"fixture.wasm\"\nview = \"new-image\"\nbatch = {{ records_max = 5 }}\n\
             retry = {{ attempts_max = {ATTEMPTS}, backoff = \"1ms..5ms\" }}\ngrants = {{ counters = true, state = true }}\n\
             settings = {{ mode = \"turns\", mended = false, takes_ms = 0 }}\n"
        );
        std::fs::write(dir.path().join("tripline.toml"), config).unwrap();
        let client = client_of(&endpoint);
        create_table(&client, "orders", StreamViewType::NewAndOldImages).await;
        let shop = Self { dir, client, _region: region };
        shop.install("as it was");
        shop
    }

    /// Another version of the plugin.
    fn install(&self, name: &str) {
        std::fs::write(self.dir.path().join("fixture.wasm"), version(tripline_bundled::FIXTURE, name)).unwrap();
    }

    /// `tripline ARGS… --json`: what it prints.
    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        let output = tripline()
            .current_dir(self.dir.path())
            .args(args)
            .args(["--json", "-c", "tripline.toml"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn set(&self, from: &str, to: &str) {
        let path = self.dir.path().join("tripline.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "the config has no `{from}`");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    async fn put(&self, id: &str, note: &str, flaw: Option<&str>) {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let put = self.client.put_item().table_name("orders").item("id", text(id)).item("note", text(note));
        let put = flaw.into_iter().fold(put, |put, flaw| put.item("flaw", text(flaw)));
        put.send().await.unwrap();
    }

    fn start(&self) -> Host {
        Host::start(&self.dir.path().join("tripline.toml"))
    }

    fn reader(&self) -> SqliteReader {
        SqliteReader::open(&self.dir.path().join("data")).unwrap()
    }

    fn letters(&self) -> Vec<DeadLetterRow> {
        self.reader().dead_letters(None, 10_000).unwrap()
    }

    /// As the CLI does it while no host runs.
    async fn mark_all(&self) -> u64 {
        let (store, threads) = SqliteStore::open(&self.dir.path().join("data"), Arc::new(Silence)).unwrap();
        let marked = store
            .mark(LetterChoice::Matching { trigger: None, pattern: None }, Timestamp::from_ms(1))
            .await
            .unwrap();
        drop(store);
        threads.run().await.unwrap();
        marked
    }

    /// How many changes are handled and committed.
    fn handled(&self) -> u64 {
        let counters = self.reader().counters().unwrap();
        counters.iter().find(|row| row.name == "handled").map_or(0, |row| row.value.parse().unwrap())
    }

    /// Which changes of each item were handled, in their order.
    fn turns(&self) -> BTreeMap<String, Vec<String>> {
        let rows = self.reader().state(None, 10_000).unwrap();
        let ids = |value: Vec<u8>| String::from_utf8(value).unwrap().split_whitespace().map(str::to_owned).collect();
        rows.into_iter().filter(|row| row.key != "total").map(|row| (row.key, ids(row.value))).collect()
    }

    /// Each of so many changes was handled, and none twice.
    fn assert_exact(&self, changes: u64) {
        let turns = self.turns();
        let mut ids: Vec<&String> = turns.values().flatten().collect();
        assert_eq!((ids.len() as u64, self.handled()), (changes, changes), "{turns:#?}");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len() as u64, changes, "{turns:#?}");
    }
}

fn dead(host: &Host) -> f64 {
    host.metric("tripline_changes_dead_lettered_total", "")
}

fn turn(host: &Host, part: &str) -> String {
    let is_turn = |event: &Value| event["message"].as_str().is_some_and(|text| text.starts_with("turn ") && text.contains(part));
    host.wait_for_event(part, is_turn)["message"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_come_back_once_the_plugin_is_mended_and_newer_changes_of_the_item_wait() {
    let shop = Shop::new("").await;
    for n in 0..20 {
        shop.put(&format!("i{n}"), "1", (n % 4 == 0).then_some("sour")).await;
    }
    let host = shop.start();
    host.until("five are dead letters", |host| dead(host) == 5.0).await;
    host.until("all others are handled", |_| shop.handled() == 15).await;
    assert!(host.stop());
    let letters = shop.letters();
    assert!(letters.iter().all(|letter| letter.attempts == ATTEMPTS && letter.reason == "its flaw: sour"), "{letters:?}");

    assert_eq!(shop.mark_all().await, 5);
    shop.set("mended = false, takes_ms = 0", "mended = true, takes_ms = 700");
    shop.install("mended");
    let host = shop.start();
    tokio::task::block_in_place(|| turn(&host, "turn begins #3"));
    // Now, while the letter of this item is being handled again.
    shop.put("i0", "2", None).await;
    let next = tokio::task::block_in_place(|| turn(&host, r#"{"id":{"S":"i0"}}"#));
    assert!(next.starts_with("turn ends"), "a newer change went out meanwhile: {next}");
    tokio::task::block_in_place(|| turn(&host, r#"turn begins #1 {"id":{"S":"i0"}}"#));
    host.until("all is handled", |_| shop.handled() == 21).await;
    assert_eq!(host.metric("tripline_dead_letters_redriven_total", "result=\"done\""), 5.0);
    host.until("it is seen that nothing is kept", |host| host.metric("tripline_dead_letters", "") == 0.0)
        .await;
    assert!(host.stop());
    assert!(shop.letters().is_empty());
    shop.assert_exact(21);
    assert_eq!(shop.turns()[r#"{"id":{"S":"i0"}}"#].len(), 2);
    assert_eq!(shop.turns()[r#"{"id":{"S":"i0"}}"#][0], letters[0].event_id);
}

/// Batches of four lanes and redrives read and write one key: what each has seen must stand when it commits.
#[tokio::test(flavor = "multi_thread")]
async fn state_that_all_batches_share_is_exact_while_letters_come_back() {
    let shop = Shop::new("").await;
    shop.set("mended = false, takes_ms = 0", "mended = false, takes_ms = 5, shared = true");
    shop.set("view = \"new-image\"", "view = \"new-image\"\nparallelism = 4");
    for n in 0..40 {
        shop.put(&format!("i{n}"), "1", (n % 2 == 0).then_some("sour")).await;
    }
    let host = shop.start();
    host.until("half are dead letters", |host| dead(host) == 20.0).await;
    mend(&shop.dir.path().join("fixture.wasm"));
    tokio::task::block_in_place(|| {
        host.wait_for_event("the mended one", |event| event["message"] == "plugin serves" && event["reload"] == true)
    });
    assert_eq!(shop.json(&["dlq", "redrive", "--all"])["letters"], 20);
    for n in 0..80 {
        shop.put(&format!("i{}", n % 40), "2", None).await;
    }
    host.until("all is handled", |_| shop.handled() == 120).await;
    let conflicts = host.metric("tripline_state_conflicts_total", "");
    assert!(host.stop());
    assert!(shop.letters().is_empty());
    shop.assert_exact(120);
    let rows = shop.reader().state(None, 10_000).unwrap();
    let total = rows.iter().find(|row| row.key == "total").unwrap();
    assert_eq!(String::from_utf8_lossy(&total.value), "120", "after {conflicts} conflicts");
    assert!(conflicts > 0.0, "nothing ran at once");
    println!("{conflicts} conflicts");
}

/// All of it with one host: the plugin's file is replaced, and an operator marks the letters; a paused trigger keeps them waiting.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_host_redrives_what_an_operator_chooses_unless_the_trigger_is_paused() {
    let shop = Shop::new("").await;
    for n in 0..6 {
        shop.put(&format!("i{n}"), "1", Some(if n < 4 { "sour" } else { "bitter" })).await;
    }
    let host = shop.start();
    host.until("all are dead letters", |host| dead(host) == 6.0).await;
    mend(&shop.dir.path().join("fixture.wasm"));
    tokio::task::block_in_place(|| {
        host.wait_for_event("the mended one", |event| event["message"] == "plugin serves" && event["reload"] == true)
    });
    assert_eq!(shop.json(&["dlq", "redrive", "--match", "sour"])["letters"], 4);
    host.until("those have come back", |_| shop.handled() == 4).await;
    assert_eq!(shop.letters().iter().map(|letter| &*letter.reason).collect::<Vec<_>>(), ["its flaw: bitter"; 2]);

    shop.json(&["triggers", "pause", "t"]);
    assert_eq!(shop.json(&["dlq", "redrive", "--all"])["letters"], 2);
    // It has been looked at since: what waits is marked, and stays.
    host.until("what is kept was looked at", |host| host.metric("tripline_dead_letters", "") == 2.0)
        .await;
    assert!(shop.letters().iter().all(|letter| letter.redrive_ms.is_some()));
    assert_eq!(shop.handled(), 4);
    shop.json(&["triggers", "resume", "t"]);
    host.until("the others have come back", |_| shop.handled() == 6).await;
    assert!(host.stop());
    shop.assert_exact(6);
    assert!(shop.letters().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_while_letters_come_back_is_exact() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let shop = Shop::new("").await;
    // More than can come back before the last kill.
    let mut changes = 300;
    for n in 0..changes {
        shop.put(&format!("i{}", n % 30), &n.to_string(), Some("sour")).await;
    }
    let host = shop.start();
    host.until("all are dead letters", |host| dead(host) == 300.0).await;
    assert!(host.stop());
    assert_eq!(shop.mark_all().await, 300);
    shop.set("mended = false, takes_ms = 0", "mended = true, takes_ms = 40");
    for kill in 0..4 {
        let host = shop.start();
        tokio::task::block_in_place(|| turn(&host, "turn begins #3"));
        for n in 0..10 {
            shop.put(&format!("i{n}"), &format!("{kill}"), None).await;
            changes += 1;
        }
        tokio::time::sleep(Duration::from_millis(random.u64(..120))).await;
        host.kill();
        let (left, turns) = (shop.letters(), shop.turns());
        // What has left was handled, what is there was not.
        for letter in &left {
            assert!(!turns.values().flatten().any(|id| *id == letter.event_id), "letter {} is there and handled", letter.id);
        }
        println!("kill {kill}: {} letters left", left.len());
    }
    let host = shop.start();
    host.until("all is handled", |_| shop.handled() == changes).await;
    assert!(host.stop());
    assert!(shop.letters().is_empty());
    shop.assert_exact(changes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_fails_again_stays_with_what_is_new_of_it() {
    let shop = Shop::new("").await;
    shop.put("a", "1", Some("sour")).await;
    let host = shop.start();
    host.until("it is a dead letter", |host| dead(host) == 1.0).await;
    assert!(host.stop());
    let before = shop.letters().remove(0);
    assert_eq!(shop.mark_all().await, 1);
    shop.install("no better");
    let host = shop.start();
    host.until("it failed again", |host| host.metric("tripline_dead_letters_redriven_total", "result=\"failed\"") == 1.0)
        .await;
    assert!(host.stop());
    let after = shop.letters().remove(0);
    assert_eq!((after.id, after.attempts, after.redrives, after.redrive_ms), (before.id, ATTEMPTS + 1, 1, None));
    assert_ne!(after.plugin_version, before.plugin_version);
    assert!(after.last_attempt_ms > before.last_attempt_ms);
    assert_eq!(
        (after.first_attempt_ms, after.created_ms, after.record_json),
        (before.first_attempt_ms, before.created_ms, before.record_json)
    );
    // It is not marked: another start leaves it alone, and redrives it only when it is told to.
    let host = shop.start();
    shop.put("b", "1", None).await;
    host.until("another is handled", |_| shop.handled() == 1).await;
    assert!(host.stop());
    assert_eq!(shop.letters().remove(0).redrives, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_the_bounds_the_oldest_go_and_that_is_told_before() {
    let shop = Shop::new("dead_letters = { age_max = \"1m\", bytes_max = \"64KiB\" }").await;
    let note = "x".repeat(8 * 1024);
    for n in 0..12 {
        shop.put(&format!("i{n}"), &note, Some("sour")).await;
    }
    let host = shop.start();
    host.until("all are dead letters", |host| dead(host) == 12.0).await;
    let warned = tokio::task::block_in_place(|| host.wait_for_log("dead letters are near their bounds"));
    assert!(warned["level"] == "WARN" && warned["reason"].as_str().unwrap().contains("of 65536 bytes"), "{warned}");
    // Told, and nothing is gone yet; the host is ready all the same.
    let (status, ready) = host.get("/readyz");
    assert_eq!((status, shop.letters().len()), (200, 12), "{ready}");
    let ready: Value = serde_json::from_str(&ready).unwrap();
    assert!(ready["ready"] == true && ready["warnings"][0].as_str().unwrap().contains("tripline dlq"), "{ready}");
    host.until("what is beyond is dropped", |host| host.metric("tripline_dead_letters_dropped_total", "cause=\"bytes\"") > 0.0)
        .await;
    let dropped = host.metric("tripline_dead_letters_dropped_total", "cause=\"bytes\"") as usize;
    let ids: Vec<i64> = shop.letters().iter().map(|letter| letter.id).collect();
    assert_eq!(ids, (dropped as i64 + 1..=12).collect::<Vec<_>>(), "the oldest go");
    assert!(shop.letters().iter().map(|letter| letter.size_bytes).sum::<u64>() <= 65_536 && ids.len() > 4, "{ids:?}");
    let told = tokio::task::block_in_place(|| host.wait_for_event("dropped", |event| event["cause"] == "bytes"));
    assert_eq!((told["level"].as_str(), told["letters"].as_u64()), (Some("ERROR"), Some(dropped as u64)));
    host.until("the rest is too old", |host| host.metric("tripline_dead_letters", "") == 0.0).await;
    assert_eq!(host.metric("tripline_dead_letters_dropped_total", "cause=\"age\"") as usize, 12 - dropped);
    host.until("all is well", |host| !host.get("/readyz").1.contains("warnings")).await;
    assert!(host.stop());
}
