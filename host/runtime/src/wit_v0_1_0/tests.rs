//! The imports called as a guest would call them: grants, bounds, and the probe.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tripline_core::delivery::{Batch, Origin};
use tripline_core::effect::{CounterKey, Mail, Mutation};
use tripline_core::name::TriggerName;
use tripline_core::port::{
    BoxFuture, Grants, MailDraft, MailOrigin, Mailbox, MetricSample, MetricSink, StateEntry, StateReader, StoreError, TableReadError,
    TableSpot, TableTarget, TableWrite, TransactError, Transaction, WriteError,
};
use tripline_core::signal::Silence;
use tripline_core::slice::slice_page;
use tripline_core::time::Timestamp;
use tripline_core::view::{View, ViewType};

use super::bindings::tripline::trigger::counters::{CounterError, Host as _};
use super::bindings::tripline::trigger::mailer::{Host as _, MailError, Message};
use super::bindings::tripline::trigger::metrics::{Host as _, MetricError};
use super::bindings::tripline::trigger::state::{Host as State, Read, StateError};
use super::bindings::tripline::trigger::tables::{self, Host as _, TableError, TransactError as Refused};
use super::bindings::wasi::config::store as config;
use crate::context::{Limits, TriggerContext};
use crate::guest::{Guest, Purpose};
use crate::logs::GuestLogs;

/// Everything behind every grant: a table that notes its writes, a mailbox that takes all, a state that holds `stored`.
#[derive(Debug, Default)]
struct Everything {
    writes: Mutex<Vec<TableWrite>>,
    transactions: Mutex<Vec<Transaction>>,
    metrics: Mutex<Vec<(String, MetricSample)>>,
    /// Of its table.
    home: &'static str,
    stored: Option<Vec<u8>>,
}

impl MetricSink for Everything {
    fn record(&self, metric: CounterKey, sample: MetricSample) -> Result<(), String> {
        self.metrics.lock().unwrap().push((metric.to_string(), sample));
        Ok(())
    }
}

impl TableTarget for Everything {
    fn spot(&self) -> Arc<TableSpot> {
        Arc::new(TableSpot { home: self.home.into(), table: "table".into(), keys: Box::default() })
    }

    /// The first one of a token is unavailable, to be made again.
    fn transact(&self, transaction: Transaction) -> BoxFuture<'_, Result<(), TransactError>> {
        let mut transactions = self.transactions.lock().unwrap();
        let is_new = !transactions.iter().any(|other| other.token == transaction.token);
        transactions.push(transaction);
        Box::pin(async move { if is_new { Err(TransactError::Unavailable("later".into())) } else { Ok(()) } })
    }

    /// Every other key has an item.
    fn get(&self, keys: Vec<String>, _: bool) -> BoxFuture<'_, Result<Vec<Option<String>>, TableReadError>> {
        Box::pin(async move { Ok(keys.into_iter().enumerate().map(|(index, key)| (index % 2 == 0).then_some(key)).collect()) })
    }

    fn write(&self, writes: Vec<TableWrite>) -> BoxFuture<'_, Vec<Result<(), WriteError>>> {
        let answers = writes.iter().map(|_| Ok(())).collect();
        self.writes.lock().unwrap().extend(writes);
        Box::pin(async move { answers })
    }
}

impl StateReader for Everything {
    fn get<'a>(
        &'a self,
        _: &'a TriggerName,
        keys: Vec<Box<str>>,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Option<StateEntry>>, StoreError>> {
        Box::pin(async move { Ok(keys.iter().map(|_| self.stored.clone().map(|value| StateEntry { value, version: 1 })).collect()) })
    }
}

impl Mailbox for Everything {
    fn accept(&self, draft: MailDraft, origin: &MailOrigin<'_>) -> Result<Mail, String> {
        Ok(Mail {
            mailer: "office".into(),
            message_id: origin.key.into(),
            to: Vec::new(),
            reply_to: None,
            subject: draft.subject.into(),
            text: None,
            html: None,
        })
    }
}

