//! The lines of a `_bulk` request: one action for each change, with its document where there is one.
//!
//! Invariant: of two changes of one item, the newer never has the lower version.

use serde_json::{Value, json};
use tripline_sdk::{Change, Failure, Position};

use crate::document;

/// The index refuses longer ones.
const ID_BYTES_MAX: usize = 512;
/// How many of a sequence number's digits fit into a version beside their count: an index keeps a version in 63 bits.
const DIGITS_KEPT: usize = 17;
const DIGITS_MAX: usize = 40;

#[derive(Debug, Default)]
pub(crate) struct Request {
    pub(crate) body: String,
    /// Whose the actions are, in their order.
    pub(crate) changes: Vec<Position>,
}

impl Request {
    /// Err says why the change can never be indexed.
    pub(crate) fn add(&mut self, index: &str, change: &Change) -> Result<(), String> {
        let id = document::id(change.keys_json())?;
        if id.len() > ID_BYTES_MAX {
            return Err(format!("the document's ID has {} bytes, and an index takes {ID_BYTES_MAX}", id.len()));
        }
        let version = version(change.sequence_number())?;
        // `_gte`: the same change again is no conflict, nor are two whose numbers differ beyond the digits that are kept: their order is the stream's.
        let about = json!({ "_index": index, "_id": id, "version": version, "version_type": "external_gte" });
        let (action, document) = match change.new_image_json() {
            Some(image) => ("index", Some(document::of(image)?)),
            None => ("delete", None),
        };
        let line = Value::Object([(action.to_owned(), about)].into_iter().collect());
        self.body.push_str(&format!("{line}\n"));
        if let Some(document) = document {
            self.body.push_str(&format!("{document}\n"));
        }
        self.changes.push(change.into());
        Ok(())
    }
}

/// A sequence number has 21 to 40 digits, and a version fewer: how many they are, then the first of them. Rises with the number.
pub(crate) fn version(sequence_number: &str) -> Result<u64, String> {
    let digits = sequence_number.trim_start_matches('0');
    let kept = digits.get(..digits.len().min(DIGITS_KEPT)).unwrap_or_default();
    let is_number = digits.len() <= DIGITS_MAX && digits.bytes().all(|digit| digit.is_ascii_digit());
    match kept.parse::<u64>() {
        Ok(first) if is_number => Ok(digits.len() as u64 * 10_u64.pow(DIGITS_KEPT as u32) + first),
        _ => Err(format!("`{sequence_number}` is no sequence number")),
    }
}

/// Whether a whole answer of this status is worth another try, and why it failed. Whoever mends a wrong password or a missing grant wants the changes still there.
pub(crate) fn refused(status: u16, said: &str) -> Failure {
    let reason = format!("the index answers {status}: {said}");
    match status {
        400 => Failure::reject(reason),
        // 413 too: the batch is halved.
        _ => Failure::retry(reason),
    }
}
