//! One form of DynamoDB's JSON.
//!
//! Invariant: texts that differ in spaces, in how a string is spelled, in the order of an object's members or of a set's elements have one form, which
//! means what they mean. Values are not judged and numbers not reckoned: `1` and `1.0` have two.
//! Why: nobody promises an order. A change that is read again, or an item that a guest's hash map writes again, may come in another one.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// As deep as serde_json reads; DynamoDB's 32 levels of maps are half of it.
const LEVELS_MAX: usize = 128;

/// None: it is no JSON, has a name twice in one object, or is too deep.
pub fn canonical(json: &str) -> Option<String> {
    let whole: &RawValue = serde_json::from_str(json).ok()?;
    let mut form = String::with_capacity(json.len());
    write(whole, LEVELS_MAX, &mut form)?;
    Some(form)
}

fn write(raw: &RawValue, levels: usize, form: &mut String) -> Option<()> {
    let (json, levels) = (raw.get(), levels.checked_sub(1)?);
    match json.as_bytes().first()? {
        b'{' => {
            let Members(members) = serde_json::from_str(json).ok()?;
            let is_one = members.len() == 1;
            list(members, ['{', '}'], form, |(name, value), form| {
                form.push_str(&serde_json::to_string(&name).ok()?);
                form.push(':');
                if is_one && is_set(&name, value) { set(value, levels, form) } else { write(value, levels, form) }
            })
        }
        b'[' => list(elements(json)?, ['[', ']'], form, |value, form| write(value, levels, form)),
        b'"' => {
            form.push_str(&serde_json::to_string(&serde_json::from_str::<String>(json).ok()?).ok()?);
            Some(())
        }
        _ => {
            form.push_str(json);
            Some(())
        }
    }
}

fn is_set(name: &str, value: &RawValue) -> bool {
    matches!(name, "SS" | "NS" | "BS") && value.get().starts_with('[')
}

fn set(value: &RawValue, levels: usize, form: &mut String) -> Option<()> {
    let element = |raw: &RawValue| {
        let mut form = String::new();
        write(raw, levels, &mut form).map(|()| form)
    };
    let mut elements: Vec<String> = elements(value.get())?.into_iter().map(element).collect::<Option<_>>()?;
    elements.sort_unstable();
    list(elements, ['[', ']'], form, |element, form| {
        form.push_str(&element);
        Some(())
    })
}

fn elements(json: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(json).ok()
}

fn list<T>(
    parts: impl IntoIterator<Item = T>,
    [open, close]: [char; 2],
    form: &mut String,
    mut part: impl FnMut(T, &mut String) -> Option<()>,
) -> Option<()> {
    form.push(open);
    for (at, one) in parts.into_iter().enumerate() {
        if at > 0 {
            form.push(',');
        }
        part(one, form)?;
    }
    form.push(close);
    Some(())
}

struct Members<'a>(BTreeMap<String, &'a RawValue>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OfOneName)
    }
}

struct OfOneName;

impl<'de> Visitor<'de> for OfOneName {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            if members.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, expected: &str) {
        let form = canonical(json);
        assert_eq!(form.as_deref(), Some(expected), "{json}");
        assert_eq!(canonical(expected), form, "its form is its own");
    }

    #[test]
    fn order_spaces_and_spelling_do_not_matter() {
        for json in [r#"{"b":{"N":"1"},"a":{"S":"é/"}}"#, "{ \"a\" : {\"S\":\"\\u00e9\\/\"},\n\"b\":{\"N\":\"1\"} }"] {
            check(json, r#"{"a":{"S":"é/"},"b":{"N":"1"}}"#);
        }
        check(
            r#"{"m":{"M":{"z":{"L":[{"S":"b"},{"S":"a"}]},"\u0061":{"NULL":true}}}}"#,
            r#"{"m":{"M":{"a":{"NULL":true},"z":{"L":[{"S":"b"},{"S":"a"}]}}}}"#,
        );
        check(
            r#"{"s":{"SS":["b","a"]},"n":{"NS":["2","10"]},"b":{"BS":["AQ==","AA=="]}}"#,
            r#"{"b":{"BS":["AA==","AQ=="]},"n":{"NS":["10","2"]},"s":{"SS":["a","b"]}}"#,
        );
        // An attribute, and no set.
        check(r#"{"SS":{"L":[{"S":"b"},{"S":"a"}]}}"#, r#"{"SS":{"L":[{"S":"b"},{"S":"a"}]}}"#);
        check(r#"{"SS":["b","a"],"x":{}}"#, r#"{"SS":["b","a"],"x":{}}"#);
        check("{}", "{}");
        check(r#"{"a":{"L":[]},"n":{"N":1.0e5}}"#, r#"{"a":{"L":[]},"n":{"N":1.0e5}}"#);
    }

    #[test]
    fn what_has_no_form_is_left_to_whoever_reads_it() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for json in ["", "{", r#"{"a":1}x"#, r#"{"a":{"S":"x"},"\u0061":{"S":"y"}}"#, r#"{"a":{"S":"\ud800"}}"#, &deep] {
            assert_eq!(canonical(json), None, "{json}");
        }
    }
}
