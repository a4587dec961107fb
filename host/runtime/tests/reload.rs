//! Hot reload: whatever way a new version gets into its file, it serves when it is good, and never when it is not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use support::wat_plugin::{self, OK, RETRY, TRAP};
use support::{FakeTable, Recorder, batch, context, engine, origin};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tripline_core::delivery::Outcome;
use tripline_core::view::{View, ViewType};
use tripline_runtime::{Engine, PluginFile, PluginSource, PluginUse, Slot};

/// A file that is watched for two triggers.
struct Watched {
    engine: Engine,
    slots: Vec<Slot>,
    signals: Arc<Recorder>,
    stop: CancellationToken,
    task: JoinSet<()>,
}

const TRIGGERS: [&str; 2] = ["first", "second"];

impl Watched {
    async fn start(path: PathBuf) -> Self {
        let engine = engine();
        let plugin = PluginSource::File(path.clone()).load(&engine).await.unwrap();
        let signals = Arc::<Recorder>::default();
        let uses: Vec<PluginUse> = TRIGGERS
            .into_iter()
            .map(|trigger| PluginUse {
                slot: Slot::new(plugin.clone()),
                origin: origin(trigger, View::of(ViewType::NewImage)),
                context: tripline_runtime::TriggerContext { trigger: trigger.into(), ..context(&signals, &[]) },
            })
            .collect();
        let slots = uses.iter().map(|used| used.slot.clone()).collect();
        let stop = CancellationToken::new();
        let mut task = JoinSet::new();
        task.spawn(PluginFile::new(path, &plugin, uses, signals.clone()).run(stop.clone()));
        Self { engine, slots, signals, stop, task }
    }

    /// Waits until `bytes` serve both triggers, as the `nth` version that was swapped in.
    async fn serves(&self, bytes: &[u8], nth: usize) {
        let version = self.engine.load_blocking(bytes).unwrap().version().clone();
        let told = self.signals.wait_for("serves ", 2 * nth).await;
        let expected = TRIGGERS.map(|trigger| format!("{trigger} {}", version.as_str()));
        assert_eq!(told[2 * (nth - 1)..], expected);
        for slot in &self.slots {
            assert_eq!(*slot.current().version(), version);
        }
    }

    async fn refuses(&self, nth: usize, reason: &str) {
        let told = self.signals.wait_for("refused ", nth).await;
        assert_eq!(told.len(), nth, "{told:#?}");
        assert!(told[nth - 1].contains(reason), "no `{reason}` in {}", told[nth - 1]);
    }

    async fn stop(mut self) {
        self.stop.cancel();
        self.task.join_next().await.unwrap().unwrap();
    }
}

fn version(name: &str) -> Vec<u8> {
    wat_plugin::plugin(name, OK)
}

fn rename_over(path: &Path, bytes: &[u8]) {
    let beside = path.with_extension("tmp");
    fs::write(&beside, bytes).unwrap();
    fs::rename(&beside, path).unwrap();
}

#[tokio::test]
async fn every_way_of_writing_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plugin.wasm");
    fs::write(&path, version("a")).unwrap();
    let watched = Watched::start(path.clone()).await;

    rename_over(&path, &version("b"));
    watched.serves(&version("b"), 1).await;

    // Truncated and written, as compilers and `cp` do.
    fs::write(&path, version("c")).unwrap();
    watched.serves(&version("c"), 2).await;

    fs::remove_file(&path).unwrap();
    fs::write(&path, version("a")).unwrap();
    watched.serves(&version("a"), 3).await;
    watched.stop().await;
}

#[tokio::test]
async fn bad_versions_are_refused_once_and_the_old_one_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plugin.wasm");
    fs::write(&path, version("a")).unwrap();
    let watched = Watched::start(path.clone()).await;
    let serving = watched.slots[0].current().version().clone();

    let bad: [(&[u8], &str); 4] = [
        (b"garbage", "not WebAssembly"),
        (&wat::parse_str("(module)").unwrap(), "core WebAssembly module"),
        (&wat_plugin::unconditional("b", RETRY), "probe for trigger `first` failed: nope"),
        (&wat_plugin::unconditional("c", TRAP), "unreachable"),
    ];
    for (position, (bytes, reason)) in bad.into_iter().enumerate() {
        rename_over(&path, bytes);
        watched.refuses(position + 1, reason).await;
        assert!(watched.signals.with("refused ")[position].contains(serving.short()));
        assert_eq!(*watched.slots[0].current().version(), serving);
    }
    rename_over(&path, &version("d"));
    watched.serves(&version("d"), 1).await;
    assert_eq!(watched.signals.with("refused ").len(), 4);
    watched.stop().await;
}

/// Nobody writes into it, and nobody waits for that.
#[tokio::test]
async fn a_pipe_is_no_plugin_and_holds_nothing_up() {
    let directory = tempfile::tempdir().unwrap();
    let (path, pipe) = (directory.path().join("plugin.wasm"), directory.path().join("pipe"));
    fs::write(&path, version("a")).unwrap();
    let watched = Watched::start(path.clone()).await;
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::rename(&pipe, &path).unwrap();
    watched.refuses(1, "it is no file").await;
    rename_over(&path, &version("b"));
    watched.serves(&version("b"), 1).await;
    watched.stop().await;
}

