//! The label text of an attribute value, and its number.
//!
//! Invariant: values that DynamoDB holds equal have one text (`1.0` and `1E0` are `1`, sets have no order), and a text is never
//! longer than the host takes. No number passes through a float.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::str::FromStr as _;

use bigdecimal::BigDecimal;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

/// The host's bound on a label's value.
pub(crate) const LABEL_BYTES_MAX: usize = 1024;
const HASH_BYTES: usize = 16;
/// DynamoDB's numbers have at most 38 digits between 1E-130 and 9.9E+125; the host's decimals are bounded alike.
const SCALE_MAX: i64 = 130 + 38;
const NUMBER_BYTES_MAX: usize = 320;

/// An attribute value as DynamoDB JSON has it: an object with one key, the type.
#[derive(Deserialize)]
enum AttributeValue<'a> {
    S(#[serde(borrow)] Cow<'a, str>),
    N(#[serde(borrow)] Cow<'a, str>),
    B(#[serde(borrow)] Cow<'a, str>),
    #[serde(rename = "BOOL")]
    Bool(bool),
    #[serde(rename = "NULL")]
    Null(#[allow(dead_code, reason = "the type says it all; the value is always true")] bool),
    #[serde(rename = "SS", alias = "BS")]
    Texts(Vec<String>),
    #[serde(rename = "NS")]
    Numbers(Vec<String>),
    #[serde(rename = "L")]
    List(#[serde(borrow)] Vec<AttributeValue<'a>>),
    #[serde(rename = "M")]
    Map(#[serde(borrow)] BTreeMap<String, AttributeValue<'a>>),
}

/// At most [`LABEL_BYTES_MAX`] bytes.
pub(crate) fn label(value: &RawValue) -> Result<Cow<'_, str>, serde_json::Error> {
    Ok(fit(match serde_json::from_str(value.get())? {
        AttributeValue::S(text) | AttributeValue::B(text) => text,
        AttributeValue::N(number) => canonical(number),
        AttributeValue::Bool(value) => Cow::Borrowed(if value { "true" } else { "false" }),
        AttributeValue::Null(_) => Cow::Borrowed("null"),
        compound => {
            let mut json = String::new();
            push_json(&mut json, compound);
            Cow::Owned(json)
        }
    }))
}

/// The number that `value` is; none where it is of another type.
pub(crate) fn number(value: &RawValue) -> Result<Option<BigDecimal>, serde_json::Error> {
    Ok(match serde_json::from_str(value.get())? {
        AttributeValue::N(text) => decimal(&text),
        _ => None,
    })
}

/// As the host reads a delta: plain digits.
pub(crate) fn plain(number: &BigDecimal) -> String {
    number.normalized().to_plain_string()
}

/// None for what DynamoDB would not store as a number: an exponent without a bound would make gigabytes of a few bytes.
fn decimal(text: &str) -> Option<BigDecimal> {
    let digits = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    if !digits || text.len() > NUMBER_BYTES_MAX {
        return None;
    }
    let number = BigDecimal::from_str(text).ok()?;
    (-SCALE_MAX..=SCALE_MAX).contains(&number.fractional_digit_count()).then_some(number)
}

fn canonical(number: Cow<'_, str>) -> Cow<'_, str> {
    let digits = number.strip_prefix('-').unwrap_or(&number);
    if !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()) {
        return number;
    }
    match decimal(&number) {
        Some(decimal) => Cow::Owned(plain(&decimal)),
        None => number,
    }
}

/// JSON with the items' own values: keys and sets sorted, numbers canonical, binary values base64.
fn push_json(json: &mut String, value: AttributeValue<'_>) {
    match value {
        AttributeValue::S(text) | AttributeValue::B(text) => push_json_string(json, &text),
        AttributeValue::N(number) => json.push_str(&canonical(number)),
        AttributeValue::Bool(value) => json.push_str(if value { "true" } else { "false" }),
        AttributeValue::Null(_) => json.push_str("null"),
        AttributeValue::Texts(mut texts) => {
            texts.sort_unstable();
            push_list(json, texts, |json, text| push_json_string(json, &text));
        }
        AttributeValue::Numbers(numbers) => {
            let mut numbers: Vec<_> = numbers.iter().map(|n| (decimal(n), canonical(Cow::Borrowed(n)))).collect();
            numbers.sort_unstable();
            push_list(json, numbers, |json, (_, number)| json.push_str(&number));
        }
        AttributeValue::List(values) => push_list(json, values, push_json),
        AttributeValue::Map(values) => {
            json.push('{');
            for (at, (name, value)) in values.into_iter().enumerate() {
                if at > 0 {
                    json.push(',');
                }
                push_json_string(json, &name);
                json.push(':');
                push_json(json, value);
            }
            json.push('}');
        }
    }
}

fn push_list<T>(json: &mut String, values: Vec<T>, push: impl Fn(&mut String, T)) {
    json.push('[');
    for (at, value) in values.into_iter().enumerate() {
        if at > 0 {
            json.push(',');
        }
        push(json, value);
    }
    json.push(']');
}

fn push_json_string(json: &mut String, text: &str) {
    // A text as JSON cannot fail.
    json.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// `text`, or where it is too long its beginning and a hash of the whole: two values keep two groups.
fn fit(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.len() <= LABEL_BYTES_MAX {
        return text;
    }
    let mut mark = String::from("…sha256:");
    for byte in &Sha256::digest(text.as_bytes())[..HASH_BYTES] {
        // Writing to a String cannot fail.
        let _ = write!(mark, "{byte:02x}");
    }
    let mut end = LABEL_BYTES_MAX - mark.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}{mark}", &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.into()).unwrap()
    }

    #[track_caller]
    fn check(value: &str, expected: &str) {
        assert_eq!(label(&raw(value)).unwrap(), expected);
    }

    #[test]
    fn scalars() {
        check(r#"{"S":"a \"b\" é"}"#, "a \"b\" é");
        check(r#"{"S":""}"#, "");
        check(r#"{"BOOL":true}"#, "true");
        check(r#"{"BOOL":false}"#, "false");
        check(r#"{"NULL":true}"#, "null");
        check(r#"{"B":"AAH/"}"#, "AAH/");
    }

    #[test]
    fn numbers_have_one_text_each() {
        for one in ["1", "1.0", "1E0", "1e+0", "10e-1", "01", "+1", "0.1E1"] {
            check(&format!(r#"{{"N":"{one}"}}"#), "1");
        }
        for zero in ["0", "-0", "0.00", "0E10"] {
            check(&format!(r#"{{"N":"{zero}"}}"#), "0");
        }
        check(r#"{"N":"-12.50"}"#, "-12.5");
        check(r#"{"N":"1E+3"}"#, "1000");
        check(r#"{"N":"0.10000000000000000000000000000000000001"}"#, "0.10000000000000000000000000000000000001");
        check(r#"{"N":"99999999999999999999999999999999999999"}"#, "99999999999999999999999999999999999999");
        check(r#"{"N":"1E-130"}"#, &format!("0.{}1", "0".repeat(129)));
        check(r#"{"N":"1E999999999"}"#, "1E999999999");
    }

    #[test]
    fn sets_lists_and_maps_are_canonical_json() {
        check(r#"{"SS":["b","a\""]}"#, r#"["a\"","b"]"#);
        check(r#"{"NS":["10","9.0","-1"]}"#, "[-1,9,10]");
        check(r#"{"BS":["Qg==","QQ=="]}"#, r#"["QQ==","Qg=="]"#);
        check(r#"{"L":[{"N":"1.0"},{"S":"x"},{"NULL":true}]}"#, r#"[1,"x",null]"#);
        check(r#"{"M":{"b":{"BOOL":true},"a":{"SS":["y","x"]}}}"#, r#"{"a":["x","y"],"b":true}"#);
    }

    #[test]
    fn long_values_keep_apart() {
        let long = |last: char| {
            let text = "é".repeat(600);
            label(&raw(&format!(r#"{{"S":"{text}{last}"}}"#))).unwrap().into_owned()
        };
        assert!(long('a').len() <= LABEL_BYTES_MAX && long('a').len() > LABEL_BYTES_MAX - 4);
        assert!(long('a').starts_with("éé"));
        assert_eq!(long('a'), long('a'));
        assert_ne!(long('a'), long('b'));
        let most = "x".repeat(LABEL_BYTES_MAX);
        check(&format!(r#"{{"S":"{most}"}}"#), &most);
    }

    #[test]
    fn only_numbers_are_numbers() {
        let number = |json: &str| number(&raw(json)).unwrap().map(|n| plain(&n));
        assert_eq!(number(r#"{"N":"19.990"}"#).as_deref(), Some("19.99"));
        for json in [r#"{"S":"19.99"}"#, r#"{"NULL":true}"#, r#"{"N":"1E999"}"#, r#"{"N":"NaN"}"#] {
            assert_eq!(number(json), None, "{json}");
        }
    }

    #[test]
    fn what_is_no_attribute_value_is_an_error() {
        for json in ["3", r#"{"X":"1"}"#, r#"{"S":1}"#, "{}"] {
            assert!(label(&raw(json)).is_err(), "{json}");
        }
    }
}
