//! A trigger with warm instances in the host: what is used again is said, a reload ends it, and each change counts once.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, StreamViewType};
use tempfile::TempDir;
use tripline_local::{Region, RegionConfig};
use tripline_store::SqliteReader;

use crate::harness::{Host, client_of, create_table};
use crate::plugin_file::{rename_over, version};

struct Shop {
    dir: TempDir,
    client: Client,
    written: usize,
    _region: Region,
}

impl Shop {
    /// Two triggers of one plugin: `warm` as `instances` says, and `fresh`.
    async fn new(instances: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let region = Region::start(RegionConfig::new("eu-west-1", dir.path().join("regions"))).unwrap();
        let endpoint = region.endpoint();
        let client = client_of(&endpoint);
        create_table(&client, "orders", StreamViewType::NewAndOldImages).await;
        std::fs::write(dir.path().join("fixture.wasm"), version(tripline_bundled::FIXTURE, "before")).unwrap();
        let trigger = |name: &str, instances: &str| {
            format!(
                "[triggers.{name}]\nstream = \"shop\"\nplugin = \"fixture.wasm\"\nview = \"keys-only\"\ngrants.counters = true\n\
                 batch.records_max = 1\nsettings = {{ mode = \"live\" }}\ninstances = {instances}\n"
            )
        };
        let config = format!(
            "[host]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\n\
             [streams.shop]\ntable = \"orders\"\nregion = \"eu-west-1\"\nendpoint = \"{endpoint}\"\n{}{}",
            trigger("warm", instances),
            trigger("fresh", "\"fresh\"")
        );
        std::fs::write(dir.path().join("tripline.toml"), config).unwrap();
        Self { dir, client, written: 0, _region: region }
    }

    fn start(&self) -> Host {
        Host::start(&self.dir.path().join("tripline.toml"))
    }

    /// Returns when both triggers have had all of them.
    async fn write(&mut self, items: usize, host: &Host) {
        for _ in 0..items {
            let id = AttributeValue::S(format!("order-{}", self.written));
            self.client.put_item().table_name("orders").item("id", id).send().await.unwrap();
            self.written += 1;
        }
        host.until("all is counted", |_| self.counted() == [self.written; 2]).await;
    }

    /// As it is committed: of `fresh` and of `warm`.
    fn counted(&self) -> [usize; 2] {
        let reader = SqliteReader::open(&self.dir.path().join("data")).unwrap();
        let counters = reader.counters().unwrap();
        ["fresh", "warm"].map(|trigger| {
            let row = counters.iter().find(|row| row.trigger.as_str() == trigger && row.name == "seen");
            row.map_or(0, |row| row.value.parse().unwrap())
        })
    }
}

const BATCHES_MAX: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn instances_are_used_again_and_nothing_counts_twice() {
    let mut shop = Shop::new(&format!("{{ batches_max = {BATCHES_MAX} }}")).await;
    let host = shop.start();
    shop.write(10, &host).await;
    let metric =
        |name: &str, labels: &str| host.metric(&format!("tripline_instances_{name}_total"), &format!("trigger=\"{labels}")) as usize;
    let (made, reused) = (metric("made", "warm"), metric("reused", "warm"));
    // One at a time in one shard, whatever else was called meanwhile: each has `BATCHES_MAX`.
    assert_eq!((made, made + reused), (10usize.div_ceil(BATCHES_MAX), 10));
    assert_eq!(host.metric("tripline_instances_retired_total", "cause=\"batches\",trigger=\"warm\"") as usize, 10 / BATCHES_MAX);
    assert_eq!([metric("made", "fresh"), metric("reused", "fresh")], [0, 0]);

    // What serves next begins with instances of its own.
    rename_over(&shop.dir.path().join("fixture.wasm"), &version(tripline_bundled::FIXTURE, "after"));
    let reloads = "tripline_plugin_reloads_total";
    host.until("it is reloaded", |host| host.metric(reloads, "result=\"served\"") == 2.0).await;
    assert_eq!(host.metric("tripline_instances_retired_total", "cause=\"reload\",trigger=\"warm\""), 1.0);
    shop.write(1, &host).await;
    assert_eq!(metric("made", "warm"), made + 1);
    assert!(host.stop());
    assert_eq!(shop.counted(), [11, 11]);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_instances_end_by_themselves() {
    let mut shop = Shop::new("{ age_max = \"1s\" }").await;
    let host = shop.start();
    shop.write(3, &host).await;
    let alive = |host: &Host| {
        let of = |name: &str| host.metric(&format!("tripline_instances_{name}_total"), "trigger=\"warm\"");
        of("made") - of("retired")
    };
    host.until("none is left", |host| alive(host) == 0.0).await;
    assert!(host.metric("tripline_instances_retired_total", "cause=\"age\",trigger=\"warm\"") >= 1.0);
    assert!(host.stop());
}
