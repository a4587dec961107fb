//! Items as an index takes them: plain JSON in the place of DynamoDB's.
//!
//! Invariant: a number keeps all of its digits, since it is never read; two items never have the same ID.

use serde_json::{Map, Value};

/// Of the item's key: the attribute itself where there is one, else both, sorted by their names, with `|` between them.
pub(crate) fn id(keys_json: &str) -> Result<String, String> {
    let keys = attributes(keys_json)?;
    let mut names: Vec<&String> = keys.keys().collect();
    names.sort();
    let part = |name: &&String| keys.get(*name).and_then(scalar).map(str::to_owned).ok_or("a key that is no S, N or B".to_owned());
    let parts = names.iter().map(part).collect::<Result<Vec<_>, _>>()?;
    match &*parts {
        [one] => Ok(one.clone()),
        // Else `a|b` and `c` would be `a` and `b|c`.
        several => Ok(several
            .iter()
            .map(|part| part.replace('\\', r"\\").replace('|', r"\|"))
            .collect::<Vec<_>>()
            .join("|")),
    }
}

/// The image as a document.
pub(crate) fn of(image_json: &str) -> Result<String, String> {
    let mut document = String::new();
    write_map(&mut document, &attributes(image_json)?)?;
    Ok(document)
}

fn attributes(json: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(json).map_err(|error| format!("the item is no JSON: {error}"))
}

fn scalar(attribute: &Value) -> Option<&str> {
    ["S", "N", "B"].iter().find_map(|tag| attribute.get(tag)?.as_str())
}

fn write_map(to: &mut String, attributes: &Map<String, Value>) -> Result<(), String> {
    to.push('{');
    for (place, (name, attribute)) in attributes.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        to.push_str(&format!("{comma}{}:", Value::from(name.as_str())));
        write(to, attribute)?;
    }
    to.push('}');
    Ok(())
}

fn write(to: &mut String, attribute: &Value) -> Result<(), String> {
    let tagged = attribute.as_object().and_then(|object| object.iter().next());
    match tagged {
        Some((tag, Value::String(text))) if tag == "N" => to.push_str(&number(text)),
        Some((tag, value @ Value::String(_))) if tag == "S" || tag == "B" => to.push_str(&value.to_string()),
        Some((tag, value @ Value::Bool(_))) if tag == "BOOL" => to.push_str(&value.to_string()),
        Some((tag, _)) if tag == "NULL" => to.push_str("null"),
        Some((tag, Value::Object(inner))) if tag == "M" => write_map(to, inner)?,
        Some((tag, Value::Array(list))) if tag == "L" => write_list(to, list.iter(), write)?,
        Some((tag, Value::Array(set))) if tag == "NS" => write_list(to, set.iter(), |to, one| {
            to.push_str(&number(one.as_str().unwrap_or_default()));
            Ok(())
        })?,
        Some((tag, Value::Array(set))) if tag == "SS" || tag == "BS" => write_list(to, set.iter(), |to, one| {
            to.push_str(&one.to_string());
            Ok(())
        })?,
        _ => return Err("the item has an attribute that is none of DynamoDB's".to_owned()),
    }
    Ok(())
}

fn write_list<'v>(
    to: &mut String,
    values: impl Iterator<Item = &'v Value>,
    write: impl Fn(&mut String, &Value) -> Result<(), String>,
) -> Result<(), String> {
    to.push('[');
    for (place, value) in values.enumerate() {
        if place > 0 {
            to.push(',');
        }
        write(to, value)?;
    }
    to.push(']');
    Ok(())
}

/// As it is, where that is a number in JSON too.
fn number(text: &str) -> String {
    match serde_json::from_str::<serde_json::Number>(text) {
        Ok(_) => text.to_owned(),
        Err(_) => Value::from(text).to_string(),
    }
}
