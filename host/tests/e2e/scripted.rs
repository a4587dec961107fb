//! The binary against the scripted endpoint: shards that split and roll, streams that are enabled again, every fault, and a kill.
//! Nothing is lost, handled twice or out of order.
//!
//! What proves it is the fixture's mode `history`: an item's changes are a chain, each of which names what the one before left.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::time::{MissedTickBehavior, interval};
use tripline_local::scripted::world::{Faults, HOUR_MS, Op, PerCall, Shape, Story, World};
use tripline_local::scripted::{ClockConfig, Scripted, ScriptedConfig};
use tripline_store::{OpenError, SqliteReader};

use crate::harness::Host;

/// How many changes a long trial makes, in place of the suite's own number.
const RECORDS: &str = "TRIPLINE_SCRIPTED_RECORDS";
/// Repeats a trial's story and faults; what the host makes of them depends on the machine too.
const SEED: &str = "TRIPLINE_SCRIPTED_SEED";
/// The world's clock against the real one.
const RATE: u32 = 60;
const LINES_TOLD: usize = 10;
const TICK: Duration = Duration::from_millis(20);
/// Nothing is committed for so long: it stands.
const STALLED_AFTER: Duration = Duration::from_secs(40);

struct Trial {
    dir: TempDir,
    scripted: Scripted,
}

impl Trial {
    fn start(seed: u64, faults: Faults, rate: u32) -> Self {
        let clock = ClockConfig { rate, ..ClockConfig::default() };
        let scripted = Scripted::start(ScriptedConfig { seed, faults, clock, ..ScriptedConfig::default() }).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let config = format!(
            "[host]\ndata_dir = \"data\"\nlisten = \"127.0.0.1:0\"\n\
             [streams.orders]\ntable = \"orders\"\nregion = \"eu-west-1\"\nendpoint = \"{}\"\n\
             [triggers.history]\nstream = \"orders\"\nplugin = \"fixture.wasm\"\nview = \"new-and-old-images\"\nbatch.records_max = 1000\n\
             grants = {{ counters = true, state = true }}\nsettings = {{ mode = \"history\" }}\n",
            scripted.endpoint()
        );
        std::fs::write(dir.path().join("tripline.toml"), config).unwrap();
        std::fs::write(dir.path().join("fixture.wasm"), tripline_bundled::FIXTURE).unwrap();
        Self { dir, scripted }
    }

    /// Without faults until it runs: a host that cannot find its stream at the start says why, and ends.
    fn host(&self) -> Host {
        let faults = self.scripted.world(|world, _| {
            let faults = world.faults().clone();
            world.set_faults(Faults::default());
            faults
        });
        let host = Host::start(&self.dir.path().join("tripline.toml"));
        self.scripted.world(|world, _| world.set_faults(faults));
        host
    }

    /// Tells a part of the story at its times.
    async fn tell(&self, mut part: &[(u64, Op)]) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        while !part.is_empty() {
            ticks.tick().await;
            part = self.scripted.world(|world, now_ms| apply_due(world, part, now_ms));
        }
    }

    /// What is committed of one counter, by item; none before the host has made its database.
    fn counted(&self, name: &str) -> BTreeMap<String, u64> {
        let reader = match SqliteReader::open(&self.dir.path().join("data")) {
            Ok(reader) => reader,
            Err(OpenError::NoDatabase { .. } | OpenError::OlderSchema { .. }) => return BTreeMap::new(),
            Err(error) => panic!("{error}"),
        };
        let rows = reader.counters().unwrap().into_iter().filter(|row| row.name == name);
        let item = |labels: &[(Box<str>, Box<str>)]| labels.iter().find(|(label, _)| &**label == "item").unwrap().1.to_string();
        rows.map(|row| (item(&row.labels.0), row.value.parse().unwrap())).collect()
    }

    /// What was written, by item.
    fn written(&self) -> BTreeMap<String, u64> {
        self.scripted.world(|world, _| {
            let mut written = BTreeMap::new();
            for change in world.written() {
                *written.entry(change.key.to_string()).or_default() += 1;
            }
            written
        })
    }

    /// Waits until all that was written is handled, or nothing moves any more; says what differs.
    async fn settle(&self) -> Vec<String> {
        let written = self.written();
        let total: u64 = written.values().sum();
        let (mut seen, mut moved) = (0, Instant::now());
        while seen < total && moved.elapsed() < STALLED_AFTER {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let now = self.counted("seen").values().sum();
            if now > seen {
                (seen, moved) = (now, Instant::now());
            }
        }
        let counted = self.counted("seen");
        let items = written.keys().chain(counted.keys()).collect::<std::collections::BTreeSet<_>>();
        let count = |of: &BTreeMap<String, u64>, item: &String| of.get(item).copied().unwrap_or_default();
        let differing = items.into_iter().filter(|item| count(&written, item) != count(&counted, item));
        let mut found: Vec<String> = differing
            .map(|item| format!("{item}: {} written, {} handled", count(&written, item), count(&counted, item)))
            .collect();
        found.extend(
            self.counted("broken")
                .into_iter()
                .map(|(item, times)| format!("{item}: its chain broke {times} times")),
        );
        found
    }
}

