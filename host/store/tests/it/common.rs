//! Commits to test with.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tripline_core::checkpoint::Checkpoint;
use tripline_core::decimal::Decimal;
use tripline_core::effect::{CounterKey, Mail, Mutation};
use tripline_core::port::Commit;
use tripline_core::sequence::SequenceNumber;
use tripline_core::signal::{Signal, Signals};
use tripline_core::time::Timestamp;

pub(crate) fn number(n: u64) -> SequenceNumber {
    SequenceNumber::parse(&format!("{n:021}")).unwrap()
}

/// Nothing but a checkpoint: `watermark` of shard `s` of stream `arn`.
pub(crate) fn commit(trigger: &str, watermark: u64) -> Commit {
    Commit {
        trigger: trigger.into(),
        stream: "arn".into(),
        shard: "s".into(),
        checkpoint: Checkpoint { watermark: Some(number(watermark)), ..Checkpoint::default() },
        mutations: vec![],
        dead_letters: vec![],
        gaps: vec![],
        seen: vec![],
        now: Timestamp::from_ms(watermark),
    }
}

pub(crate) fn add(name: &str, labels: &[(&str, &str)], delta: &str) -> Mutation {
    let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Mutation::AddCounter { counter: CounterKey::new(name, labels), delta: Decimal::parse(delta).unwrap() }
}

pub(crate) fn set(key: &str, value: &[u8], expires_ms: Option<u64>) -> Mutation {
    Mutation::SetState { key: key.into(), value: value.to_vec(), expires_ms }
}

pub(crate) fn mail(mailer: &str, id: &str) -> Mail {
    Mail {
        mailer: mailer.into(),
        message_id: id.into(),
        to: vec!["Zoë <a@b.example>".into(), "c@d.example".into()],
        reply_to: Some("r@b.example".into()),
        subject: "Grüße".into(),
        text: Some("text".into()),
        html: Some("<p>html</p>".into()),
    }
}

/// Keeps how many batches each transaction had, the reasons of those that failed, and the mails accepted.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) groups: Mutex<Vec<usize>>,
    pub(crate) failures: Mutex<Vec<String>>,
    /// Mails that were new, by mailer.
    pub(crate) accepted: Mutex<BTreeMap<String, usize>>,
}

impl Signals for Heard {
    fn emit(&self, signal: Signal<'_>) {
        match signal {
            Signal::Committed { batches, .. } => self.groups.lock().unwrap().push(batches),
            Signal::CommitFailed { reason } => self.failures.lock().unwrap().push(reason.to_owned()),
            Signal::MailAccepted { mailer, mails } => *self.accepted.lock().unwrap().entry(mailer.to_owned()).or_default() += mails,
            _ => {}
        }
    }
}

pub(crate) fn heard() -> Arc<Heard> {
    Arc::default()
}
