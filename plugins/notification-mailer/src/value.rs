//! An item as templates see it: DynamoDB JSON into the template engine's values.
//!
//! Invariant: every number prints all its digits, without an exponent or trailing zeros, and none is rounded.

use std::borrow::Cow;

use minijinja::value::Value;
use serde::Deserialize;

/// DynamoDB's numbers lie between 1E-130 and 9.9E+125 with 38 digits: what would print longer is not one of them.
const NUMBER_BYTES_MAX: usize = 320;
const EXPONENT_MAX: i32 = 200;

/// `json`: a DynamoDB item such as `{"email":{"S":"ann@example.com"}}`.
pub(crate) fn item(json: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(json).map(map)
}

/// An attribute value as DynamoDB JSON has it: an object with one key, the type.
#[derive(Deserialize)]
enum AttributeValue<'a> {
    /// Text, and binary values, which stay base64.
    #[serde(alias = "B")]
    S(#[serde(borrow)] Cow<'a, str>),
    N(#[serde(borrow)] Cow<'a, str>),
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
    Map(#[serde(borrow)] Attributes<'a>),
}

type Attributes<'a> = std::collections::BTreeMap<String, AttributeValue<'a>>;

impl From<AttributeValue<'_>> for Value {
    fn from(value: AttributeValue<'_>) -> Self {
        match value {
            AttributeValue::S(text) => text.into(),
            AttributeValue::N(text) => number(&text),
            AttributeValue::Bool(value) => value.into(),
            AttributeValue::Null(_) => ().into(),
            // A set has no order; a mail should not change with it.
            AttributeValue::Texts(mut texts) => {
                texts.sort_unstable();
                texts.into_iter().collect()
            }
            AttributeValue::Numbers(numbers) => {
                let mut numbers: Vec<_> = numbers.iter().map(|text| number(text)).collect();
                numbers.sort_unstable();
                numbers.into()
            }
            AttributeValue::List(values) => values.into_iter().map(Value::from).collect(),
            AttributeValue::Map(attributes) => map(attributes),
        }
    }
}

fn map(attributes: Attributes<'_>) -> Value {
    Value::from_pairs(attributes)
}

/// A 128-bit integer or a double where that prints the very number, so that templates can compare and reckon with it; else
/// text, which only prints.
fn number(text: &str) -> Value {
    let Some(plain) = plain(text) else { return text.into() };
    if let Ok(integer) = plain.parse::<i128>() {
        return match i64::try_from(integer) {
            Ok(integer) => integer.into(),
            Err(_) => integer.into(),
        };
    }
    match plain.parse::<f64>().map(Value::from) {
        Ok(double) if double.to_string() == plain => double,
        _ => plain.into(),
    }
}

/// `1.50` and `15E-1` as `1.5`; none where `text` is no number of DynamoDB's.
fn plain(text: &str) -> Option<String> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().ok().filter(|e| (-EXPONENT_MAX..=EXPONENT_MAX).contains(e))?;
    let negative = mantissa.starts_with('-');
    let mantissa = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || digits.len() > NUMBER_BYTES_MAX || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Where the point stands in `digits`: before them if negative, after them if larger than their number.
    let point = whole.len() as i32 + exponent;
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let length = digits.len() as i32;
    let padded = format!("{}{digits}{}", zeros(1 - point), zeros(point - length));
    let (whole, fraction) = padded.split_at(usize::try_from(point.max(1)).unwrap_or(1));
    let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
    let sign = if negative && !(whole.is_empty() && fraction.is_empty()) { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { whole };
    let dot = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{dot}{fraction}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(attribute: &str, expected: &str) {
        let item = item(&format!(r#"{{"a":{attribute}}}"#)).unwrap();
        assert_eq!(item.get_attr("a").unwrap().to_string(), expected);
    }

    #[track_caller]
    fn check_number(text: &str, expected: &str) {
        check(&format!(r#"{{"N":"{text}"}}"#), expected);
    }

    #[test]
    fn values_are_plain() {
        check(r#"{"S":"a \"b\" é"}"#, "a \"b\" é");
        check(r#"{"B":"AAH/"}"#, "AAH/");
        check(r#"{"BOOL":true}"#, "True");
        check(r#"{"SS":["b","a"]}"#, "['a', 'b']");
        check(r#"{"NS":["10","9.5","-1"]}"#, "[-1, 9.5, 10]");
        check(r#"{"L":[{"N":"1"},{"M":{"x":{"S":"y"}}}]}"#, "[1, {'x': 'y'}]");
        assert!(item(r#"{"a":{"NULL":true}}"#).unwrap().get_attr("a").unwrap().is_none());
    }

    #[test]
    fn numbers_print_all_their_digits() {
        for text in [
            "0",
            "-7",
            "19.99",
            "0.1",
            "9007199254740993",
            "99999999999999999999999999999999999999",
            "-99999999999999999999999999999999999999",
            "0.12345678901234567890123456789012345678",
            "1234567890123456789.0123456789012345678",
            "123456789012345680000.5",
        ] {
            check_number(text, text);
        }
        check_number("1.50", "1.5");
        check_number("100.00", "100");
        check_number("-0", "0");
        check_number("1E2", "100");
        check_number("15E-1", "1.5");
        check_number("1E-3", "0.001");
        check_number("-1.25e+1", "-12.5");
        check_number("1E+125", &format!("1{}", "0".repeat(125)));
        check_number("1E-130", &format!("0.{}1", "0".repeat(129)));
        for odd in ["", "NaN", "1E999999999", "--1", "."] {
            check_number(odd, odd);
        }
    }

    #[test]
    fn common_numbers_are_numbers_to_templates() {
        for text in ["5", "-19.99", "1.50", "1E2", "99999999999999999999999999999999999999"] {
            assert!(number(text).is_number(), "{text}");
        }
        assert!(number("19.99") > Value::from(19) && number("19.99") < Value::from(20));
    }

    #[test]
    fn what_is_no_item_is_an_error() {
        for json in ["", "[]", r#"{"a":1}"#, r#"{"a":{"X":"1"}}"#, r#"{"a":{"S":1}}"#] {
            assert!(item(json).is_err(), "{json}");
        }
    }
}
