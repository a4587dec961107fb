//! Parts of patterns that can hold of no change, and what was probably meant.
//!
//! Knows one field or one alternative at a time; what follows for the pattern is `lint`'s.

use super::pattern::{Alternative, Excluded, Field, Group, Literal, Test, Wants};
use super::shape::{Leaf, Shape};
use super::table::{Table, Value};
use crate::view::ViewType;
use crate::word::did_you_mean;

pub(super) const EVENT_NAMES: [&str; 3] = ["INSERT", "MODIFY", "REMOVE"];
const TYPES: [&str; 10] = ["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"];
const EVENT_KEYS: [&str; 8] =
    ["eventName", "dynamodb", "userIdentity", "eventID", "eventSourceARN", "awsRegion", "eventSource", "eventVersion"];
const DATA_KEYS: [&str; 7] =
    ["Keys", "NewImage", "OldImage", "SizeBytes", "ApproximateCreationDateTime", "SequenceNumber", "StreamViewType"];
const IDENTITY_KEYS: [&str; 2] = ["type", "principalId"];
const OPERATORS: [&str; 8] = ["prefix", "suffix", "equals-ignore-case", "wildcard", "anything-but", "numeric", "exists", "cidr"];
/// Of a pattern's text in a remedy, in characters.
const WRITTEN_CHARS_MAX: usize = 60;

/// What is wrong, and what to do.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) what: String,
    pub(super) remedy: String,
}

impl Fault {
    pub(super) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}

pub(super) fn is_type(name: &str) -> bool {
    TYPES.contains(&name)
}

/// As it stands in the pattern; cut, where it is long.
pub(super) fn source(text: &str, alternatives: &[Alternative]) -> String {
    let (Some(first), Some(last)) = (alternatives.first(), alternatives.last()) else { return "[…]".to_owned() };
    let written = text.get(first.at.start..last.at.end).unwrap_or("…");
    match written.char_indices().nth(WRITTEN_CHARS_MAX) {
        None => format!("[{written}]"),
        Some(_) => "[…]".to_owned(),
    }
}

/// A key that no event has at such a place.
pub(super) fn key(field: &Field, shape: Shape) -> Option<Fault> {
    let name = &*field.name;
    let (known, place): (&[&str], _) = match shape {
        Shape::Event => (&EVENT_KEYS, "an event"),
        Shape::Data => (&DATA_KEYS, "\"dynamodb\""),
        Shape::Identity => (&IDENTITY_KEYS, "\"userIdentity\""),
        Shape::Value if !is_type(name) => return Some(no_type(field)),
        _ => return None,
    };
    if known.contains(&name) {
        return None;
    }
    let others =
        [("\"dynamodb\"", &DATA_KEYS[..]), ("the event itself, beside \"dynamodb\"", &EVENT_KEYS), ("\"userIdentity\"", &IDENTITY_KEYS)];
    let elsewhere = others.into_iter().find(|(_, keys)| keys.contains(&name));
    let remedy = match (did_you_mean(name, known.iter().copied()), elsewhere) {
        (_, Some((elsewhere, _))) => format!("it stands in {elsewhere}"),
        (Some(meant), None) => format!("did you mean {meant:?}?"),
        (None, None) if shape == Shape::Event => "attributes stand in \"dynamodb\", in \"NewImage\", \"OldImage\" or \"Keys\"".to_owned(),
        (None, None) if shape == Shape::Data => "attributes stand in \"NewImage\", \"OldImage\" or \"Keys\"".to_owned(),
        (None, None) => format!("it has {}", known.join(", ")),
    };
    Some(Fault::new(format!("{place} has no key {name:?}"), remedy))
}

fn no_type(field: &Field) -> Fault {
    let name = &*field.name;
    let what = format!("{name:?} is no type of DynamoDB's");
    let meant = TYPES.into_iter().find(|kind| kind.eq_ignore_ascii_case(name));
    let remedy = match (&field.wants, meant) {
        _ if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit()) => {
            "elements of a list are not numbered: leave the number out, and any of them may match".to_owned()
        }
        (_, Some(kind)) => format!("did you mean {kind:?}?"),
        (Wants::Object(_), None) => format!(r#"for an attribute of a map, write {{"M":{{{name:?}:…}}}}"#),
        (Wants::Value(_), None) => format!("the value stands in {}", TYPES.join(", ")),
    };
    Fault::new(what, remedy)
}

