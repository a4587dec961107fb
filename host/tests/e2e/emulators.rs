//! What only time brings about, on ministack with a clock that is moved (libfaketime): iterators that expire, changes that are trimmed; and the
//! same config on moto, a hostile endpoint.
//!
//! The host's own clock is not moved: it is by the endpoint's that changes are created and trimmed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use tripline::workload::Traffic;

use crate::harness::{Host, Place, Server, assert_clean, debian_library, tool, tripline};
use crate::ministack::ministack;

/// ministack, some time ahead.
struct Ahead {
    clock: TempDir,
    server: Server,
}

impl Ahead {
    async fn start() -> Self {
        let clock = tempfile::tempdir().unwrap();
        let file = clock.path().join("clock");
        fs::write(&file, "+0").unwrap();
        let server = Server::start(|port| {
            let mut command = ministack(port);
            command
                .env("LD_PRELOAD", debian_library("libfaketime.so.1"))
                .env("FAKETIME_TIMESTAMP_FILE", &file)
                // Looked at on each call; waits are not faked.
                .env("FAKETIME_NO_CACHE", "1")
                .env("DONT_FAKE_MONOTONIC", "1");
            command
        })
        .await;
        Self { clock, server }
    }

    fn is_ahead_by_minutes(&self, minutes: u32) {
        let file = |name: &str| -> PathBuf { self.clock.path().join(name) };
        // Never half written.
        fs::write(file("next"), format!("+{minutes}m")).unwrap();
        fs::rename(file("next"), file("clock")).unwrap();
    }

    async fn place(&self) -> Place {
        let endpoint = format!("http://127.0.0.1:{}", self.server.port);
        Place::on(&endpoint, &endpoint).await
    }
}

/// Until when the checkpoint of each trigger and shard that is read is complete, the least of them.
fn complete_until_ms(place: &Place) -> u64 {
    let rows = place.committed().unwrap().checkpoints().unwrap();
    let open = rows.iter().filter(|row| !row.finished);
    open.map(|row| row.complete_until_ms.unwrap_or(0)).min().unwrap_or(0)
}

const HOUR: u32 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn iterators_expire_and_a_quiet_day_is_no_gap() {
    let ahead = Ahead::start().await;
    let place = ahead.place().await;
    let mut traffic = Traffic::new(21);
    let host = place.start();
    traffic.write(&place.tables, 100, |_| ()).await.unwrap();
    assert_clean(&place.verify().await);

    ahead.is_ahead_by_minutes(20);
    host.until("an iterator has expired", |host| host.metric("tripline_polls_total", "result=\"expired\"") >= 1.0)
        .await;
    traffic.write(&place.tables, 200, |_| ()).await.unwrap();
    assert_clean(&place.verify().await);

    // Twice less than a day in which nothing is written: the last change is long trimmed, and yet nothing was lost.
    let hour_ms = u64::from(HOUR) * 60_000;
    for hours in [23, 46] {
        let before = complete_until_ms(&place);
        ahead.is_ahead_by_minutes(hours * HOUR);
        host.until("the tip is known anew", |_| complete_until_ms(&place) >= before + 22 * hour_ms).await;
    }
    traffic.write(&place.tables, 300, |_| ()).await.unwrap();
    assert_clean(&place.verify().await);
    assert_eq!(host.metric("tripline_gaps_total", ""), 0.0);
    assert!(host.stop());
}

fn gaps(place: &Place) -> Vec<serde_json::Value> {
    let described = tripline()
        .args(["streams", "describe", "orders", "--json", "-c"])
        .arg(place.config_file())
        .output()
        .unwrap();
    let answer: serde_json::Value =
        serde_json::from_slice(&described.stdout).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&described.stderr)));
    answer["gaps"].as_array().unwrap().clone()
}

async fn acknowledges(host: &Host, place: &Place, traffic: &mut Traffic, until: u64) {
    let before = host.metric("tripline_changes_acknowledged_total", "trigger=\"stats\"");
    traffic.write(&place.tables, until, |_| ()).await.unwrap();
    host.until("what is written now is handled", |host| host.metric("tripline_changes_acknowledged_total", "trigger=\"stats\"") > before)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_were_trimmed_unread_are_a_gap_that_stops_or_is_told() {
    let ahead = Ahead::start().await;
    let place = ahead.place().await;
    let mut traffic = Traffic::new(22);
    let host = place.start();
    traffic.write(&place.tables, 100, |_| ()).await.unwrap();
    assert_clean(&place.verify().await);
    assert!(host.stop());
    traffic.write(&place.tables, 200, |_| ()).await.unwrap();
    ahead.is_ahead_by_minutes(25 * HOUR);

    place.edit("[streams.orders]\n", "[streams.orders]\non_gap = \"stop\"\n");
    let host = place.start();
    host.until("it says that it stands at a gap", |host| {
        let (status, text) = host.get("/readyz");
        status == 503 && text.contains("on_gap")
    })
    .await;
    assert!(host.stop());
    assert!(gaps(&place).is_empty(), "a gap before which a trigger stands is not passed");

    place.edit("on_gap = \"stop\"\n", "");
    let host = place.start();
    acknowledges(&host, &place, &mut traffic, 300).await;
    assert!(host.metric("tripline_gaps_total", "stream=\"orders\"") >= 1.0);
    let told = gaps(&place);
    assert!(
        told.iter()
            .all(|gap| gap["cause"] == "trimmed" && gap["since"].is_string() && gap["after"].is_string()),
        "{told:?}"
    );
    assert!(host.stop());
    // Told for good, and once.
    let host = place.start();
    acknowledges(&host, &place, &mut traffic, 400).await;
    assert_eq!(host.metric("tripline_gaps_total", ""), 0.0);
    assert_eq!(gaps(&place), told);
    assert!(host.stop());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_config_works_on_moto_and_survives_a_kill() {
    let server = Server::start(|port| {
        let mut command = Command::new(tool("moto_server"));
        command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        command
    })
    .await;
    let endpoint = format!("http://127.0.0.1:{}", server.port);
    let place = Place::on(&endpoint, &endpoint).await;
    let mut traffic = Traffic::new(23);
    let host = place.start();
    traffic.write(&place.tables, 100, |_| ()).await.unwrap();
    host.kill();
    let host = place.start();
    traffic.write(&place.tables, 200, |_| ()).await.unwrap();
    assert_clean(&place.verify().await);
    assert!(host.stop());
}
