//! The host's handle on its SQLite file.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot, watch};
use tripline_core::name::TriggerName;
use tripline_core::port::{
    Backlog, BoxFuture, Commit, CommitError, CounterSource, CounterValue, MailOutcome, Outbox, PinCommit, QueuedMail, StateEntry,
    StateReader, Store, StoreError, StoredWay,
};
use tripline_core::rewind::Rewind;
use tripline_core::signal::Signals;
use tripline_core::time::Timestamp;

use crate::directory;
use crate::error::OpenError;
use crate::ledger::{Answer, Ledger, Write};
use crate::reader::SqliteReader;
use crate::schema;
use crate::thread::StoreThreads;
use crate::writer::{QUEUE_MAX, Refusal, Request, Writer};

/// State is read in the midst of plugin calls: lists for people have a thread of their own, and one slow read stops only half of them.
const READERS: usize = 2;

/// Cheap to clone. The threads behind it end when the last clone is gone.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    writer: mpsc::Sender<Request>,
    readers: Arc<Readers>,
    lists: mpsc::Sender<Read>,
    mails: watch::Receiver<u64>,
    marks: watch::Receiver<u64>,
}

type Read = Box<dyn FnOnce(&SqliteReader) + Send>;

#[derive(Debug)]
struct Readers {
    threads: Vec<mpsc::Sender<Read>>,
    turn: AtomicUsize,
}

impl SqliteStore {
    /// Makes `data_dir` where there is none, takes its lock, brings the schema up to date and starts the threads.
    pub fn open(data_dir: &Path, signals: Arc<dyn Signals>) -> Result<(Self, StoreThreads), OpenError> {
        let lock = directory::acquire(data_dir)?;
        let ledger = Ledger::new(schema::open_writer(data_dir)?);
        let ledger = ledger.map_err(|error| OpenError::from_sqlite(&directory::database_file(data_dir), &error))?;
        let fault = |error: std::io::Error| OpenError::Io { path: data_dir.to_owned(), reason: format!("cannot start a thread: {error}") };
        let mut threads = StoreThreads::new();

        let mut readers = Vec::with_capacity(READERS + 1);
        for n in 0..=READERS {
            let reader = SqliteReader::open(data_dir)?;
            let (reads, mut queue) = mpsc::channel::<Read>(QUEUE_MAX);
            let serve = move || {
                while let Some(read) = queue.blocking_recv() {
                    read(&reader);
                }
            };
            threads.start(&format!("store-reader-{n}"), serve).map_err(fault)?;
            readers.push(reads);
        }

        let (writer, requests) = mpsc::channel(QUEUE_MAX);
        let (accepted, mails) = watch::channel(0);
        let (marked, marks) = watch::channel(0);
        let service = Writer { ledger, requests, signals, mails: accepted, marks: marked, failing: false, _lock: lock };
        threads.start("store", move || service.run()).map_err(fault)?;
        let lists = readers.swap_remove(READERS);
        let readers = Arc::new(Readers { threads: readers, turn: AtomicUsize::new(0) });
        Ok((Self { writer, readers, lists, mails, marks }, threads))
    }

    /// Changes whenever a commit has put mail into the outbox. Counts the mails since the store was opened.
    pub fn mail_accepted(&self) -> watch::Receiver<u64> {
        self.mails.clone()
    }

    /// Changes whenever dead letters were marked to be delivered again.
    pub fn letters_marked(&self) -> watch::Receiver<u64> {
        self.marks.clone()
    }