/// A list of values where the event has an object.
pub(super) fn no_value(field: &Field, shape: Shape, alternatives: &[Alternative], written: &str) -> Fault {
    let name = &*field.name;
    match shape {
        Shape::Value => {
            let what = match name {
                "L" => "elements of \"L\" are objects with the types of their values".to_owned(),
                _ => format!("the value of {name:?} stands in an object, with its type"),
            };
            Fault::new(what, format!(r#"write {name:?}:{{"{}":{written}}}"#, likely_type(alternatives)))
        }
        Shape::Attributes => {
            Fault::new(format!("{name:?} is an object of attributes"), format!(r#"name one: {name:?}:{{"ATTRIBUTE":{{"S":{written}}}}}"#))
        }
        _ => Fault::new(format!("{name:?} is an object"), format!("name one of its keys: {name:?}:{{\"KEY\":{written}}}")),
    }
}

fn likely_type(alternatives: &[Alternative]) -> &'static str {
    match alternatives
        .iter()
        .find(|alternative| !matches!(alternative.test, Test::Exists(_)))
        .map(|alternative| &alternative.test)
    {
        Some(Test::Is(Literal::Number(_)) | Test::Within(_)) => "N",
        Some(Test::Is(Literal::Bool(_))) => "BOOL",
        Some(Test::Is(Literal::Null)) => "NULL",
        _ => "S",
    }
}

/// An object where the event has a value.
pub(super) fn no_object(field: &Field, group: &Group) -> Fault {
    let name = &*field.name;
    let what = format!("{name:?} is a value, and has nothing below it");
    let remedy = match &group.fields[..] {
        [operator, ..] if OPERATORS.contains(&&*operator.name) => {
            format!("operators stand in a list: {name:?}:[{{\"{}\":…}}]", operator.name)
        }
        _ => format!("write a list of what it may be: {name:?}:[…]"),
    };
    Fault::new(what, remedy)
}

pub(super) fn not_in_view(image: &str, view: ViewType) -> Fault {
    let other = if image == "NewImage" { "NEW_IMAGE" } else { "OLD_IMAGE" };
    Fault::new(
        format!("the stream holds {}: its records have no {image}", view.as_aws()),
        format!("enable it with {other} or NEW_AND_OLD_IMAGES, or test Keys instead"),
    )
}

/// `event` is all that the rest of the pattern lets through.
pub(super) fn not_in_event(image: &str, event: &str) -> Fault {
    let (other, events) = if image == "NewImage" { ("OldImage", "INSERT or MODIFY") } else { ("NewImage", "MODIFY or REMOVE") };
    Fault::new(
        format!("the rest of the pattern leaves only {event}, and a change of that kind has no {image}"),
        format!("test {other} instead, or let {events} through"),
    )
}

/// What `StreamViewType` may be.
pub(super) fn views(stream: Option<ViewType>) -> Vec<&'static str> {
    let views = ViewType::ALL.into_iter().filter(|view| stream.is_none_or(|stream| stream == *view));
    views.map(ViewType::as_aws).collect()
}

/// Whether a string satisfies a test, where strings are no numbers.
pub(super) fn matches(test: &Test, text: &str) -> bool {
    let mut table = Table::new(false);
    table.add(std::slice::from_ref(test), 0);
    table.finish();
    let mut holds = false;
    table.look_up(Value::Text(text), &mut Vec::new(), |_| holds = true);
    holds
}

/// An alternative for a key that is one of few names.
pub(super) fn name(key: &str, alternative: &Alternative, names: &[&str]) -> Option<Fault> {
    let may_be_absent = key != "eventName" && alternative.is_absence();
    if may_be_absent || names.iter().any(|name| matches(&alternative.test, name)) {
        return None;
    }
    let list = names.join(", ");
    let what =
        if names.len() == 1 { format!("{key:?} is always {list} here") } else { format!("{key:?} is never so: it is one of {list}") };
    let remedy = match &alternative.test {
        Test::Is(Literal::Text(text)) => match did_you_mean(text, names.iter().copied()).or_else(|| elsewhere_called(text, names)) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => "leave this alternative out".to_owned(),
        },
        _ => "leave this alternative out".to_owned(),
    };
    Some(Fault::new(what, remedy))
}

/// What others call a kind of change.
fn elsewhere_called(text: &str, names: &[&str]) -> Option<&'static str> {
    let (_, meant) = [("CREATE", "INSERT"), ("ADD", "INSERT"), ("UPDATE", "MODIFY"), ("DELETE", "REMOVE")]
        .into_iter()
        .find(|(other, _)| other.eq_ignore_ascii_case(text))?;
    names.contains(&meant).then_some(meant)
}

