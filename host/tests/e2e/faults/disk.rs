//! A small disk of a test's own, full and read-only at will, and a host whose disk is full for a while.
//!
//! The disk is a tmpfs. Mounting takes a mount namespace, so a test that mounts runs itself again, as root of namespaces of its own:
//! no right is needed but to make user namespaces.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use tripline::workload::Traffic;

use crate::harness::{Place, assert_clean, tripline};

/// Set where mounting is possible.
const MAY_MOUNT: &str = "TRIPLINE_TEST_MAY_MOUNT";

/// Runs `body` where it may mount. `test`: the whole name of the test that calls this.
pub(super) async fn with_mounts(test: &str, body: impl AsyncFnOnce()) {
    if std::env::var_os(MAY_MOUNT).is_some() {
        return body().await;
    }
    let mut again = tokio::process::Command::new("unshare");
    again.args(["--user", "--map-root-user", "--mount"]).arg(std::env::current_exe().unwrap());
    again.args(["--exact", test, "--nocapture"]).env(MAY_MOUNT, "1").kill_on_drop(true);
    let output = again.output().await.expect("`unshare` (util-linux) is needed");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(
        output.status.success() && said.contains("1 passed"),
        "failed in a user namespace, or there is none: where they are forbidden, allow them (kernel.apparmor_restrict_unprivileged_userns=0, \
         kernel.unprivileged_userns_clone=1), or run the tests as root"
    );
}

pub(super) struct Disk {
    mounted_at: PathBuf,
}

impl Disk {
    /// `at` is made. `size` as tmpfs has it.
    pub(super) fn mount(at: &Path, size: &str) -> Self {
        std::fs::create_dir(at).unwrap();
        mount(&["-t", "tmpfs", "-o", &format!("size={size},mode=700"), "tmpfs"], at);
        Self { mounted_at: at.to_owned() }
    }

    pub(super) fn set_writable(&self, writable: bool) {
        mount(&["-o", if writable { "remount,rw" } else { "remount,ro" }], &self.mounted_at);
    }

    /// Leaves no room at all.
    pub(super) fn fill(&self) {
        let mut filler = std::fs::File::create(self.mounted_at.join("filler")).unwrap();
        loop {
            match filler.write_all(&[1; 4096]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    pub(super) fn free(&self) {
        std::fs::remove_file(self.mounted_at.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // It ends with the namespace at the latest.
        let _ = Command::new("umount").arg("--lazy").arg(&self.mounted_at).status();
    }
}

fn mount(args: &[&str], at: &Path) {
    let status = Command::new("mount").args(args).arg(at).status().unwrap();
    assert!(status.success(), "mount {args:?} {}: {status}", at.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_for_a_while_loses_nothing() {
    with_mounts("faults::disk::a_disk_that_is_full_for_a_while_loses_nothing", full_for_a_while).await;
}

async fn full_for_a_while() {
    let place = Place::embedded().await;
    // Room for the database, and for its log to grow to where SQLite moves it into the file.
    let disk = Disk::mount(&place.data_dir(), "12m");
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut traffic = Traffic::new(seed);
    let mut host = place.start();
    traffic.write(&place.tables, 200, |_| ()).await.unwrap();
    assert_clean(&place.verify().await);

    for killed in [false, true] {
        let failed_before = host.metric("tripline_commit_failures_total", "");
        disk.fill();
        let changes_max = traffic.written() + 3000;
        while host.metric("tripline_commit_failures_total", "") <= failed_before {
            // As long as there is room in the log, which is written over from its beginning now and then.
            assert!(traffic.written() < changes_max, "commits go on without room");
            let changes = traffic.written() + 50;
            traffic.write(&place.tables, changes, |_| ()).await.unwrap();
        }
        let said = host.wait_for_log("commit failed; trying again");
        let reason = said["reason"].as_str().unwrap();
        assert!(reason.contains("tripline.db") && reason.contains("disk"), "{said}");
        // A small commit may find room yet, and say that all is well.
        let says_why = |(status, body): (u16, String)| status == 503 && body.contains("store") && body.contains(reason);
        host.until("/readyz says why", |host| says_why(host.get("/readyz"))).await;
        assert_eq!(host.get("/healthz").0, 200);
        assert_eq!(host.metric("tripline_changes_dead_lettered_total", ""), 0.0, "a full disk is nobody's fault");
        if killed {
            host.kill();
            disk.free();
            host = place.start();
        } else {
            disk.free();
        }
        assert_clean(&place.verify().await);
        // By itself, without another change.
        host.until("the host is ready", |host| host.get("/readyz").0 == 200).await;
    }
    assert!(host.stop());
    let host = place.start();
    let changes = traffic.written() + 100;
    traffic.write(&place.tables, changes, |_| ()).await.unwrap();
    let findings = place.verify().await;
    assert_clean(&findings);
    println!("{} changes, {} mails, exact", traffic.written(), findings.mails_sent);
    assert!(host.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_compiled_where_the_compile_cache_has_no_room() {
    with_mounts("faults::disk::a_plugin_is_compiled_where_the_compile_cache_has_no_room", no_room_to_compile).await;
}

async fn no_room_to_compile() {
    let dir = tempfile::tempdir().unwrap();
    let (plugin, small) = (dir.path().join("plugin.wasm"), dir.path().join("small"));
    std::fs::write(&plugin, tripline_bundled::FIXTURE).unwrap();
    let _disk = Disk::mount(&small, "64k");
    let inspect = |temporary: &Path| {
        let mut command = tripline();
        command.arg("inspect").arg(&plugin).env("XDG_CACHE_HOME", &small).env("TMPDIR", temporary);
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (is_good, said) = inspect(dir.path());
    assert!(is_good && said.contains("there is no room; it is compiled again, and not kept"), "{said}");
    let (is_good, said) = inspect(&small);
    assert!(!is_good && said.contains("for want of room") && said.contains("make room on the disk"), "{said}");
}
