//! Dead letters through the store's handle.
//!
//! Invariant: what a choice names by ids happens in one transaction or not at all. What it names otherwise is looked up beside the writer and then
//! goes through it in pieces, so that no commit waits for a million letters.

use tripline_core::letter::{Bounds, Letter, LetterChoice, LetterError, Letters, RedriveCommit, RedriveError, Swept};
use tripline_core::name::TriggerName;
use tripline_core::port::{BoxFuture, StoreError};
use tripline_core::time::Timestamp;

use crate::ledger::{LetterWrite, Write};
use crate::reader::SqliteReader;
use crate::store::SqliteStore;
use crate::writer::Refusal;

/// Letters that one transaction marks or drops.
const PIECE: usize = 1_000;

impl SqliteStore {
    async fn letters(&self, choice: LetterChoice, what: LetterWrite) -> Result<u64, LetterError> {
        let (trigger, pattern) = match choice {
            LetterChoice::Ids(ids) => return Ok(self.write(Write::Letters { ids, all: true, what }).await?.count),
            LetterChoice::Matching { trigger, pattern } => (trigger, pattern),
        };
        let ids = self.list(move |reader| reader.matching(trigger.as_ref(), pattern.as_deref())).await?;
        let mut count = 0;
        for piece in ids.chunks(PIECE) {
            // One that has left meanwhile is not counted.
            count += self.write(Write::Letters { ids: piece.to_vec(), all: false, what }).await?.count;
        }
        Ok(count)
    }
}

impl Letters for SqliteStore {
    fn mark(&self, choice: LetterChoice, now: Timestamp) -> BoxFuture<'_, Result<u64, LetterError>> {
        Box::pin(self.letters(choice, LetterWrite::Mark(now)))
    }

    fn drop(&self, choice: LetterChoice) -> BoxFuture<'_, Result<u64, LetterError>> {
        Box::pin(self.letters(choice, LetterWrite::Drop))
    }

    fn marked<'a>(
        &'a self,
        trigger: &'a TriggerName,
        letters_max: usize,
        bytes_max: usize,
    ) -> BoxFuture<'a, Result<Vec<Letter>, StoreError>> {
        let trigger = trigger.clone();
        Box::pin(self.read(move |reader| reader.marked(&trigger, letters_max, bytes_max)))
    }

    fn redriven(&self, commit: RedriveCommit) -> BoxFuture<'_, Result<(), RedriveError>> {
        Box::pin(async move {
            match self.write(Write::Redriven(commit)).await {
                Ok(_) => Ok(()),
                Err(Refusal::Conflict(keys)) => Err(RedriveError::Conflict(keys)),
                Err(Refusal::Unknown(ids)) => Err(RedriveError::Gone(ids)),
                Err(Refusal::Failed(error)) => Err(RedriveError::Failed(error)),
            }
        })
    }

    fn sweep(&self, bounds: Option<Bounds>, now: Timestamp) -> BoxFuture<'_, Result<Swept, StoreError>> {
        Box::pin(async move {
            match bounds {
                Some(bounds) => Ok(self.write(Write::Sweep { bounds, now }).await?.swept.unwrap_or_default()),
                None => {
                    let kept = self.read(SqliteReader::kept).await?;
                    Ok(Swept { kept, ..Swept::default() })
                }
            }
        })
    }
}

impl From<Refusal> for LetterError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown(ids) => Self::Unknown(ids),
            other => Self::Failed(other.into()),
        }
    }
}
