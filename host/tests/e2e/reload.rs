//! A plugin that is replaced under traffic, by good versions and by bad ones: no change is lost, none counted twice.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::task::JoinSet;
use tripline::workload::{Tables, Traffic};

use crate::harness::{Host, Place, assert_clean, tripline};
use crate::plugin_file::version;
use crate::replace::{Replaced, Way};

const REPLACEMENTS: usize = 50;
/// A file that is away for longer is told; what is told of it says so.
const GONE: &str = "the file is gone";
const SERVES: &str = "plugin serves";
const REFUSED: &str = "plugin refused; what served before still does";

fn bundled(name: &str) -> &'static [u8] {
    tripline_bundled::plugin(name).unwrap().bytes
}

fn counter_plugin() -> &'static [u8] {
    bundled("analytics-counter")
}

/// As the host names a version.
fn short(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Good,
    Garbage,
    CutOff,
    CoreModule,
    /// Compiles and links: the mailer, with the counter's settings.
    FailsItsProbe,
    OtherWorld,
}

const BAD: [Kind; 5] = [Kind::Garbage, Kind::CutOff, Kind::CoreModule, Kind::FailsItsProbe, Kind::OtherWorld];

impl Kind {
    fn bytes(self, name: &str) -> Vec<u8> {
        match self {
            Self::Good => version(counter_plugin(), name),
            Self::Garbage => format!("this is no component: {name}").into_bytes(),
            Self::CutOff => {
                // Behind the name: one bad content is told once, so each is another.
                let whole = version(&version(counter_plugin(), name), "tail");
                whole[..whole.len() - 3].to_vec()
            }
            Self::CoreModule => version(b"\0asm\x01\0\0\0", name),
            Self::FailsItsProbe => version(bundled("notification-mailer"), name),
            Self::OtherWorld => {
                let text = (b"tripline:trigger/handler@0.1.0", b"tripline:trigger/handler@9.1.0");
                let mut bytes = version(counter_plugin(), name);
                let found: Vec<usize> = (0..bytes.len() - text.0.len()).filter(|at| bytes[*at..].starts_with(text.0)).collect();
                found.iter().for_each(|at| bytes[*at..*at + text.1.len()].copy_from_slice(text.1));
                bytes
            }
        }
    }

    /// Why it is refused.
    fn reason(self) -> &'static str {
        match self {
            Self::Good => "",
            Self::Garbage => "not WebAssembly",
            Self::CutOff => "still being written?",
            Self::CoreModule => "a core WebAssembly module",
            Self::FailsItsProbe => "its probe for trigger `stats` failed",
            Self::OtherWorld => {
                "`tripline:trigger/handler@9.1.0`, and this host speaks `tripline:trigger/handler@0.1.1`, `tripline:trigger/handler@0.1.0`"
            }
        }
    }
}

/// Everything that the file ever held, and what the host said of it.
#[derive(Debug, Default)]
struct Record {
    held: BTreeMap<String, Kind>,
    served: usize,
    refused: usize,
    gone: usize,
}

impl Record {
    /// Every word of the host's is on a content that the file held as a whole, and right; returns which.
    fn note(&mut self, event: &Value) -> Option<String> {
        match event["message"].as_str()? {
            SERVES if event["reload"] == true => {
                let version = event["version"].as_str()?;
                assert_eq!(self.held.get(version), Some(&Kind::Good), "{event}");
                self.served += 1;
                Some(version.to_owned())
            }
            REFUSED => {
                let reason = event["reason"].as_str()?;
                if reason.starts_with(GONE) {
                    self.gone += 1;
                    return None;
                }
                let version = reason.strip_prefix("version ").and_then(|rest| rest.get(..12)).unwrap_or_default();
                let kind = self.held.get(version).unwrap_or_else(|| panic!("refused what the file never held: {event}"));
                assert!(*kind != Kind::Good && reason.contains(kind.reason()) && reason.contains("goes on"), "{kind:?}: {event}");
                self.refused += 1;
                Some(version.to_owned())
            }
            _ => None,
        }
    }
}

