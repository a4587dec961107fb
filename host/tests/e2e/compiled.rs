//! Machine code that a host of an earlier test has made, for the next one: each starts in a directory of its own, and would make all of it anew.
//!
//! Always holds: what is handed on was written by a host, and each host checks it by its own rules before it uses it (docs/compile.md); a directory that
//! has a cache already is left as it is. Tests of the cache itself start their hosts in an empty one (`EMPTY`).

use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Put into a host's directory before it starts: it gets nothing.
pub(crate) const EMPTY: &str = ".no-machine-code";
/// Set: every host gets nothing, to measure what this saves.
const ANEW: &str = "TRIPLINE_COMPILE_ANEW";
/// Versions that tests make for themselves come and go.
const ENTRIES_MAX: usize = 32;
const ENTRY_BYTES_MAX: u64 = 16 << 20;

/// Before a host of this config starts.
pub(crate) fn lend(config: &Path) {
    let Some(dir) = cache_of(config) else { return };
    if dir.exists() || std::env::var_os(ANEW).is_some() || config.with_file_name(EMPTY).exists() {
        return;
    }
    private(&dir);
    for (name, _) in entries(&shared()) {
        let (from, to) = (shared().join(&name), dir.join(&name));
        // Hosts write no entry in place, they rename and remove. Another test may have removed it by now; and a test with a disk of its own, a
        // small one, gets nothing: copies would fill it.
        let _ = fs::hard_link(&from, &to);
    }
}

/// Once it runs: what it has made is there for others.
pub(crate) fn keep(config: &Path) {
    let Some(dir) = cache_of(config) else { return };
    let shared = shared();
    private(&shared);
    for (name, bytes) in entries(&dir) {
        if bytes > ENTRY_BYTES_MAX || shared.join(&name).exists() {
            continue;
        }
        // Whole or not there: other tests read meanwhile.
        let Ok(unfinished) = tempfile::NamedTempFile::with_prefix_in(".", &shared) else { continue };
        if fs::copy(dir.join(&name), unfinished.path()).is_ok() {
            let _ = unfinished.persist(shared.join(&name));
        }
    }
    let mut old = entries(&shared);
    old.sort_by_key(|(name, _)| fs::metadata(shared.join(name)).and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH));
    for (name, _) in old.iter().rev().skip(ENTRIES_MAX) {
        let _ = fs::remove_file(shared.join(name));
    }
}

fn shared() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")
}

fn private(dir: &Path) {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).unwrap();
}

/// None: the file says no `data_dir`, or is none.
fn cache_of(config: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(config).ok()?;
    let line = text.lines().find_map(|line| line.trim().strip_prefix("data_dir = "))?;
    let data_dir = config.parent()?.join(line.trim_matches(['"', '\'']));
    Some(data_dir.join("compiled"))
}

/// Whole entries that are private, as a host wants them; their names and sizes.
fn entries(dir: &Path) -> Vec<(String, u64)> {
    let found = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let entry = |found: fs::DirEntry| {
        let (name, about) = (found.file_name().into_string().ok()?, found.metadata().ok()?);
        let is_private = about.is_file() && about.permissions().mode() & 0o022 == 0;
        (is_private && !name.starts_with('.')).then_some((name, about.len()))
    };
    found.filter_map(entry).collect()
}
