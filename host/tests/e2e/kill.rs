//! `kill -9` at random moments of the traffic: counters, replica and mails are exact all the same.

use std::time::Duration;

use tripline::workload::Traffic;

use crate::harness::{Place, assert_clean};

const CHANGES: u64 = 900;
const KILLS: u64 = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_three_times_under_traffic_is_exact() {
    let place = Place::embedded().await;
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
    assert_clean(&place.verify().await);
    assert!(host.stop(), "SIGTERM ends the host with 0");
}
