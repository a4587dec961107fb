//! Opening a data directory: what is refused, with which remedy, and that a refusal changes nothing.

use std::path::Path;
use std::sync::Arc;

use crate::common::{add, commit};
use tripline_core::port::{Commit, Store};
use tripline_core::signal::Silence;
use tripline_store::{OpenError, SqliteReader, SqliteStore, StoreThreads};

fn open(dir: &Path) -> Result<(SqliteStore, StoreThreads), OpenError> {
    SqliteStore::open(dir, Arc::new(Silence))
}

fn close((store, threads): (SqliteStore, StoreThreads)) {
    drop(store);
    threads.join().unwrap();
}

/// A database with one counter in it.
async fn seed(dir: &Path) {
    let opened = open(dir).unwrap();
    opened.0.commit(Commit { mutations: vec![add("n", &[], "1")], ..commit("t", 1) }).await.unwrap();
    close(opened);
}

fn raw(dir: &Path) -> rusqlite::Connection {
    rusqlite::Connection::open(dir.join("tripline.db")).unwrap()
}

/// Writer and reader refuse `dir` with a message that holds both texts.
#[track_caller]
fn check_refused(dir: &Path, what: &str, remedy: &str) {
    for error in [open(dir).unwrap_err(), SqliteReader::open(dir).unwrap_err()] {
        let error = error.to_string();
        assert!(error.contains(what) && error.contains(remedy), "{error}");
        assert!(error.contains(&dir.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn the_directory_belongs_to_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("deep").join("data");
    seed(&dir).await;
    let opened = open(&dir).unwrap();
    opened.0.commit(commit("t", 2)).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for file in std::fs::read_dir(&dir).unwrap() {
        let file = file.unwrap().path();
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    close(opened);
}

#[tokio::test]
async fn a_second_host_is_refused_until_the_first_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).unwrap();
    let error = open(dir.path()).unwrap_err();
    assert!(matches!(&error, OpenError::InUse { pid: Some(pid), .. } if *pid == std::process::id()), "{error}");
    let text = error.to_string();
    assert!(text.contains(&dir.path().display().to_string()) && text.contains("`data_dir` of its own"), "{text}");
    first.0.commit(commit("t", 1)).await.unwrap();
    close(first);
    close(open(dir.path()).unwrap());
}

#[tokio::test]
async fn a_clean_stop_leaves_the_file_whole_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    seed(dir.path()).await;
    let log = std::fs::metadata(dir.path().join("tripline.db-wal")).map_or(0, |log| log.len());
    assert_eq!(log, 0, "nothing is left in the write-ahead log");
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(dir.path().join("tripline.db"), copy.path().join("tripline.db")).unwrap();
    assert_eq!(SqliteReader::open(copy.path()).unwrap().counters().unwrap().len(), 1);
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    seed(dir.path()).await;
    raw(dir.path()).pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(dir.path().join("tripline.db")).unwrap();
    check_refused(dir.path(), "its schema is 99", "run the newer version");
    assert_eq!(std::fs::read(dir.path().join("tripline.db")).unwrap(), before);
}

#[tokio::test]
async fn what_is_no_database_of_tripline_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("tripline.db");
    std::fs::write(&file, vec![b'x'; 8192]).unwrap();
    check_refused(dir.path(), "not a readable tripline database", "restore it from a backup");

    std::fs::remove_file(&file).unwrap();
    raw(dir.path()).execute_batch("CREATE TABLE theirs (a)").unwrap();
    check_refused(dir.path(), "its tables are not tripline's", "move it away");

    std::fs::remove_file(&file).unwrap();
    seed(dir.path()).await;
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[100..4096].fill(0xff);
    std::fs::write(&file, bytes).unwrap();
    check_refused(dir.path(), "malformed", "restore it from a backup");
}

#[test]
fn a_directory_that_cannot_be_written_says_so() {
    // Even root may not make directories there.
    let error = open(Path::new("/sys/tripline")).unwrap_err();
    assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
    assert!(error.to_string().contains("choose another `data_dir`"), "{error}");
}

#[test]
fn a_file_in_the_place_of_the_directory_says_so() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = open(file.path()).unwrap_err().to_string();
    assert!(error.contains("a file stands where `data_dir` should be"), "{error}");
}

#[tokio::test]
async fn a_reader_needs_a_database_that_a_host_has_made() {
    let dir = tempfile::tempdir().unwrap();
    let error = SqliteReader::open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::NoDatabase { .. }), "{error}");
    std::fs::write(dir.path().join("tripline.db"), "").unwrap();
    let error = SqliteReader::open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::OlderSchema { found: 0, .. }), "{error}");
    seed(dir.path()).await;
    assert_eq!(SqliteReader::open(dir.path()).unwrap().counters().unwrap()[0].value, "1");
}

#[tokio::test]
async fn what_a_kill_leaves_is_whole_for_a_reader_and_for_the_next_host() {
    let dir = tempfile::tempdir().unwrap();
    let opened = open(dir.path()).unwrap();
    for n in 1..=20 {
        opened.0.commit(Commit { mutations: vec![add("n", &[], "0.1")], ..commit("t", n) }).await.unwrap();
    }
    // The files as they are at this moment; the memory map beside them dies with a process.
    let copies = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for copy in &copies {
        for name in ["tripline.db", "tripline.db-wal"] {
            // Another process: closing the file in this one would drop the locks that SQLite holds.
            assert!(
                std::process::Command::new("cp")
                    .arg(dir.path().join(name))
                    .arg(copy.path())
                    .status()
                    .unwrap()
                    .success()
            );
        }
    }
    assert_eq!(SqliteReader::open(copies[0].path()).unwrap().counters().unwrap()[0].value, "2");
    let next = open(copies[1].path()).unwrap();
    next.0.commit(Commit { mutations: vec![add("n", &[], "0.1")], ..commit("t", 21) }).await.unwrap();
    assert_eq!(next.0.read(|reader| reader.counters()).await.unwrap()[0].value, "2.1");
    close(next);
    close(opened);
}
