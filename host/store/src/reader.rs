//! Looking without touching: for the CLI beside a running host or with none, and for the host's own reads.
//!
//! Invariant: a read sees whole commits, all that were acknowledged before it began, and never waits for the disk's fsync.

use std::path::Path;

use rusqlite::Connection;
use tripline_core::letter::{Kept, Letter};
use tripline_core::name::{StreamArn, TriggerName};
use tripline_core::port::{Backlog, CounterValue, QueuedMail, StateEntry, StoreError, StoredWay};
use tripline_core::time::Timestamp;

use crate::checkpoint::{self, CheckpointRow};
use crate::counter::{self, CounterRow};
use crate::dead_letter::{self, DeadLetterRow};
use crate::error::OpenError;
use crate::gap::{self, GapRow};
use crate::outbox::{self, MailContent, MailFilter, MailRow, OutboxSummary};
use crate::pin;
use crate::schema;
use crate::sql::store_error;
use crate::state::{self, StateRow};
use crate::steer::{self, TriggerCounts};

#[derive(Debug)]
pub struct SqliteReader {
    connection: Connection,
}

impl SqliteReader {
    /// Opens `data_dir` for reading; a host may run or not.
    pub fn open(data_dir: &Path) -> Result<Self, OpenError> {
        Ok(Self { connection: schema::open_reader(data_dir)? })
    }

    /// In the order of trigger, name and labels.
    pub fn counters(&self) -> Result<Vec<CounterRow>, StoreError> {
        self.read(counter::list)
    }

    /// At most `rows_max` entries, of one trigger or of all; expired ones too, until they are removed.
    pub fn state(&self, trigger: Option<&TriggerName>, rows_max: usize) -> Result<Vec<StateRow>, StoreError> {
        self.read(|connection| state::list(connection, trigger, rows_max))
    }

    /// The oldest first, of one trigger or of all.
    pub fn dead_letters(&self, trigger: Option<&TriggerName>, rows_max: usize) -> Result<Vec<DeadLetterRow>, StoreError> {
        self.read(|connection| dead_letter::list(connection, trigger, rows_max))
    }

    pub(crate) fn matching(&self, trigger: Option<&TriggerName>, pattern: Option<&str>) -> Result<Vec<i64>, StoreError> {
        self.read(|connection| dead_letter::matching(connection, trigger, pattern))
    }

    pub(crate) fn marked(&self, trigger: &TriggerName, rows_max: usize, bytes_max: usize) -> Result<Vec<Letter>, StoreError> {
        self.read(|connection| dead_letter::marked(connection, trigger, rows_max, bytes_max))
    }

    pub(crate) fn kept(&self) -> Result<Kept, StoreError> {
        self.read(dead_letter::kept)
    }

    pub fn dead_letter(&self, id: i64) -> Result<Option<DeadLetterRow>, StoreError> {
        self.read(|connection| dead_letter::find(connection, id))
    }

    /// One row for each mailer that has mail.
    pub fn outbox_summary(&self) -> Result<Vec<OutboxSummary>, StoreError> {
        self.read(outbox::summary)
    }

    /// The newest first.
    pub fn mails(&self, rows_max: usize) -> Result<Vec<MailRow>, StoreError> {
        self.mails_where(&MailFilter::default(), rows_max)
    }

    /// The newest first of those that the filter names.
    pub fn mails_where(&self, filter: &MailFilter, rows_max: usize) -> Result<Vec<MailRow>, StoreError> {
        self.read(|connection| outbox::list(connection, filter, rows_max))
    }

    /// The mails whose Message-ID begins with `prefix`, at most `rows_max`.
    pub fn find_mails(&self, prefix: &str, rows_max: usize) -> Result<Vec<MailContent>, StoreError> {
        self.read(|connection| outbox::find(connection, prefix, rows_max))
    }

    pub fn checkpoints(&self) -> Result<Vec<CheckpointRow>, StoreError> {
        self.read(checkpoint::list)
    }

    /// The newest first, of one stream or of all.
    pub fn gaps(&self, stream: Option<&StreamArn>, rows_max: usize) -> Result<Vec<GapRow>, StoreError> {
        self.read(|connection| gap::list(connection, stream, rows_max))
    }

    pub(crate) fn counter_values(&self) -> Result<Vec<CounterValue>, StoreError> {
        self.read(counter::values)
    }

    /// The newest first, of all streams of this stream's table.
    pub fn gaps_of_table(&self, stream: &StreamArn, rows_max: usize) -> Result<Vec<GapRow>, StoreError> {
        self.read(|connection| gap::list_of_table(connection, stream, rows_max))
    }

    /// The oldest first of those after `after`, of one trigger or of all; `pattern` as `LetterChoice::Matching` has it.
    pub fn dead_letters_page(
        &self,
        chosen: (Option<&TriggerName>, Option<&str>),
        after: Option<i64>,
        rows_max: usize,
    ) -> Result<Vec<DeadLetterRow>, StoreError> {
        self.read(|connection| dead_letter::page(connection, chosen, after, rows_max))
    }

    /// In the order of keys: of this trigger, with this prefix, after `after`; expired ones too, until they are removed.
    pub fn state_page(&self, chosen: (&TriggerName, &str), after: Option<&str>, rows_max: usize) -> Result<Vec<StateRow>, StoreError> {
        self.read(|connection| state::page(connection, chosen, after, rows_max))
    }

    /// How much there is of each trigger.
    pub fn trigger_counts(&self) -> Result<TriggerCounts, StoreError> {
        self.read(steer::counts)
    }

    /// Triggers that an operator pauses, and since when.
    pub fn paused(&self) -> Result<Vec<(TriggerName, Timestamp)>, StoreError> {
        self.read(steer::paused)
    }

    pub fn ways(&self, triggers: &[TriggerName]) -> Result<Vec<StoredWay>, StoreError> {
        self.read(|connection| pin::ways(connection, triggers))
    }

    pub(crate) fn get(&self, trigger: &TriggerName, keys: &[Box<str>], now: Timestamp) -> Result<Vec<Option<StateEntry>>, StoreError> {
        self.read(|connection| state::get(connection, trigger, keys, now))
    }

    pub(crate) fn due(&self, mailer: &str, now: Timestamp, rows_max: usize) -> Result<Vec<QueuedMail>, StoreError> {
        self.read(|connection| outbox::due(connection, mailer, now, rows_max))
    }

    pub(crate) fn pending(&self, mailer: &str) -> Result<Backlog, StoreError> {
        self.read(|connection| outbox::pending(connection, mailer))
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        read(&self.connection).map_err(|error| store_error(&error))
    }
}