    /// Runs `read` on a thread for what may be slow: lists of dead letters, checkpoints and the like for people.
    pub async fn list<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&SqliteReader) -> Result<T, StoreError> + Send + 'static,
    {
        run(&self.lists, read).await
    }

    /// Runs `read` on a reader's thread, for what is quick.
    pub async fn read<T, F>(&self, read: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&SqliteReader) -> Result<T, StoreError> + Send + 'static,
    {
        let turn = self.readers.turn.fetch_add(1, Ordering::Relaxed) % self.readers.threads.len();
        run(&self.readers.threads[turn], read).await
    }

    /// Mails that were given up on are tried again: all of these, or none where one of them has not failed.
    pub async fn retry_mails(&self, message_ids: Vec<Box<str>>, now: Timestamp) -> Result<(), StoreError> {
        Ok(self.write(Write::Requeue { message_ids, now }).await.map(drop)?)
    }

    /// `since`: none where the trigger goes on.
    pub async fn pause(&self, trigger: TriggerName, since: Option<Timestamp>) -> Result<(), StoreError> {
        Ok(self.write(Write::Pause { trigger, since }).await.map(drop)?)
    }

    pub(crate) async fn write(&self, write: Write) -> Result<Answer, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.writer.send(Request { write, reply }).await.map_err(|_| Refusal::Failed(ended()))?;
        answer.await.map_err(|_| Refusal::Failed(ended()))?
    }
}

impl From<Refusal> for StoreError {
    /// Of what can be refused for no other reason.
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Failed(error) => error,
            other => Self(format!("{other:?}")),
        }
    }
}

impl From<Refusal> for CommitError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Conflict(keys) => Self::Conflict(keys),
            other => Self::Failed(other.into()),
        }
    }
}

async fn run<T, F>(thread: &mpsc::Sender<Read>, read: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce(&SqliteReader) -> Result<T, StoreError> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let job: Read = Box::new(move |reader| {
        // Who no longer waits has no use for the answer.
        let _ = reply.send(read(reader));
    });
    thread.send(job).await.map_err(|_| ended())?;
    answer.await.map_err(|_| ended())?
}

/// Only after a panic: handles keep the threads alive.
fn ended() -> StoreError {
    StoreError("the store's thread has ended: restart the host".to_owned())
}

impl Store for SqliteStore {
    fn ways<'a>(&'a self, triggers: &'a [TriggerName]) -> BoxFuture<'a, Result<Vec<StoredWay>, StoreError>> {
        let triggers = triggers.to_vec();
        Box::pin(self.read(move |reader| reader.ways(&triggers)))
    }

    fn pin(&self, pins: Vec<PinCommit>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { Ok(self.write(Write::Pin(pins)).await.map(drop)?) })
    }

    fn rewind(&self, rewind: Rewind) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async { Ok(self.write(Write::Rewind(rewind)).await.map(drop)?) })
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'_, Result<(), CommitError>> {
        Box::pin(async move { Ok(self.write(Write::Commit(commit)).await.map(drop)?) })
    }
}

impl StateReader for SqliteStore {
    fn get<'a>(
        &'a self,
        trigger: &'a TriggerName,
        keys: Vec<Box<str>>,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Option<StateEntry>>, StoreError>> {
        let trigger = trigger.clone();
        Box::pin(self.read(move |reader| reader.get(&trigger, &keys, now)))
    }
}

impl Outbox for SqliteStore {
    fn due(&self, mailer: &str, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Vec<QueuedMail>, StoreError>> {
        let mailer = mailer.to_owned();
        Box::pin(self.read(move |reader| reader.due(&mailer, now, limit)))
    }

    fn settle(&self, message_id: Box<str>, outcome: MailOutcome) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { Ok(self.write(Write::Settle { message_id, outcome }).await.map(drop)?) })
    }

    fn pending(&self, mailer: &str) -> BoxFuture<'_, Result<Backlog, StoreError>> {
        let mailer = mailer.to_owned();
        Box::pin(self.read(move |reader| reader.pending(&mailer)))
    }
}

impl CounterSource for SqliteStore {
    fn counters(&self) -> BoxFuture<'_, Result<Vec<CounterValue>, StoreError>> {
        Box::pin(self.read(SqliteReader::counter_values))
    }
}
