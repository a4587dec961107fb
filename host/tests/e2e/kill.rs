//! `kill -9` at random moments of the traffic: counters, replica and mails are exact all the same.

use std::time::Duration;

use tripline::workload::{Findings, Traffic};

use crate::harness::{Place, assert_clean};
use crate::mails::MailTrial;

const CHANGES: u64 = 900;
const KILLS: u64 = 3;
/// How long the mail server takes to its 250: long enough that most kills find a mail there.
const ANSWER_MS: (u32, u32) = (0, 20);

/// Traffic with kills in it; the last host is stopped in good order once all is handled.
async fn kill_under_traffic(
    place: &Place,
    seed: u64,
    mut mails: Option<&mut MailTrial>,
    verify: impl AsyncFnOnce(&Place) -> Findings,
) -> Findings {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut traffic = Traffic::new(seed);
    let start = |mails: &mut Option<&mut MailTrial>| {
        mails.as_mut().map(|mails| mails.begin_run(place));
        place.start()
    };
    let mut host = start(&mut mails);
    for kill in 1..=KILLS {
        traffic.write(&place.tables, CHANGES * kill / (KILLS + 1), |_| ()).await.unwrap();
        // Somewhere in the batches that these changes make.
        tokio::time::sleep(Duration::from_millis(random.u64(..300))).await;
        host.kill();
        mails.as_mut().map(|mails| mails.end_run(place, true).is_some());
        host = start(&mut mails);
    }
    traffic.write(&place.tables, CHANGES, |_| ()).await.unwrap();
    let findings = verify(place).await;
    assert!(host.stop(), "SIGTERM ends the host with 0");
    mails.as_mut().map(|mails| mails.end_run(place, false).is_some());
    findings
}

fn seed() -> u64 {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    seed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_killed_three_times_under_traffic_is_exact() {
    let place = Place::embedded().await;
    assert_clean(&kill_under_traffic(&place, seed(), None, Place::verify).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_reach_a_real_server_through_kills_and_each_that_comes_twice_has_its_kill() {
    let place = Place::embedded().await;
    let seed = seed();
    let mut mails = MailTrial::start(&place, ANSWER_MS, seed);
    let findings = kill_under_traffic(&place, seed, Some(&mut mails), Place::verify_without_mail_files).await;
    assert_clean(&findings);
    let verdict = mails.verdict();
    assert_eq!(verdict.faults, Vec::<String>::new());
    assert_eq!(verdict.arrived.len(), findings.mails_expected, "each mail, by its Message-ID");
    println!("{} mails, {} of them twice, each by a kill between acceptance and commit:", verdict.arrived.len(), verdict.doubles.len());
    for double in verdict.doubles {
        println!("  {} of run {}, accepted {:?} before the kill", double.message_id, double.run, double.before_cut);
    }
}
