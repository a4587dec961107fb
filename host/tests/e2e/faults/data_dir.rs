//! A data directory that cannot be used.

use std::fs;

use expect_test::expect;

use tripline::workload::Traffic;

use super::disk::{self, Disk};
use super::{Ask, Bench};
use crate::harness::Place;

const ALL: [Ask<'static>; 3] = [Ask::Run, Ask::Dump, Ask::List];

#[tokio::test(flavor = "multi_thread")]
async fn a_data_dir_that_is_taken_or_damaged() {
    let mut bench = Bench::new().await;
    let host = bench.place.start();
    host.until("it is ready", |host| host.get("/readyz").0 == 200).await;
    bench
        .check_edited(
            &[],
            &[Ask::Run],
            expect![[r#"
        error: DIR/data: in use by another tripline host (process PID): stop it, or give this host a `data_dir` of its own
    "#]],
        )
        .await;
    assert_eq!(host.get("/readyz").0, 200, "the first host goes on");
    assert!(host.stop());
    no_directory(&bench).await;
    no_database(&bench).await;
    bench.works().await;
}

async fn no_directory(bench: &Bench) {
    let (dir, away) = (bench.place.data_dir(), bench.place.dir.path().join("away"));
    fs::rename(&dir, &away).unwrap();
    bench
        .check_edited(
            &[],
            &[Ask::Dump, Ask::List],
            expect![[r#"
        error: DIR/data: no tripline.db there: check `data_dir`, or start the host once
    "#]],
        )
        .await;
    fs::write(&dir, "").unwrap();
    bench
        .check_edited(
            &[],
            &[Ask::Run],
            expect![[r#"
        error: DIR/data: a file stands where `data_dir` should be: choose another `data_dir`
    "#]],
        )
        .await;
    bench
        .check_edited(
            &[],
            &[Ask::Dump, Ask::List],
            expect![[r#"
        error: DIR/data: a file stands where `data_dir` should be: choose another `data_dir`
    "#]],
        )
        .await;
    fs::remove_file(&dir).unwrap();
    // Not even root may make a directory there.
    bench
        .check_edited(&[("data_dir = \"data\"", "data_dir = \"/sys/tripline\"")], &[Ask::Run], expect![[r#"
            error: /sys/tripline: not writable for this user: Operation not permitted (os error 1): change its owner or mode, or choose another `data_dir`
        "#]])
        .await;
    fs::rename(&away, &dir).unwrap();
}

async fn no_database(bench: &Bench) {
    let file = bench.place.data_dir().join("tripline.db");
    let whole = fs::read(&file).unwrap();
    // SQLite keeps the schema's version there.
    let mut newer = whole.clone();
    newer[60..64].copy_from_slice(&99u32.to_be_bytes());
    fs::write(&file, newer).unwrap();
    bench.check_edited(&[], &ALL, expect![[r#"
        error: DIR/data/tripline.db: written by a newer tripline: its schema is 99, this version knows up to 3: run the newer version, or another `data_dir`
    "#]]).await;

    fs::write(&file, vec![b'x'; 8192]).unwrap();
    bench.check_edited(&[], &ALL, expect![[r#"
        error: DIR/data/tripline.db: not a readable tripline database: file is not a database: restore it from a backup, or move it away together with its -wal and -shm files to begin anew (counters, state and unsent mail are lost, and triggers begin at their `start`)
    "#]]).await;
    let mut damaged = whole.clone();
    damaged[100..4096].fill(0xff);
    fs::write(&file, damaged).unwrap();
    bench.check_edited(&[], &ALL, expect![[r#"
        error: DIR/data/tripline.db: not a readable tripline database: database disk image is malformed: restore it from a backup, or move it away together with its -wal and -shm files to begin anew (counters, state and unsent mail are lost, and triggers begin at their `start`)
    "#]]).await;
    // A page within, which a reader may not come by.
    let mut damaged = whole.clone();
    damaged[4096..8192].fill(0xff);
    fs::write(&file, damaged).unwrap();
    bench.check_edited(&[], &[Ask::Run], expect![[r#"
        error: DIR/data/tripline.db: not a readable tripline database: Tree 2 page 2: btreeInitPage() returns error code 11: restore it from a backup, or move it away together with its -wal and -shm files to begin anew (counters, state and unsent mail are lost, and triggers begin at their `start`)
    "#]]).await;
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    bench.check_edited(&[], &[Ask::Run], expect![[r#"
        error: DIR/data/tripline.db: not a readable tripline database: database disk image is malformed: restore it from a backup, or move it away together with its -wal and -shm files to begin anew (counters, state and unsent mail are lost, and triggers begin at their `start`)
    "#]]).await;
    fs::write(&file, whole).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_dir_on_a_disk_that_is_read_only_or_full() {
    disk::with_mounts("faults::data_dir::a_data_dir_on_a_disk_that_is_read_only_or_full", async || {
        let place = Place::embedded().await;
        let disk = Disk::mount(&place.data_dir(), "16m");
        // Nothing on it yet.
        let empty = Bench { traffic: Traffic::new(7), place };
        disk.set_writable(false);
        empty.check_edited(&[], &[Ask::Run], expect![[r#"
            error: DIR/data/lock: not writable for this user: Read-only file system (os error 30): change its owner or mode, or choose another `data_dir`
        "#]]).await;
        disk.set_writable(true);
        disk.fill();
        empty.check_edited(&[], &[Ask::Run], expect![[r#"
            error: DIR/data/lock: No space left on device (os error 28): free space on the disk of `data_dir`, or choose another `data_dir`
        "#]]).await;
        disk.free();

        let mut bench = Bench::at(empty.place).await;
        // A stop may leave an empty log and its map beside the database: with room that is there already, the host would run.
        for (left, is_empty) in [("tripline.db-wal", true), ("tripline.db-shm", false)] {
            let left = bench.place.data_dir().join(left);
            if let Ok(metadata) = left.metadata() {
                assert!(!is_empty || metadata.len() == 0, "a clean stop leaves nothing in the log");
                fs::remove_file(left).unwrap();
            }
        }
        disk.set_writable(false);
        bench.check_edited(&[], &[Ask::Run], expect![[r#"
            error: DIR/data/lock: not writable for this user: Read-only file system (os error 30): change its owner or mode, or choose another `data_dir`
        "#]]).await;
        // Reading needs no more: a backup's copy, mounted as it is.
        for ask in [Ask::Dump, Ask::List] {
            bench.reads(ask).await;
        }
        disk.set_writable(true);
        disk.fill();
        bench.check_edited(&[], &[Ask::Run], expect![[r#"
            error: DIR/data/tripline.db: disk I/O error: is the disk of `data_dir` full, or does it fail? Free space on it, or have it looked at
        "#]]).await;
        disk.free();
        bench.works().await;
        // Before the place that it is mounted in.
        drop(disk);
    })
    .await;
}
