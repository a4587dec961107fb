//! One transaction for many commits: each is applied whole or refused alone, and all become durable together.
//!
//! Invariant: between `transaction` calls the caches hold only what the disk has, and no transaction is open. A commit that
//! is refused leaves no trace; when SQLite fails, none of the transaction's commits does.
//! Knows nothing of threads or channels.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, ErrorCode};
use tripline_core::checkpoint::Checkpoint;
use tripline_core::decimal::Decimal;
use tripline_core::delivery::Seen;
use tripline_core::effect::{CounterKey, Mutation};
use tripline_core::letter::{Bounds, RedriveCommit, Swept};
use tripline_core::name::TriggerName;
use tripline_core::port::{Commit, MailOutcome, PinCommit};
use tripline_core::rewind::{Rewind, To};
use tripline_core::start::Repin;
use tripline_core::time::Timestamp;

use crate::cache::Cache;
use crate::checkpoint::{self, Place};
use crate::counter::{self, CounterId};
use crate::sql::WriteError;
use crate::state::Versions;
use crate::{dead_letter, gap, outbox, pin, state, steer};

/// How often expired state, old mail and old checkpoints are looked for.
const PURGE_EVERY_MS: u64 = 60_000;
/// So much at a time, so that commits need not wait long.
const PURGE_ROWS_MAX: usize = 1_000;

#[derive(Debug)]
pub(crate) enum Write {
    Commit(Commit),
    /// All of them, or none.
    Pin(Vec<PinCommit>),
    /// `since`: none where it goes on.
    Pause {
        trigger: TriggerName,
        since: Option<Timestamp>,
    },
    Rewind(Rewind),
    Settle {
        message_id: Box<str>,
        outcome: MailOutcome,
    },
    /// Mails that failed are tried again.
    Requeue {
        message_ids: Vec<Box<str>>,
        now: Timestamp,
    },
    Letters {
        ids: Vec<i64>,
        /// Refuse it whole where one of them is not there.
        all: bool,
        what: LetterWrite,
    },
    Redriven(RedriveCommit),
    Sweep {
        bounds: Bounds,
        now: Timestamp,
    },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum LetterWrite {
    /// To be delivered again, since then.
    Mark(Timestamp),
    Drop,
}

/// What a write came to, once it is durable.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Rows that were meant and have changed.
    pub(crate) count: u64,
    pub(crate) swept: Option<Swept>,
    mails: Mails,
}

impl From<Mails> for Answer {
    fn from(mails: Mails) -> Self {
        Self { mails, ..Self::default() }
    }
}

/// Mails that were new to the outbox, by mailer.
pub(crate) type Mails = BTreeMap<Box<str>, usize>;

#[derive(Debug)]
pub(crate) struct Ledger {
    connection: Connection,
    counters: Cache<CounterId, Decimal>,
    checkpoints: Cache<Place, Checkpoint>,
    versions: Versions,
    /// Mails that the transaction under way has put into the outbox.
    mails: Mails,
    /// The latest time that a write has named; none yet: nothing to purge by.
    now: Option<Timestamp>,
    purged: Option<Timestamp>,
}

impl Ledger {
    pub(crate) fn new(connection: Connection) -> rusqlite::Result<Self> {
        let versions = Versions::load(&connection)?;
        let (counters, checkpoints) = (Cache::new(), Cache::new());
        Ok(Self { connection, counters, checkpoints, versions, mails: Mails::new(), now: None, purged: None })
    }

    /// Runs `body` in a transaction and commits it. Returns the mails accepted. On an error nothing has happened.
    pub(crate) fn transaction(&mut self, body: impl FnOnce(&mut Self) -> Result<(), rusqlite::Error>) -> Result<Mails, rusqlite::Error> {
        self.mails.clear();
        let result = self.execute("BEGIN IMMEDIATE").and_then(|()| body(self)).and_then(|()| self.finish());
        match result {
            Ok(()) => {
                self.counters.settle();
                self.checkpoints.settle();
                self.versions.settle();
                Ok(std::mem::take(&mut self.mails))
            }
            Err(error) => {
                self.abandon();
                Err(error)
            }
        }
    }