/// An alternative that no value of such a kind satisfies.
pub(super) fn test(key: &str, leaf: Leaf, alternative: &Alternative, text: &str) -> Option<Fault> {
    let test = &alternative.test;
    let written = text.get(alternative.at.clone()).unwrap_or_default();
    if let Test::Within(interval) = test
        && interval.bounds().0 > interval.bounds().1
    {
        return Some(Fault::new("no number is in this range", "write the lower bound first, and the higher one second"));
    }
    if *test == Test::Is(Literal::Null) && leaf != Leaf::Unknown {
        return Some(Fault::new(format!("{key:?} is never null"), r#"for DynamoDB's null write {"NULL":[true]}"#));
    }
    match leaf {
        Leaf::Unknown => None,
        Leaf::Text => of_text(key, test, written),
        Leaf::Number | Leaf::JsonNumber => of_number(key, test),
        Leaf::Bool => of_bool(key, test),
    }
}

fn of_text(key: &str, test: &Test, written: &str) -> Option<Fault> {
    let is_attribute = is_type(key);
    match test {
        Test::Is(Literal::Number(_)) if key == "S" || key == "SS" => {
            let number = if key == "S" { "N" } else { "NS" };
            Some(Fault::new(
                format!("{key:?} holds strings, and no string is a number"),
                format!(r#"write "{written}", or test {number:?}"#),
            ))
        }
        Test::Within(_) if is_attribute => {
            Some(Fault::new(format!("{key:?} holds strings: `numeric` is never true of it"), "test \"N\" or \"NS\""))
        }
        Test::Is(Literal::Number(_)) | Test::Within(_) => {
            Some(Fault::new(format!("{key:?} is a string, and no number"), "compare it with strings"))
        }
        Test::Is(Literal::Bool(_)) if is_attribute => Some(Fault::new(format!("{key:?} is never true or false"), "test \"BOOL\"")),
        Test::Is(Literal::Bool(_)) => Some(Fault::new(format!("{key:?} is never true or false"), "compare it with strings")),
        _ => None,
    }
}

fn of_number(key: &str, test: &Test) -> Option<Fault> {
    let fault = |what: &str| {
        Some(Fault::new(format!("{key:?} is a number, and never {what}"), "write a number of at most 38 digits, or `numeric`"))
    };
    match test {
        Test::Is(Literal::Text(text)) if super::number::Number::parse(text).is_none() => fault(&format!("{text:?}")),
        Test::Is(Literal::Bool(_)) => fault("true or false"),
        Test::Cidr(..) => fault("an address"),
        _ => None,
    }
}

fn of_bool(key: &str, test: &Test) -> Option<Fault> {
    let remedy = if key == "NULL" { "write [true]" } else { "write true or false, without quotes" };
    match test {
        Test::Is(Literal::Bool(false)) if key == "NULL" => Some(Fault::new("\"NULL\" is always true", remedy)),
        Test::Is(Literal::Bool(_)) | Test::Exists(_) => None,
        Test::AnythingBut(excluded) if key == "NULL" && excluded.contains(&Excluded::Literal(Literal::Bool(true))) => {
            Some(Fault::new("\"NULL\" is always true", remedy))
        }
        Test::AnythingBut(_) => None,
        _ => Some(Fault::new(format!("{key:?} is true or false, and nothing else"), remedy)),
    }
}
