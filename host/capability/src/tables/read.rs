//! Reads of a table: many keys of a guest's, paged into requests, and the items as the bytes that DynamoDB sent.
//!
//! Invariants: each key gets its own item, whatever order the answers come in; an item's JSON is never built anew; a read ends within seconds.
//! What DynamoDB has not got to is asked for again here, since a read may be repeated; any other failure is the trigger's to retry.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tripline_core::backoff::Backoff;
use tripline_core::limits::TABLE_READ_BYTES_MAX;
use tripline_core::port::TableReadError;
use tripline_core::signal::{Signal, TableReadResult};
use tripline_wire::Slot;

use super::failure;
use super::key::{ItemKey, item_key, object};
use super::target::{Target, replaced};

/// BatchGetItem's own bound.
const BATCH_KEYS_MAX: usize = 100;
/// Requests of one read that are under way at once; an answer has up to 16 MB.
const CONCURRENCY_MAX: usize = 4;
/// Requests in a row that bring nothing new, of one batch; about three seconds with the waits between them.
const FRUITLESS_MAX: u32 = 7;
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(50), max: Duration::from_secs(1) };

type Found = HashMap<ItemKey, String>;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OneRequest<'a> {
    table_name: &'a str,
    key: &'a RawValue,
    consistent_read: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BatchRequest<'a> {
    request_items: HashMap<&'a str, BatchKeys<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BatchKeys<'a> {
    keys: Vec<&'a RawValue>,
    consistent_read: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OneAnswer<'a> {
    #[serde(borrow, default)]
    item: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchAnswer<'a> {
    #[serde(borrow, default)]
    responses: Option<HashMap<Cow<'a, str>, Vec<&'a RawValue>>>,
    #[serde(borrow, default)]
    unprocessed_keys: Option<HashMap<Cow<'a, str>, Unprocessed<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Unprocessed<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// A key that was asked for, in the guest's own words.
type Wanted<'a> = (&'a ItemKey, &'a RawValue);

impl Target {
    pub(super) async fn get_all(&self, keys: Vec<String>, consistent: bool) -> Result<Vec<Option<String>>, TableReadError> {
        let began = Instant::now();
        let answer = self.look_up(&keys, consistent).await;
        let result = match &answer {
            Ok(_) => TableReadResult::Ok,
            Err(TableReadError::Invalid(_)) => TableReadResult::Invalid,
            Err(TableReadError::Unavailable(_)) => TableReadResult::Unavailable,
        };
        let signal = Signal::TableRead { target: &self.name, result, keys: keys.len(), took: began.elapsed() };
        self.signals.emit(signal);
        answer
    }

    async fn look_up(&self, keys: &[String], consistent: bool) -> Result<Vec<Option<String>>, TableReadError> {
        let asked: Vec<(ItemKey, &RawValue)> = keys
            .iter()
            .enumerate()
            .map(|(index, text)| self.asked(text).map_err(|reason| TableReadError::Invalid(format!("key {index}: {reason}"))))
            .collect::<Result<_, _>>()?;
        // A batch may not name an item twice.
        let wanted: HashMap<&ItemKey, &RawValue> = asked.iter().map(|(key, raw)| (key, *raw)).collect();
        let wanted: Vec<Wanted<'_>> = wanted.into_iter().collect();
        let mut found = Found::new();
        if let [one] = wanted[..] {
            found = self.get_one(one, consistent).await?;
        } else {
            let mut bytes = 0;
            let mut batches = Vec::with_capacity(wanted.len().div_ceil(BATCH_KEYS_MAX));
            for batch in wanted.chunks(BATCH_KEYS_MAX) {
                batches.push(self.get_batch(batch, consistent));
            }
            let mut batches = stream::iter(batches).buffer_unordered(CONCURRENCY_MAX);
            while let Some(more) = batches.try_next().await? {
                bytes += more.values().map(String::len).sum::<usize>();
                within(bytes)?;
                found.extend(more);
            }
        }
        // Keys that stand twice make copies.
        let mut bytes = 0;
        let answer = asked.iter().map(|(key, _)| {
            let item = found.get(key);
            bytes += item.map_or(0, String::len);
            within(bytes).map(|()| item.cloned())
        });
        answer.collect()
    }

    fn asked<'a>(&self, text: &'a str) -> Result<(ItemKey, &'a RawValue), String> {
        let raw = object("the key", text)?;
        Ok((item_key(&self.spot.keys, raw)?, raw))
    }

    async fn get_one(&self, (key, raw): Wanted<'_>, consistent: bool) -> Result<Found, TableReadError> {
        let body = json(&OneRequest { table_name: &self.spot.table, key: raw, consistent_read: consistent })?;
        let mut fruitless = 0;
        loop {
            let slot = Slot::default();
            let request = self.client.get_item().table_name(&*self.spot.table).customize();
            let sent = request.mutate_request(replaced(body.clone(), Some(slot.clone()))).send().await;
            match sent.map_err(|error| failure::of_read(&self.spot.table, &error)) {
                Ok(_) => {
                    let answer = slot.into_body().unwrap_or_default();
                    let answer: OneAnswer<'_> = parse(&answer)?;
                    return Ok(answer.item.map(|item| (key.clone(), item.get().to_owned())).into_iter().collect());
                }
                Err(failure::Read::Throttled(reason)) => wait(&mut fruitless, &reason).await?,
                Err(failure::Read::Ended(error)) => return Err(error),
            }
        }
    }

    /// Until every key of the batch is answered.
    async fn get_batch(&self, batch: &[Wanted<'_>], consistent: bool) -> Result<Found, TableReadError> {
        let mut found = Found::with_capacity(batch.len());
        let mut open: Vec<Wanted<'_>> = batch.to_vec();
        let mut fruitless = 0;
        let mut bytes = 0;
        while !open.is_empty() {
            let reason = match self.ask_for(&open, consistent).await {
                Ok(answer) => {
                    let before = open.len();
                    open = self.take(&answer, open, &mut found)?;
                    bytes += answer.len();
                    within(bytes / 2)?;
                    if open.len() < before {
                        fruitless = 0;
                        // The next of a large answer; no throttle.
                        continue;
                    }
                    format!("{} of {} keys were left unprocessed", open.len(), batch.len())
                }
                Err(failure::Read::Throttled(reason)) => reason,
                Err(failure::Read::Ended(error)) => return Err(error),
            };
            wait(&mut fruitless, &reason).await?;
        }
        Ok(found)
    }

    async fn ask_for(&self, open: &[Wanted<'_>], consistent: bool) -> Result<String, failure::Read> {
        let table = &*self.spot.table;
        let keys = BatchKeys { keys: open.iter().map(|(_, raw)| *raw).collect(), consistent_read: consistent };
        let body = json(&BatchRequest { request_items: [(table, keys)].into() }).map_err(failure::Read::Ended)?;
        let slot = Slot::default();
        // The SDK finds the endpoint by the table's name; the keys are in the body that takes the place of its own.
        let named = KeysAndAttributes::builder().set_keys(Some(Vec::new())).build();
        let named = named.map_err(|error| failure::Read::Ended(TableReadError::Unavailable(error.to_string())))?;
        let request = self.client.batch_get_item().request_items(table, named).customize();
        let sent = request.mutate_request(replaced(body, Some(slot.clone()))).send().await;
        sent.map_err(|error| failure::of_read(table, &error))?;
        slot.into_body()
            .ok_or_else(|| failure::Read::Ended(TableReadError::Unavailable("an answer without a body".to_owned())))
    }

    /// Adds what `answer` has; what is still open is the rest.
    fn take<'a>(&self, answer: &str, open: Vec<Wanted<'a>>, found: &mut Found) -> Result<Vec<Wanted<'a>>, TableReadError> {
        let answer: BatchAnswer<'_> = parse(answer)?;
        let strange = |reason: String| TableReadError::Unavailable(format!("the endpoint's answer is none of BatchGetItem: {reason}"));
        let key_of = |raw: &RawValue| item_key(&self.spot.keys, raw).map_err(strange);
        for item in answer.responses.into_iter().flatten().flat_map(|(_, items)| items) {
            found.insert(key_of(item)?, item.get().to_owned());
        }
        let unprocessed = answer.unprocessed_keys.into_iter().flatten().flat_map(|(_, unprocessed)| unprocessed.keys);
        let unprocessed: std::collections::HashSet<ItemKey> = unprocessed.map(key_of).collect::<Result<_, _>>()?;
        Ok(open.into_iter().filter(|(key, _)| unprocessed.contains(*key)).collect())
    }
}

