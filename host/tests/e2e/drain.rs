//! SIGTERM and SIGINT: no new batch; what runs finishes, or is abandoned uncommitted when `drain_max` is over; the exit status is 0. A second signal
//! ends it at once.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::harness::{Host, Place, Server, tripline};
use crate::mails::MailTrial;
use crate::ministack::ministack;

/// More than a host needs to end once nothing holds it, and less than what holds it here.
const AT_ONCE: Duration = Duration::from_secs(8);
const STOPPING: &str = "stopping: what is under way may finish";

/// A trigger whose plugin takes `takes_ms` over a batch, and whose host drains for `drain_max`.
async fn slow_place(takes_ms: u64, drain_max: &str) -> Place {
    let place = Place::embedded().await;
    std::fs::write(place.dir.path().join("fixture.wasm"), tripline_bundled::FIXTURE).unwrap();
    place.edit("[host]\n", &format!("[host]\ndrain_max = \"{drain_max}\"\n"));
    let mut config = std::fs::read_to_string(place.config_file()).unwrap();
    config += &format!(
        "\n[triggers.slow]\nstream = \"orders\"\nplugin = \"fixture.wasm\"\nview = \"keys-only\"\ngrants = {{ counters = true }}\n\
         limits = {{ time = \"2m\" }}\nbatch = {{ records_max = 1 }}\nsettings = {{ mode = \"slow\", takes_ms = {takes_ms} }}\n"
    );
    std::fs::write(place.config_file(), config).unwrap();
    place
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

async fn put_order(place: &Place, id: &str) {
    let put = place.client("orders").await.put_item().table_name("orders").item("id", text(id));
    let put = put.item("status", text("placed")).item("total", AttributeValue::N("1".to_owned()));
    let city = AttributeValue::M([("city".to_owned(), text("Oslo"))].into());
    put.item("address", city).send().await.unwrap();
}

/// How many changes the slow trigger has counted, durably.
fn counted(place: &Place) -> u64 {
    let counters = place.committed().unwrap().counters().unwrap();
    counters
        .iter()
        .filter(|row| row.trigger == "slow")
        .map(|row| row.value.parse::<u64>().unwrap())
        .sum()
}

/// Starts, waits until the slow plugin has its first change of two, and signals.
async fn signalled_amid_a_batch(place: &Place, signal: &str) -> Host {
    let host = place.start();
    put_order(place, "first").await;
    put_order(place, "second").await;
    host.wait_for_log("slow: begun");
    host.signal(signal);
    host
}

/// A fresh host has both changes counted once each.
async fn check_both_are_counted_once(place: &Place, takes_ms: u64, already: u64) {
    place.edit(&format!("takes_ms = {takes_ms} "), "takes_ms = 0 ");
    assert_eq!(counted(place), already);
    let host = place.start();
    let rest = |host: &Host| host.metric("tripline_changes_acknowledged_total", "trigger=\"slow\"");
    #[allow(clippy::cast_precision_loss, reason = "two changes")]
    host.until("the rest is counted", |host| rest(host) >= (2 - already) as f64).await;
    assert!(host.stop());
    assert_eq!(counted(place), 2);
}

/// The plugin takes `takes_ms`, the host drains for `drain_max`: so many changes are committed when it has ended, with status 0.
async fn check_drain(signal: &str, takes_ms: u64, drain_max: &str, committed: u64) {
    let place = slow_place(takes_ms, drain_max).await;
    let mut host = signalled_amid_a_batch(&place, signal).await;
    let (status, _) = host.ends_within(AT_ONCE).await;
    assert_eq!(status.code(), Some(0));
    check_both_are_counted_once(&place, takes_ms, committed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_ends_within_the_drain_time_is_committed_and_no_other_is_begun() {
    check_drain("TERM", 3000, "1m", 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_outlasts_the_drain_time_is_abandoned_and_delivered_again() {
    check_drain("TERM", 60_000, "1s", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigint_drains_as_sigterm_does() {
    check_drain("INT", 3000, "1m", 1).await;
    check_drain("INT", 60_000, "1s", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once_with_an_error() {
    for (first, second) in [("TERM", "TERM"), ("TERM", "INT"), ("INT", "TERM")] {
        let place = slow_place(60_000, "1m").await;
        let mut host = signalled_amid_a_batch(&place, first).await;
        host.wait_for_log(STOPPING);
        assert!(host.exit_status().is_none(), "the first {first} ended it though a batch was under way");
        host.signal(second);
        let (status, _) = host.ends_within(AT_ONCE).await;
        assert_eq!(status.code(), Some(1), "{first}, {second}");
        check_both_are_counted_once(&place, 60_000, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_while_it_starts_ends_it() {
    let place = Place::embedded().await;
    let mut host = Host::spawn(tripline(), &place.config_file());
    // Made after signals are listened for, and before plugins are compiled.
    let token = place.data_dir().join("token");
    while !token.exists() {
        assert!(host.exit_status().is_none(), "it ended by itself");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    host.signal("TERM");
    let (status, _) = host.ends_within(AT_ONCE).await;
    assert_eq!(status.code(), Some(0));
}

async fn put_user(place: &Place, id: &str) {
    let put = place
        .client("users")
        .await
        .put_item()
        .table_name("users")
        .item("id", text(id))
        .item("name", text("Ada"));
    put.item("plan", text("pro"))
        .item("email", text(&format!("{id}@example.com")))
        .send()
        .await
        .unwrap();
}

/// The mail server takes `answer_ms` to its 250: how often the mail arrives, with a stop in between and a host after it.
async fn check_mail(drain_max: &str, answer_ms: u32, arrives: usize) {
    let place = Place::embedded().await;
    place.edit("[host]\n", &format!("[host]\ndrain_max = \"{drain_max}\"\n"));
    let mut mails = MailTrial::start(&place, (answer_ms, answer_ms), 1);
    mails.begin_run(&place);
    let mut host = place.start();
    put_user(&place, "ada").await;
    mails.must_have(1).await;
    host.signal("TERM");
    let (status, _) = host.ends_within(AT_ONCE).await;
    assert_eq!(status.code(), Some(0));
    let abandoned = arrives > 1;
    let end = mails.end_run(&place, abandoned).unwrap();
    assert_eq!((end.pending.len(), end.sent.len()), if abandoned { (1, 0) } else { (0, 1) });

    mails.begin_run(&place);
    let mut host = place.start();
    // A second mail shows that the outbox was gone through.
    put_user(&place, "bea").await;
    mails.must_have(arrives + 1).await;
    host.signal("TERM");
    host.ends_within(AT_ONCE).await;
    mails.end_run(&place, abandoned);
    let verdict = mails.verdict();
    assert_eq!(verdict.faults, Vec::<String>::new());
    assert_eq!((verdict.arrived.len(), verdict.doubles.len()), (2, arrives - 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_under_way_is_brought_to_its_end_and_not_sent_again() {
    check_mail("1m", 1500, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_outlasts_the_drain_time_is_sent_again() {
    check_mail("1s", 20_000, 2).await;
}

/// A DynamoDB in a process of its own, and its endpoint.
async fn other_dynamodb() -> (Server, String) {
    let server = Server::start(ministack).await;
    let endpoint = format!("http://127.0.0.1:{}", server.port);
    (server, endpoint)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_whose_endpoint_hangs_does_not_hold_up_the_end() {
    let (server, endpoint) = other_dynamodb().await;
    let place = Place::on(&endpoint, &endpoint).await;
    let mut host = place.start();
    let polled = |host: &Host| host.metric("tripline_polls_total", "result=\"empty\"") >= 4.0;
    host.until("the streams are read", polled).await;
    // Stands still with its connections open.
    server.signal("STOP");
    host.signal("TERM");
    let (status, _) = host.ends_within(AT_ONCE).await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_to_a_table_that_hangs_is_abandoned_and_made_by_the_next_host() {
    let ((_home, home), (away, endpoint)) = (other_dynamodb().await, other_dynamodb().await);
    let place = Place::on(&home, &endpoint).await;
    place.edit("[host]\n", "[host]\ndrain_max = \"1s\"\n");
    let mut host = place.start();
    away.signal("STOP");
    put_order(&place, "first").await;
    let delivered = |host: &Host| host.metric("tripline_changes_delivered_total", "trigger=\"replicate\"") >= 1.0;
    host.until("the change is delivered", delivered).await;
    host.signal("TERM");
    let (status, _) = host.ends_within(AT_ONCE).await;
    assert_eq!(status.code(), Some(0));
    away.signal("CONT");
    let host = place.start();
    let replicated = |host: &Host| host.metric("tripline_changes_acknowledged_total", "trigger=\"replicate\"") >= 1.0;
    host.until("the next host has replicated it", replicated).await;
    assert_eq!(place.tables.replica().await.unwrap().len(), 1);
    assert!(host.stop());
}
