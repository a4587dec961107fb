//! An outbox in memory, a clock that stands still, and a sender between them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tripline_capability::mail::{Mailer, MailerConfig, Sender, Tls, Transport};
use tripline_core::effect::Mail;
use tripline_core::port::{Backlog, BoxFuture, MailDraft, MailOrigin, MailOutcome, Mailbox, Outbox, QueuedMail, StoreError};
use tripline_core::signal::{Signal, Signals};
use tripline_core::time::Timestamp;

/// What the outbox knows of a mail.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    mail: Mail,
    pub(crate) attempts: u32,
    not_before: Timestamp,
    pub(crate) last: Option<MailOutcome>,
}

#[derive(Debug)]
pub(crate) struct Memory {
    /// In the order of acceptance.
    entries: Mutex<Vec<Entry>>,
    now: AtomicU64,
    settled: watch::Sender<usize>,
    accepted: watch::Sender<u64>,
    /// So many calls of `settle` fail.
    pub(crate) broken: AtomicU64,
    heard: Mutex<BTreeMap<&'static str, usize>>,
    /// What was last said of how many wait.
    pub(crate) pending: AtomicU64,
}

impl Memory {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            entries: Mutex::default(),
            now: AtomicU64::new(1_700_000_000_000),
            settled: watch::Sender::new(0),
            accepted: watch::Sender::new(0),
            broken: AtomicU64::new(0),
            heard: Mutex::default(),
            pending: AtomicU64::new(u64::MAX),
        })
    }

    pub(crate) fn accept(&self, mail: Mail) {
        self.entries
            .lock()
            .unwrap()
            .push(Entry { mail, attempts: 0, not_before: Timestamp::default(), last: None });
        self.accepted.send_modify(|count| *count += 1);
    }

    /// Everything that was put off becomes due.
    pub(crate) fn pass(&self, time: Duration) {
        self.now.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
        self.accepted.send_modify(|count| *count += 1);
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.now.load(Ordering::SeqCst))
    }

    /// Until so many outcomes have come in, over all.
    pub(crate) async fn settled(&self, count: usize) {
        self.settled.subscribe().wait_for(|settled| *settled >= count).await.unwrap();
    }

    /// `recipient:outcome` of each mail, in order.
    pub(crate) fn shown(&self) -> String {
        let mut text = String::new();
        for entry in self.entries.lock().unwrap().iter() {
            let outcome = match entry.last {
                None => "untried",
                Some(MailOutcome::Sent { .. }) => "sent",
                Some(MailOutcome::Later { .. }) => "later",
                Some(MailOutcome::Waits { .. }) => "waits",
                Some(MailOutcome::Failed { .. }) => "failed",
            };
            let user = entry.mail.to[0].split('@').next().unwrap();
            write!(text, "{user}:{outcome} ").unwrap();
        }
        text.trim_end().to_owned()
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.entries.lock().unwrap().clone()
    }

    /// Why the first mail has not been sent.
    pub(crate) fn reason(&self) -> String {
        match self.entries().remove(0).last {
            Some(MailOutcome::Later { reason, .. } | MailOutcome::Waits { reason } | MailOutcome::Failed { reason, .. }) => reason.into(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn heard(&self) -> String {
        self.heard
            .lock()
            .unwrap()
            .iter()
            .map(|(result, count)| format!("{result}={count}"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// Runs a sender while `body` runs, then stops it and waits for its end.
    pub(crate) async fn send<T>(self: &Arc<Self>, mailers: Vec<Mailer>, body: impl Future<Output = T>) -> T {
        let memory = self.clone();
        let sender = Sender {
            mailers: mailers.into_iter().map(Arc::new).collect(),
            outbox: self.clone(),
            signals: self.clone(),
            clock: Arc::new(move || Timestamp::from_ms(memory.now.load(Ordering::SeqCst))),
            accepted: self.accepted.subscribe(),
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let run = sender.run(async { stopped.await.unwrap_or_default() });
        let body = async {
            let result = body.await;
            drop(stop);
            result
        };
        futures_util::future::join(run, body).await.1
    }
}

impl Outbox for Memory {
    fn due(&self, mailer: &str, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<QueuedMail>, StoreError>> {
        let entries = self.entries.lock().unwrap();
        let pending = entries
            .iter()
            .filter(|entry| !matches!(entry.last, Some(MailOutcome::Sent { .. } | MailOutcome::Failed { .. })));
        let due = pending.filter(|entry| &*entry.mail.mailer == mailer && entry.not_before <= now).take(limit);
        let due = due.map(|entry| QueuedMail { mail: entry.mail.clone(), attempts: entry.attempts }).collect();
        Box::pin(async { Ok(due) })
    }

    fn pending(&self, mailer: &str) -> BoxFuture<'_, Result<Backlog, StoreError>> {
        let entries = self.entries.lock().unwrap();
        let settled = |entry: &Entry| matches!(entry.last, Some(MailOutcome::Sent { .. } | MailOutcome::Failed { .. }));
        let pending = || entries.iter().filter(|entry| &*entry.mail.mailer == mailer && !settled(entry));
        let backlog = Backlog { mails: pending().count() as u64, due: pending().map(|entry| entry.not_before).min() };
        Box::pin(async move { Ok(backlog) })
    }

    fn settle(&self, message_id: Box<str>, outcome: MailOutcome) -> BoxFuture<'_, Result<(), StoreError>> {
        if self.broken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Box::pin(async { Err(StoreError("on purpose".to_owned())) });
        }
        let mut entries = self.entries.lock().unwrap();
        let entry = entries.iter_mut().find(|entry| entry.mail.message_id == message_id).unwrap();
        assert!(!matches!(entry.last, Some(MailOutcome::Sent { .. } | MailOutcome::Failed { .. })), "{message_id} settled twice");
        if let MailOutcome::Later { not_before, .. } = &outcome {
            entry.attempts += 1;
            entry.not_before = *not_before;
        }
        entry.last = Some(outcome);
        self.settled.send_modify(|count| *count += 1);
        Box::pin(async { Ok(()) })
    }
}

impl Signals for Memory {
    fn emit(&self, signal: Signal<'_>) {
        let kind = match signal {
            Signal::MailSettled { result, .. } => result.as_str(),
            Signal::MailerAway { barred: true, .. } => "barred",
            Signal::MailerAway { barred: false, .. } => "away",
            Signal::MailerBack { .. } => "back",
            Signal::MailsPending { mails, .. } => return self.pending.store(mails, Ordering::SeqCst),
            _ => return,
        };
        *self.heard.lock().unwrap().entry(kind).or_default() += 1;
    }
}

pub(crate) fn mailer(name: &str, transport: Transport) -> Mailer {
    Mailer::build(MailerConfig { name: name.to_owned(), transport, from: "Der Laden <shop@example.com>".to_owned(), rate_max: None })
        .unwrap()
}

pub(crate) fn plain(port: u16) -> Transport {
    Transport::Smtp { host: "127.0.0.1".to_owned(), port, tls: Tls::None, ca: None, username: None, password: None }
}

pub(crate) fn draft(to: &str) -> MailDraft {
    MailDraft { to: vec![to.to_owned()], subject: "Hi".to_owned(), text: Some("text".to_owned()), ..MailDraft::default() }
}

/// As the runtime makes it of a plugin's call; `key` tells mails apart.
pub(crate) fn accepted(mailer: &Mailer, draft: MailDraft, key: &str) -> Mail {
    mailer.accept(draft, &MailOrigin { trigger: &"welcome".into(), event_id: "e1", key }).unwrap()
}
