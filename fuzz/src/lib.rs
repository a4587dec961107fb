//! What the targets compare with: a GetRecords answer as serde_json reads it.
//!
//! Always holds: nothing here is shared with what it is compared with but the rules that `slice` documents. Of a text that is no JSON, or says one
//! thing twice, it says nothing: there only panics count.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// An object's members in their order, twice the same name included.
pub struct Object<'a>(pub Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

impl<'a> Object<'a> {
    /// None: no JSON object.
    pub fn read(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
    }

    pub fn says_something_twice(&self) -> bool {
        let names: BTreeSet<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.len() < self.0.len()
    }
}

/// Whether the whole text is JSON.
pub fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

#[derive(Debug, PartialEq)]
pub struct Page {
    pub records: Vec<Record>,
    pub next: Option<String>,
}

#[derive(Debug, PartialEq)]
pub struct Record {
    pub event_id: String,
    pub event_name: String,
    pub sequence_number: String,
    pub created_ms: u64,
    pub size_bytes: u64,
    /// Kind and principal.
    pub identity: Option<(String, String)>,
    pub keys: String,
    pub new_image: Option<String>,
    pub old_image: Option<String>,
}

pub enum Answer {
    Page(Page),
    /// JSON, and no answer of GetRecords.
    Refused,
    /// Not to be compared.
    Unclear,
}

/// Why a value is not what is looked for.
enum Not {
    Right,
    Clear,
}

type Read<T> = Result<T, Not>;

pub fn read_page(text: &str) -> Answer {
    if !is_json(text) {
        return Answer::Unclear;
    }
    match page(text) {
        Ok(page) => Answer::Page(page),
        Err(Not::Right) => Answer::Refused,
        Err(Not::Clear) => Answer::Unclear,
    }
}

fn page(text: &str) -> Read<Page> {
    let members = object(text)?;
    let records = match members.get("Records").map(RawValue::get) {
        None | Some("null") => Vec::new(),
        Some(records) => serde_json::from_str::<Vec<&RawValue>>(records).map_err(|_| Not::Right)?,
    };
    // A fault may be found before what is unclear, or behind it: unclear is stronger.
    let next = optional(members.get("NextShardIterator"));
    let records: Vec<Read<Record>> = records.into_iter().map(|record| self::record(record.get())).collect();
    if records.iter().any(|record| matches!(record, Err(Not::Clear))) {
        return Err(Not::Clear);
    }
    let records = records.into_iter().collect::<Read<_>>()?;
    Ok(Page { records, next: next?.filter(|next| !next.is_empty()) })
}

fn record(text: &str) -> Read<Record> {
    let members = object(text)?;
    let data = members.get("dynamodb").map_or(Err(Not::Right), |data| object(data.get()));
    let identity = match members.get("userIdentity").map(RawValue::get) {
        None | Some("null") => Ok(None),
        Some(identity) => self::identity(identity).map(Some),
    };
    // As above.
    if matches!(data, Err(Not::Clear)) || matches!(identity, Err(Not::Clear)) {
        return Err(Not::Clear);
    }
    let data = data?;
    let sequence_number = string(data.get("SequenceNumber").ok_or(Not::Right)?)?;
    let event_name = string(members.get("eventName").ok_or(Not::Right)?)?;
    let keys = data.get("Keys").ok_or(Not::Right)?.get();
    let is_number = (1..=128).contains(&sequence_number.len()) && sequence_number.bytes().all(|b| b.is_ascii_digit());
    if !is_number || !keys.starts_with('{') || !["INSERT", "MODIFY", "REMOVE"].contains(&event_name.as_str()) {
        return Err(Not::Right);
    }
    let image = |name: &str| data.get(name).map(RawValue::get).filter(|image| *image != "null").map(str::to_owned);
    Ok(Record {
        event_id: optional(members.get("eventID"))?.unwrap_or_else(|| sequence_number.clone()),
        event_name,
        created_ms: (number(data.get("ApproximateCreationDateTime")) * 1000.0).round() as u64,
        size_bytes: number(data.get("SizeBytes")) as u64,
        identity: identity?,
        keys: keys.to_owned(),
        new_image: image("NewImage"),
        old_image: image("OldImage"),
        sequence_number,
    })
}

/// Either spelling; the later one that is not null counts.
fn identity(text: &str) -> Read<(String, String)> {
    let members = object(text)?;
    let last = |names: [&str; 2]| {
        let mut found = None;
        for (_, value) in members.0.iter().filter(|(name, _)| names.contains(&name.as_str())) {
            found = optional(Some(value))?.or(found);
        }
        Ok(found.unwrap_or_default())
    };
    Ok((last(["type", "Type"])?, last(["principalId", "PrincipalId"])?))
}

fn object(text: &str) -> Read<Object<'_>> {
    let object = Object::read(text).ok_or(Not::Right)?;
    if object.says_something_twice() { Err(Not::Clear) } else { Ok(object) }
}

fn string(value: &RawValue) -> Read<String> {
    serde_json::from_str(value.get()).map_err(|_| Not::Right)
}

fn optional(value: Option<&RawValue>) -> Read<Option<String>> {
    value.filter(|value| value.get() != "null").map(string).transpose()
}

/// Numbers, and strings that hold one; all else is none.
fn number(value: Option<&RawValue>) -> f64 {
    value.and_then(|value| value.get().trim_matches('"').parse().ok()).unwrap_or(0.0)
}
