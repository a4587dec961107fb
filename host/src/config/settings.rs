//! `[triggers.NAME.settings]`: what a plugin is told. A string arrives as it is, anything else as JSON.
//!
//! `{ file = "…" }`, at any depth, becomes the file's text: plugins have no files. Invariant: no secret gets in, since
//! what is in here leaves the host.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use toml::de::{DeInteger, DeValue};

use super::read::Value;

const FILE_BYTES_MAX: u64 = 1024 * 1024;

pub(super) fn settings(value: &Value<'_>) -> BTreeMap<String, String> {
    let Some(table) = value.table() else { return BTreeMap::new() };
    let mut settings = BTreeMap::new();
    for (name, entry) in table {
        let entry = value.child(name.get_ref(), name.span().start, entry.get_ref());
        let text = match json(&entry) {
            Some(Json::String(text)) => text,
            Some(json) => json.to_string(),
            None => continue,
        };
        settings.insert(name.get_ref().to_string(), text);
    }
    settings
}

/// None after a fault.
fn json(value: &Value<'_>) -> Option<Json> {
    match value.raw {
        DeValue::String(text) => Some(Json::from(&**text)),
        DeValue::Boolean(flag) => Some(Json::from(*flag)),
        DeValue::Datetime(time) => Some(Json::from(time.to_string())),
        DeValue::Integer(integer) => integer_json(value, integer),
        DeValue::Float(float) => {
            let number = float.as_str().parse().ok().and_then(serde_json::Number::from_f64);
            if number.is_none() {
                value.fault(format!("{float} is no number that JSON has"), "write a finite number, or a string");
            }
            number.map(Json::Number)
        }
        DeValue::Array(_) => {
            // Every element is read, so that every fault is found.
            let elements: Vec<_> = value.list().iter().map(json).collect();
            elements.into_iter().collect::<Option<Vec<_>>>().map(Json::Array)
        }
        DeValue::Table(_) => table_json(value),
    }
}

fn integer_json(value: &Value<'_>, integer: &DeInteger<'_>) -> Option<Json> {
    let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
    if number.is_none() {
        value.fault(format!("{integer} does not fit into 64 bits"), "write it as a string");
    }
    number.map(Json::from)
}

fn table_json(value: &Value<'_>) -> Option<Json> {
    let table = value.table()?;
    let entry = |name: &str| {
        let (key, entry) = table.get_key_value(name).filter(|_| table.len() == 1)?;
        Some(value.child(name, key.span().start, entry.get_ref())).filter(|entry| entry.raw.is_str())
    };
    if let Some(file) = entry("file") {
        return file.file_text(FILE_BYTES_MAX).map(Json::String);
    }
    if entry("env").is_some() {
        let what = "{ env } is for passwords of mailers: plugins never see secrets";
        value.fault(what, "write the value itself if it is no secret; grant a mailer or a table instead of handing over a credential");
        return None;
    }
    let fields: Vec<_> = table
        .iter()
        .map(|(name, field)| {
            let field = value.child(name.get_ref(), name.span().start, field.get_ref());
            json(&field).map(|json| (name.get_ref().to_string(), json))
        })
        .collect();
    fields.into_iter().collect::<Option<serde_json::Map<_, _>>>().map(Json::Object)
}
