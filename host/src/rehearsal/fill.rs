//! What a change that was written by hand leaves out, where there is one right answer.
//!
//! Invariant: nothing is guessed: numbers are given in the file's order and only where no record has one, keys only by names that other records
//! have, and a time that says nothing. What is left out otherwise is a fault.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use tripline_core::name::StreamArn;

use super::events::Fault;

/// 2026-01-01T00:00:00Z: of records that do not say when they were made.
const CREATED_SECONDS: u64 = 1_767_225_600;
/// The types of DynamoDB's values.
const TYPES: [&str; 10] = ["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"];

/// One record of a file.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) line: usize,
    /// Whole, once `complete` is done with it.
    pub(super) json: Cow<'a, str>,
    pub(super) stream: Option<StreamArn>,
    pub(super) view: Option<Box<str>>,
    /// Where the members of `dynamodb` begin, in bytes.
    data_at: usize,
    keys: Option<Item<'a>>,
    /// The item after the change, else before it.
    image: Option<Item<'a>>,
    has_number: bool,
    has_created: bool,
}

type Item<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow)]
    dynamodb: Option<&'a RawValue>,
    #[serde(rename = "eventSourceARN")]
    stream: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Data<'a> {
    #[serde(borrow)]
    keys: Option<&'a RawValue>,
    #[serde(borrow)]
    new_image: Option<&'a RawValue>,
    #[serde(borrow)]
    old_image: Option<&'a RawValue>,
    #[serde(borrow)]
    sequence_number: Option<&'a RawValue>,
    #[serde(borrow)]
    approximate_creation_date_time: Option<&'a RawValue>,
    stream_view_type: Option<Box<str>>,
}

impl<'a> Record<'a> {
    pub(super) fn parse(json: &'a str, line: usize) -> Result<Self, Fault> {
        let fault = |what: String| Fault {
            line: Some(line),
            what,
            remedy: "write a record as DynamoDB Streams has it: {\"eventName\":\"INSERT\",\"dynamodb\":{\"Keys\":{\"id\":{\"S\":\"a\"}},\"NewImage\":{…}}}",
        };
        if !json.starts_with('{') {
            return Err(fault("it is no object".to_owned()));
        }
        let shape: Shape<'_> = serde_json::from_str(json).map_err(|error| fault(format!("it is no record: {}", without_place(&error))))?;
        let data = shape.dynamodb.filter(|data| data.get().starts_with('{'));
        let raw = data.ok_or_else(|| fault("it has no object `dynamodb`".to_owned()))?;
        let data: Data<'_> = serde_json::from_str(raw.get()).map_err(|error| fault(format!("dynamodb: {}", without_place(&error))))?;
        if data.sequence_number.is_some_and(|number| !number.get().starts_with('"')) {
            return Err(fault("its SequenceNumber is no string".to_owned()));
        }
        let item = |name: &str, raw: Option<&'a RawValue>| raw.map(|raw| item(name, raw, line)).transpose();
        let keys = item("Keys", data.keys)?;
        let (new, old) = (item("NewImage", data.new_image)?, item("OldImage", data.old_image)?);
        Ok(Self {
            line,
            json: json.into(),
            stream: shape.stream.map(StreamArn::from),
            view: data.stream_view_type,
            data_at: raw.get().as_ptr().addr() - json.as_ptr().addr() + 1,
            keys,
            image: new.or(old),
            has_number: data.sequence_number.is_some(),
            has_created: data.approximate_creation_date_time.is_some(),
        })
    }

    fn missing_keys(&self, names: &[Cow<'_, str>]) -> Option<String> {
        let image = self.image.as_ref().filter(|_| !names.is_empty())?;
        let key = |name: &Cow<'_, str>| Some(format!("{}:{}", serde_json::Value::from(&**name), image.get(name)?.get()));
        let keys: Option<Vec<String>> = names.iter().map(key).collect();
        Some(format!("\"Keys\":{{{}}}", keys?.join(",")))
    }

    fn add(&mut self, members: &[String]) {
        if members.is_empty() {
            return;
        }
        let (before, after) = self.json.split_at(self.data_at);
        let comma = if after.trim_start().starts_with('}') { "" } else { "," };
        self.json = format!("{before}{}{comma}{after}", members.join(",")).into();
    }
}

/// Checked to be one, of typed values: what people write by hand is often the plain item.
fn item<'a>(of: &str, raw: &'a RawValue, line: usize) -> Result<Item<'a>, Fault> {
    const REMEDY: &str = "write DynamoDB JSON, each value with its type: {\"id\":{\"S\":\"a\"},\"total\":{\"N\":\"9.50\"}}";
    let fault = |what: String| Fault { line: Some(line), what, remedy: REMEDY };
    let item: Item<'_> = serde_json::from_str(raw.get()).map_err(|_| fault(format!("{of} is no item")))?;
    for (name, value) in &item {
        let typed: Option<BTreeMap<Cow<'_, str>, &RawValue>> = serde_json::from_str(value.get()).ok();
        let is_typed = typed.is_some_and(|typed| typed.len() == 1 && typed.keys().all(|kind| TYPES.contains(&&**kind)));
        if !is_typed {
            return Err(fault(format!("{of}: `{name}` has a value without a type")));
        }
    }
    Ok(item)
}

/// Puts in what is missing, or says why it cannot be.
pub(super) fn complete(records: &mut [Record<'_>], faults: &mut Vec<Fault>) {
    let none_has_number = !records.iter().any(|record| record.has_number);
    let names: Vec<Cow<'_, str>> = records
        .iter()
        .find_map(|record| record.keys.as_ref())
        .map(|keys| keys.keys().cloned().collect())
        .unwrap_or_default();
    for (position, record) in records.iter_mut().enumerate() {
        let mut members = Vec::new();
        let mut fault = |what: &str, remedy| faults.push(Fault { line: Some(record.line), what: what.to_owned(), remedy });
        match (record.has_number, none_has_number) {
            (true, _) => {}
            (false, true) => members.push(format!("\"SequenceNumber\":\"{}\"", position + 1)),
            (false, false) => fault(
                "it has no SequenceNumber, and other records have one",
                "write one that is higher than those before it, or leave it out of all records: they are then numbered",
            ),
        }
        if !record.has_created {
            members.push(format!("\"ApproximateCreationDateTime\":{CREATED_SECONDS}"));
        }
        if record.keys.is_none() {
            match record.missing_keys(&names) {
                Some(keys) => members.push(keys),
                None => fault(
                    "it has no Keys",
                    "write dynamodb.Keys, such as \"Keys\":{\"id\":{\"S\":\"a\"}}: by them the changes of one item are known",
                ),
            }
        }
        record.add(&members);
    }
}

fn without_place(error: &serde_json::Error) -> String {
    let said = error.to_string();
    said.split(" at line ").next().unwrap_or_default().to_owned()
}
