//! A plugin that is replaced under traffic, by good versions and by bad ones: no change is lost, none counted twice.

use tripline::workload::Traffic;

use crate::harness::{Place, assert_clean};
use crate::plugin_file::{rename_over, version};

const CHANGES: u64 = 800;

fn counter_plugin() -> &'static [u8] {
    tripline_bundled::plugin("analytics-counter").unwrap().bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_replaced_under_traffic_loses_and_doubles_nothing() {
    let place = Place::embedded().await;
    let path = place.dir.path().join("counter.wasm");
    std::fs::write(&path, counter_plugin()).unwrap();
    place.edit("\"bundled:analytics-counter\"", "\"counter.wasm\"");
    let host = place.start();
    let mut traffic = Traffic::new(11);
    let (mut good, mut bad) = (0.0, 0.0);
    for (round, written) in (1..).zip((0..CHANGES).step_by(100)) {
        traffic.write(&place.tables, written + 100, |_| ()).await.unwrap();
        match round % 4 {
            0 => rename_over(&path, b"this is no component"),
            // A bad one that compiles and links, and fails its probe: the mailer with the counter's settings.
            1 => rename_over(&path, tripline_bundled::plugin("notification-mailer").unwrap().bytes),
            2 => std::fs::write(&path, version(counter_plugin(), &format!("v{round}"))).unwrap(),
            _ => rename_over(&path, &version(counter_plugin(), &format!("v{round}"))),
        }
        if round % 4 < 2 {
            bad += 1.0;
            host.until("the bad version is refused", |host| host.metric("tripline_plugin_reloads_total", "result=\"refused\"") >= bad)
                .await;
        } else {
            good += 1.0;
            host.until("the good version serves", |host| host.metric("tripline_plugin_reloads_total", "result=\"served\"") >= good)
                .await;
        }
    }
    assert_clean(&place.verify().await);
    assert_eq!(host.metric("tripline_changes_dead_lettered_total", ""), 0.0);
    assert!(host.stop());
}
