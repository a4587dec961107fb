//! Whether one alternative of a pattern, as it was written, holds of one value: the plainest way to say what each operator means.
//!
//! Invariant: the alternative was read before by `parse`, so that it is grammatical. Shares nothing with the compiled filters.

use std::cmp::Ordering;
use std::net::IpAddr;

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;
use unicase::UniCase;

use super::doc::Node;

/// What DynamoDB keeps of a number.
const DIGITS_MAX: usize = 38;
/// Far beyond DynamoDB's: what is larger or smaller is no number.
const EXPONENT_MAX: i64 = 10_000;

/// `is_number`: strings here are numbers.
pub(super) fn holds(alternative: &Node, value: &Node, is_number: bool) -> bool {
    let Node::Object(operator) = alternative else { return equals(alternative, value, is_number) };
    let [(operator, wants)] = &operator[..] else { return false };
    match &**operator {
        "exists" => *wants == Node::Bool(true),
        "numeric" => numeric(wants, value, is_number),
        "anything-but" => !excluded(wants, value, is_number),
        operator => text(operator, wants, value),
    }
}

fn equals(wants: &Node, value: &Node, is_number: bool) -> bool {
    match (wants, value) {
        (Node::Text(wants), _) if is_number && decimal(wants).is_some() => decimal(wants) == number_of(value, is_number),
        (Node::Number(wants), _) => decimal(wants).is_some() && decimal(wants) == number_of(value, is_number),
        _ => wants == value,
    }
}

fn excluded(wants: &Node, value: &Node, is_number: bool) -> bool {
    match wants {
        Node::Array(literals) => literals.iter().any(|literal| equals(literal, value, is_number)),
        Node::Object(operator) => operator.iter().any(|(operator, wants)| match wants {
            Node::Array(several) => several.iter().any(|wants| text(operator, wants, value)),
            one => text(operator, one, value),
        }),
        literal => equals(literal, value, is_number),
    }
}

fn numeric(wants: &Node, value: &Node, is_number: bool) -> bool {
    let (Node::Array(bounds), Some(number)) = (wants, number_of(value, is_number)) else { return false };
    bounds.chunks(2).all(|bound| {
        let [Node::Text(operator), Node::Number(bound)] = bound else { return false };
        let order = decimal(bound).map(|bound| number.cmp(&bound));
        match (&**operator, order) {
            ("=" | "<=" | ">=", Some(Ordering::Equal)) | ("<" | "<=", Some(Ordering::Less)) => true,
            (operator, Some(Ordering::Greater)) => operator.starts_with('>'),
            _ => false,
        }
    })
}

/// Operators that strings alone can satisfy.
fn text(operator: &str, wants: &Node, value: &Node) -> bool {
    let Node::Text(value) = value else { return false };
    let folded = |text: &str| UniCase::unicode(text).to_folded_case();
    match (operator, wants) {
        ("prefix", Node::Text(wants)) => value.starts_with(&**wants),
        ("suffix", Node::Text(wants)) => value.ends_with(&**wants),
        ("equals-ignore-case", Node::Text(wants)) => UniCase::unicode(&**wants) == UniCase::unicode(&**value),
        ("wildcard", Node::Text(wants)) => wildcard(wants, value),
        ("cidr", Node::Text(wants)) => cidr(wants, value),
        ("prefix" | "suffix", ignoring_case) => match ignoring_case.get("equals-ignore-case") {
            Some(Node::Text(wants)) if operator == "prefix" => folded(value).starts_with(&folded(wants)),
            Some(Node::Text(wants)) => folded(value).ends_with(&folded(wants)),
            _ => false,
        },
        _ => false,
    }
}

/// By a table of which beginnings of the text each beginning of the pattern matches.
fn wildcard(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut matched = vec![false; text.len() + 1];
    matched[0] = true;
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        if char == '*' {
            let first = matched.iter().position(|matched| *matched).unwrap_or(matched.len());
            matched[first..].fill(true);
            continue;
        }
        let char = if char == '\\' { chars.next().unwrap_or(char) } else { char };
        for end in (0..text.len()).rev() {
            matched[end + 1] = matched[end] && text[end] == char;
        }
        matched[0] = false;
    }
    matched[text.len()]
}

/// An address as its bits, so that a network is a beginning of them.
fn bits(address: &str) -> Option<String> {
    Some(match address.parse().ok()? {
        IpAddr::V4(address) => format!("4:{:032b}", address.to_bits()),
        IpAddr::V6(address) => format!("6:{:0128b}", address.to_bits()),
    })
}

fn cidr(network: &str, address: &str) -> bool {
    let (base, fixed) = network.split_once('/').map_or((network, None), |(base, fixed)| (base, fixed.parse::<usize>().ok()));
    let (Some(base), Some(address)) = (bits(base), bits(address)) else { return false };
    let len = fixed.map_or(base.len(), |fixed| fixed + 2);
    address.starts_with(&base[..len])
}

fn number_of(value: &Node, is_number: bool) -> Option<BigDecimal> {
    match value {
        Node::Number(text) => decimal(text),
        Node::Text(text) if is_number => decimal(text),
        _ => None,
    }
}

/// A number of at most 38 digits, as people and DynamoDB write them.
fn decimal(text: &str) -> Option<BigDecimal> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse::<i32>().ok()?.into();
    let is_negative = mantissa.starts_with('-');
    let mantissa = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    let last = exponent - fraction.len() as i64;
    let first = last + significant.len() as i64 - 1;
    let significant = significant.trim_end_matches('0');
    if significant.is_empty() {
        return Some(BigDecimal::from(0));
    }
    if significant.len() > DIGITS_MAX || first.abs() > EXPONENT_MAX {
        return None;
    }
    let value: BigInt = significant.parse().ok()?;
    let scale = significant.len() as i64 - 1 - first;
    Some(BigDecimal::new(if is_negative { -value } else { value }, scale))
}
