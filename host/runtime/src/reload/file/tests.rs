//! One look after another, without a watch: what is told, and how often. Ways of writing are in tests/reload.rs.

use std::fs;
use std::sync::Mutex;
use std::time::Duration;

use tripline_core::port::Grants;
use tripline_core::time::Timestamp;
use tripline_core::view::{View, ViewType};

use super::*;
use crate::context::Limits;
use crate::engine::EngineConfig;

#[derive(Debug, Default)]
struct Told {
    lines: Mutex<Vec<String>>,
    /// What is written, and where, as soon as a probe says something.
    meanwhile: Mutex<Option<(PathBuf, Vec<u8>)>>,
}

impl Signals for Told {
    fn emit(&self, signal: Signal<'_>) {
        let line = match signal {
            Signal::PluginServes { version, .. } => format!("serves {}", version.short()),
            Signal::PluginRefused { reason, .. } => reason.to_owned(),
            Signal::GuestLog { .. } => {
                let meanwhile = self.meanwhile.lock().unwrap().take();
                meanwhile.into_iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
                return;
            }
            other => format!("{other:?}"),
        };
        self.lines.lock().unwrap().push(line);
    }
}

/// The fixture in a file, its mode `mode`, and someone who looks at it.
struct Desk {
    _directory: tempfile::TempDir,
    file: PluginFile,
    now: Instant,
    /// What the last look asked for.
    again: Duration,
    told: Arc<Told>,
    slot: Slot,
}

impl Desk {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plugin.wasm");
        fs::write(&path, tripline_bundled::FIXTURE).unwrap();
        let engine = Engine::new(EngineConfig { instances_max: 2 }).unwrap();
        let plugin = engine.load(tripline_bundled::FIXTURE).await.unwrap();
        let told = Arc::<Told>::default();
        let slot = Slot::new(plugin.clone());
        let context = TriggerContext {
            trigger: "t".into(),
            grants: Grants::default(),
            settings: Arc::new([("mode".to_owned(), "ok".to_owned())].into()),
            limits: Limits { memory_bytes_max: 64 << 20, time_max: Duration::from_secs(20) },
            signals: told.clone(),
            clock: Arc::new(|| Timestamp::from_ms(0)),
            seed: None,
        };
        let origin = Arc::new(Origin {
            trigger: "t".into(),
            table: "users".into(),
            region: "eu-west-1".into(),
            stream: "arn".into(),
            view: View::of(ViewType::KeysOnly),
        });
        let uses = vec![PluginUse { slot: slot.clone(), origin, context }];
        let file = PluginFile::new(path, &plugin, uses, told.clone());
        Self { _directory: directory, file, now: Instant::now(), again: POLL, told, slot }
    }

    fn write(&self, bytes: &[u8]) {
        fs::write(&self.file.path, bytes).unwrap();
    }

    /// What a look at the file tells.
    async fn look(&mut self, look: Look) -> Vec<String> {
        self.again = self.file.look(&Bell::new(), look, self.now).await;
        std::mem::take(&mut *self.told.lines.lock().unwrap())
    }

    /// In the midst of the next probe.
    fn write_meanwhile(&self, bytes: &[u8]) {
        *self.told.meanwhile.lock().unwrap() = Some((self.file.path.clone(), bytes.to_vec()));
    }

    /// What the fixture does from now on.
    fn mode(&mut self, mode: &str) {
        self.file.uses[0].context.settings = Arc::new([("mode".to_owned(), mode.to_owned())].into());
    }

    /// As long as the look asked for.
    fn pass(&mut self) {
        self.now += self.again;
    }

    /// What is told until something is, or until so long after now.
    async fn told_within(&mut self, seconds: u64) -> (u64, Vec<String>) {
        let (began, mut told) = (self.now, Vec::new());
        while told.is_empty() && self.now - began < Duration::from_secs(seconds) {
            self.pass();
            told = self.look(Look::Poll).await;
        }
        ((self.now - began).as_secs(), told)
    }
}

