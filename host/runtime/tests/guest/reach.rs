//! A real component that updates, transacts, reads and measures.

use std::sync::Arc;

use tripline_core::delivery::{FailureKind, Outcome};
use tripline_core::port::WriteOperation;

use crate::run;
use crate::support::{FakeMetrics, FakeTable, batch};

#[tokio::test]
async fn updates_arrive_with_their_condition_and_placeholders() {
    let table = FakeTable::open();
    let ran = run(&[("mode", "update"), ("table", "copy"), ("max", "3")], &batch(1), |context| {
        context.grants.tables.insert("copy".into(), table.clone());
    })
    .await;
    assert_eq!(ran.report.outcome, Outcome::Handled(Vec::new()));
    let writes = table.writes.lock().unwrap();
    let key = r#"{"pk":{"S":"user#0"}}"#.to_owned();
    assert_eq!(writes[0].operation, WriteOperation::Update { key, expression: "ADD #n :one".to_owned() });
    assert_eq!(writes[0].condition.as_deref(), Some("attribute_not_exists(#n) OR #n < :max"));
    assert_eq!(writes[0].placeholders.names, [("#n".to_owned(), "n".to_owned())]);
    assert_eq!(writes[0].placeholders.values.as_deref(), Some(r#"{":max":{"N":"3"},":one":{"N":"1"}}"#));
}

#[tokio::test]
async fn transactions_name_their_change_and_tell_why_they_were_cancelled() {
    let table = FakeTable::open();
    let settings = [("mode", "transact"), ("table", "copy"), ("key", "pk"), ("total_key", r#"{"pk":{"S":"total"}}"#)];
    let handle = async || {
        let granted = table.clone();
        run(&settings, &batch(3), |context| drop(context.grants.tables.insert("copy".into(), granted))).await
    };
    let ran = handle().await;
    let Outcome::Handled(failed) = &ran.report.outcome else { panic!("{:?}", ran.report) };
    assert_eq!(failed.iter().map(|failed| failed.index).collect::<Vec<_>>(), [1]);
    assert_eq!(failed[0].failure.kind, FailureKind::Reject);
    let why = "the transaction was cancelled; write 0: the condition did not hold";
    assert_eq!(ran.signals.with("log info "), [format!("fixture::reach: not made: {why}")]);
    handle().await;
    let transactions = table.transactions.lock().unwrap();
    let tokens: Vec<&str> = transactions.iter().map(|transaction| &*transaction.token).collect();
    assert_eq!(tokens[..3], tokens[3..], "the same changes, delivered again");
    assert_eq!(tokens.iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    assert_eq!(transactions[0].writes.len(), 2);
}

#[tokio::test]
async fn reads_come_back_in_the_order_of_their_keys() {
    let table = FakeTable::open();
    let ran = run(&[("mode", "look"), ("table", "copy")], &batch(3), |context| {
        context.grants.reads.insert("copy".into(), table.clone());
    })
    .await;
    assert_eq!(ran.report.outcome, Outcome::Handled(Vec::new()));
    let lines = [(0, r#"{"n":{"N":"7"}}"#), (1, "nothing"), (2, r#"{"n":{"N":"7"}}"#)];
    let lines = lines.map(|(n, item)| format!(r#"fixture::reach: {{"pk":{{"S":"user#{n}"}}}} has {item}"#));
    assert_eq!(ran.signals.with("log info "), lines);
}

#[tokio::test]
async fn metrics_count_at_once_whatever_becomes_of_the_batch() {
    for (settings, result) in [(&[("mode", "measure")][..], "ok"), (&[("mode", "measure"), ("traps", "true")], "trap")] {
        let sink = Arc::<FakeMetrics>::default();
        let ran = run(settings, &batch(2), |context| context.grants.metrics = Some(sink.clone())).await;
        assert_eq!(ran.result(), result);
        let change = [r#"changes{event="MODIFY"} Count(1)"#, "change_bytes Observe(26.0)"];
        assert_eq!(*sink.0.lock().unwrap(), [change[0], change[1], change[0], change[1], "batch_changes Gauge(2.0)"]);
    }
}