    /// Only within `transaction`. `Sqlite`: the transaction cannot go on; on any other error this write alone was undone.
    pub(crate) fn apply(&mut self, write: Write) -> Result<Answer, WriteError> {
        self.execute("SAVEPOINT one")?;
        let applied = match write {
            Write::Commit(commit) => self.commit(commit).map(Answer::from),
            Write::Pin(pins) => self.pin(pins).map(Answer::from),
            Write::Settle { message_id, outcome } => self.settle(&message_id, &outcome).map(Answer::from),
            Write::Requeue { message_ids, now } => self.requeue(&message_ids, now).map(Answer::from),
            Write::Letters { ids, all, what } => self.letters(&ids, all, what),
            Write::Redriven(commit) => self.redriven(commit).map(Answer::from),
            Write::Sweep { bounds, now } => self.sweep(bounds, now),
            Write::Pause { trigger, since } => steer::pause(&self.connection, &trigger, since)
                .map(|()| Answer::from(Mails::new()))
                .map_err(WriteError::from),
            Write::Rewind(rewind) => self.rewind(rewind).map(Answer::from),
        };
        match applied.map_err(|error| self.blame(error)) {
            Ok(mut answer) => {
                self.execute("RELEASE one")?;
                self.counters.keep();
                self.checkpoints.keep();
                for (mailer, count) in std::mem::take(&mut answer.mails) {
                    *self.mails.entry(mailer).or_default() += count;
                }
                Ok(answer)
            }
            Err(WriteError::Sqlite(error)) => Err(WriteError::Sqlite(error)),
            Err(refused) => {
                self.execute("ROLLBACK TO one")?;
                self.execute("RELEASE one")?;
                self.counters.discard();
                self.checkpoints.discard();
                Err(refused)
            }
        }
    }

