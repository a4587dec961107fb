//! The imports called as a guest would call them: grants, bounds, and the probe.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tripline_core::delivery::{Batch, Origin};
use tripline_core::effect::{Mail, Mutation};
use tripline_core::name::TriggerName;
use tripline_core::port::{
    BoxFuture, Grants, MailDraft, MailOrigin, Mailbox, StateEntry, StateReader, StoreError, TableTarget, TableWrite, WriteError,
};
use tripline_core::signal::Silence;
use tripline_core::slice::slice_page;
use tripline_core::time::Timestamp;
use tripline_core::view::{View, ViewType};

use super::bindings::tripline::trigger::counters::{CounterError, Host as _};
use super::bindings::tripline::trigger::mailer::{Host as _, MailError, Message};
use super::bindings::tripline::trigger::state::{Host as _, Read, StateError};
use super::bindings::tripline::trigger::tables::{self, Host as _, TableError};
use super::bindings::wasi::config::store as config;
use crate::context::{Limits, TriggerContext};
use crate::guest::{Guest, Purpose};
use crate::logs::GuestLogs;

/// Everything behind every grant: a table that notes its writes, a mailbox that takes all, a state that holds `stored`.
#[derive(Debug, Default)]
struct Everything {
    writes: Mutex<Vec<TableWrite>>,
    stored: Option<Vec<u8>>,
}

impl TableTarget for Everything {
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
    let grants = Grants {
        counters: true,
        state: Some(everything.clone()),
        tables: [("copy".into(), everything.clone() as Arc<dyn TableTarget>)].into(),
        mailers: [("office".into(), everything.clone() as Arc<dyn Mailbox>)].into(),
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
    assert!(is_invalid(guest.get(vec![Read { change: 0, key: long }]).await.map(drop)));
    assert!(is_invalid(guest.get(vec![Read { change: 1, key: "k".into() }]).await.map(drop)));
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
    assert_eq!(one.get(reads(255)).await.unwrap().len(), 255);
    // Again, and again the same: what a batch has seen is not counted twice.
    assert_eq!(one.get(reads(255)).await.unwrap().len(), 255);
    assert!(matches!(one.get(reads(257)).await, Err(StateError::Invalid(reason)) if reason.contains("batches smaller")));
    let mut guest = guest(&everything, Purpose::Serve);
    let same = (0..257).map(|_| Read { change: 0, key: "same".into() }).collect();
    assert!(matches!(guest.get(same).await, Err(StateError::Invalid(reason)) if reason.contains("fewer keys")));
    guest.set(0, "own".into(), vec![0; 256 * 1024], None).unwrap();
    let own = (0..257).map(|_| Read { change: 0, key: "own".into() }).collect();
    assert!(matches!(guest.get(own).await, Err(StateError::Invalid(reason)) if reason.contains("fewer keys")));
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

#[test]
fn settings_come_in_order() {
    let mut guest = serving();
    assert_eq!(config::Host::get_all(&mut guest).unwrap(), [("a".into(), "1".into()), ("b".into(), "2".into())]);
}
