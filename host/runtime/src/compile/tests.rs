//! The compile cache as engines use it: what is taken from it, what is not, and what it says.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use self::wat_plugin::{OK, component};
use super::*;
use crate::engine::EngineConfig;
use crate::plugin::Plugin;

#[path = "../../tests/support/wat_plugin.rs"]
#[allow(dead_code, unreachable_pub, reason = "other tests use the rest")]
mod wat_plugin;

/// A directory, and an engine that keeps its code there.
struct Kept {
    dir: TempDir,
    bytes_max: u64,
}

impl Kept {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), bytes_max: 1 << 30 }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("deep/compiled")
    }

    /// An engine of its own each time, as after a restart.
    fn engine(&self) -> Engine {
        let cache = CacheConfig { dir: self.path(), make: true, bytes_max: self.bytes_max };
        let compiler = Compiler::new(CompilerConfig { cache: Some(cache), process: None });
        Engine::compiling(EngineConfig { instances_max: 1 }, compiler).unwrap()
    }

    async fn load(&self, bytes: &'static [u8]) -> Plugin {
        self.engine().load(bytes).await.unwrap()
    }

    #[track_caller]
    fn entries(&self) -> Vec<PathBuf> {
        let mut entries: Vec<PathBuf> = fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        entries
    }

    /// The one entry there is.
    #[track_caller]
    fn entry(&self) -> PathBuf {
        let entries = self.entries();
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries[0].clone()
    }
}

/// A plugin of this name, which compiles in no time. One imports state.
fn plugin(name: &str) -> &'static [u8] {
    let imports = if name == "writer" { r#"(import "tripline:trigger/state@0.1.0" (instance))"# } else { "" };
    component(name, OK, "tripline:trigger/handler@0.1.0", imports).leak()
}

fn counter() -> &'static [u8] {
    plugin("counter")
}

#[tokio::test]
async fn what_was_compiled_is_kept_and_taken_from_there() {
    let kept = Kept::new();
    let first = kept.load(counter()).await;
    assert!(!first.loading().cached);
    let second = kept.load(counter()).await;
    assert!(second.loading().cached);
    assert_eq!((first.version(), first.imports(), first.exports()), (second.version(), second.imports(), second.exports()));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&kept.path()), mode(&kept.entry())), (0o700, 0o600));
    assert!(!kept.load(plugin("writer")).await.loading().cached);
    assert_eq!(kept.entries().len(), 2);
}

#[tokio::test]
async fn what_could_not_serve_is_not_kept() {
    let kept = Kept::new();
    let component: &'static [u8] = wat::parse_str("(component)").unwrap().leak();
    kept.engine().load(component).await.unwrap_err();
    assert_eq!(kept.entries(), Vec::<PathBuf>::new());
}

/// After `spoil`, the entry is not used; it is made anew, and used after that.
async fn check_spoiled(spoil: impl FnOnce(&Path)) {
    let kept = Kept::new();
    kept.load(counter()).await;
    spoil(&kept.entry());
    assert!(!kept.load(counter()).await.loading().cached);
    assert!(kept.load(counter()).await.loading().cached);
    assert_eq!(kept.entries().len(), 1);
}

#[tokio::test]
async fn a_damaged_entry_is_made_anew() {
    let change = |path: &Path, change: fn(&mut Vec<u8>)| {
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    };
    check_spoiled(|path| fs::write(path, b"").unwrap()).await;
    check_spoiled(|path| change(path, |bytes| bytes.truncate(bytes.len() / 2))).await;
    check_spoiled(|path| change(path, |bytes| *bytes.last_mut().unwrap() ^= 1)).await;
    check_spoiled(|path| change(path, |bytes| bytes[5000] ^= 0x10)).await;
    check_spoiled(|path| change(path, |bytes| bytes[0] = 0)).await;
}

/// As an engine with other bounds has left it.
#[tokio::test]
async fn a_sound_entry_of_what_is_too_much_stays() {
    let more = "(core module $more (table 1 funcref)) ".to_owned() + &"(core instance (instantiate $more))".repeat(17);
    let bytes: &'static [u8] = component("more", OK, "tripline:trigger/handler@0.1.0", &more).leak();
    let kept = Kept::new();
    kept.load(counter()).await;
    fs::remove_file(kept.entry()).unwrap();
    let compiler = wasmtime::Engine::new(&crate::engine::compile_settings()).unwrap();
    let (digest, key, code) = (Digested::of(bytes), EngineKey::of(&compiler), compiler.precompile_component(bytes).unwrap());
    let entry = kept.path().join(entry::name(&digest, &key));
    fs::write(&entry, [entry::header(&digest, &key, &code), code].concat()).unwrap();
    fs::set_permissions(&entry, fs::Permissions::from_mode(0o600)).unwrap();
    let refused = kept.engine().load(bytes).await.unwrap_err();
    assert!(matches!(&refused, LoadError::Beyond(told) if told.contains("17 tables")), "{refused}");
    assert_eq!(kept.entries(), [entry]);
}