/// Another version of the fixture: with a custom section, which changes nothing.
fn another() -> Vec<u8> {
    let mut bytes = tripline_bundled::FIXTURE.to_vec();
    // Section 0, five bytes long: a name of one byte, and three more.
    bytes.extend(b"\0\x05\x01nnew");
    bytes
}

const NOTHING: [&str; 0] = [];

#[tokio::test]
async fn the_content_that_serves_is_nothing_new() {
    let mut desk = Desk::new().await;
    assert_eq!(desk.look(Look::Poll).await, NOTHING);
    desk.write(tripline_bundled::FIXTURE);
    assert_eq!(desk.look(Look::Closely).await, NOTHING);
}

#[tokio::test]
async fn a_poll_finds_what_the_watch_has_missed() {
    let mut desk = Desk::new().await;
    assert_eq!(desk.look(Look::Poll).await, NOTHING);
    desk.write(&another());
    let version = version_of(&another());
    assert_eq!(desk.look(Look::Poll).await, [format!("serves {}", version.short())]);
    assert_eq!(*desk.slot.current().version(), version);
    assert_eq!(desk.look(Look::Poll).await, NOTHING);
    assert_eq!(desk.look(Look::Closely).await, NOTHING);
}

#[tokio::test]
async fn one_bad_content_is_told_once() {
    let mut desk = Desk::new().await;
    desk.write(b"garbage");
    let told = desk.look(Look::Closely).await;
    assert!(told.len() == 1 && told[0].contains("not WebAssembly"), "{told:?}");
    desk.write(b"garbage");
    assert_eq!(desk.look(Look::Closely).await, NOTHING);
    desk.write(b"other garbage");
    assert_eq!(desk.look(Look::Closely).await.len(), 1);
    // Back to what serves, and bad again: that is news.
    desk.write(tripline_bundled::FIXTURE);
    assert_eq!(desk.look(Look::Closely).await, NOTHING);
    desk.write(b"other garbage");
    assert_eq!(desk.look(Look::Closely).await.len(), 1);
}

#[tokio::test]
async fn a_file_that_is_gone_is_told_once_it_stays_away() {
    let mut desk = Desk::new().await;
    fs::remove_file(&desk.file.path).unwrap();
    assert_eq!(desk.look(Look::Closely).await, NOTHING);
    let (seconds, told) = desk.told_within(60).await;
    assert!(seconds == 3 && told.len() == 1 && told[0].contains("the file is gone"), "{seconds} {told:?}");
    assert_eq!(desk.told_within(60).await.1, NOTHING);
    desk.write(tripline_bundled::FIXTURE);
    assert_eq!(desk.look(Look::Closely).await, NOTHING);
    // Gone for a moment, as editors do it.
    fs::remove_file(&desk.file.path).unwrap();
    assert_eq!(desk.look(Look::Closely).await, NOTHING);
    desk.pass();
    desk.write(&another());
    assert_eq!(desk.look(Look::Closely).await, [format!("serves {}", version_of(&another()).short())]);
    assert_eq!(desk.told_within(60).await.1, NOTHING);
}

#[tokio::test]
async fn what_looks_unfinished_is_told_once_it_stands_still() {
    let whole = another();
    for (unfinished, reason) in
        [(&b""[..], "not WebAssembly"), (&[0; 4096], "not WebAssembly"), (&whole[..whole.len() / 2], "still being written?")]
    {
        let mut desk = Desk::new().await;
        desk.write(unfinished);
        assert_eq!(desk.look(Look::Closely).await, NOTHING);
        desk.now += Duration::from_secs(2);
        assert_eq!(desk.look(Look::Closely).await, NOTHING, "the same, {reason}");
        let (seconds, told) = desk.told_within(60).await;
        assert!(seconds == 1 && told.len() == 1 && told[0].contains(reason), "{seconds} {told:?}");
        assert_eq!(desk.told_within(60).await.1, NOTHING);
    }
}