/// A guest with a batch of one change.
fn guest(everything: &Arc<Everything>, purpose: Purpose) -> Guest {
    let body = r#"{"Records":[{"eventID":"e","eventName":"INSERT","dynamodb":{"SequenceNumber":"1","Keys":{"pk":{"S":"a"}}}}]}"#;
    let changes = slice_page(Arc::new(body.to_owned())).unwrap().changes.into_iter().map(Arc::new).collect();
    let origin = Origin {
        trigger: "welcome".into(),
        table: "users".into(),
        region: "eu-west-1".into(),
        stream: "arn".into(),
        view: View::of(ViewType::KeysOnly),
    };
    let batch = Batch { origin: Arc::new(origin), shard: "s".into(), attempt: 1, changes };
    let far = Arc::new(Everything { home: "elsewhere", ..Everything::default() });
    let grants = Grants {
        counters: true,
        state: Some(everything.clone()),
        tables: [("copy".into(), everything.clone() as Arc<dyn TableTarget>), ("far".into(), far as Arc<dyn TableTarget>)].into(),
        reads: [("look".into(), everything.clone() as Arc<dyn TableTarget>)].into(),
        metrics: Some(everything.clone()),
        mailers: [("office".into(), everything.clone() as Arc<dyn Mailbox>)].into(),
        http: None,
    };
    let context = TriggerContext {
        trigger: "welcome".into(),
        grants,
        settings: Arc::new([("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())].into()),
        limits: Limits { memory_bytes_max: 1 << 20, time_max: Duration::from_secs(1) },
        signals: Arc::new(Silence),
        clock: Arc::new(|| Timestamp::from_ms(1000)),
        seed: None,
    };
    let logs = GuestLogs::new("welcome".into(), "v".into(), Arc::new(Silence));
    Guest::new(&batch, &context, purpose, logs)
}

fn serving() -> Guest {
    guest(&Arc::default(), Purpose::Serve)
}

fn put(item: &str) -> tables::TableWrite {
    tables::TableWrite::Put(tables::Put { item: item.into(), condition: None })
}

#[test]
fn counters_are_named_as_metrics_are() {
    let label = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let nine: Vec<_> = ('a'..='i').map(|name| label(&name.to_string(), "")).collect();
    let long = "v".repeat(1025);
    let cases = [
        (0, "Seen", vec![], "1", "the counter's name `Seen`"),
        (0, "seen", vec![label("no-label", "")], "1", "the label `no-label`"),
        (0, "seen", vec![label("a", "1"), label("a", "2")], "1", "is there twice"),
        (0, "seen", vec![label("a", &long)], "1", "1025 bytes; at most 1024"),
        (0, "seen", nine, "1", "9 labels; at most 8"),
        (0, "seen", vec![], "one", "`one` is not a decimal"),
        (1, "seen", vec![], "1", "change 1 is not in this batch of 1"),
    ];
    for (change, name, labels, delta, expected) in cases {
        let mut guest = serving();
        match guest.add(change, name.into(), labels, delta.into()) {
            Err(CounterError::Invalid(reason)) => assert!(reason.contains(expected), "no `{expected}` in {reason}"),
            other => panic!("{other:?}"),
        }
        assert!(guest.effects.into_parts().0.is_empty());
    }
    serving().add(0, "seen".into(), vec![label("a", "1")], "-19.99".into()).unwrap();
}

#[tokio::test]
async fn state_is_bounded() {
    let is_invalid = |result: Result<(), StateError>| matches!(result, Err(StateError::Invalid(_)));
    let mut guest = serving();
    let long = "k".repeat(2049);
    assert!(is_invalid(guest.set(0, long.clone(), vec![], None)));
    assert!(is_invalid(guest.set(0, "k".into(), vec![0; 256 * 1024 + 1], None)));
    assert!(is_invalid(guest.set(1, "k".into(), vec![], None)));
    assert!(is_invalid(guest.delete(1, "k".into())));
    assert!(is_invalid(State::get(&mut guest, vec![Read { change: 0, key: long }]).await.map(drop)));
    assert!(is_invalid(State::get(&mut guest, vec![Read { change: 1, key: "k".into() }]).await.map(drop)));
    assert!(guest.effects.into_parts().0.is_empty());
    let mut guest = serving();
    guest.set(0, "k".repeat(2048), vec![0; 256 * 1024], Some(1)).unwrap();
    guest.delete(0, String::new()).unwrap();
}

#[tokio::test]
async fn reads_of_many_large_values_do_not_fill_the_host() {
    let everything = Arc::new(Everything { stored: Some(vec![0; 256 * 1024]), ..Everything::default() });
    let reads = |count: usize| (0..count).map(|n| Read { change: 0, key: n.to_string() }).collect();
    let mut one = guest(&everything, Purpose::Serve);
    assert_eq!(State::get(&mut one, reads(255)).await.unwrap().len(), 255);
    // Again, and again the same: what a batch has seen is not counted twice.
    assert_eq!(State::get(&mut one, reads(255)).await.unwrap().len(), 255);
    assert!(matches!(State::get(&mut one, reads(257)).await, Err(StateError::Invalid(reason)) if reason.contains("batches smaller")));
    let mut guest = guest(&everything, Purpose::Serve);
    let same = (0..257).map(|_| Read { change: 0, key: "same".into() }).collect();
    assert!(matches!(State::get(&mut guest, same).await, Err(StateError::Invalid(reason)) if reason.contains("fewer keys")));
    guest.set(0, "own".into(), vec![0; 256 * 1024], None).unwrap();
    let own = (0..257).map(|_| Read { change: 0, key: "own".into() }).collect();
    assert!(matches!(State::get(&mut guest, own).await, Err(StateError::Invalid(reason)) if reason.contains("fewer keys")));
}

#[test]
fn mail_is_bounded_and_belongs_to_a_change() {
    let message = |subject: &str, text: Option<String>, recipients: usize| Message {
        to: vec!["a@example.com".into(); recipients],
        reply_to: None,
        subject: subject.into(),
        text,
        html: None,
    };
    let cases = [
        (1, message("s", None, 1), "k".to_owned(), "change 1 is not in this batch"),
        (0, message("s", None, 51), "k".to_owned(), "recipients: 51; at most 50"),
        (0, message(&"s".repeat(999), None, 1), "k".to_owned(), "bytes of the subject"),
        (0, message("s", Some("t".repeat(1024 * 1024 + 1)), 1), "k".to_owned(), "bytes of the text"),
        (0, message("s", None, 1), "k".repeat(1025), "bytes of the key"),
    ];
    for (change, message, key, expected) in cases {
        match serving().send(change, None, message, key) {
            Err(MailError::Invalid(reason)) => assert!(reason.contains(expected), "no `{expected}` in {reason}"),
            other => panic!("{other:?}"),
        }
    }
    let unknown = serving().send(0, Some("shop".into()), message("s", None, 1), "k".into());
    assert!(matches!(unknown, Err(MailError::AccessDenied(reason)) if reason.contains(r#"mailers = ["shop"]"#)));
    let mut guest = serving();
    guest.send(0, Some("office".into()), message("s", None, 1), "k".into()).unwrap();
    assert!(matches!(&guest.effects.into_parts().0[0].mutation, Mutation::SendMail(mail) if &*mail.message_id == "k"));
}

#[tokio::test]
async fn a_probe_writes_nothing() {
    let everything = Arc::<Everything>::default();
    let mut probed = guest(&everything, Purpose::Probe);
    let denied = probed.write("copy".into(), vec![put("{}")]).await;
    assert!(matches!(denied, Err(TableError::AccessDenied(reason)) if reason.contains("probe")));
    assert!(everything.writes.lock().unwrap().is_empty());
    let mut serving = guest(&everything, Purpose::Serve);
    assert!(matches!(serving.write("copy".into(), vec![put("{}")]).await.as_deref(), Ok([Ok(())])));
    assert_eq!(everything.writes.lock().unwrap().len(), 1);
    let denied = serving.write("other".into(), vec![put("{}")]).await;
    assert!(matches!(denied, Err(TableError::AccessDenied(reason)) if reason.contains(r#"tables = ["other"]"#)));
}

fn transact(table: &str, item: &str) -> tables::TransactWrite {
    tables::TransactWrite { table: table.into(), action: tables::TransactAction::Put(tables::Put { item: item.into(), condition: None }) }
}

#[tokio::test]
async fn a_transaction_is_one_until_it_is_made() {
    let everything = Arc::<Everything>::default();
    let mut one = guest(&everything, Purpose::Serve);
    let later = one.transact(0, vec![transact("copy", "a")]).await;
    assert!(matches!(later, Err(Refused::Unavailable(_))), "{later:?}");
    one.transact(0, vec![transact("copy", "a")]).await.unwrap();
    // The same once more is another.
    assert!(one.transact(0, vec![transact("copy", "a")]).await.is_err());
    assert!(one.transact(0, vec![transact("copy", "b")]).await.is_err());
    // Delivered again, it is what it was.
    guest(&everything, Purpose::Serve).transact(0, vec![transact("copy", "a")]).await.unwrap();
    let transactions = everything.transactions.lock().unwrap();
    let tokens: Vec<&str> = transactions.iter().map(|transaction| &*transaction.token).collect();
    assert!(tokens[0] == tokens[1] && tokens[0] == tokens[4], "{tokens:?}");
    assert!(tokens[0] != tokens[2] && tokens[0] != tokens[3] && tokens[2] != tokens[3], "{tokens:?}");
}

#[tokio::test]
async fn a_transaction_is_granted_table_by_table_and_has_bounds() {
    let everything = Arc::<Everything>::default();
    let mut serving = guest(&everything, Purpose::Serve);
    let denied = serving.transact(0, vec![transact("copy", "a"), transact("look", "a")]).await;
    assert!(matches!(denied, Err(Refused::AccessDenied(reason)) if reason.contains(r#"tables = ["look"]"#)));
    for (change, writes, expected) in [
        (0, vec![transact("copy", "a"), transact("far", "a")], "not of one region"),
        (0, (0..101).map(|n| transact("copy", &n.to_string())).collect(), "101 writes in one transaction; at most 100"),
        (1, vec![transact("copy", "a")], "change 1 is not in this batch of 1"),
    ] {
        match serving.transact(change, writes).await {
            Err(Refused::Invalid(reason)) => assert!(reason.contains(expected), "no `{expected}` in {reason}"),
            other => panic!("{other:?}"),
        }
    }
    let probed = guest(&everything, Purpose::Probe).transact(0, vec![transact("copy", "a")]).await;
    assert!(matches!(probed, Err(Refused::AccessDenied(reason)) if reason.contains("probe")));
    assert!(everything.transactions.lock().unwrap().is_empty());
    serving.transact(0, vec![]).await.unwrap();
}

#[tokio::test]
async fn reading_is_a_grant_of_its_own() {
    let everything = Arc::<Everything>::default();
    // A probe may look.
    for purpose in [Purpose::Serve, Purpose::Probe] {
        let mut guest = guest(&everything, purpose);
        let found = tables::Host::get(&mut guest, "look".into(), vec!["a".into(), "b".into()], true).await.unwrap();
        assert_eq!(found, [Some("a".to_owned()), None]);
        let denied = tables::Host::get(&mut guest, "copy".into(), vec!["a".into()], true).await;
        assert!(matches!(denied, Err(tables::ReadError::AccessDenied(reason)) if reason.contains(r#"reads = ["copy"]"#)));
        let many = tables::Host::get(&mut guest, "look".into(), vec!["a".into(); 1001], true).await;
        assert!(matches!(many, Err(tables::ReadError::Invalid(reason)) if reason.contains("1001 keys in one read; at most 1000")));
        let denied = tables::Host::write(&mut guest, "look".into(), vec![]).await;
        assert!(matches!(denied, Err(TableError::AccessDenied(_))));
    }
}

#[test]
fn metrics_have_names_that_prometheus_takes_and_finite_values() {
    let label = |name: &str| vec![(name.to_owned(), "v".to_owned())];
    let everything = Arc::<Everything>::default();
    let mut serving = guest(&everything, Purpose::Serve);
    for (name, labels, value, expected) in [
        ("Seen", vec![], 1.0, "the metric's name `Seen`"),
        ("seen_total", vec![], 1.0, "leave out `_total`"),
        ("x_count", vec![], 1.0, "leave out `_count`"),
        ("seen", label("le"), 1.0, "the label `le`"),
        ("seen", label("no-label"), 1.0, "the label `no-label`"),
        ("seen", vec![], f64::NAN, "NaN is no finite number"),
        ("seen", vec![], f64::NEG_INFINITY, "-inf is no finite number"),
    ] {
        for answer in [serving.set_gauge(name.into(), labels.clone(), value), serving.observe(name.into(), labels.clone(), value)] {
            match answer {
                Err(MetricError::Invalid(reason)) => assert!(reason.contains(expected), "no `{expected}` in {reason}"),
                other => panic!("{name}: {other:?}"),
            }
        }
        assert_eq!(serving.count(name.into(), labels, 1).is_ok(), !value.is_finite(), "{name}");
    }
    everything.metrics.lock().unwrap().clear();
    serving.count("seen".into(), label("kind"), 2).unwrap();
    guest(&everything, Purpose::Probe).count("seen".into(), vec![], 2).unwrap();
    assert_eq!(*everything.metrics.lock().unwrap(), [(r#"seen{kind="v"}"#.to_owned(), MetricSample::Count(2))]);
    serving.context.grants.metrics = None;
    let denied = serving.observe("seen".into(), vec![], 1.0);
    assert!(matches!(denied, Err(MetricError::AccessDenied(reason)) if reason.contains("metrics = true")));
}

#[test]
fn settings_come_in_order() {
    let mut guest = serving();
    assert_eq!(config::Host::get_all(&mut guest).unwrap(), [("a".into(), "1".into()), ("b".into(), "2".into())]);
}