#[tokio::test]
async fn an_entry_that_another_may_have_written_is_made_anew() {
    check_spoiled(|path| fs::set_permissions(path, fs::Permissions::from_mode(0o620)).unwrap()).await;
    check_spoiled(|path| {
        // The right bytes, but not in this directory.
        let elsewhere = path.parent().unwrap().with_file_name("elsewhere");
        fs::rename(path, &elsewhere).unwrap();
        symlink(elsewhere, path).unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_code_of_another_component_is_not_taken() {
    let kept = Kept::new();
    kept.load(counter()).await;
    let of_counter = kept.entry();
    kept.load(plugin("writer")).await;
    let of_writer = kept.entries().into_iter().find(|path| *path != of_counter).unwrap();
    fs::copy(&of_writer, &of_counter).unwrap();
    let loaded = kept.load(counter()).await;
    assert!(!loaded.loading().cached);
    assert!(!loaded.imports().iter().any(|import| import.contains("state")), "{:?}", loaded.imports());
}

/// The cache is not used, for this reason; plugins are loaded all the same.
async fn check_refused(spoil: impl FnOnce(&Path), reason: &str) {
    let kept = Kept::new();
    kept.load(counter()).await;
    spoil(&kept.path());
    let config = CacheConfig { dir: kept.path(), make: true, bytes_max: 1 << 30 };
    let error = Cache::open(config).unwrap_err().to_string();
    assert!(error.contains(reason) && error.contains("compiled at every start"), "{error}");
    assert!(!kept.load(counter()).await.loading().cached);
}

#[tokio::test]
async fn a_directory_that_is_not_private_is_not_used() {
    let mode = |mode: u32| move |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    check_refused(mode(0o770), "mode 770").await;
    check_refused(mode(0o1777), "mode 1777").await;
    let link = |path: &Path| {
        let elsewhere = path.with_file_name("elsewhere");
        fs::rename(path, &elsewhere).unwrap();
        symlink(elsewhere, path).unwrap();
    };
    check_refused(link, "cannot be used").await;
    let file = |path: &Path| {
        fs::remove_dir_all(path).unwrap();
        fs::write(path, b"").unwrap();
    };
    check_refused(file, "cannot be used").await;
}

#[test]
fn a_directory_of_another_user_is_not_used() {
    // Whoever runs this: either `/` is another's, or this is root and gives a directory away.
    let given = tempfile::tempdir().unwrap();
    let is_root = fs::metadata(given.path()).unwrap().uid() == 0;
    let dir = if is_root {
        std::os::unix::fs::chown(given.path(), Some(65534), None).unwrap();
        given.path().to_owned()
    } else {
        PathBuf::from("/")
    };
    let error = Cache::open(CacheConfig { dir, make: false, bytes_max: 1 }).unwrap_err();
    assert!(matches!(error, cache::CacheError::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("run as its owner"), "{error}");
}

#[test]
fn a_cache_that_is_not_there_is_not_made_for_who_only_looks() {
    let dir = tempfile::tempdir().unwrap();
    let config = CacheConfig { dir: dir.path().join("compiled"), make: false, bytes_max: 1 };
    assert!(Cache::open(config.clone()).unwrap().is_none());
    assert!(!config.dir.exists());
}

#[tokio::test]
async fn what_was_used_longest_ago_goes() {
    let mut kept = Kept::new();
    kept.load(counter()).await;
    let counter_bytes = fs::metadata(kept.entry()).unwrap().len();
    let of_counter = kept.entry();
    kept.load(plugin("mailer")).await;
    let of_mailer = kept.entries().into_iter().find(|path| *path != of_counter).unwrap();
    let mailer_bytes = fs::metadata(&of_mailer).unwrap().len();
    // Both are of long ago; the counter is used once more.
    for path in [&of_counter, &of_mailer] {
        fs::File::options().write(true).open(path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    }
    assert!(kept.load(counter()).await.loading().cached);
    kept.load(plugin("writer")).await;
    let all = kept.entries();
    let writer_bytes = all.iter().map(|path| fs::metadata(path).unwrap().len()).sum::<u64>() - counter_bytes - mailer_bytes;
    fs::remove_file(all.iter().find(|path| **path != of_counter && **path != of_mailer).unwrap()).unwrap();
    kept.bytes_max = counter_bytes + writer_bytes;
    kept.load(plugin("writer")).await;
    assert!(of_counter.exists() && !of_mailer.exists(), "{:?}", kept.entries());
    // What is larger than all of it is never kept, and costs the others nothing.
    kept.bytes_max = 1000;
    kept.load(plugin("mailer")).await;
    assert!(of_counter.exists() && !of_mailer.exists());
}

#[tokio::test]
async fn what_a_killed_host_left_unfinished_goes_as_the_rest_does() {
    let mut kept = Kept::new();
    kept.load(counter()).await;
    let left = kept.path().join(".new-1-0");
    fs::write(&left, vec![0; 1000]).unwrap();
    fs::File::options().write(true).open(&left).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    kept.bytes_max = 1 + fs::metadata(kept.entries().pop().unwrap()).unwrap().len();
    kept.load(plugin("mailer")).await;
    assert!(!left.exists());
}

#[tokio::test]
async fn a_program_that_is_none_is_told_with_a_remedy() {
    let process =
        CompilerProcess { program: "/nonexistent".into(), time_max: std::time::Duration::from_secs(9), memory_bytes_max: 1 << 30 };
    let compiler = Compiler::new(CompilerConfig { cache: None, process: Some(process) });
    let engine = Engine::compiling(EngineConfig { instances_max: 1 }, compiler).unwrap();
    let error = engine.load(counter()).await.unwrap_err();
    assert!(matches!(error, LoadError::Compiler(_)), "{error}");
    assert!(error.to_string().contains("/nonexistent") && error.to_string().contains("may start another process"), "{error}");
}

#[test]
fn where_commands_without_a_data_dir_keep_it() {
    let dir = |xdg: Option<&str>, home: Option<&str>| {
        user_dir(&|name| if name == "XDG_CACHE_HOME" { xdg.map(PathBuf::from) } else { home.map(PathBuf::from) })
    };
    assert_eq!(dir(Some("/x"), Some("/h")), Some("/x/tripline/compiled".into()));
    assert_eq!(dir(Some("relative"), Some("/h")), Some("/h/.cache/tripline/compiled".into()));
    assert_eq!(dir(None, Some("/h")), Some("/h/.cache/tripline/compiled".into()));
    assert_eq!(dir(None, None), None);
}
