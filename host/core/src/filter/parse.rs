//! Reads patterns. Whatever is not Lambda's grammar is refused, with its place and a remedy: a filter that silently means something else loses
//! changes.
//!
//! Invariant: bounded in depth; linear in the text.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::net;
use super::number::Number;
use super::pattern::{Alternative, Choice, Excluded, Field, Group, Interval, Literal, PatternError, Place, Test, TextTest, Wants};
use super::wildcard::Wildcard;
use crate::scan::{ScanError, Scanner};
use crate::word::did_you_mean;

const DEPTH_MAX: usize = 100;
/// Patterns are config, and are compiled.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

const OPERATORS: &str = "prefix, suffix, equals-ignore-case, wildcard, anything-but, numeric, exists, cidr";

/// Why and where.
struct Fault {
    at: usize,
    what: String,
    remedy: Cow<'static, str>,
}

impl Fault {
    fn new(at: usize, what: impl Into<String>, remedy: impl Into<Cow<'static, str>>) -> Self {
        Self { at, what: what.into(), remedy: remedy.into() }
    }
}

impl From<ScanError> for Fault {
    fn from(error: ScanError) -> Self {
        Self::new(error.at(), format!("not JSON: there is no {}", error.expected()), "a pattern is one JSON object")
    }
}

type Parsed<T> = Result<T, Fault>;

pub(super) fn pattern(text: &str) -> Result<Group, PatternError> {
    let parsed = whole(text);
    parsed.map_err(|Fault { at, what, remedy }| PatternError { place: Place::of(text, at), what, remedy: remedy.into_owned() })
}

