use serde_json::Value;
use serde_json::value::RawValue;

use super::*;

fn skipped(text: &str) -> Scanned<&str> {
    let mut scanner = Scanner::new(text);
    let span = scanner.skip()?;
    scanner.end()?;
    Ok(scanner.text(span))
}

fn random_string(random: &mut fastrand::Rng) -> String {
    let parts = ["a", "\\", "\"", "{", "}", "[", "]", ",", "é", "日本", "\u{1f600}", "\n", " ", "longer text without anything"];
    (0..random.usize(..8)).map(|_| *random.choice(&parts).unwrap()).collect()
}

fn random_value(random: &mut fastrand::Rng, depth: usize) -> Value {
    match random.u32(..if depth == 0 { 4 } else { 6 }) {
        0 => Value::Null,
        1 => random.bool().into(),
        2 => random.i64(..).into(),
        3 => random_string(random).into(),
        4 => (0..random.usize(..5)).map(|_| random_value(random, depth - 1)).collect(),
        _ => Value::Object((0..random.usize(..5)).map(|_| (random_string(random), random_value(random, depth - 1))).collect()),
    }
}

fn random_text(random: &mut fastrand::Rng) -> String {
    let value = random_value(random, 6);
    if random.bool() { value.to_string() } else { serde_json::to_string_pretty(&value).unwrap() }
}

#[test]
fn skips_exactly_what_serde_json_takes_for_one_value() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let text = format!("{}{}", " ".repeat(random.usize(..3)), random_text(&mut random));
        assert_eq!(skipped(&text), Ok(text.trim_start()), "{text}");
    }
}

/// All members and elements of `text`, at every depth, as both see them.
fn walk(scanner: &mut Scanner<'_>, seen: &mut Vec<String>) -> Scanned<()> {
    match scanner.peek() {
        Some(b'{') => scanner.object(|scanner, name| {
            seen.push(name.into_owned());
            walk(scanner, seen)
        }),
        Some(b'[') => scanner.array(|scanner| walk(scanner, seen)),
        Some(b'"') => {
            seen.push(scanner.string()?.into_owned());
            Ok(())
        }
        _ => {
            let span = scanner.skip()?;
            seen.push(scanner.text(span).to_owned());
            Ok(())
        }
    }
}

fn expected(value: &Value, seen: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            seen.push(name.clone());
            expected(value, seen);
        }),
        Value::Array(values) => values.iter().for_each(|value| expected(value, seen)),
        Value::String(text) => seen.push(text.clone()),
        other => seen.push(other.to_string()),
    }
}

#[test]
fn walks_as_serde_json_does() {
    let mut random = fastrand::Rng::with_seed(8);
    for _ in 0..5_000 {
        let text = random_text(&mut random);
        let (mut seen, mut wanted) = (Vec::new(), Vec::new());
        walk(&mut Scanner::new(&text), &mut seen).unwrap();
        expected(&serde_json::from_str(&text).unwrap(), &mut wanted);
        seen.sort();
        wanted.sort();
        assert_eq!(seen, wanted, "{text}");
    }
}

/// What is cut off or has a byte too many is never taken for a whole, wherever a block ends.
#[test]
fn brackets_and_strings_must_balance() {
    let mut random = fastrand::Rng::with_seed(9);
    for _ in 0..5_000 {
        let text = format!("[{}]", random_text(&mut random));
        let cut = text.floor_char_boundary(random.usize(..text.len()));
        assert!(skipped(&text[..cut]).is_err(), "{}", &text[..cut]);
        for more in ["]", "}", "\"", "x"] {
            assert!(skipped(&format!("{text}{more}")).is_err());
        }
    }
}

#[test]
fn escapes_reach_over_the_blocks() {
    for before in 0..200 {
        for backslashes in 0..6 {
            let inner = format!("{}{}", "x".repeat(before), "\\".repeat(backslashes * 2));
            for text in [format!("[\"{inner}\"]"), format!("[\"{inner}\\\"]\"]"), format!("{{\"{inner}\":\"}}\"}}")] {
                assert!(serde_json::from_str::<&RawValue>(&text).is_ok());
                assert_eq!(skipped(&text), Ok(&*text));
            }
        }
    }
}

#[test]
fn what_is_no_json_is_refused_where_it_is_walked() {
    let walked = |text: &str| {
        let mut scanner = Scanner::new(text);
        walk(&mut scanner, &mut Vec::new()).and_then(|()| scanner.end()).map_err(|error| error.to_string())
    };
    for (text, error) in [
        ("", "no value at byte 0"),
        ("  ", "no value at byte 2"),
        ("nul", "no value at byte 0"),
        ("<html>", "no value at byte 0"),
        ("{", "no string at byte 1"),
        ("{1:2}", "no string at byte 1"),
        (r#"{"a"}"#, "no `:` at byte 4"),
        (r#"{"a":1 "b":2}"#, "no `,` or `}` at byte 7"),
        (r#"{"a":1,}"#, "no string at byte 7"),
        ("[1 2]", "no `,` or `]` at byte 3"),
        ("[1,]", "no value at byte 3"),
        ("[1}", "no `,` or `]` at byte 2"),
        (r#""a"#, "no end of this string at byte 0"),
        (r#""\x""#, "no string with valid escapes at byte 0"),
        (r#"{} {}"#, "no end of the text at byte 3"),
    ] {
        assert_eq!(walked(text), Err(error.to_owned()), "{text}");
    }
}

#[test]
fn depth_has_no_bound() {
    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert_eq!(skipped(&deep), Ok(&*deep));
}
