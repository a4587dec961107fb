//! What the host must not forget: pins and checkpoints, gaps, counters, state, mail to send, dead letters. One SQLite file for one host.
//!
//! Invariant: what a batch leaves behind and its acknowledgement are one transaction, durable before the caller hears of it.
//! One thread writes, and groups whatever waits into one transaction; reads go through connections of their own and never
//! wait for the disk. Each table has a file here that documents it; all of it reads well in the `sqlite3` shell.
//! Knows nothing of streams, plugins or mail servers.

mod cache;
mod checkpoint;
mod counter;
mod dead_letter;
mod directory;
mod error;
mod gap;
mod ledger;
mod letters;
mod outbox;
mod pin;
mod reader;
mod schema;
mod sql;
mod state;
mod steer;
mod store;
mod thread;
mod writer;

pub use checkpoint::CheckpointRow;
pub use counter::CounterRow;
pub use dead_letter::DeadLetterRow;
pub use error::OpenError;
pub use gap::GapRow;
pub use outbox::{MailContent, MailFilter, MailRow, MailStatus, OutboxSummary};
pub use reader::SqliteReader;
pub use state::StateRow;
pub use steer::TriggerCounts;
pub use store::SqliteStore;
pub use thread::{StoreThreads, ThreadPanicked};