/// Until `ended`, without pause.
async fn write_until(ended: Arc<AtomicBool>, tables: Tables, mut traffic: Traffic) -> Traffic {
    while !ended.load(Ordering::Relaxed) {
        let changes = traffic.written() + 10;
        traffic.write(&tables, changes, |_| ()).await.unwrap();
        // Slow enough for a debug build to keep up with.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    traffic
}

/// A tool writes a file a byte after the other only when it has to: what is told of the pieces is true and needless.
fn fits(way: Way, kind: Kind) -> bool {
    way != Way::Appended || matches!(kind, Kind::Good | Kind::CutOff)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_replaced_fifty_times_under_traffic_loses_and_doubles_nothing() {
    let place = Place::embedded().await;
    let mut file = Replaced::new(place.dir.path().join("plugins"), counter_plugin());
    place.edit("\"bundled:analytics-counter\"", "\"plugins/live/counter.wasm\"");
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut command = tripline();
    command.env("TRIPLINE_LOG", "info");
    let host = Host::start_in(command, &place.config_file());
    let ended = Arc::new(AtomicBool::new(false));
    let mut writing = JoinSet::new();
    writing.spawn(write_until(ended.clone(), place.tables.clone(), Traffic::new(seed)));

    let mut record = Record::default();
    record.held.insert(short(counter_plugin()), Kind::Good);
    let (mut good, mut superseded) = (0, 0);
    for n in 0..REPLACEMENTS {
        // Every way comes at least three times, in the order of chance.
        let way = Way::ALL[n % Way::ALL.len()];
        let last = n + 1 == REPLACEMENTS;
        let mut kind = if last || random.bool() { Kind::Good } else { BAD[random.usize(..BAD.len())] };
        if !fits(way, kind) {
            kind = Kind::CutOff;
        }
        let bytes = kind.bytes(&format!("v{n}"));
        let wanted = short(&bytes);
        record.held.insert(wanted.clone(), kind);
        good += usize::from(kind == Kind::Good);
        if way == Way::Deleted && n % 2 == 1 {
            // Away for long enough to be told.
            let told = record.gone;
            std::fs::remove_file(file.path()).unwrap();
            tokio::task::block_in_place(|| host.wait_for_event(GONE, |event| record.note(event).is_none() && record.gone > told));
            std::fs::write(file.path(), &bytes).unwrap();
        } else {
            file.replace(way, &bytes, &mut random).await;
        }
        assert_eq!(std::fs::read(file.path()).unwrap(), bytes);
        if !last && random.u8(..4) == 0 {
            superseded += 1;
            continue;
        }
        let what = format!("{way:?}: {kind:?} {wanted}");
        tokio::task::block_in_place(|| host.wait_for_event(&what, |event| record.note(event).as_deref() == Some(&*wanted)));
    }
    ended.store(true, Ordering::Relaxed);
    let traffic = writing.join_next().await.unwrap().unwrap();
    assert_clean(&place.verify().await);
    for never in ["tripline_changes_dead_lettered_total", "tripline_changes_failed_total"] {
        assert_eq!(host.metric(never, ""), 0.0, "{never}");
    }
    let told = |result: &str| host.metric("tripline_plugin_reloads_total", &format!("result=\"{result}\"")) as usize;
    assert_eq!((told("served"), told("refused")), (record.served, record.refused + record.gone));
    let Record { served, refused, gone, .. } = record;
    println!(
        "{REPLACEMENTS} replacements under {} changes: {good} good, {} bad, {superseded} not waited for; {served} served, {refused} refused, {gone} times gone",
        traffic.written(),
        REPLACEMENTS - good,
    );
    assert!(served + refused >= REPLACEMENTS - superseded);
    // Twice on purpose; on a busy machine a file may be away for longer than was meant.
    assert!(gone >= 2);
    assert!(host.stop());
}

/// A machine whose watches are all taken: said once, and the file is looked at all the same.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_watch_the_file_is_looked_at_every_few_seconds() {
    for limit in ["max_inotify_watches", "max_inotify_instances"] {
        let place = Place::embedded().await;
        let mut file = Replaced::new(place.dir.path().join("plugins"), counter_plugin());
        place.edit("\"bundled:analytics-counter\"", "\"plugins/live/counter.wasm\"");
        // The limits of a user namespace are its own.
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", &format!("echo 0 > /proc/sys/user/{limit} && exec \"$@\""), "sh"]);
        command.arg(env!("CARGO_BIN_EXE_tripline")).env("TRIPLINE_LOG", "info");
        let host = Host::start_in(command, &place.config_file());
        let said =
            host.wait_for_event("no watch", |event| event["message"].as_str().is_some_and(|text| text.contains("cannot be watched")));
        assert!(said["message"].as_str().unwrap().contains("fs.inotify"), "{said}");
        let mut random = fastrand::Rng::with_seed(1);
        for (name, way) in [("a", Way::RenameOver), ("b", Way::ConfigMap), ("c", Way::TruncateAndWrite)] {
            let bytes = Kind::Good.bytes(name);
            file.replace(way, &bytes, &mut random).await;
            let serves = |event: &Value| event["message"] == SERVES && event["version"] == short(&bytes);
            tokio::task::block_in_place(|| host.wait_for_event("it serves", serves));
        }
        assert!(host.stop());
    }
}
