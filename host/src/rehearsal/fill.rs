//! What a change that was written by hand leaves out, where there is one right answer.
//!
//! Invariant: nothing is guessed: numbers are given in the file's order and only where no record has one, keys only by names that other records
//! have, and a time that says nothing. What is left out otherwise is a fault, and so is a name that was probably meant to be another one: what stands
//! under it would be left out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;
use tripline_core::name::StreamArn;

use super::events::{Fault, Lines};
use super::keys::{Schema, Tables};
use super::members::Members;
use super::value;

/// 2026-01-01T00:00:00Z: of records that do not say when they were made.
const CREATED_SECONDS: u64 = 1_767_225_600;

/// The members that DynamoDB Streams and Lambda write. Others may stand beside them.
const RECORD: [&str; 8] =
    ["eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "dynamodb", "userIdentity", "eventSourceARN"];
const DATA: [&str; 7] = ["ApproximateCreationDateTime", "Keys", "NewImage", "OldImage", "SequenceNumber", "SizeBytes", "StreamViewType"];
const IDENTITY: [&str; 4] = ["type", "principalId", "Type", "PrincipalId"];
/// What holds records, and is none.
const EVENT: [&str; 2] = ["Records", "dynamodb"];

const WHOLE: &str =
    "write a record as DynamoDB Streams has it: {\"eventName\":\"INSERT\",\"dynamodb\":{\"Keys\":{\"id\":{\"S\":\"a\"}},\"NewImage\":{…}}}";
const ITEM: &str = "write DynamoDB JSON, each value with its type: {\"id\":{\"S\":\"a\"},\"total\":{\"N\":\"9.50\"}}";

/// One record of a file.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) line: usize,
    /// Whole, once `complete` is done with it.
    pub(super) json: Cow<'a, str>,
    pub(super) stream: Option<StreamArn>,
    pub(super) view: Option<String>,
    pub(super) keys: Option<Item<'a>>,
    pub(super) new_image: Option<Item<'a>>,
    pub(super) old_image: Option<Item<'a>>,
    /// Where the members of `dynamodb` begin, in bytes.
    data_at: usize,
    has_number: bool,
    has_created: bool,
}

/// Attributes, each of one sound value.
pub(super) type Item<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

/// Where faults are said to be.
#[derive(Clone, Copy)]
struct Place<'l> {
    lines: &'l Lines<'l>,
    /// The record's.
    line: usize,
}

impl Place<'_> {
    fn fault(self, what: impl Into<String>) -> Fault {
        Fault { line: Some(self.line), what: what.into(), remedy: WHOLE }
    }

    fn at(self, part: &str, what: String, remedy: &'static str) -> Fault {
        Fault { line: Some(self.lines.of_part(part)), what, remedy }
    }

    /// No member twice, and none that was probably meant to be another one.
    fn check_names(self, of: &str, members: &Members<'_>, known: &[&'static str]) -> Result<(), Fault> {
        if let Some((name, value)) = members.twice() {
            return Err(self.at(value.get(), format!("{of} has `{name}` twice"), "write it once"));
        }
        members.misspelt(known).map_or(Ok(()), |found| {
            let what = format!("{of} has a member `{}`, and no `{}`", found.name, found.meant);
            Err(self.at(found.value.get(), what, "write the name as DynamoDB Streams does"))
        })
    }

    fn item<'a>(self, of: &str, raw: &'a RawValue) -> Result<Item<'a>, Fault> {
        let members = Members::of(raw.get()).ok_or_else(|| self.at(raw.get(), format!("{of} is no item"), ITEM))?;
        value::check_all(&members).map_err(|wrong| self.at(wrong.at.get(), format!("{of}{}: {}", wrong.path, wrong.what), wrong.remedy))?;
        Ok(members.into_iter().collect())
    }
}

