//! `kill -9` at random moments of the traffic: counters, replica and mails are exact all the same.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tripline::workload::{Findings, Traffic};

use crate::harness::{Place, Server, assert_clean, tool};

const CHANGES: u64 = 900;
const KILLS: u64 = 3;
/// Mails that one sender has under way at most: so many may be sent twice by a kill between the server's 250 and the outbox's commit.
const UNDER_WAY_MAX: usize = 64;

/// Traffic with kills in it; the last host is stopped in good order once all is handled.
async fn kill_under_traffic(place: &Place, verify: impl AsyncFnOnce(&Place) -> Findings) -> Findings {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut traffic = Traffic::new(seed);
    let mut host = place.start();
    for kill in 1..=KILLS {
        traffic.write(&place.tables, CHANGES * kill / (KILLS + 1), |_| ()).await.unwrap();
        // Somewhere in the batches that these changes make.
        tokio::time::sleep(Duration::from_millis(random.u64(..300))).await;
        host.kill();
        host = place.start();
    }
    traffic.write(&place.tables, CHANGES, |_| ()).await.unwrap();
    let findings = verify(place).await;
    assert!(host.stop(), "SIGTERM ends the host with 0");
    findings
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_three_times_under_traffic_is_exact() {
    let place = Place::embedded().await;
    assert_clean(&kill_under_traffic(&place, Place::verify).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_reach_a_real_server_through_kills() {
    let place = Place::embedded().await;
    let mailbox = place.dir.path().join("mailbox");
    let server = Server::start(|port| {
        let mut command = Command::new(tool("python"));
        command
            .args(["-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{port}"), "-c", "aiosmtpd.handlers.Mailbox"])
            .arg(&mailbox);
        command
    })
    .await;
    place.edit("url = \"file:mail\"", &format!("url = \"smtp://127.0.0.1:{}\"\ntls = \"none\"", server.port));
    let findings = kill_under_traffic(&place, Place::verify_without_mail_files).await;
    assert_clean(&findings);
    let received = received(&mailbox);
    assert_eq!(received.len(), findings.mails_expected, "each mail once, by its Message-ID");
    let doubled: usize = received.values().map(|times| times - 1).sum();
    assert!(doubled <= usize::try_from(KILLS).unwrap() * UNDER_WAY_MAX, "{doubled} mails twice");
}

/// Message-IDs in the server's Maildir, and how often each came.
fn received(mailbox: &Path) -> BTreeMap<String, usize> {
    let mut received = BTreeMap::new();
    for entry in std::fs::read_dir(mailbox.join("new")).unwrap() {
        let mail = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let id = mail.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap();
        *received.entry(id.to_owned()).or_default() += 1;
    }
    received
}
