//! Batches that run at once, that wait to be full, and changes that nobody can handle, through the binary.
//!
//! What proves it is the fixture's mode `ledger`: it keeps of each item which changes it handled, in their order, and one sum over all.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, StreamViewType};
use tempfile::TempDir;
use tripline_local::{Region, RegionConfig};
use tripline_store::SqliteReader;

use crate::harness::{Host, client_of, create_table, tripline};
use crate::mended::mend;
use crate::plugin_file::version;

struct Ledger {
    dir: TempDir,
    endpoint: String,
    client: Client,
    _region: Region,
    /// By item: the notes of the changes that can be handled, in their order.
    written: BTreeMap<String, Vec<u64>>,
    /// Changes that cannot.
    flawed: usize,
    notes: u64,
}

impl Ledger {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let region = Region::start(RegionConfig::new("eu-west-1", dir.path().join("regions"))).unwrap();
        let endpoint = region.endpoint();
        let client = client_of(&endpoint);
        create_table(&client, "orders", StreamViewType::NewAndOldImages).await;
        std::fs::write(dir.path().join("fixture.wasm"), version(tripline_bundled::FIXTURE, "as it was")).unwrap();
        Self { dir, endpoint, client, _region: region, written: BTreeMap::new(), flawed: 0, notes: 0 }
    }

    /// `trigger`: lines of `[triggers.t]`.
    fn start(&self, takes_ms: u64, trigger: &str) -> Host {
        let endpoint = &self.endpoint;
        let config = format!(
            "[host]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\n\
             [streams.shop]\ntable = \"orders\"\nregion = \"eu-west-1\"\nendpoint = \"{endpoint}\"\n\
             [triggers.t]\nstream = \"shop\"\nplugin = \"fixture.wasm\"\nview = \"new-image\"\n\
             grants = {{ counters = true, state = true }}\nsettings = {{ mode = \"ledger\", takes_ms = {takes_ms} }}\n{trigger}\n"
        );
        let path = self.dir.path().join("tripline.toml");
        std::fs::write(&path, config).unwrap();
        Host::start(&path)
    }

    async fn put(&mut self, item: u64, flaw: Option<&str>) {
        let (id, note) = (format!("i{item}"), self.notes);
        self.notes += 1;
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let put = self
            .client
            .put_item()
            .table_name("orders")
            .item("id", text(&id))
            .item("note", text(&note.to_string()));
        flaw.into_iter().fold(put, |put, flaw| put.item("flaw", text(flaw))).send().await.unwrap();
        match flaw {
            None => self.written.entry(id).or_default().push(note),
            Some(_) => self.flawed += 1,
        }
    }

    /// As an operator does it while a host runs.
    fn set_parallelism(&self, parallelism: u32) {
        let number = parallelism.to_string();
        let arguments = ["triggers", "parallelism", "t", &number, "--json", "-c", "tripline.toml"];
        let output = tripline().current_dir(self.dir.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(shown["parallelism"], parallelism);
    }

    fn reader(&self) -> SqliteReader {
        SqliteReader::open(&self.dir.path().join("data")).unwrap()
    }

    fn handled(&self) -> usize {
        let counters = self.reader().counters().unwrap();
        counters.iter().find(|row| row.name == "handled").map_or(0, |row| row.value.parse().unwrap())
    }

    fn sound(&self) -> usize {
        self.written.values().map(Vec::len).sum()
    }

    /// Every change that can be handled was, once and in its item's turn.
    fn assert_exact(&self) {
        let rows = self.reader().state(None, 10_000).unwrap();
        let mut state: BTreeMap<_, _> = rows.into_iter().map(|row| (row.key, String::from_utf8(row.value).unwrap())).collect();
        let total: usize = state.remove("total").unwrap().parse().unwrap();
        let notes = |value: &String| value.split_whitespace().map(|note| note.parse().unwrap()).collect::<Vec<u64>>();
        let ledger: BTreeMap<_, _> = state.iter().map(|(key, value)| (key.clone(), notes(value))).collect();
        assert_eq!(ledger, self.written);
        assert_eq!((total, self.handled()), (self.sound(), self.sound()));
    }
}

