//! The thread that writes: takes whatever waits, makes it durable with one fsync, answers.
//!
//! Invariant: an answer of success is sent after the transaction has committed, never before.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot, watch};
use tripline_core::name::TriggerName;
use tripline_core::port::StoreError;
use tripline_core::signal::{Signal, Signals};

use crate::directory::DirectoryLock;
use crate::ledger::{Answer, Ledger, LetterWrite, Write};
use crate::sql::{WriteError, store_error};

/// Requests that may wait; beyond it senders do.
pub(crate) const QUEUE_MAX: usize = 1024;
/// A transaction closes at so many requests, or so many mutations in them.
const GROUP_REQUESTS_MAX: usize = 512;
const GROUP_MUTATIONS_MAX: usize = 100_000;

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) write: Write,
    pub(crate) reply: Reply,
}

type Reply = oneshot::Sender<Result<Answer, Refusal>>;

/// Why a write was not made. It left no trace.
#[derive(Debug)]
pub(crate) enum Refusal {
    Conflict(Vec<Box<str>>),
    Unknown(Vec<i64>),
    Failed(StoreError),
}

#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) ledger: Ledger,
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) signals: Arc<dyn Signals>,
    /// Counts the mails accepted.
    pub(crate) mails: watch::Sender<u64>,
    /// Counts the times that dead letters were marked.
    pub(crate) marks: watch::Sender<u64>,
    /// The last transaction failed.
    pub(crate) failing: bool,
    pub(crate) _lock: DirectoryLock,
}

/// What a transaction under way owes.
#[derive(Default)]
struct Group {
    replies: Vec<(Reply, Answer)>,
    commits: usize,
    requests: usize,
    mutations: usize,
    /// Dead letters are to be delivered again.
    marked: bool,
    /// Commits of these triggers were refused, each alone, since the state was not as they had seen it.
    conflicts: Vec<(TriggerName, Vec<Box<str>>)>,
    /// Why commits of this group were refused, each alone.
    refused: Vec<String>,
}

impl Group {
    fn is_full(&self) -> bool {
        self.requests >= GROUP_REQUESTS_MAX || self.mutations >= GROUP_MUTATIONS_MAX
    }
}

impl Writer {
    /// Until every handle is gone and all that they sent is written.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.requests.blocking_recv() {
            if self.write(first)
                && let Err(error) = self.ledger.purge()
            {
                // No commit failed: what has expired stays, and is removed another time.
                tracing::warn!(target: "tripline::store", error = %store_error(&error), "what has expired could not be removed yet");
            }
        }
        // Before the lock is given up.
        let Self { ledger, _lock, .. } = self;
        ledger.close();
    }

    /// False: SQLite failed, and everybody has been told.
    fn write(&mut self, first: Request) -> bool {
        let began = Instant::now();
        let mut group = Group::default();
        let mut next = Some(first);
        let requests = &mut self.requests;
        let result = self.ledger.transaction(|ledger| {
            while let Some(request) = next.take() {
                apply(ledger, request, &mut group)?;
                if !group.is_full() {
                    next = requests.try_recv().ok();
                }
            }
            Ok(())
        });
        for reason in group.refused.drain(..) {
            self.signals.emit(Signal::CommitFailed { reason: &reason });
        }
        for (trigger, keys) in &group.conflicts {
            self.signals.emit(Signal::Conflict { trigger, keys });
        }
        match result {
            Ok(mails) => {
                // After a failure, whatever is written says that the store works again.
                if group.commits > 0 || std::mem::take(&mut self.failing) {
                    self.failing = false;
                    self.signals.emit(Signal::Committed { took: began.elapsed(), batches: group.commits });
                }
                for (mailer, mails) in &mails {
                    self.signals.emit(Signal::MailAccepted { mailer, mails: *mails });
                    self.mails.send_modify(|count| *count += *mails as u64);
                }
                if group.marked {
                    self.marks.send_modify(|count| *count += 1);
                }
                for (reply, answer) in group.replies {
                    // Who no longer waits has no use for the answer.
                    let _ = reply.send(Ok(answer));
                }
                true
            }
            Err(error) => {
                self.fail(group, next, &store_error(&error).0);
                false
            }
        }
    }

    /// Answers the group, and whoever waits: a transaction that could not begin makes them all wait as long.
    fn fail(&mut self, group: Group, unapplied: Option<Request>, reason: &str) {
        self.failing = true;
        self.signals.emit(Signal::CommitFailed { reason });
        let waiting = unapplied.into_iter().chain(std::iter::from_fn(|| self.requests.try_recv().ok()));
        // All of them before the first hears of it: what comes after that is another try.
        let waiting: Vec<_> = waiting.take(QUEUE_MAX).map(|request| request.reply).collect();
        let group = group.replies.into_iter().map(|(reply, _)| reply);
        for reply in group.chain(waiting) {
            let _ = reply.send(Err(Refusal::Failed(StoreError(reason.to_owned()))));
        }
    }
}

fn apply(ledger: &mut Ledger, request: Request, group: &mut Group) -> rusqlite::Result<()> {
    let Request { write, reply } = request;
    group.requests += 1;
    let commits = match &write {
        Write::Commit(commit) => {
            group.mutations += commit.mutations.len();
            1
        }
        Write::Pin(pins) => {
            group.mutations += pins.iter().map(|pin| 1 + pin.repin.finished.len()).sum::<usize>();
            0
        }
        Write::Letters { ids, what, .. } => {
            group.mutations += ids.len();
            group.marked |= matches!(what, LetterWrite::Mark(_));
            0
        }
        Write::Redriven(commit) => {
            group.mutations += commit.mutations.len() + commit.done.len() + commit.failed.len();
            1
        }
        Write::Pause { .. } | Write::Rewind(_) | Write::Settle { .. } | Write::Requeue { .. } | Write::Sweep { .. } => 0,
    };
    let refusal = match ledger.apply(write) {
        Ok(answer) => {
            group.commits += commits;
            group.replies.push((reply, answer));
            return Ok(());
        }
        Err(WriteError::Sqlite(error)) => {
            group.replies.push((reply, Answer::default()));
            return Err(error);
        }
        Err(WriteError::Refused(reason)) => {
            group.refused.push(reason.clone());
            Refusal::Failed(StoreError(reason))
        }
        Err(WriteError::Conflict { trigger, keys }) => {
            group.conflicts.push((trigger, keys.clone()));
            Refusal::Conflict(keys)
        }
        Err(WriteError::Unknown(ids)) => Refusal::Unknown(ids),
    };
    let _ = reply.send(Err(refusal));
    Ok(())
}