#[tokio::test]
async fn a_file_that_grows_slowly_is_told_when_it_is_whole() {
    let mut desk = Desk::new().await;
    let whole = another();
    let len = whole.len();
    for end in [0, 1, 7, 9, len / 3, len / 2, len - 1] {
        desk.write(&whole[..end]);
        assert_eq!(desk.look(Look::Closely).await, NOTHING, "{end} of {len} bytes");
        desk.now += UNFINISHED_MAX;
    }
    // A component is one before its last section is there.
    desk.write(tripline_bundled::FIXTURE);
    assert_eq!(desk.look(Look::Closely).await, NOTHING);
    desk.now += Duration::from_millis(700);
    desk.write(&whole);
    assert_eq!(desk.look(Look::Closely).await, NOTHING);
    let (seconds, told) = desk.told_within(60).await;
    assert_eq!((seconds, told), (1, vec![format!("serves {}", version_of(&whole).short())]));
}

#[tokio::test]
async fn a_probe_that_may_pass_later_is_made_again() {
    let mut desk = Desk::new().await;
    desk.mode("probe-retry");
    desk.write(&another());
    let told = desk.look(Look::Closely).await;
    assert!(told.len() == 1 && told[0].contains("for now"), "{told:?}");
    assert_eq!(desk.again, PROBE_AGAIN);
    desk.pass();
    assert_eq!(desk.look(Look::Poll).await, NOTHING, "the same reason is told once");
    desk.mode("ok");
    let (seconds, told) = desk.told_within(60).await;
    assert_eq!((seconds, told), (2, vec![format!("serves {}", version_of(&another()).short())]));
}

#[tokio::test]
async fn a_probe_that_never_passes_is_made_so_often_and_no_more() {
    let mut desk = Desk::new().await;
    desk.mode("probe-retry");
    desk.write(&another());
    assert_eq!(desk.look(Look::Closely).await.len(), 1);
    let began = desk.now;
    while desk.file.waiting.is_some() {
        desk.pass();
        assert_eq!(desk.look(Look::Poll).await, NOTHING);
    }
    assert_eq!((desk.now - began).as_secs(), (1 << (PROBES_MAX - 1)) - 1);
    desk.write(b"garbage");
    assert_eq!(desk.look(Look::Closely).await.len(), 1);
}

#[tokio::test]
async fn a_version_that_waits_gives_way_to_the_file() {
    let mut desk = Desk::new().await;
    desk.mode("probe-retry");
    desk.write(&another());
    assert_eq!(desk.look(Look::Closely).await.len(), 1);
    desk.write(tripline_bundled::FIXTURE);
    assert_eq!(desk.look(Look::Closely).await, NOTHING);
    desk.mode("ok");
    assert_eq!(desk.told_within(300).await.1, NOTHING);
}

#[tokio::test]
async fn a_version_that_was_taken_back_while_it_was_probed_never_serves() {
    let mut desk = Desk::new().await;
    desk.mode("probe-tell");
    desk.write(&another());
    desk.write_meanwhile(tripline_bundled::FIXTURE);
    assert_eq!(desk.look(Look::Closely).await, NOTHING);
    assert_eq!(*desk.slot.current().version(), version_of(tripline_bundled::FIXTURE));
    assert_eq!(desk.again, Duration::ZERO);
    assert_eq!(desk.look(Look::Poll).await, NOTHING);
}

/// Within the 20 s that the probe may take.
#[tokio::test]
async fn a_probe_that_hangs_gives_way_to_the_next_version() {
    let mut desk = Desk::new().await;
    desk.mode("probe-loop");
    desk.write(&[&another()[..], b"\0\x05\x01nmax"].concat());
    desk.write_meanwhile(&another());
    assert_eq!((desk.look(Look::Closely).await, desk.again), (vec![], Duration::ZERO), "it was not refused for its time");
    desk.mode("ok");
    let version = version_of(&another());
    assert_eq!(desk.look(Look::Poll).await, [format!("serves {}", version.short())]);
}