/// `Err`: items of so many bytes are too much for one read.
pub fn within(bytes: usize) -> Result<(), TableReadError> {
    if bytes > TABLE_READ_BYTES_MAX {
        return Err(TableReadError::Invalid(format!(
            "items of more than {TABLE_READ_BYTES_MAX} bytes in one read: read fewer keys at once"
        )));
    }
    Ok(())
}

/// `Err` when it was tried often enough.
async fn wait(fruitless: &mut u32, reason: &str) -> Result<(), TableReadError> {
    *fruitless += 1;
    if *fruitless >= FRUITLESS_MAX {
        return Err(TableReadError::Unavailable(format!("throttled {FRUITLESS_MAX} times in a row: {reason}")));
    }
    tokio::time::sleep(BACKOFF.delay(*fruitless, &mut fastrand::Rng::new())).await;
    Ok(())
}

fn json(request: &impl Serialize) -> Result<Bytes, TableReadError> {
    serde_json::to_vec(request)
        .map(Bytes::from)
        .map_err(|error| TableReadError::Invalid(error.to_string()))
}

fn parse<'a, T: Deserialize<'a>>(answer: &'a str) -> Result<T, TableReadError> {
    serde_json::from_str(answer)
        .map_err(|error| TableReadError::Unavailable(format!("the endpoint's answer is no DynamoDB answer: {error}")))
}
