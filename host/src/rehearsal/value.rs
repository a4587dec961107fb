//! What an attribute may hold: a value of one type, that DynamoDB stores.
//!
//! Always holds: what a table can have had is taken, empty texts and bytes among it; of what is wrong, the path and the remedy are said. What a number is,
//! the embedded DynamoDB knows. Does not know which attributes are keys.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::value::RawValue;

use super::members::Members;

/// Maps and lists in each other.
const LEVELS_MAX: usize = 32;
/// Of a text that is shown, in characters.
const SHOWN_MAX: usize = 48;

const TYPED: &str = "write DynamoDB JSON, each value with its type: {\"id\":{\"S\":\"a\"},\"total\":{\"N\":\"9.50\"}}";
const NUMBER: &str = "write a string of at most 38 digits, from 1E-130 to 9.9E+125: {\"N\":\"9.50\"}";
const BYTES: &str = "write bytes in base64, with its padding: {\"B\":\"AAE=\"}";
const SET: &str = "write one or more different strings: {\"SS\":[\"a\",\"b\"]}, {\"NS\":[\"1\",\"2\"]}, {\"BS\":[\"AAE=\"]}";

/// What is wrong with a value, and where.
#[derive(Debug)]
pub(super) struct Wrong<'a> {
    /// From the value that was looked at: `.city`, `[2]`; the outermost comes first.
    pub(super) path: String,
    pub(super) what: String,
    pub(super) remedy: &'static str,
    pub(super) at: &'a RawValue,
}

/// A value that may be compared: one text for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scalar {
    /// `S`, `N` or `B`.
    pub(super) kind: &'static str,
    pub(super) text: String,
}

impl Scalar {
    /// Of a sound value; none: it is of another type.
    pub(super) fn of(raw: &RawValue) -> Option<Self> {
        let members = Members::of(raw.get())?;
        let (kind, inner) = members.iter().next()?;
        let kind = ["S", "N", "B"].into_iter().find(|scalar| *scalar == kind)?;
        let text = text(inner)?;
        Some(Self { kind, text: if kind == "N" { tripline_local::number(&text).ok()? } else { text } })
    }
}

/// All attributes of an item or of a map.
pub(super) fn check_all<'a>(members: &Members<'a>) -> Result<(), Wrong<'a>> {
    check_map(members, 0)
}

fn check_map<'a>(members: &Members<'a>, level: usize) -> Result<(), Wrong<'a>> {
    if let Some((name, at)) = members.twice() {
        return Err(Wrong { path: format!(".{name}"), what: "it stands there twice".to_owned(), remedy: "write it once", at });
    }
    members
        .iter()
        .try_for_each(|(name, value)| check(value, level).map_err(|wrong| Wrong { path: format!(".{name}{}", wrong.path), ..wrong }))
}

fn check(value: &RawValue, level: usize) -> Result<(), Wrong<'_>> {
    let wrong = |what: &str, remedy| Err(Wrong { path: String::new(), what: what.to_owned(), remedy, at: value });
    let Some(members) = Members::of(value.get()) else { return wrong("it has a value without a type", TYPED) };
    if members.len() > 1 {
        return wrong("it has more than one type", TYPED);
    }
    let Some((kind, inner)) = members.iter().next() else { return wrong("it has a value without a type", TYPED) };
    match kind {
        "M" | "L" if level == LEVELS_MAX => wrong("it is deeper than 32 maps and lists, which DynamoDB does not hold", "write it flatter"),
        "M" => match Members::of(inner.get()) {
            Some(members) => check_map(&members, level + 1),
            None => wrong("M is no object", "write each value with its type: {\"M\":{\"city\":{\"S\":\"Bern\"}}}"),
        },
        "L" => match serde_json::from_str::<Vec<&RawValue>>(inner.get()) {
            Ok(list) => list.into_iter().enumerate().try_for_each(|(at, value)| {
                check(value, level + 1).map_err(|wrong| Wrong { path: format!("[{at}]{}", wrong.path), ..wrong })
            }),
            Err(_) => wrong("L is no list", "write each value with its type: {\"L\":[{\"S\":\"a\"},{\"N\":\"1\"}]}"),
        },
        "BOOL" if !["true", "false"].contains(&inner.get()) => wrong("BOOL is neither true nor false", "write {\"BOOL\":true}"),
        "NULL" if inner.get() != "true" => wrong("NULL is not true", "write {\"NULL\":true}"),
        "BOOL" | "NULL" => Ok(()),
        "S" | "N" | "B" => match member(kind, inner) {
            Ok(_) => Ok(()),
            Err(what) => wrong(&what, remedy(kind)),
        },
        "SS" | "NS" | "BS" => check_set(kind, inner).or_else(|what| wrong(&what, SET)),
        _ => wrong("it has a value without a type", TYPED),
    }
}

fn remedy(kind: &str) -> &'static str {
    match kind {
        "N" => NUMBER,
        "B" => BYTES,
        _ => "write a string: {\"S\":\"a\"}",
    }
}

fn check_set(kind: &str, inner: &RawValue) -> Result<(), String> {
    let list: Vec<&RawValue> = serde_json::from_str(inner.get()).map_err(|_| format!("{kind} is no list"))?;
    if list.is_empty() {
        return Err(format!("{kind} is empty, and DynamoDB holds no empty set"));
    }
    let mut seen = BTreeSet::new();
    for value in list {
        if !seen.insert(member(&kind[..1], value)?) {
            return Err(format!("{kind} has {} twice", shown(value.get())));
        }
    }
    Ok(())
}

/// One text for each value of this scalar type.
fn member(kind: &str, raw: &RawValue) -> Result<String, String> {
    let text = text(raw).ok_or_else(|| format!("{kind} is no string: {}", shown(raw.get())))?;
    match kind {
        "N" => tripline_local::number(&text).map_err(|reason| format!("`{}` is no number of DynamoDB's: {reason}", shown(&text))),
        "B" if BASE64.decode(&text).is_err() => Err(format!("`{}` is no base64", shown(&text))),
        _ => Ok(text),
    }
}

fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
