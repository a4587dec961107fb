//! GetRecords bodies by seed: every attribute type, and every liberty that JSON leaves a writer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fastrand::Rng;

/// JSON before it is written down: members in order, numbers as their text.
enum Json {
    Text(String),
    Raw(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

use Json::{Array, Object, Raw, Text};

/// DynamoDB's own limit.
const NESTING_MAX: u32 = 32;

/// Up to eight records.
pub(super) fn body(seed: u64) -> String {
    let mut rng = Rng::with_seed(seed);
    let records = (0..rng.usize(0..=8)).map(|_| record(&mut rng)).collect();
    let mut page = vec![member("Records", Array(records))];
    match rng.u8(0..4) {
        0 => {}
        1 => page.push(member("NextShardIterator", Raw("null".to_owned()))),
        _ => page.push(member("NextShardIterator", Text(format!("arn:aws:…|{}|{}", rng.u64(..), text(&mut rng))))),
    }
    add_unknown(&mut page, &mut rng);
    write_down(page, &mut rng)
}

/// One record whose images are nested as deep as DynamoDB allows, by maps, lists, and both in turn.
pub(super) fn deep_body() -> String {
    let mut rng = Rng::with_seed(0);
    let nested = |step: fn(u32) -> bool| {
        let bottom = Object(vec![member("S", Text("bottom".to_owned()))]);
        (0..NESTING_MAX).fold(bottom, |inner, level| {
            let outer = if step(level) { member("L", Array(vec![inner])) } else { member("M", Object(vec![member("k", inner)])) };
            Object(vec![outer])
        })
    };
    let image = vec![member("maps", nested(|_| false)), member("lists", nested(|_| true)), member("both", nested(|n| n % 2 == 0))];
    let data = vec![member("SequenceNumber", Text("1".to_owned())), member("Keys", Object(Vec::new())), member("NewImage", Object(image))];
    let record =
        vec![member("eventID", Text("e".to_owned())), member("eventName", Text("INSERT".to_owned())), member("dynamodb", Object(data))];
    write_down(vec![member("Records", Array(vec![Object(record)]))], &mut rng)
}

fn member(name: &str, value: Json) -> (String, Json) {
    (name.to_owned(), value)
}

fn record(rng: &mut Rng) -> Json {
    let digits = rng.usize(1..=40);
    let number: String = (0..digits).map(|_| rng.digit(10)).collect();
    let mut data = vec![member("Keys", item(rng, 2)), member("SequenceNumber", Text(number))];
    for image in ["NewImage", "OldImage"] {
        match rng.u8(0..4) {
            0 => {}
            1 => data.push(member(image, Raw("null".to_owned()))),
            _ => data.push(member(image, item(rng, 6))),
        }
    }
    if rng.bool() {
        data.push(member("ApproximateCreationDateTime", Raw(creation(rng))));
        data.push(member("SizeBytes", Raw(rng.u32(..).to_string())));
        data.push(member("StreamViewType", Text("NEW_AND_OLD_IMAGES".to_owned())));
    }
    add_unknown(&mut data, rng);
    rng.shuffle(&mut data);
    let name = ["INSERT", "MODIFY", "REMOVE"][rng.usize(0..3)];
    let mut record = vec![
        member("eventID", Text(text(rng))),
        member("eventName", Text(name.to_owned())),
        member("dynamodb", Object(data)),
        member("eventVersion", Text("1.1".to_owned())),
        member("awsRegion", Text("eu-west-1".to_owned())),
    ];
    match rng.u8(0..4) {
        0 => record.push(member("userIdentity", Raw("null".to_owned()))),
        1 => record.push(member("userIdentity", identity(rng, "Type", "PrincipalId"))),
        2 => record.push(member("userIdentity", identity(rng, "type", "principalId"))),
        _ => {}
    }
    add_unknown(&mut record, rng);
    rng.shuffle(&mut record);
    Object(record)
}

fn identity(rng: &mut Rng, kind: &str, principal_id: &str) -> Json {
    Object(vec![member(kind, Text("Service".to_owned())), member(principal_id, Text(text(rng)))])
}

fn creation(rng: &mut Rng) -> String {
    let ms = rng.u64(1_600_000_000_000..1_900_000_000_000);
    match rng.u8(0..4) {
        0 => (ms / 1000).to_string(),
        1 => format!("{}.{:03}", ms / 1000, ms % 1000),
        2 => format!("{:?}E9", ms as f64 / 1e12),
        _ => format!("{}e3", ms / 1_000_000),
    }
}

fn item(rng: &mut Rng, attributes_max: usize) -> Json {
    // A name twice is no item: the two sides may then keep either.
    let attributes = (0..rng.usize(0..=attributes_max)).map(|index| (format!("{}{index}", text(rng)), value(rng, 3)));
    Object(attributes.collect())
}

fn value(rng: &mut Rng, nesting_max: u32) -> Json {
    let kinds = if nesting_max == 0 { 8 } else { 10 };
    let (kind, value) = match rng.u8(0..kinds) {
        0 => ("S", Text(text(rng))),
        1 => ("N", Text(number(rng))),
        2 => ("B", binary(rng)),
        3 => ("BOOL", Raw(rng.bool().to_string())),
        4 => ("NULL", Raw("true".to_owned())),
        5 => ("SS", set(rng, |rng| Text(text(rng)))),
        6 => ("NS", set(rng, |rng| Text(number(rng)))),
        7 => ("BS", set(rng, binary)),
        8 => ("L", Array((0..rng.usize(0..4)).map(|_| value(rng, nesting_max - 1)).collect())),
        _ => ("M", Object((0..rng.usize(0..4)).map(|n| (format!("{}{n}", text(rng)), value(rng, nesting_max - 1))).collect())),
    };
    Object(vec![member(kind, value)])
}

fn set(rng: &mut Rng, element: fn(&mut Rng) -> Json) -> Json {
    Array((0..rng.usize(0..4)).map(|_| element(rng)).collect())
}

fn text(rng: &mut Rng) -> String {
    const ODD: [char; 18] = [
        '"',
        '\\',
        '/',
        '\0',
        '\u{1f}',
        '\n',
        '\r',
        '\t',
        '\u{8}',
        '\u{c}',
        '\u{7f}',
        'é',
        'ß',
        '日',
        '\u{2028}',
        '\u{ffff}',
        '😀',
        '\u{10ffff}',
    ];
    let character = |rng: &mut Rng| if rng.u8(0..3) == 0 { ODD[rng.usize(0..ODD.len())] } else { rng.alphanumeric() };
    (0..rng.usize(0..12)).map(|_| character(rng)).collect()
}

/// Up to 38 digits, as DynamoDB takes them.
fn number(rng: &mut Rng) -> String {
    let digits: String = (0..rng.usize(1..=38)).map(|_| rng.digit(10)).collect();
    let sign = if rng.bool() { "-" } else { "" };
    match rng.u8(0..3) {
        0 => format!("{sign}{digits}"),
        1 => format!("{sign}0.{digits}"),
        _ => format!("{sign}{digits}E{}", rng.i32(-130..=125)),
    }
}

/// Never escaped: the SDK decodes base64 without undoing JSON's escapes first.
fn binary(rng: &mut Rng) -> Json {
    let bytes: Vec<u8> = (0..rng.usize(0..10)).map(|_| rng.u8(..)).collect();
    Raw(format!("\"{}\"", STANDARD.encode(bytes)))
}

/// What a newer AWS may send.
fn add_unknown(members: &mut Vec<(String, Json)>, rng: &mut Rng) {
    if rng.bool() {
        let number = rng.f64().to_string();
        members
            .push(member("Future", Object(vec![member("Records", Array(vec![Raw(number), Text(text(rng))])), member("x", value(rng, 2))])));
    }
}

fn write_down(page: Vec<(String, Json)>, rng: &mut Rng) -> String {
    let mut body = String::new();
    let spaced = rng.bool();
    write(&Object(page), spaced, rng, &mut body);
    body
}

fn write(json: &Json, spaced: bool, rng: &mut Rng, body: &mut String) {
    match json {
        Text(text) => write_text(text, rng, body),
        Raw(raw) => body.push_str(raw),
        Array(elements) => {
            body.push('[');
            for (index, element) in elements.iter().enumerate() {
                separate(index, spaced, rng, body);
                write(element, spaced, rng, body);
            }
            space(spaced, rng, body);
            body.push(']');
        }
        Object(members) => {
            body.push('{');
            for (index, (name, value)) in members.iter().enumerate() {
                separate(index, spaced, rng, body);
                write_text(name, rng, body);
                space(spaced, rng, body);
                body.push(':');
                space(spaced, rng, body);
                write(value, spaced, rng, body);
            }
            space(spaced, rng, body);
            body.push('}');
        }
    }
}

fn separate(index: usize, spaced: bool, rng: &mut Rng, body: &mut String) {
    if index > 0 {
        space(spaced, rng, body);
        body.push(',');
    }
    space(spaced, rng, body);
}

fn space(spaced: bool, rng: &mut Rng, body: &mut String) {
    if spaced {
        body.push_str(["", " ", "\n", "\r\n\t"][rng.usize(0..4)]);
    }
}

/// Each character as it is, escaped by name or by number: at random, but as JSON demands.
fn write_text(text: &str, rng: &mut Rng, body: &mut String) {
    body.push('"');
    for character in text.chars() {
        let by_name = match character {
            '"' => Some("\\\""),
            '\\' => Some("\\\\"),
            '/' => Some("\\/"),
            '\n' => Some("\\n"),
            '\r' => Some("\\r"),
            '\t' => Some("\\t"),
            '\u{8}' => Some("\\b"),
            '\u{c}' => Some("\\f"),
            _ => None,
        };
        let plain = character >= ' ' && character != '"' && character != '\\';
        match by_name {
            _ if plain && rng.u8(0..4) > 0 => body.push(character),
            Some(name) if rng.bool() => body.push_str(name),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    body.push_str(&if rng.bool() { format!("\\u{unit:04x}") } else { format!("\\u{unit:04X}") });
                }
            }
        }
    }
    body.push('"');
}
