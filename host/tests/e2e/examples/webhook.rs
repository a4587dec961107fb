//! The signed webhook example in the whole host, with warm instances, through a kill and errors of its receiver.
//!
//! Always holds: the receiver takes each change once or, told the same to the byte, again; each item's changes come to it in order.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, StreamViewType};
use futures_util::stream::{self, StreamExt as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tripline_local::{Region, RegionConfig};
use tripline_store::SqliteReader;

use super::{GO, component, repository};
use crate::harness::{Host, client_of, create_table};
use crate::web_server::{Ca, Reply, Served, WebServer, reply};

/// In CI; `TRIPLINE_WEBHOOK_CHANGES=1000000` is the whole.
const CHANGES: usize = 1_000;
const ITEMS: usize = 50;
const STALLED_AFTER: Duration = Duration::from_secs(60);
/// Of so many requests one is taken, and told as an error all the same.
const ILL_ONE_IN: usize = 101;

#[derive(Default)]
struct Taken {
    requests: usize,
    /// By event ID, what its body was.
    events: BTreeMap<String, [u8; 32]>,
    /// By item, how many of its changes have come.
    versions: BTreeMap<String, u64>,
}

struct Receiver {
    secret: Vec<u8>,
    taken: Mutex<Taken>,
}

impl Receiver {
    fn signature(&self, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret).unwrap();
        mac.update(body);
        let mut text = "sha256=".to_owned();
        for byte in mac.finalize().into_bytes() {
            write!(text, "{byte:02x}").unwrap();
        }
        text
    }

    fn serve(&self, served: &Served) -> Reply {
        assert_eq!(served.header("x-signature"), [self.signature(&served.body)]);
        let hook: Value = serde_json::from_slice(&served.body).unwrap();
        let event = hook["id"].as_str().unwrap();
        assert_eq!(served.header("idempotency-key"), [event]);
        let mut taken = self.taken.lock().unwrap();
        let hash = Sha256::digest(&served.body).into();
        if let Some(before) = taken.events.insert(event.to_owned(), hash) {
            assert_eq!(before, hash, "what comes again is the same to the byte: {hook}");
        } else {
            let item = hook["keys"]["id"]["S"].as_str().unwrap().to_owned();
            let version = taken.versions.entry(item).or_default();
            let path = if *version == 0 { "/hooks/insert" } else { "/hooks/modify" };
            let expected = (version.to_string(), path);
            assert_eq!((hook["new"]["version"]["N"].as_str().unwrap().to_owned(), &*served.target), expected, "{hook}");
            *version += 1;
        }
        taken.requests += 1;
        reply(if taken.requests.is_multiple_of(ILL_ONE_IN) { 503 } else { 204 }, "", b"")
    }
}

/// The example's own, but for where things are, how many changes a batch has, and what is tried here.
fn configure(dir: &Path, endpoint: &str, port: u16) {
    let example = repository().join("examples/webhook-go");
    let mut config = fs::read_to_string(example.join("tripline.toml")).unwrap();
    let place = format!("https://127.0.0.1:{port}");
    for (from, to) in [
        ("region = \"eu-west-1\"", format!("region = \"eu-west-1\"\nendpoint = \"{endpoint}\"")),
        ("[\"https://hooks.example.com\"]", format!("[{{ url = \"{place}\", private = true, ca = \"ca.pem\" }}]")),
        ("https://hooks.example.com/orders", format!("{place}/hooks")),
        ("records_max = 1 ", "records_max = 20".to_owned()),
        ("attempts_max = 3, backoff = \"1s..60s\"", "attempts_max = \"unlimited\", backoff = \"20ms..1s\"".to_owned()),
        ("parallelism = 8", "parallelism = 8\ninstances = \"warm\"".to_owned()),
    ] {
        assert!(config.contains(from), "the example's config has no `{from}`");
        config = config.replace(from, &to);
    }
    fs::write(dir.join("tripline.toml"), format!("[host]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\n{config}")).unwrap();
    fs::copy(example.join("webhook.secret"), dir.join("webhook.secret")).unwrap();
    fs::copy(component("webhook-go", ".", GO, &[]), dir.join("plugin.wasm")).unwrap();
}