#[tokio::test]
async fn a_deleted_file_keeps_serving_and_is_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plugin.wasm");
    fs::write(&path, version("a")).unwrap();
    let watched = Watched::start(path.clone()).await;

    fs::remove_file(&path).unwrap();
    watched.refuses(1, "the file is gone").await;
    // Rings again, and there is nothing new to tell.
    fs::write(directory.path().join("unrelated"), b"").unwrap();
    fs::write(&path, version("b")).unwrap();
    watched.serves(&version("b"), 1).await;
    assert_eq!(watched.signals.with("refused ").len(), 1);
    watched.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn symlinks_are_followed() {
    use std::os::unix::fs::symlink;
    // As a Kubernetes volume does it: plugin.wasm -> ..data/plugin.wasm, ..data -> v1, and ..data is swapped.
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    for (name, bytes) in [("v1", version("a")), ("v2", version("b"))] {
        fs::create_dir(root.join(name)).unwrap();
        fs::write(root.join(name).join("plugin.wasm"), bytes).unwrap();
    }
    symlink("v1", root.join("..data")).unwrap();
    symlink("..data/plugin.wasm", root.join("plugin.wasm")).unwrap();
    let watched = Watched::start(root.join("plugin.wasm")).await;

    symlink("v2", root.join("..tmp")).unwrap();
    fs::rename(root.join("..tmp"), root.join("..data")).unwrap();
    watched.serves(&version("b"), 1).await;

    // The link now leads elsewhere, and that is watched too.
    fs::write(root.join("v2/plugin.wasm"), version("c")).unwrap();
    watched.serves(&version("c"), 2).await;
    watched.stop().await;
}

#[cfg(unix)]
#[tokio::test]
async fn directories_that_go_and_come_are_watched_again() {
    use std::os::unix::fs::symlink;
    let directory = tempfile::tempdir().unwrap();
    let (root, plugins) = (directory.path(), directory.path().join("deep/plugins"));
    let path = plugins.join("plugin.wasm");
    fs::create_dir_all(&plugins).unwrap();
    fs::write(&path, version("a")).unwrap();
    let watched = Watched::start(path.clone()).await;

    // Made again, its inode maybe the same.
    fs::remove_dir_all(root.join("deep")).unwrap();
    fs::create_dir_all(&plugins).unwrap();
    fs::write(&path, version("b")).unwrap();
    watched.serves(&version("b"), 1).await;
    rename_over(&path, &version("c"));
    watched.serves(&version("c"), 2).await;

    // Away for long enough to be told, and back by way of a symlink.
    fs::rename(root.join("deep"), root.join("away")).unwrap();
    watched.refuses(1, "the file is gone").await;
    fs::write(root.join("away/plugins/plugin.wasm"), version("d")).unwrap();
    symlink("away", root.join("deep")).unwrap();
    watched.serves(&version("d"), 3).await;

    // The directory that the symlink leads to is swapped.
    fs::create_dir_all(root.join("new/plugins")).unwrap();
    fs::write(root.join("new/plugins/plugin.wasm"), version("e")).unwrap();
    symlink("new", root.join("tmp")).unwrap();
    fs::rename(root.join("tmp"), root.join("deep")).unwrap();
    watched.serves(&version("e"), 4).await;
    fs::write(root.join("new/plugins/plugin.wasm"), version("f")).unwrap();
    watched.serves(&version("f"), 5).await;
    watched.stop().await;
}

#[tokio::test]
async fn a_file_that_its_writer_keeps_open_is_waited_for() {
    use std::io::Write;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plugin.wasm");
    fs::write(&path, version("a")).unwrap();
    let watched = Watched::start(path.clone()).await;
    // The watch is there.
    rename_over(&path, &version("b"));
    watched.serves(&version("b"), 1).await;
    // Good as it is, and not all of it: the custom section at its end makes it a version of its own.
    let half = version("c");
    let whole = [&half[..], b"\0\x02\x01n"].concat();
    let mut file = fs::File::create(&path).unwrap();
    file.write_all(&half).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    file.write_all(&whole[half.len()..]).unwrap();
    drop(file);
    watched.serves(&whole, 2).await;
    assert_eq!(watched.signals.with("refused "), [""; 0]);
    watched.stop().await;
}

#[tokio::test]
async fn a_batch_under_way_finishes_on_its_version() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("plugin.wasm");
    fs::write(&path, tripline_bundled::FIXTURE).unwrap();
    let engine = engine();
    let plugin = PluginSource::File(path.clone()).load(&engine).await.unwrap();
    let (signals, table) = (Arc::<Recorder>::default(), FakeTable::shut());
    let mut context = context(&signals, &[("mode", "tables"), ("table", "copy")]);
    context.limits.time_max = Duration::from_secs(60);
    context.grants.tables.insert("copy".into(), table.clone());
    let slot = Slot::new(plugin.clone());
    let uses = vec![PluginUse { slot: slot.clone(), origin: origin("welcome", View::of(ViewType::NewImage)), context: context.clone() }];
    let stop = CancellationToken::new();
    let mut watching = JoinSet::new();
    watching.spawn(PluginFile::new(path.clone(), &plugin, uses, signals.clone()).run(stop.clone()));

    let old = slot.current();
    let mut under_way = JoinSet::new();
    under_way.spawn(async move { old.handle(&batch(1), &context).await });
    table.arrived.notified().await;
    rename_over(&path, &version("new"));
    signals.wait_for("serves welcome ", 1).await;
    assert_ne!(slot.current().version(), plugin.version());
    assert!(under_way.try_join_next().is_none(), "still under way");

    drop(plugin);
    table.open.add_permits(1);
    let report = under_way.join_next().await.unwrap().unwrap();
    assert_eq!(report.outcome, Outcome::Handled(Vec::new()));
    assert_eq!(table.writes.lock().unwrap().len(), 1);
    stop.cancel();
    watching.join_next().await.unwrap().unwrap();
}