/// Does what is due, and gives what is left. While no stream is enabled nothing is written: an item's chain would miss it.
fn apply_due<'a>(world: &mut World, story: &'a [(u64, Op)], now_ms: u64) -> &'a [(u64, Op)] {
    let due = story.partition_point(|(at_ms, _)| *at_ms <= now_ms);
    for (_, op) in &story[..due] {
        let writes = matches!(op, Op::Put { .. } | Op::Delete { .. } | Op::Expire { .. });
        if !writes || world.shards_open("orders").len() > 0 {
            world.apply(op, now_ms).unwrap();
        }
    }
    &story[due..]
}

/// Tells a story with a kill in its middle; afterwards every change was handled once, in order.
async fn check(name: &str, faults: Faults, shape: Shape) {
    let seed = std::env::var(SEED).map_or_else(|_| fastrand::u64(..), |seed| seed.parse().unwrap());
    println!("{name}: seed {seed}");
    let trial = Trial::start(seed, faults, RATE);
    let story = Story::generate(seed, &Shape { start_ms: trial.scripted.now_ms(), ..shape });
    let (made, rest) = story.split_at(1);
    let (first, second) = rest.split_at(rest.len() / 2);
    // A table must be there before the host asks for it.
    trial.tell(made).await;
    let host = trial.host();
    trial.tell(first).await;
    host.kill();
    let host = trial.host();
    trial.tell(second).await;
    let begun = Instant::now();
    let differences = trial.settle().await;
    let gaps = host.metric("tripline_gaps_total", "");
    let (stopped, log) = host.stop_and_tell();
    let shards = trial.scripted.world(|world, _| world.streams().map(|stream| stream.shards().len()).sum::<usize>());
    let written: u64 = trial.written().values().sum();
    println!("{name}: {written} changes in {shards} shards, settled {:?} after the last", begun.elapsed());
    if !differences.is_empty() || gaps > 0.0 {
        let told = log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).take(LINES_TOLD);
        println!("{name}:\n{}", told.collect::<Vec<_>>().join("\n"));
    }
    let told: Vec<_> = differences.iter().take(LINES_TOLD).collect();
    assert!(differences.is_empty(), "{name}, seed {seed}: {} items differ: {told:#?}", differences.len());
    assert_eq!((gaps, stopped), (0.0, true), "{name}, seed {seed}");
}

/// Ten minutes of the world in ten seconds.
fn minutes() -> Shape {
    Shape { span_ms: HOUR_MS / 6, shards: 4, records: 3000, items: 200, splits: 6, rolls: 20, ..Shape::quiet() }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_without_a_fault() {
    check("shards", Faults::default(), minutes()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_over_streams_enabled_again() {
    check("switches", Faults::default(), Shape { switches: 2, ..minutes() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_to_the_wire() {
    let p = 0.02;
    let all = Faults { throttle: PerCall::all(p), server_error: PerCall::all(p), slow: p, slow_ms_max: 500, ..Faults::default() };
    check("wire", Faults { cut_off: p, no_answer: p, html: p, ..all }, minutes()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_to_strange_pages() {
    let p = 0.1;
    let all = Faults { empty_page: p, same_iterator: p, short_page: p, late_end: p, ..Faults::default() };
    check("pages", Faults { early_expiry: p, not_found: 0.02, ..all }, minutes()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_to_incomplete_descriptions() {
    let p = 0.1;
    let all = Faults { missing_parent: p, missing_child: p, missing_middle: p, open_parent: p, ..Faults::default() };
    check("descriptions", Faults { repeated_shard: p, false_last: p, ..all }, minutes()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_to_children_without_parents() {
    // Rare: a child that is first seen so, while its parent is not read yet, is a root to whoever reads it.
    check("orphans", Faults { no_parent_id: 0.02, ..Faults::default() }, minutes()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_to_streams_listed_late() {
    check("late lists", Faults { list_lag: 0.5, ..Faults::default() }, Shape { switches: 2, ..minutes() }).await;
}

/// An hour of the world in a minute. A lone stream here: what is written while a stream is disabled is written to nobody.
fn hour() -> Shape {
    let records = std::env::var(RECORDS).map_or(20_000, |records| records.parse().unwrap());
    Shape { span_ms: HOUR_MS, shards: 16, records, items: 2000, splits: 60, rolls: 150, ..Shape::quiet() }
}

/// Streams enabled again, and lies about which shards there are: what one answer leaves out, another one still brings.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_in_an_hour_of_every_fault() {
    check("every fault", Faults { slow_ms_max: 500, ..Faults::all(0.02) }, Shape { switches: 2, ..hour() }).await;
}
