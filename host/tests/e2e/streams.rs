//! `tripline streams`: listed, described, watched through the host and without one, turned on and off, on two implementations.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region as AwsRegion};
use aws_sdk_dynamodb::types::{AttributeValue, StreamViewType};
use serde_json::Value;
use tempfile::TempDir;
use tripline_core::checkpoint::Checkpoint;
use tripline_core::gap::{Cause, Gap};
use tripline_core::port::{Commit, Store};
use tripline_core::sequence::SequenceNumber;
use tripline_core::signal::Silence;
use tripline_core::time::Timestamp;
use tripline_local::{Region, RegionConfig};
use tripline_store::SqliteStore;

use crate::harness::{Host, PATIENCE, Server, create_table, tool, tripline};

/// One table, its endpoint, and a config with one trigger that does nothing.
struct Shop {
    dir: TempDir,
    endpoint: String,
    client: Client,
    _server: (Option<Region>, Option<Server>),
}

impl Shop {
    async fn embedded() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let region = Region::start(RegionConfig::new("eu-west-1", dir.path().join("regions"))).unwrap();
        let endpoint = region.endpoint();
        Self::at(dir, endpoint, (Some(region), None)).await
    }

    async fn ministack() -> Self {
        let server = Server::start(|port| {
            let mut command = Command::new(tool("ministack"));
            command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
            command.env("SERVICES", "dynamodb,dynamodbstreams");
            command
        });
        let server = server.await;
        let endpoint = format!("http://127.0.0.1:{}", server.port);
        Self::at(tempfile::tempdir().unwrap(), endpoint, (None, Some(server))).await
    }

    async fn at(dir: TempDir, endpoint: String, server: (Option<Region>, Option<Server>)) -> Self {
        let config = format!(
            "[host]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\n\
             [streams.shop]\ntable = \"orders\"\nregion = \"eu-west-1\"\nendpoint = \"{endpoint}\"\n\
             [streams.idle]\ntable = \"idle\"\nregion = \"eu-west-1\"\nendpoint = \"{endpoint}\"\n\
             [triggers.quiet]\nstream = \"shop\"\nplugin = \"fixture.wasm\"\nview = \"keys-only\"\nsettings = {{ mode = \"ok\" }}\n"
        );
        std::fs::write(dir.path().join("tripline.toml"), config).unwrap();
        std::fs::write(dir.path().join("fixture.wasm"), tripline_bundled::FIXTURE).unwrap();
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&endpoint)
            .region(AwsRegion::new("eu-west-1"))
            .credentials_provider(Credentials::new("local", "local", None, None, "test"));
        let client = Client::from_conf(config.build());
        for table in ["orders", "idle"] {
            create_table(&client, table, StreamViewType::NewAndOldImages).await;
        }
        Self { dir, endpoint, client, _server: server }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = tripline();
        command.current_dir(self.dir.path()).arg("streams").args(args).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// What it prints with --json.
    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["--json"]].concat());
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Fails, and says each of `parts`.
    #[track_caller]
    fn check_fault(&self, args: &[&str], parts: &[&str]) {
        let output = self.run(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{args:?} succeeded: {said}");
        for part in parts {
            assert!(said.contains(part), "{args:?}: no `{part}` in:\n{said}");
        }
    }

    async fn put(&self, id: &str, note: &str) {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let put = self.client.put_item().table_name("orders").item("id", text(id)).item("note", text(note));
        put.send().await.unwrap();
    }

    fn start(&self) -> Host {
        Host::start(&self.dir.path().join("tripline.toml"))
    }

    /// Begins to watch; returns once it says that nothing is missed from here on.
    fn tail(&self, args: &[&str]) -> Tail {
        let mut command = self.command(&[&["tail"], args].concat());
        let mut child = command
            .args(["--log-format", "json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, log) = (follow(child.stdout.take().unwrap()), follow(child.stderr.take().unwrap()));
        let tail = Tail { child, lines, log };
        tail.until_said("tailing");
        tail
    }
}

/// `tripline streams tail`, as a process.
struct Tail {
    child: Child,
    lines: Receiver<String>,
    log: Receiver<String>,
}

fn follow(from: impl Read + Send + 'static) -> Receiver<String> {
    let (lines, receiver) = sync_channel(10_000);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Tail {
    fn until_said(&self, message: &str) -> Value {
        let mut said = Vec::new();
        loop {
            let Ok(line) = self.log.recv_timeout(PATIENCE) else { panic!("never said `{message}`, but:\n{}", said.join("\n")) };
            match serde_json::from_str::<Value>(&line) {
                Ok(event) if event["message"] == message => return event,
                _ => said.push(line),
            }
        }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    fn event(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// Ctrl-C; says whether it exited with 0.
    fn interrupt(mut self) -> bool {
        assert!(Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap().success());
        self.child.wait().unwrap().success()
    }

    fn ends_well(mut self) -> bool {
        self.child.wait().unwrap().success()
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn statuses(list: &Value, table: &str) -> Vec<(String, String)> {
    let rows = list["streams"].as_array().unwrap().iter().filter(|row| row["table"] == table);
    rows.map(|row| (row["status"].as_str().unwrap().to_owned(), row["view"].as_str().unwrap().to_owned()))
        .collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

/// The same on every endpoint: a stream goes off and on again with another view.
fn check_switching(shop: &Shop) {
    assert_eq!(statuses(&shop.json(&["list"]), "orders"), pairs(&[("ENABLED", "new-and-old-images")]));
    let already = shop.json(&["enable", "shop", "--view", "new-and-old-images"]);
    assert_eq!((&already["changed"], &already["view"]), (&Value::from(false), &Value::from("new-and-old-images")));
    shop.check_fault(
        &["enable", "shop", "--view", "keys-only"],
        &["new-and-old-images", "tripline streams disable shop --yes", "enable shop --view keys-only"],
    );
    shop.check_fault(&["disable", "shop"], &["needs --yes"]);
    assert_eq!(shop.json(&["disable", "shop", "--yes"])["changed"], true);
    assert_eq!(shop.json(&["disable", "shop", "--yes"])["changed"], false);
    let there = ["--region", "eu-west-1", "--endpoint", &shop.endpoint];
    let enabled = shop.json(&[&["enable", "orders", "--view", "keys-only"][..], &there].concat());
    assert_eq!((&enabled["changed"], &enabled["view"]), (&Value::from(true), &Value::from("keys-only")));
    let all = shop.json(&[&["list"][..], &there].concat());
    assert_eq!(statuses(&all, "orders")[0], ("ENABLED".to_owned(), "keys-only".to_owned()));
    assert!(all["streams"].as_array().unwrap().iter().all(|row| row["name"].is_null()), "{all}");
    assert_eq!(statuses(&all, "idle").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_turned_off_and_on_at_an_embedded_region() {
    let shop = Shop::embedded().await;
    check_switching(&shop);
    shop.json(&["disable", "shop", "--yes"]);
    shop.check_fault(&["list"], &["streams.shop: ", "has no stream; enable it: tripline streams enable orders --view"]);
    shop.check_fault(&["describe", "shop"], &["has no stream; enable it: tripline streams enable orders --view"]);
    shop.check_fault(&["tail", "shop"], &["has no stream; enable it"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_was_turned_off_is_still_listed_and_described_on_ministack() {
    let shop = Shop::ministack().await;
    let host = shop.start();
    shop.put("o1", "first").await;
    host.until("it is acknowledged", |host| host.metric("tripline_changes_acknowledged_total", "trigger=\"quiet\"") == 1.0)
        .await;
    assert!(host.stop());
    check_switching(&shop);
    // ministack lists no stream that is off; that the host has read it is known from its data.
    let described = shop.json(&["describe", "shop"]);
    let states: Vec<_> = described["streams"].as_array().unwrap().iter().map(|stream| &stream["shards"][0]["open"]).collect();
    assert_eq!(states, [true, false], "{described}");
    assert_eq!(described["streams"][1]["shards"][0]["triggers"][0]["trigger"], "quiet", "{described}");
    let text = String::from_utf8(shop.run(&["describe", "shop"]).stdout).unwrap();
    for part in ["1 open, 0 closed", "0 open, 1 closed", "DISABLED, new-and-old-images", "SHARD"] {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
    shop.json(&["disable", "shop", "--yes"]);
    assert_eq!(statuses(&shop.json(&["list"]), "orders"), pairs(&[("DISABLED", "keys-only")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_said_with_what_is() {
    let shop = Shop::embedded().await;
    shop.check_fault(&["describe", "nobody"], &["no stream `nobody`", "idle, shop", "--region"]);
    shop.check_fault(&["describe", "nobody", "--region", "eu-west-1", "--endpoint", &shop.endpoint], &["no table `nobody`"]);
    shop.check_fault(&["list", "-c", "nowhere.toml"], &["nowhere.toml", "--region"]);
    shop.check_fault(&["tail", "shop", "--view", "both"], &["a view is one of", "new-and-old-images"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shards_description_has_how_far_each_trigger_has_come() {
    let shop = Shop::embedded().await;
    let host = shop.start();
    shop.put("o1", "first").await;
    host.until("it is acknowledged", |host| host.metric("tripline_changes_acknowledged_total", "trigger=\"quiet\"") == 1.0)
        .await;
    let described = shop.json(&["describe", "shop"]);
    let shard = &described["streams"][0]["shards"][0];
    // The embedded region names an end of this shard, and it is none.
    assert_eq!((&shard["open"], &shard["origin"]), (&Value::from(true), &Value::from("first")), "{described}");
    let trigger = &shard["triggers"][0];
    assert_eq!((&trigger["trigger"], &trigger["finished"]), (&Value::from("quiet"), &Value::from(false)));
    assert!(trigger["watermark"].is_string(), "{described}");
    assert!(host.stop());
}

/// Gaps of this table's streams, one of them long gone, and one of another table's.
async fn keep_gaps(shop: &Shop, stream: &str) {
    let (store, threads) = SqliteStore::open(&shop.dir.path().join("data"), Arc::new(Silence)).unwrap();
    let gone = format!("{}/2020-01-01", stream.rsplit_once('/').unwrap().0);
    let whole = Gap { shard: None, after: None, since: None, until: Timestamp::from_ms(1_577_923_200_000), cause: Cause::Gone };
    let (after, since) = (SequenceNumber::parse("4711").ok(), Some(Timestamp::from_ms(1_767_346_200_000)));
    let trimmed = Gap { shard: Some("shard-1".into()), after, since, until: Timestamp::from_ms(1_767_452_400_000), cause: Cause::Trimmed };
    for (stream, gap) in [(gone.as_str(), &whole), (stream, &trimmed), ("arn:aws:dynamodb:x:1:table/other/stream/1", &trimmed)] {
        let commit = Commit {
            trigger: "quiet".into(),
            stream: stream.into(),
            shard: "shard-1".into(),
            checkpoint: Checkpoint::default(),
            mutations: vec![],
            dead_letters: vec![],
            gaps: vec![gap.clone()],
            seen: Vec::new(),
            now: gap.until,
        };
        store.commit(commit).await.unwrap();
    }
    drop(store);
    threads.join().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_has_the_gaps_of_the_tables_streams() {
    let shop = Shop::embedded().await;
    let there = ["describe", "orders", "--region", "eu-west-1", "--endpoint", &shop.endpoint];
    // No host has run: there is nothing to show, which is not the same as none.
    for args in [&["describe", "shop"][..], &there] {
        assert_eq!(shop.json(args).get("gaps"), None);
    }
    keep_gaps(&shop, shop.json(&there)["streams"][0]["arn"].as_str().unwrap()).await;
    let described = shop.json(&["describe", "shop"]);
    let gaps = described["gaps"].as_array().unwrap();
    let shown = |gap: &Value| {
        ["shard", "after", "since", "until", "cause"]
            .map(|key| gap[key].as_str().unwrap_or("-").to_owned())
            .join(" ")
    };
    assert_eq!(
        gaps.iter().map(shown).collect::<Vec<_>>(),
        ["shard-1 4711 2026-01-02T09:30:00Z 2026-01-03T15:00:00Z trimmed", "- - - 2020-01-02T00:00:00Z gone"],
        "{described}"
    );
    let text = String::from_utf8(shop.run(&["describe", "shop"]).stdout).unwrap();
    assert!(text.contains("gaps     2: changes that triggers may have missed") && text.contains("2020-01-01"), "{text}");
    // Where a table is named, only who names a host's data sees what its triggers have.
    assert_eq!(shop.json(&there).get("gaps"), None);
    assert_eq!(shop.json(&[&there[..], &["--data-dir", "data"]].concat())["gaps"], described["gaps"]);
}

/// Three changes of one item, as they were written, in the form of Lambda's events.
fn check_events(tail: &Tail) {
    for (event, old, new) in [("INSERT", None, Some("a")), ("MODIFY", Some("a"), Some("b")), ("MODIFY", Some("b"), Some("c"))] {
        let seen = tail.event();
        assert_eq!(seen["eventName"], event, "{seen}");
        assert_eq!(seen["dynamodb"]["Keys"]["id"]["S"], "o1");
        assert_eq!(seen["dynamodb"]["OldImage"]["note"]["S"].as_str(), old, "{seen}");
        assert_eq!(seen["dynamodb"]["NewImage"]["note"]["S"].as_str(), new, "{seen}");
        assert!(seen["eventSourceARN"].as_str().unwrap().contains(":table/orders/stream/"), "{seen}");
        assert!(seen["eventID"].is_string() && seen["dynamodb"]["SequenceNumber"].is_string(), "{seen}");
    }
}

async fn check_tail_without_a_host(shop: &Shop) {
    shop.put("before", "x").await;
    let tail = shop.tail(&["shop", "--json", "--records", "3"]);
    for note in ["a", "b", "c"] {
        shop.put("o1", note).await;
    }
    check_events(&tail);
    assert!(tail.ends_well());
    let all = shop.tail(&["shop", "--json", "--from", "trim-horizon", "--view", "old-image"]);
    let seen: Vec<_> = (0..4).map(|_| all.event()).collect();
    assert_eq!(seen[0]["dynamodb"]["Keys"]["id"]["S"], "before");
    assert_eq!(seen[3]["dynamodb"]["OldImage"]["note"]["S"], "b");
    assert!(seen.iter().all(|event| event["dynamodb"]["NewImage"].is_null()), "{seen:?}");
    assert!(all.interrupt());
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_watched_without_a_host_at_an_embedded_region() {
    check_tail_without_a_host(&Shop::embedded().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_watched_without_a_host_on_ministack_and_after_the_stream_is_replaced() {
    let shop = Shop::ministack().await;
    check_tail_without_a_host(&shop).await;
    let tail = shop.tail(&["shop"]);
    shop.json(&["disable", "shop", "--yes"]);
    shop.json(&["enable", "shop", "--view", "new-image"]);
    shop.put("o2", "again").await;
    let head = tail.line();
    assert!(head.contains(" INSERT {\"id\":") && head.contains("o2"), "{head}");
    assert!(tail.line().starts_with("  new {"));
    assert!(tail.interrupt());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_host_shows_what_it_reads_and_nobody_else_reads() {
    let shop = Shop::embedded().await;
    let host = shop.start();
    let tail = shop.tail(&["shop", "--json", "--records", "3"]);
    let cut = shop.tail(&["shop", "--json", "--view", "keys-only"]);
    for note in ["a", "b", "c"] {
        shop.put("o1", note).await;
    }
    check_events(&tail);
    assert!(tail.ends_well());
    let keys = cut.event();
    assert_eq!((&keys["dynamodb"]["NewImage"], &keys["dynamodb"]["StreamViewType"]), (&Value::Null, &Value::from("KEYS_ONLY")));
    shop.check_fault(&["tail", "shop", "--from", "trim-horizon"], &["--direct", &host.address]);
    // Without the token, the API says nothing, on loopback too.
    assert_eq!(host.get("/api/v1/streams/shop/tail").0, 401);
    let all = shop.tail(&["shop", "--json", "--from", "trim-horizon", "--direct", "--records", "3"]);
    check_events(&all);
    // No trigger follows it, so that the host does not read it.
    let idle = shop.tail(&["idle", "--json"]);
    assert!(idle.interrupt());
    assert!(host.stop(), "who watches does not keep the host from stopping");
    cut.until_said("the host stopped");
    assert!(cut.ends_well());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_host_was_killed_the_stream_is_read_all_the_same() {
    let shop = Shop::embedded().await;
    let host = shop.start();
    host.kill();
    assert!(shop.dir.path().join("data/address").exists(), "a killed host cleans nothing up: this test would show nothing");
    let tail = shop.tail(&["shop", "--json", "--records", "3"]);
    for note in ["a", "b", "c"] {
        shop.put("o1", note).await;
    }
    check_events(&tail);
    assert!(tail.ends_well());
    let host = shop.start();
    assert!(host.stop());
    assert!(!shop.dir.path().join("data/address").exists());
}

/// Reads the token and asks as the command does, but takes nothing.
fn watch_without_reading(shop: &Shop, host: &Host) -> TcpStream {
    let token = std::fs::read_to_string(shop.dir.path().join("data/token")).unwrap();
    let mut stream = TcpStream::connect(&host.address).unwrap();
    let (address, token) = (&host.address, token.trim());
    write!(stream, "GET /api/v1/streams/shop/tail HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn one_who_watches_and_takes_nothing_holds_no_trigger_back_and_is_told_what_was_lost() {
    let shop = Shop::embedded().await;
    let host = shop.start();
    let mut watching = watch_without_reading(&shop, &host);
    // More than the sockets hold, and more pages than the host keeps: one for each change, since each waits for the one before.
    let note = "x".repeat(200_000);
    let changes = 100;
    for n in 1..=changes {
        shop.put(&format!("o{n}"), &note).await;
        let acknowledged = |host: &Host| host.metric("tripline_changes_acknowledged_total", "trigger=\"quiet\"") == f64::from(n);
        host.until("the change is acknowledged", acknowledged).await;
    }
    // Stopping ends the answer: what was sent can be read to its end.
    let mut said = String::new();
    let stopping = std::thread::spawn(move || host.stop());
    watching.read_to_string(&mut said).unwrap();
    assert!(stopping.join().unwrap());
    let lost: i32 = said
        .lines()
        .filter_map(|line| line.strip_prefix("{\"lost\":")?.strip_suffix('}')?.parse::<i32>().ok())
        .sum();
    let shown = said.matches("\"eventSourceARN\"").count();
    assert!(lost > 0, "nothing was lost: this test shows nothing; {shown} changes were shown");
    assert!(lost + i32::try_from(shown).unwrap() <= changes, "{lost} lost and {shown} shown of {changes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_pipe_ends_it_well() {
    let shop = Shop::embedded().await;
    let mut tail = shop.tail(&["shop", "--json"]);
    // The thread that reads its output ends with the next line that nobody takes. What is written before that is seen by nobody: more must come.
    tail.lines = sync_channel(0).1;
    let deadline = Instant::now() + PATIENCE;
    let mut ended = None;
    while ended.is_none() {
        assert!(Instant::now() < deadline, "it goes on though nobody reads");
        shop.put("o1", "x").await;
        ended = tail.child.try_wait().unwrap();
    }
    assert!(ended.unwrap().success());
}