/// The most batches that the log shows under way at one time.
fn most_at_once(logs: &str) -> i32 {
    let (mut now, mut most) = (0, 0);
    for line in logs.lines() {
        now += i32::from(line.contains("ledger begins")) - i32::from(line.contains("ledger ends"));
        most = most.max(now);
    }
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_run_at_once_and_stay_exact_and_in_order_through_kills_and_another_parallelism() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut shop = Ledger::new().await;
    let policy = "batch = { records_max = 4 }\nretry = { attempts_max = 2, backoff = \"1ms..20ms\" }";
    let mut most = 0;
    for parallelism in [8, 1, 3, 8] {
        for _ in 0..80 {
            let flaw = match random.u8(..20) {
                0 => Some("retry"),
                1 => Some("trap"),
                _ => None,
            };
            shop.put(random.u64(..12), flaw).await;
        }
        let host = shop.start(10, &format!("parallelism = {parallelism}\n{policy}"));
        let before = shop.handled();
        host.until("some are handled", |_| shop.handled() > before + 10).await;
        tokio::time::sleep(Duration::from_millis(random.u64(..60))).await;
        most = most.max(most_at_once(&host.guest_logs("t")));
        host.kill();
    }
    let host = shop.start(1, &format!("parallelism = 8\n{policy}"));
    host.until("all is handled", |_| {
        shop.handled() == shop.sound() && shop.reader().dead_letters(None, 1_000).unwrap().len() == shop.flawed
    })
    .await;
    assert!(host.stop());
    shop.assert_exact();
    let letters = shop.reader().dead_letters(None, 1_000).unwrap();
    assert!(letters.iter().all(|letter| letter.attempts <= 2 && letter.reason.contains("its flaw: ")), "{letters:?}");
    assert!((2..=8).contains(&most), "{most} batches at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_or_fewer_batches_run_at_once_while_the_host_runs() {
    let mut shop = Ledger::new().await;
    let host = shop.start(15, "batch = { records_max = 2 }\nretry = { attempts_max = 2, backoff = \"1ms..20ms\" }");
    let mut most = Vec::new();
    for parallelism in [1, 8, 2, 8] {
        let before = shop.handled();
        shop.set_parallelism(parallelism);
        for n in 0..60 {
            shop.put(n % 10, (n == 30).then_some("retry")).await;
        }
        host.until("some are handled", |_| shop.handled() > before + 30).await;
        most.push(most_at_once(&host.guest_logs("t")));
    }
    host.until("all is handled", |_| shop.handled() == shop.sound() && shop.reader().dead_letters(None, 10).unwrap().len() == 4)
        .await;
    assert!(host.stop());
    shop.assert_exact();
    // What was under way when fewer were asked for counts with them.
    assert!(most[0] == 1 && most[1] > 1, "{most:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_blocks_holds_its_item_alone_until_the_plugin_is_mended() {
    let mut shop = Ledger::new().await;
    shop.put(0, Some("retry")).await;
    for n in 0..60 {
        shop.put(n % 6, None).await;
    }
    let host = shop.start(0, "batch = { records_max = 10 }\nretry = { attempts_max = 2, backoff = \"1ms..50ms\", then = \"block\" }");
    host.until("all others are handled", |_| shop.handled() == 50).await;
    let blocked = |host: &Host| host.metric("tripline_changes_blocked", "trigger=\"t\"");
    host.until("it is seen", |host| blocked(host) == 1.0).await;
    tokio::task::block_in_place(|| {
        host.wait_for_event("the log says so", |event| {
            event["message"].as_str().is_some_and(|text| text.starts_with("change blocks its item"))
        })
    });
    assert_eq!(shop.handled(), 50);
    mend(&shop.dir.path().join("fixture.wasm"));
    host.until("all is handled", |_| shop.handled() == 61).await;
    host.until("nothing is blocked", |host| blocked(host) == 0.0).await;
    assert!(host.stop());
    assert!(shop.reader().dead_letters(None, 10).unwrap().is_empty());
    // The flawed one was note 0.
    shop.written.get_mut("i0").unwrap().insert(0, 0);
    shop.assert_exact();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_is_skipped_leaves_nothing_behind() {
    let mut shop = Ledger::new().await;
    for n in 0..20 {
        shop.put(n % 4, (n % 7 == 3).then_some("trap")).await;
    }
    let host = shop.start(0, "parallelism = 4\nretry = { attempts_max = 2, backoff = \"1ms..5ms\", then = \"skip\" }");
    host.until("all are past", |host| {
        shop.handled() == shop.sound() && host.metric("tripline_changes_skipped_total", "trigger=\"t\"") == shop.flawed as f64
    })
    .await;
    assert!(host.stop());
    assert!(shop.reader().dead_letters(None, 10).unwrap().is_empty());
    shop.assert_exact();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_waits_to_be_full_as_long_as_its_window_allows() {
    let mut shop = Ledger::new().await;
    for n in 0..7 {
        shop.put(n, None).await;
    }
    let batch = |window: &str| format!("batch = {{ records_max = 3, window = \"{window}\" }}");
    let host = shop.start(0, &batch("300s"));
    host.until("two are full", |_| shop.handled() == 6).await;
    shop.put(7, None).await;
    host.until("the next is read", |host| host.metric("tripline_changes_read_total", "") == 8.0).await;
    assert_eq!(shop.handled(), 6);
    shop.put(8, None).await;
    host.until("the third is full", |_| shop.handled() == 9).await;
    assert_eq!(host.metric("tripline_batch_changes_count", "trigger=\"t\""), 3.0);
    shop.put(9, None).await;
    host.until("the last is read", |host| host.metric("tripline_changes_read_total", "") == 10.0).await;
    // A drain waits for no window, and what waits in it is not lost.
    assert!(host.stop());
    assert_eq!(shop.handled(), 9);
    let host = shop.start(0, &batch("100ms"));
    host.until("the last has waited", |_| shop.handled() == 10).await;
    assert!(host.stop());
    shop.assert_exact();
}
