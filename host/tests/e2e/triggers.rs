//! `tripline triggers`: paused and rewound under traffic, with a running host and without, over restarts; by counters that tell every delivery.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, StreamViewType};
use serde_json::Value;
use tempfile::TempDir;
use tripline_local::{Region, RegionConfig};
use tripline_store::SqliteReader;

use crate::harness::{Host, PATIENCE, client_of, create_table, tripline};

/// One table, and two triggers that count its items.
pub(crate) struct Shop {
    pub(crate) dir: TempDir,
    client: Client,
    written: std::cell::Cell<usize>,
    _region: Region,
}

const TRIGGER: &str = "stream = \"shop\"\nplugin = \"bundled:analytics-counter\"\nview = \"new-and-old-images\"\ngrants = { counters = true }\n\
                       settings = { counters = [{ name = \"items\", by = [\"kind\"] }] }\n";

impl Shop {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let region = Region::start(RegionConfig::new("eu-west-1", dir.path().join("regions"))).unwrap();
        let endpoint = region.endpoint();
        let config = format!(
            "[host]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\n\
             [streams.shop]\ntable = \"orders\"\nregion = \"eu-west-1\"\nendpoint = \"{endpoint}\"\n\
             [triggers.count]\n{TRIGGER}[triggers.other]\n{TRIGGER}"
        );
        std::fs::write(dir.path().join("tripline.toml"), config).unwrap();
        let client = client_of(&endpoint);
        create_table(&client, "orders", StreamViewType::NewAndOldImages).await;
        Self { dir, client, written: std::cell::Cell::new(0), _region: region }
    }

    pub(crate) fn start(&self) -> Host {
        Host::start(&self.dir.path().join("tripline.toml"))
    }

    /// So many new items.
    pub(crate) async fn write(&self, items: usize) {
        let text = |value: String| AttributeValue::S(value);
        for _ in 0..items {
            let id = self.written.replace(self.written.get() + 1);
            let put = self.client.put_item().table_name("orders").item("id", text(format!("item-{id}")));
            put.item("kind", text("x".to_owned())).send().await.unwrap();
        }
    }

    /// How many of the changes before `time` are not surely older: what seems to be of a full minute may be of any time in it.
    fn doubtful(&self, time: u64) -> u64 {
        let written = self.written.get().to_string();
        let events = self.said(&["streams", "tail", "shop", "--direct", "--from", "trim-horizon", "--records", &written, "--json"]);
        let created = |line: &str| {
            serde_json::from_str::<Value>(line).unwrap()["dynamodb"]["ApproximateCreationDateTime"]
                .as_f64()
                .unwrap() as u64
        };
        let is_doubtful = |created: &u64| created.is_multiple_of(60) && (*created..created + 60).contains(&time);
        events.lines().map(created).filter(is_doubtful).count() as u64
    }

    /// What the trigger has counted.
    fn counted(&self, trigger: &str) -> u64 {
        let Ok(reader) = SqliteReader::open(&self.dir.path().join("data")) else { return 0 };
        let rows = reader.counters().unwrap();
        let of_trigger = rows.iter().filter(|row| row.trigger == trigger);
        of_trigger.map(|row| row.value.parse::<u64>().unwrap()).sum()
    }

    /// Waits until exactly so many are counted. More than that ends it too.
    #[track_caller]
    fn until(&self, host: &Host, trigger: &str, count: u64) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let what = format!("{trigger} has counted {count}");
            host.until(&what, |_| self.counted(trigger) >= count).await;
            assert_eq!(self.counted(trigger), count, "{trigger} at {place}");
        }
    }

    /// One more item, which is the last of the only shard: when it is counted, all before it are.
    #[track_caller]
    fn settled(&self, host: &Host, trigger: &str, count: u64) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            self.write(1).await;
            host.until(&format!("{trigger} has counted {}", count + 1), |_| self.counted(trigger) > count).await;
            host.until("nothing waits", |host| host.metric("tripline_iterator_age_seconds", &format!("trigger=\"{trigger}\"")) == 0.0)
                .await;
            assert_eq!(self.counted(trigger), count + 1, "{trigger} at {place}");
        }
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let mut command: Command = tripline();
        command.current_dir(self.dir.path()).args(args).stdin(Stdio::null()).output().unwrap()
    }

    /// What it prints with --json.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--json"]].concat());
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    #[track_caller]
    pub(crate) fn said(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Fails, and says each of `parts`.
    #[track_caller]
    pub(crate) fn check_fault(&self, args: &[&str], parts: &[&str]) {
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
        for part in parts {
            assert!(said.contains(part), "{args:?}: no `{part}` in:\n{said}");
        }
    }

    fn paused_by(&self, trigger: &str) -> Value {
        let list = self.json(&["triggers", "list"]);
        let items = list["items"].as_array().unwrap();
        items.iter().find(|item| item["name"] == trigger).unwrap()["paused_by"].clone()
    }

    fn configure(&self, from: &str, to: &str) {
        let path = self.dir.path().join("tripline.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_holds_over_restarts_and_ends_exactly() {
    let shop = Shop::new().await;
    let host = shop.start();
    shop.write(20).await;
    shop.until(&host, "count", 20).await;
    assert!(
        shop.said(&["triggers", "pause", "count"])
            .contains("trigger count is paused and keeps its position")
    );
    shop.write(30).await;
    // The other one is handed what this one is not.
    shop.until(&host, "other", 50).await;
    assert_eq!(shop.counted("count"), 20);
    assert_eq!((shop.paused_by("count"), shop.paused_by("other")), ("operator".into(), Value::Null));
    let paused = |host: &Host| host.metric("tripline_trigger_paused", "trigger=\"count\"");
    assert_eq!((paused(&host), host.metric("tripline_trigger_paused", "trigger=\"other\"")), (1.0, 0.0));
    host.until("the pause is as old as a second", |host| host.metric("tripline_iterator_age_seconds", "trigger=\"count\"") > 1.0)
        .await;
    assert_eq!(host.get("/readyz").0, 200, "{}", host.get("/readyz").1);
    assert!(host.stop());

    let host = shop.start();
    shop.write(10).await;
    shop.until(&host, "other", 60).await;
    assert_eq!((shop.counted("count"), paused(&host)), (20, 1.0));
    host.kill();
    // Without a host, too.
    assert!(shop.said(&["triggers", "resume", "count"]).contains("when a host runs"));
    assert_eq!(shop.paused_by("count"), Value::Null);
    let host = shop.start();
    shop.settled(&host, "count", 60).await;
    assert_eq!(paused(&host), 0.0);
    shop.json(&["triggers", "pause", "count"]);
    shop.write(5).await;
    shop.until(&host, "other", 66).await;
    shop.json(&["triggers", "resume", "count"]);
    shop.settled(&host, "count", 66).await;
    assert!(host.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configs_pause_wins() {
    let shop = Shop::new().await;
    shop.configure("[triggers.count]\n", "[triggers.count]\npaused = true\n");
    let host = shop.start();
    shop.write(3).await;
    shop.until(&host, "other", 3).await;
    assert_eq!((shop.counted("count"), shop.paused_by("count")), (0, "config".into()));
    let wins = ["the config pauses trigger count", "take `paused = true` out of [triggers.count]"];
    shop.check_fault(&["triggers", "resume", "count"], &wins);
    assert!(host.stop());
    shop.check_fault(&["triggers", "resume", "count"], &wins);
    shop.configure("paused = true\n", "paused = false\n");
    let host = shop.start();
    shop.settled(&host, "count", 3).await;
    assert!(host.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewind_brings_changes_again_exactly() {
    let shop = Shop::new().await;
    let host = shop.start();
    shop.write(10).await;
    shop.until(&host, "count", 10).await;

    // To the horizon: everything, once.
    let plan = shop.json(&["triggers", "rewind", "count", "--to", "trim-horizon", "--dry-run"]);
    assert_eq!((&plan["dry_run"], &plan["changes"], plan["shards"].as_array().unwrap().len()), (&true.into(), &Value::Null, 1));
    shop.settled(&host, "count", 10).await;
    let said = shop.said(&["triggers", "rewind", "count", "--to", "trim-horizon"]);
    assert!(said.contains("begins again with the oldest change") && said.contains("counted again"), "{said}");
    shop.settled(&host, "count", 22).await;
    shop.json(&["triggers", "rewind", "count", "--to", "trim-horizon", "--reset-state"]);
    shop.settled(&host, "count", 12).await;

    // To a sequence number: that change, and all after it.
    let detail = api(&shop, &host, "/api/v1/triggers/count");
    let watermark = detail["shards"][0]["watermark"].as_str().unwrap().to_owned();
    shop.write(4).await;
    shop.until(&host, "count", 17).await;
    let rewound = shop.json(&["triggers", "rewind", "count", "--to", &watermark]);
    assert!(rewound["to"].as_str().unwrap().contains(&format!("change {watermark} of shard ")), "{rewound}");
    shop.settled(&host, "count", 22).await;
    let shard = detail["shards"][0]["shard"].as_str().unwrap();
    shop.json(&["triggers", "rewind", "count", "--to", &format!("{shard}:{watermark}")]);
    shop.settled(&host, "count", 29).await;

    // To a time. Creation times are cut to the second, and what seems to be of a full minute may be of any time in it.
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    let time = now();
    let doubtful = shop.doubtful(time);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    shop.write(5).await;
    shop.until(&host, "count", 35).await;
    shop.json(&["triggers", "rewind", "count", "--to", &rfc3339(time)]);
    shop.settled(&host, "count", 40 + doubtful).await;

    // Nobody else was handed anything twice.
    let items = shop.written.get() as u64;
    shop.until(&host, "other", items).await;

    // Without a host it is written, and done by the next one.
    assert!(host.stop());
    let said = shop.said(&["triggers", "rewind", "count", "--to", "trim-horizon", "--reset-state"]);
    assert!(said.contains("when a host runs"), "{said}");
    assert_eq!(shop.json(&["triggers", "list"])["items"][0]["rewound_to_ms"], 0);
    let host = shop.start();
    shop.settled(&host, "count", items).await;
    // And not once more after the next restart.
    host.kill();
    let host = shop.start();
    shop.settled(&host, "count", items + 1).await;
    assert!(host.stop());
}

/// While changes are delivered and committed: whatever is under way when the shards are set down is delivered again, and counted once.
#[tokio::test(flavor = "multi_thread")]
async fn rewinds_under_traffic_are_exact() {
    let shop = Shop::new().await;
    let host = shop.start();
    for round in 0..8 {
        shop.write(40).await;
        // The other trigger's deliveries are set down with it.
        let mut command = tripline();
        command
            .current_dir(shop.dir.path())
            .args(["triggers", "rewind", "count", "--to", "trim-horizon", "--reset-state"]);
        let mut rewinding = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        shop.write(40).await;
        assert!(rewinding.wait().unwrap().success(), "round {round}");
    }
    let items = shop.written.get() as u64;
    shop.settled(&host, "count", items).await;
    shop.until(&host, "other", items + 1).await;
    assert!(host.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_refused_with_place_and_remedy() {
    let shop = Shop::new().await;
    let rewind = |to: &'static str| ["triggers", "rewind", "count", "--to", to];
    shop.check_fault(&["triggers", "list"], &["no tripline.db there", "start the host once"]);
    let host = shop.start();
    shop.write(2).await;
    shop.until(&host, "count", 2).await;
    let all = || {
        shop.check_fault(&["triggers", "pause", "cuont"], &["no trigger \"cuont\"", "count, other"]);
        shop.check_fault(&["triggers", "rewind", "cuont", "--to", "trim-horizon"], &["no trigger \"cuont\""]);
        shop.check_fault(&rewind("latest"), &["\"latest\" is neither", "trim-horizon"]);
        shop.check_fault(&rewind("2999-01-01T00:00:00Z"), &["trigger count", "to come"]);
        shop.check_fault(&rewind("2026-11-22T20:00:00"), &["no time of RFC 3339", "offset"]);
        shop.check_fault(&rewind("99999999999999999999999999999999999999"), &["has not come to sequence number", "would skip"]);
        shop.check_fault(&rewind("shardId-none:5"), &["no shard shardId-none", "streams describe"]);
    };
    all();
    let old = shop.said(&["triggers", "rewind", "count", "--to", "2001-01-01T00:00:00Z", "--dry-run"]);
    assert!(old.contains("more than 24 hours ago"), "{old}");
    assert!(host.stop());
    all();
    let usage = shop.run(&["triggers", "rewind", "count"]);
    assert_eq!(usage.status.code(), Some(2));
    assert_eq!(shop.counted("count"), 2);
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

fn rfc3339(seconds: u64) -> String {
    let output = Command::new("date")
        .args(["-u", "-d", &format!("@{seconds}"), "+%Y-%m-%dT%H:%M:%SZ"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// What the API answers.
pub(crate) fn api(shop: &Shop, host: &Host, path: &str) -> Value {
    use std::io::{Read, Write};
    let token = std::fs::read_to_string(shop.dir.path().join("data/token")).unwrap();
    let mut stream = std::net::TcpStream::connect(&host.address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n", token.trim_end());
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(" 200 "), "{answer}");
    serde_json::from_str(body).unwrap()
}