impl<'a> Record<'a> {
    pub(super) fn parse(json: &'a str, lines: &Lines<'_>) -> Result<Self, Fault> {
        let here = Place { lines, line: lines.of_part(json) };
        let record = Members::of(json).ok_or_else(|| here.fault("it is no object"))?;
        if record.get("dynamodb").is_none() {
            here.check_names("the event", &record, &EVENT)?;
        }
        here.check_names("the record", &record, &RECORD)?;
        if let Some(identity) = record.get("userIdentity").and_then(|raw| Members::of(raw.get())) {
            here.check_names("userIdentity", &identity, &IDENTITY)?;
        }
        let raw = record.get("dynamodb");
        let (raw, data) = raw
            .and_then(|raw| Some((raw, Members::of(raw.get())?)))
            .ok_or_else(|| here.fault("it has no object `dynamodb`"))?;
        here.check_names("dynamodb", &data, &DATA)?;
        let string = |members: &Members<'_>, name: &str| match members.get(name).map(|raw| serde_json::from_str(raw.get())) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some::<String>(text)),
            Some(Err(_)) => Err(here.fault(format!("its {name} is no string"))),
        };
        let item = |name: &str| data.get(name).map(|raw| here.item(name, raw)).transpose();
        let read = Self {
            line: here.line,
            json: json.into(),
            stream: string(&record, "eventSourceARN")?.map(StreamArn::from),
            view: string(&data, "StreamViewType")?,
            keys: item("Keys")?,
            new_image: item("NewImage")?,
            old_image: item("OldImage")?,
            data_at: raw.get().as_ptr().addr() - json.as_ptr().addr() + 1,
            has_number: string(&data, "SequenceNumber")?.is_some(),
            has_created: data.get("ApproximateCreationDateTime").is_some(),
        };
        let kind = string(&record, "eventName")?;
        match kind.as_deref() {
            Some("INSERT") if read.old_image.is_some() => {
                let remedy = "leave OldImage out, or write MODIFY: what is inserted was not there before";
                Err(Fault { line: Some(here.line), what: "an INSERT has an OldImage".to_owned(), remedy })
            }
            Some("REMOVE") if read.new_image.is_some() => {
                let remedy = "write it as OldImage: what is removed is not there afterwards";
                Err(Fault { line: Some(here.line), what: "a REMOVE has a NewImage".to_owned(), remedy })
            }
            _ => Ok(read),
        }
    }

    /// By the attributes of the item after the change, else before it.
    fn missing_keys(&self, schema: &Schema) -> Option<Item<'a>> {
        let image = self.new_image.as_ref().or(self.old_image.as_ref())?;
        schema
            .names()
            .map(|name| image.get_key_value(name).map(|(name, raw)| (name.clone(), *raw)))
            .collect()
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

/// Puts in what is missing, or says why it cannot be.
pub(super) fn complete(records: &mut [Record<'_>], faults: &mut Vec<Fault>) {
    let none_has_number = !records.iter().any(|record| record.has_number);
    // A record that names no stream is of the file's first one.
    let unsaid = records.iter().find_map(|record| record.stream.clone());
    let tables = Tables::of(records, unsaid.as_ref());
    for (position, record) in records.iter_mut().enumerate() {
        let mut members = Vec::new();
        let mut fault = |what: String, remedy| faults.push(Fault { line: Some(record.line), what, remedy });
        match (record.has_number, none_has_number) {
            (true, _) => {}
            (false, true) => members.push(format!("\"SequenceNumber\":\"{}\"", position + 1)),
            (false, false) => fault(
                "it has no SequenceNumber, and other records have one".to_owned(),
                "write one that is higher than those before it, or leave it out of all records: they are then numbered",
            ),
        }
        if !record.has_created {
            members.push(format!("\"ApproximateCreationDateTime\":{CREATED_SECONDS}"));
        }
        let filled = match &record.keys {
            Some(_) => None,
            None => tables.schema(record, unsaid.as_ref()).and_then(|schema| record.missing_keys(schema)),
        };
        match record.keys.as_ref().or(filled.as_ref()) {
            None => fault(
                "it has no Keys".to_owned(),
                "write dynamodb.Keys, such as \"Keys\":{\"id\":{\"S\":\"a\"}}: by them the changes of one item are known",
            ),
            Some(keys) => {
                if let Err((what, remedy)) = tables.check(record, keys, unsaid.as_ref()) {
                    fault(what, remedy);
                }
            }
        }
        members.extend(filled.map(|keys| written(&keys)));
        record.add(&members);
    }
}

fn written(keys: &Item<'_>) -> String {
    let keys: Vec<String> = keys
        .iter()
        .map(|(name, raw)| format!("{}:{}", serde_json::Value::from(&**name), raw.get()))
        .collect();
    format!("\"Keys\":{{{}}}", keys.join(","))
}