fn whole(text: &str) -> Parsed<Group> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Fault::new(0, format!("a pattern of {} bytes", text.len()), "it may have 1 MiB"));
    }
    let mut scanner = Scanner::new(text);
    if scanner.peek() != Some(b'{') {
        let at = scanner.start();
        return Err(Fault::new(at, "a pattern is a JSON object", r#"write one such as {"eventName":["INSERT"]}"#));
    }
    let root = group(&mut scanner, 0)?;
    scanner.end()?;
    Ok(root)
}

fn group(scanner: &mut Scanner<'_>, depth: usize) -> Parsed<Group> {
    let start = scanner.start();
    if depth > DEPTH_MAX {
        return Err(Fault::new(start, format!("objects in objects, more than {DEPTH_MAX} deep"), "no item is so deep"));
    }
    let mut group = Group::default();
    let mut names = BTreeSet::new();
    scanner.object(|scanner, name| {
        let at = scanner.member_start();
        if !names.insert(name.to_string()) {
            return Err(Fault::new(at, format!("{name:?} stands here twice"), "write it once; for one of several conditions, use \"$or\""));
        }
        let next = scanner.peek();
        match (&*name, next) {
            ("$or", _) => group.choices.push(choice(scanner, at, depth)?),
            (_, Some(b'[')) => group
                .fields
                .push(Field { name: (*name).into(), at, wants: Wants::Value(alternatives(scanner, &name)?) }),
            (_, Some(b'{')) => {
                group
                    .fields
                    .push(Field { name: (*name).into(), at, wants: Wants::Object(self::group(scanner, depth + 1)?) })
            }
            _ => {
                let at = scanner.start();
                let value = scanner.skip()?;
                let value = scanner.text(value);
                let remedy = match OPERATORS.split(", ").any(|operator| operator == name) {
                    true => format!("operators stand in a list: write [{{{name:?}:{value}}}] where this object begins"),
                    false => format!("write [{value}]"),
                };
                return Err(Fault::new(at, format!("{name:?} is neither a list nor an object"), remedy));
            }
        }
        Ok(())
    })?;
    if names.is_empty() {
        return Err(Fault::new(start, "an empty object says nothing", "leave it out, or say what must be in it"));
    }
    Ok(group)
}

fn choice(scanner: &mut Scanner<'_>, at: usize, depth: usize) -> Parsed<Choice> {
    const REMEDY: &str = r#"write "$or":[{…},{…}], with an object for each choice"#;
    let value = scanner.start();
    if scanner.peek() != Some(b'[') {
        return Err(Fault::new(value, "\"$or\" is no list", REMEDY));
    }
    let mut groups = Vec::new();
    scanner.array(|scanner| {
        let at = scanner.start();
        if scanner.peek() != Some(b'{') {
            return Err(Fault::new(at, "a choice of \"$or\" is no object", REMEDY));
        }
        groups.push(group(scanner, depth + 1)?);
        Ok(())
    })?;
    if groups.len() < 2 {
        return Err(Fault::new(value, "\"$or\" has fewer than two choices", REMEDY));
    }
    Ok(Choice { at, groups })
}

fn alternatives(scanner: &mut Scanner<'_>, name: &str) -> Parsed<Vec<Alternative>> {
    let start = scanner.start();
    let mut alternatives = Vec::new();
    scanner.array(|scanner| {
        let at = scanner.start();
        let test = match scanner.peek() {
            Some(b'{') => operator(scanner)?,
            _ => Test::Is(literal(scanner)?),
        };
        alternatives.push(Alternative { at: scanner.span_from(at).range(), test });
        Ok::<_, Fault>(())
    })?;
    if alternatives.is_empty() {
        let remedy = r#"say what it may be; for any value write [{"exists":true}], for an empty string [""]"#;
        return Err(Fault::new(start, format!("{name:?} may be nothing: its list is empty"), remedy));
    }
    Ok(alternatives)
}

fn literal(scanner: &mut Scanner<'_>) -> Parsed<Literal> {
    let at = scanner.start();
    match scanner.peek() {
        Some(b'"') => return Ok(Literal::Text(scanner.string()?.into())),
        Some(b'[') => return Err(Fault::new(at, "a list in a list", "all values stand in one list: [\"a\",\"b\"]")),
        Some(b'{') => return Err(Fault::new(at, "an object where a value must stand", "write a string, a number, true, false or null")),
        _ => {}
    }
    let word = scanner.skip()?;
    match scanner.text(word) {
        "true" => Ok(Literal::Bool(true)),
        "false" => Ok(Literal::Bool(false)),
        "null" => Ok(Literal::Null),
        word => number(word, at).map(Literal::Number),
    }
}

fn number(word: &str, at: usize) -> Parsed<Number> {
    if serde_json::from_str::<serde::de::IgnoredAny>(word).is_err() {
        return Err(Fault::new(at, format!("`{word}` is no number as JSON has them"), "write one such as 100, -0.5 or 1e9"));
    }
    Number::parse(word).ok_or_else(|| Fault::new(at, format!("`{word}` has more than 38 digits"), "no number in DynamoDB has more"))
}

fn operator(scanner: &mut Scanner<'_>) -> Parsed<Test> {
    let start = scanner.start();
    let mut test = None;
    scanner.object(|scanner, name| {
        let at = scanner.member_start();
        if test.is_some() {
            return Err(Fault::new(
                at,
                format!("a second operator in one object: {name:?}"),
                "write an object for each: one of them must hold",
            ));
        }
        test = Some(match &*name {
            "numeric" => Test::Within(numeric(scanner)?),
            "exists" => Test::Exists(truth(scanner)?),
            "cidr" => cidr(scanner)?,
            "anything-but" => Test::AnythingBut(excluded(scanner)?),
            name => match text_test(scanner, name)? {
                Some(test) => Test::Text(test),
                None => {
                    let remedy = match did_you_mean(name, OPERATORS.split(", ")) {
                        Some(meant) => format!("did you mean {meant:?}?"),
                        None => format!("there are {OPERATORS}"),
                    };
                    return Err(Fault::new(at, format!("there is no operator {name:?}"), remedy));
                }
            },
        });
        Ok(())
    })?;
    test.ok_or_else(|| Fault::new(start, "an empty object says nothing", format!("write one of {OPERATORS}")))
}

/// None: no operator of text has this name.
fn text_test(scanner: &mut Scanner<'_>, name: &str) -> Parsed<Option<TextTest>> {
    let takes_case = matches!(name, "prefix" | "suffix");
    if takes_case && scanner.peek() == Some(b'{') {
        return ignoring_case(scanner, name).map(Some);
    }
    if !takes_case && !matches!(name, "equals-ignore-case" | "wildcard") {
        return Ok(None);
    }
    let at = scanner.start();
    let text = string(scanner, name)?;
    Ok(Some(match name {
        "prefix" => TextTest::Prefix(text),
        "suffix" => TextTest::Suffix(text),
        "wildcard" => TextTest::Wildcard(Wildcard::parse(&text).map_err(|(what, remedy)| Fault::new(at, what, remedy))?),
        _ => TextTest::EqualsIgnoreCase(text),
    }))
}

/// `{"prefix":{"equals-ignore-case":"a"}}`.
fn ignoring_case(scanner: &mut Scanner<'_>, name: &str) -> Parsed<TextTest> {
    let start = scanner.start();
    let mut text = None;
    let wrong =
        |at| Fault::new(at, format!("{name:?} takes a string, or one key"), format!(r#"write {{"{name}":{{"equals-ignore-case":"…"}}}}"#));
    scanner.object(|scanner, key| {
        if &*key != "equals-ignore-case" || text.is_some() {
            return Err(wrong(scanner.member_start()));
        }
        text = Some(string(scanner, &key)?);
        Ok(())
    })?;
    let text = text.ok_or_else(|| wrong(start))?;
    Ok(if name == "prefix" { TextTest::PrefixIgnoreCase(text) } else { TextTest::SuffixIgnoreCase(text) })
}

fn string(scanner: &mut Scanner<'_>, name: &str) -> Parsed<Box<str>> {
    let at = scanner.start();
    if scanner.peek() != Some(b'"') {
        return Err(Fault::new(at, format!("{name:?} takes a string"), format!(r#"write {{"{name}":"…"}}"#)));
    }
    Ok(scanner.string()?.into())
}

fn truth(scanner: &mut Scanner<'_>) -> Parsed<bool> {
    let at = scanner.start();
    let value = scanner.skip()?;
    match scanner.text(value) {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Fault::new(at, "\"exists\" takes true or false", r#"write {"exists":true}"#)),
    }
}

fn cidr(scanner: &mut Scanner<'_>) -> Parsed<Test> {
    let at = scanner.start();
    let text = string(scanner, "cidr")?;
    let (first, last) = net::parse(&text)
        .ok_or_else(|| Fault::new(at, format!("{text:?} is no network"), "write one such as \"10.0.0.0/8\" or \"2001:db8::/32\""))?;
    Ok(Test::Cidr(first, last))
}

fn numeric(scanner: &mut Scanner<'_>) -> Parsed<Interval> {
    const REMEDY: &str = r#"write such as ["=",5], ["<",5] or [">=",0,"<",5]: the lower bound first"#;
    let start = scanner.start();
    if scanner.peek() != Some(b'[') {
        return Err(Fault::new(start, "\"numeric\" takes a list", REMEDY));
    }
    let mut bounds: Vec<(String, Number)> = Vec::new();
    let mut operator: Option<String> = None;
    scanner.array(|scanner| {
        let at = scanner.start();
        match (operator.take(), scanner.peek()) {
            (None, Some(b'"')) => operator = Some(scanner.string()?.into_owned()),
            (Some(operator), Some(b'-' | b'0'..=b'9')) => match literal(scanner)? {
                Literal::Number(number) => bounds.push((operator, number)),
                _ => return Err(Fault::new(at, "no number", REMEDY)),
            },
            (Some(operator), _) => return Err(Fault::new(at, format!("a number must follow {operator:?}"), REMEDY)),
            (None, _) => return Err(Fault::new(at, "an operator such as \"<\" must stand here", REMEDY)),
        }
        Ok(())
    })?;
    if let Some(operator) = operator {
        return Err(Fault::new(start, format!("a number must follow {operator:?}"), REMEDY));
    }
    let bounds: Vec<(&str, Number)> = bounds.iter().map(|(operator, number)| (operator.as_str(), *number)).collect();
    let all = Interval { lower: Number::BELOW_ALL, with_lower: false, upper: Number::ABOVE_ALL, with_upper: false };
    match *bounds {
        [("=", number)] => Ok(Interval { lower: number, with_lower: true, upper: number, with_upper: true }),
        [(lower @ (">" | ">="), number)] => Ok(Interval { lower: number, with_lower: lower == ">=", ..all }),
        [(upper @ ("<" | "<="), number)] => Ok(Interval { upper: number, with_upper: upper == "<=", ..all }),
        [(lower @ (">" | ">="), from), (upper @ ("<" | "<="), to)] => {
            Ok(Interval { lower: from, with_lower: lower == ">=", upper: to, with_upper: upper == "<=" })
        }
        _ => Err(Fault::new(start, "\"numeric\" takes one bound, or a lower and an upper one", REMEDY)),
    }
}

fn excluded(scanner: &mut Scanner<'_>) -> Parsed<Vec<Excluded>> {
    let at = scanner.start();
    match scanner.peek() {
        Some(b'{') => return excluded_text(scanner),
        Some(b'[') => {}
        _ => return Ok(vec![Excluded::Literal(literal(scanner)?)]),
    }
    let mut excluded = Vec::new();
    scanner.array(|scanner| {
        excluded.push(Excluded::Literal(literal(scanner)?));
        Ok::<_, Fault>(())
    })?;
    if excluded.is_empty() {
        return Err(Fault::new(at, "\"anything-but\" excludes nothing: its list is empty", r#"for any value write {"exists":true}"#));
    }
    Ok(excluded)
}

/// `{"prefix":"a"}`, `{"prefix":["a","b"]}`.
fn excluded_text(scanner: &mut Scanner<'_>) -> Parsed<Vec<Excluded>> {
    const REMEDY: &str = "it takes a value, a list of values, or one of prefix, suffix, equals-ignore-case, wildcard";
    let start = scanner.start();
    let mut excluded = Vec::new();
    scanner.object(|scanner, name| {
        let at = scanner.member_start();
        if !excluded.is_empty() {
            return Err(Fault::new(at, format!("a second operator in \"anything-but\": {name:?}"), REMEDY));
        }
        let unknown = || Fault::new(at, format!("\"anything-but\" knows no {name:?}"), REMEDY);
        let mut one = |scanner: &mut Scanner<'_>| {
            excluded.push(Excluded::Text(text_test(scanner, &name)?.ok_or_else(unknown)?));
            Ok::<_, Fault>(())
        };
        match scanner.peek() {
            Some(b'[') => scanner.array(one),
            _ => one(scanner),
        }
    })?;
    if excluded.is_empty() {
        return Err(Fault::new(start, "\"anything-but\" excludes nothing", REMEDY));
    }
    Ok(excluded)
}
