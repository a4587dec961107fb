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
struct Told(Mutex<Vec<String>>);

impl Signals for Told {
    fn emit(&self, signal: Signal<'_>) {
        let line = match signal {
            Signal::PluginServes { version, .. } => format!("serves {}", version.short()),
            Signal::PluginRefused { reason, .. } => reason.to_owned(),
            Signal::GuestLog { .. } => return,
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(line);
    }
}

/// The fixture in a file, its mode `mode`, and someone who looks at it.
struct Desk {
    _directory: tempfile::TempDir,
    file: PluginFile,
    bell: Bell,
    told: Arc<Told>,
    slot: Slot,
}

impl Desk {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plugin.wasm");
        fs::write(&path, tripline_bundled::FIXTURE).unwrap();
        let engine = Engine::new(EngineConfig { instances_max: 2, ..EngineConfig::default() }).unwrap();
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
        };
        let origin = Arc::new(Origin {
            trigger: "t".into(),
            table: "users".into(),
            region: "eu-west-1".into(),
            stream: "arn".into(),
            view: View::of(ViewType::KeysOnly),
        });
        let uses = vec![PluginUse { slot: slot.clone(), origin, context }];
        let bell = Bell::new(&path);
        let file = PluginFile::new(path, &plugin, uses, told.clone());
        Self { _directory: directory, file, bell, told, slot }
    }

    fn write(&self, bytes: &[u8]) {
        fs::write(&self.file.path, bytes).unwrap();
    }

    /// What a look at the file tells.
    async fn look(&mut self, look: Look) -> Vec<String> {
        self.file.look(look, &self.bell).await;
        std::mem::take(&mut *self.told.0.lock().unwrap())
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
async fn a_file_that_is_gone_is_told_once() {
    let mut desk = Desk::new().await;
    fs::remove_file(&desk.file.path).unwrap();
    let told = desk.look(Look::Closely).await;
    assert!(told.len() == 1 && told[0].contains("the file is gone"), "{told:?}");
    assert_eq!(desk.look(Look::Poll).await, NOTHING);
    desk.write(tripline_bundled::FIXTURE);
    assert_eq!(desk.look(Look::Closely).await, NOTHING);
}

#[tokio::test]
async fn an_empty_file_is_about_to_be_written_until_the_poll_finds_it_so() {
    let mut desk = Desk::new().await;
    desk.write(b"");
    assert_eq!(desk.look(Look::Closely).await, NOTHING);
    let told = desk.look(Look::Poll).await;
    assert!(told.len() == 1 && told[0].contains("not WebAssembly"), "{told:?}");
    assert_eq!(desk.look(Look::Poll).await, NOTHING);
}
