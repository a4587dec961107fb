//! What the index says of each action: which changes have failed, and whether they are worth another try.
//!
//! Invariant: an answer that does not say of each action what became of it fails all of them, to be delivered again.

use serde::Deserialize;
use tripline_sdk::http::Response;
use tripline_sdk::{Failure, Position};

use crate::bulk;

const REASON_CHARS_MAX: usize = 300;

#[derive(Deserialize)]
struct Answer {
    items: Vec<Item>,
}

/// An index names it by the action.
#[derive(Deserialize)]
enum Item {
    #[serde(rename = "index")]
    Index(Done),
    #[serde(rename = "delete")]
    Delete(Done),
}

#[derive(Deserialize)]
struct Done {
    status: u16,
    error: Option<Error>,
}

#[derive(Deserialize)]
struct Error {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    reason: String,
}

pub(crate) fn judge(answer: &Response, changes: &[Position]) -> Result<Vec<(Position, Failure)>, Failure> {
    if !answer.is_success() {
        return Err(bulk::refused(answer.status, &short(&answer.text())));
    }
    let Answer { items } = serde_json::from_slice(&answer.body)
        .map_err(|error| Failure::retry(format!("the index answers {} with what is no result of _bulk: {error}", answer.status)))?;
    if items.len() != changes.len() {
        return Err(Failure::retry(format!("the index tells of {} actions, and was asked for {}", items.len(), changes.len())));
    }
    let failed = changes.iter().zip(&items).filter_map(|(change, item)| Some((*change, failure(item)?)));
    Ok(failed.collect())
}

fn failure(item: &Item) -> Option<Failure> {
    let done = match item {
        // It was not there, or is gone already.
        Item::Delete(done) if done.status == 404 => return None,
        Item::Index(done) | Item::Delete(done) => done,
    };
    let reason = || match &done.error {
        Some(error) => format!("the index answers {}: {}: {}", done.status, error.kind, short(&error.reason)),
        None => format!("the index answers {}", done.status),
    };
    match done.status {
        // A conflict: the index has a newer version.
        200..=299 | 409 => None,
        // 401 and 403: an index may ask for each action's permission. Whoever mends a wrong password or a missing grant wants the changes still there.
        401 | 403 | 408 | 429 | 500.. => Some(Failure::retry(reason())),
        // A document that does not fit the index's mapping never will.
        _ => Some(Failure::reject(reason())),
    }
}

/// Whatever an index says, a dead letter has room for so much.
fn short(text: &str) -> String {
    text.chars().take(REASON_CHARS_MAX).collect()
}