/// The next version of every item, again and again.
async fn write(client: &Client, versions: std::ops::Range<usize>) {
    for version in versions {
        let puts = (0..ITEMS).map(|item| {
            let put = client.put_item().table_name("orders").item("id", AttributeValue::S(format!("o-{item}")));
            put.item("version", AttributeValue::N(version.to_string()))
                .item("note", AttributeValue::S("x".repeat(item * 7)))
                .send()
        });
        stream::iter(puts).buffer_unordered(8).for_each(|put| async { drop(put.unwrap()) }).await;
    }
}

/// As it is committed.
fn delivered(dir: &Path) -> usize {
    let counters = SqliteReader::open(&dir.join("data")).unwrap().counters().unwrap();
    counters
        .iter()
        .filter(|row| row.name == "delivered")
        .map(|row| row.value.parse::<usize>().unwrap())
        .sum()
}

async fn until_delivered(dir: &Path, changes: usize) {
    let (mut last, mut moved) = (0, Instant::now());
    while last < changes {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let now = delivered(dir);
        if now != last {
            (last, moved) = (now, Instant::now());
        }
        assert!(moved.elapsed() < STALLED_AFTER, "{now} of {changes}, and no more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_webhook_in_go_reaches_its_receiver_through_a_kill_and_errors() {
    let changes = std::env::var("TRIPLINE_WEBHOOK_CHANGES").map_or(CHANGES, |given| given.parse().unwrap());
    let versions = changes / ITEMS;
    let secret = fs::read_to_string(repository().join("examples/webhook-go/webhook.secret")).unwrap();
    let receiver = Arc::new(Receiver { secret: secret.trim().into(), taken: Mutex::default() });
    let (ca, serving) = (Ca::new(), receiver.clone());
    let server = WebServer::start_tls(&ca, &["127.0.0.1"], move |served| serving.serve(served));
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("ca.pem"), ca.pem()).unwrap();
    let region = Region::start(RegionConfig::new("eu-west-1", dir.path().join("regions"))).unwrap();
    let client = client_of(&region.endpoint());
    create_table(&client, "orders", StreamViewType::NewAndOldImages).await;
    configure(dir.path(), &region.endpoint(), server.port());
    let config = dir.path().join("tripline.toml");

    let began = Instant::now();
    let host = Host::start(&config);
    write(&client, 0..versions / 2).await;
    until_delivered(dir.path(), 1).await;
    host.kill();
    let host = Host::start(&config);
    write(&client, versions / 2..versions).await;
    until_delivered(dir.path(), versions * ITEMS).await;
    let metric = |name: &str, labels: &str| host.metric(name, &format!("{labels}trigger=\"webhook\""));
    let [made, reused] = ["made", "reused"].map(|how| metric(&format!("tripline_instances_{how}_total"), ""));
    let [traps, outgrown] = ["failed", "memory"].map(|cause| metric("tripline_instances_retired_total", &format!("cause=\"{cause}\",")));
    let taken = receiver.taken.lock().unwrap();
    println!(
        "{} changes, {} requests, {:.1} s; since the kill {made} instances for {} batches",
        versions * ITEMS,
        taken.requests,
        began.elapsed().as_secs_f64(),
        made + reused
    );
    assert_eq!(delivered(dir.path()), versions * ITEMS, "each counts once, however often it came");
    assert_eq!(taken.events.len(), versions * ITEMS);
    assert_eq!(taken.versions, (0..ITEMS).map(|item| (format!("o-{item}"), versions as u64)).collect());
    assert!(made < reused && (traps, outgrown) == (0.0, 0.0), "{made} made, {reused} used again, {traps} trapped, {outgrown} outgrown");
    assert_eq!(metric("tripline_changes_dead_lettered_total", ""), 0.0);
    let (ended, log) = host.stop_and_tell();
    assert!(ended && !log.contains(secret.trim()), "{log}");
}