    /// A value that SQLite will not take, or a row of this trigger's that cannot be read, is the write's own fault, as long as
    /// the transaction stands.
    fn blame(&self, error: WriteError) -> WriteError {
        match error {
            WriteError::Sqlite(error) if !self.connection.is_autocommit() => match error.sqlite_error_code() {
                None | Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch) => {
                    WriteError::Refused(error.to_string())
                }
                _ => WriteError::Sqlite(error),
            },
            other => other,
        }
    }

    fn commit(&mut self, commit: Commit) -> Result<Mails, WriteError> {
        let Commit { trigger, stream, shard, checkpoint, mutations, dead_letters, gaps, seen, now } = commit;
        self.saw(now);
        self.validate(&trigger, &seen)?;
        let mails = self.mutate(&trigger, mutations, now)?;
        let place = Place { trigger, stream, shard };
        for letter in &dead_letters {
            dead_letter::insert(&self.connection, &place, letter, now)?;
        }
        for gap in &gaps {
            gap::insert(&self.connection, (&place.trigger, &place.stream), gap, now)?;
        }
        let loaded;
        let old = match self.checkpoints.get(&place) {
            Some(old) => old,
            None => {
                loaded = checkpoint::load(&self.connection, &place)?.unwrap_or_default();
                &loaded
            }
        };
        let saved = checkpoint::save(&self.connection, &place, (old, checkpoint), now)?;
        self.checkpoints.stage(place, saved);
        Ok(mails)
    }

    fn pin(&mut self, pins: Vec<PinCommit>) -> Result<Mails, WriteError> {
        for PinCommit { trigger, repin, now } in pins {
            self.saw(now);
            let Repin { pin, finished, gap, .. } = repin;
            pin::save(&self.connection, &trigger, &pin)?;
            steer::set_start(&self.connection, &trigger, None)?;
            if let Some((stream, gap)) = &gap {
                gap::insert(&self.connection, (&trigger, stream), gap, now)?;
            }
            for shard in finished {
                let place = Place { trigger: trigger.clone(), stream: pin.stream.clone(), shard };
                let old = match self.checkpoints.get(&place) {
                    Some(old) => old.clone(),
                    None => checkpoint::load(&self.connection, &place)?.unwrap_or_default(),
                };
                let saved = checkpoint::save(&self.connection, &place, (&old, Checkpoint { finished: true, ..old.clone() }), now)?;
                self.checkpoints.stage(place, saved);
            }
            let gone = checkpoint::leave_older(&self.connection, &trigger, &pin.stream)?;
            self.forget(gone);
        }
        Ok(Mails::new())
    }

    /// Checkpoints go back here, and nowhere else.
    fn rewind(&mut self, rewind: Rewind) -> Result<Mails, WriteError> {
        let Rewind { trigger, table, to, reset_state, now } = rewind;
        self.saw(now);
        match to {
            To::Start(since) => {
                pin::remove(&self.connection, &trigger)?;
                let gone = checkpoint::leave_table(&self.connection, &trigger, &table)?;
                self.forget(gone);
                steer::set_start(&self.connection, &trigger, Some(since))?;
            }
            To::Shard { pin, shard, checkpoint, forget } => {
                pin::save(&self.connection, &trigger, &pin)?;
                steer::set_start(&self.connection, &trigger, None)?;
                let place = |shard| Place { trigger: trigger.clone(), stream: pin.stream.clone(), shard };
                let gone: Vec<Place> = forget.into_iter().map(place).collect();
                gone.iter().try_for_each(|place| checkpoint::leave_shard(&self.connection, place))?;
                self.forget(gone);
                let place = place(shard);
                checkpoint::leave_shard(&self.connection, &place)?;
                let saved = checkpoint::save(&self.connection, &place, (&Checkpoint::default(), checkpoint), now)?;
                self.checkpoints.stage(place, saved);
            }
        }
        if reset_state {
            state::clear(&self.connection, &trigger)?;
            counter::clear(&self.connection, &trigger)?;
            // Last: nothing can fail any more.
            self.counters.remove(|(of, _)| *of == trigger);
        }
        Ok(Mails::new())
    }

    /// The disk has no rows of these places any more.
    fn forget(&mut self, gone: Vec<Place>) {
        for place in gone {
            if self.checkpoints.get(&place).is_some() {
                self.checkpoints.stage(place, Checkpoint::default());
            }
        }
    }

    /// What was seen must still stand, with all that this transaction has written before.
    fn validate(&self, trigger: &TriggerName, seen: &[Seen]) -> Result<(), WriteError> {
        if seen.is_empty() {
            return Ok(());
        }
        let keys = state::conflicts(&self.connection, trigger, seen)?;
        if keys.is_empty() { Ok(()) } else { Err(WriteError::Conflict { trigger: trigger.clone(), keys }) }
    }

    /// Writes state and mail in their order, and the sums of counters: they commute. Returns the mails that are new.
    fn mutate(&mut self, trigger: &TriggerName, mutations: Vec<Mutation>, now: Timestamp) -> Result<Mails, WriteError> {
        let mut deltas: HashMap<CounterKey, Decimal> = HashMap::new();
        let mut mails = Mails::new();
        for mutation in mutations {
            match mutation {
                Mutation::AddCounter { counter, delta } => *deltas.entry(counter).or_default() += &delta,
                Mutation::SetState { key, value, expires_ms } => {
                    let entry = state::Entry { key: &key, value: &value, expires_ms, version: self.versions.give() };
                    state::set(&self.connection, trigger, &entry)?;
                }
                Mutation::DeleteState { key } => state::delete(&self.connection, trigger, &key)?,
                Mutation::SendMail(mail) => {
                    if outbox::accept(&self.connection, trigger, &mail, now)? {
                        *mails.entry(mail.mailer).or_default() += 1;
                    }
                }
            }
        }
        for (counter, delta) in deltas {
            let id = (trigger.clone(), counter);
            let sum = match self.counters.get(&id) {
                Some(value) => counter::sum(&id, value, &delta)?,
                None => counter::sum(&id, &counter::load(&self.connection, &id)?, &delta)?,
            };
            self.counters.stage(id, sum);
        }
        Ok(mails)
    }

    fn letters(&mut self, ids: &[i64], all: bool, what: LetterWrite) -> Result<Answer, WriteError> {
        if all {
            let unknown = dead_letter::unknown(&self.connection, ids)?;
            if !unknown.is_empty() {
                return Err(WriteError::Unknown(unknown));
            }
        }
        let mut count = 0;
        for id in ids {
            count += u64::from(match what {
                LetterWrite::Mark(now) => dead_letter::mark(&self.connection, *id, now)?,
                LetterWrite::Drop => dead_letter::remove(&self.connection, *id)?,
            });
        }
        Ok(Answer { count, ..Answer::default() })
    }

    fn redriven(&mut self, commit: RedriveCommit) -> Result<Mails, WriteError> {
        let RedriveCommit { trigger, done, failed, mutations, seen, now } = commit;
        self.saw(now);
        let all = done.iter().copied().chain(failed.iter().map(|(id, _)| *id));
        let gone = dead_letter::unmarked(&self.connection, &trigger, all)?;
        if !gone.is_empty() {
            return Err(WriteError::Unknown(gone));
        }
        self.validate(&trigger, &seen)?;
        let mails = self.mutate(&trigger, mutations, now)?;
        for id in done {
            dead_letter::remove(&self.connection, id)?;
        }
        for (id, letter) in &failed {
            dead_letter::failed_again(&self.connection, *id, letter)?;
        }
        Ok(mails)
    }

    fn sweep(&mut self, bounds: Bounds, now: Timestamp) -> Result<Answer, WriteError> {
        self.saw(now);
        let dropped = dead_letter::drop_beyond(&self.connection, bounds, now, PURGE_ROWS_MAX)?;
        let more = dropped.values().sum::<u64>() >= PURGE_ROWS_MAX as u64;
        let dropped = dropped.into_iter().map(|((trigger, cause), letters)| (trigger, cause, letters)).collect();
        let swept = Swept { kept: dead_letter::kept(&self.connection)?, dropped, more };
        Ok(Answer { swept: Some(swept), ..Answer::default() })
    }

    fn settle(&mut self, message_id: &str, outcome: &MailOutcome) -> Result<Mails, WriteError> {
        if let MailOutcome::Sent { at } | MailOutcome::Failed { at, .. } = outcome {
            self.saw(*at);
        }
        outbox::settle(&self.connection, message_id, outcome)?;
        Ok(Mails::new())
    }

    fn requeue(&mut self, message_ids: &[Box<str>], now: Timestamp) -> Result<Mails, WriteError> {
        self.saw(now);
        for message_id in message_ids {
            if !outbox::requeue(&self.connection, message_id, now)? {
                return Err(WriteError::Refused(format!("mail {message_id} has not failed: only what failed is tried again")));
            }
        }
        Ok(Mails::new())
    }

    /// Removes some of what has expired, when it is time for it.
    pub(crate) fn purge(&mut self) -> Result<(), rusqlite::Error> {
        let Some(now) = self.now else { return Ok(()) };
        let due = self.purged.is_none_or(|last| now.as_ms() >= last.as_ms().saturating_add(PURGE_EVERY_MS));
        if !due {
            return Ok(());
        }
        let mut more = false;
        self.transaction(|ledger| {
            more |= state::purge(&ledger.connection, now, PURGE_ROWS_MAX)? == PURGE_ROWS_MAX;
            more |= outbox::purge(&ledger.connection, now, PURGE_ROWS_MAX)? == PURGE_ROWS_MAX;
            let gone = checkpoint::prune(&ledger.connection, now, PURGE_ROWS_MAX)?;
            more |= gone.len() == PURGE_ROWS_MAX;
            ledger.forget(gone);
            ledger.checkpoints.keep();
            Ok(())
        })?;
        if !more {
            self.purged = Some(now);
        }
        Ok(())
    }

    /// Moves the write-ahead log into the file, which is then whole by itself: for a copy, and for whoever opens it next.
    pub(crate) fn close(self) {
        let moved = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0));
        if !matches!(moved, Ok(0)) {
            // Nothing is lost: the log stays beside the file, and the next opening reads both.
            tracing::warn!(?moved, "tripline.db: the write-ahead log could not be moved into the file; keep tripline.db-wal with it");
        }
    }

    fn saw(&mut self, now: Timestamp) {
        self.now = self.now.max(Some(now));
    }

    fn finish(&mut self) -> rusqlite::Result<()> {
        for (id, value) in self.counters.pending() {
            counter::save(&self.connection, id, value)?;
        }
        self.versions.save(&self.connection)?;
        self.execute("COMMIT")
    }

    fn abandon(&mut self) {
        self.counters.forget();
        self.checkpoints.forget();
        if !self.connection.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            // The next BEGIN fails on it and says so to whoever waits.
            tracing::warn!(%error, "tripline.db: a failed transaction could not be rolled back");
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(|_| ())
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
