//! Random patterns and changes, of so few names and values that they often meet.

use std::fmt::Write as _;

use fastrand::Rng;
use serde_json::Value;

use super::super::shape::{Leaf, Shape};
use crate::view::ViewType;

const NAMES: [&str; 6] = ["a", "b", "é", "N", "x.y", "or"];
pub(super) const TEXTS: [&str; 24] = [
    "", "a", "b", "ab", "aB", "A", "AB", "é", "É", "ß", "ss", "SS", "İ", "ς", "Σ", "ba", "abA", "a*b", "a\\b", "\"", "10", "1E1",
    "10.0.0.1", "😀a",
];
pub(super) const NUMBERS: [&str; 14] = [
    "0",
    "-0.0",
    "1",
    "10",
    "1E1",
    "10.00",
    "1e+1",
    "-1",
    "0.1",
    "1E-130",
    "9.9999999999999999999999999999999999999E+125",
    "12345678901234567890123456789012345678",
    "12345678901234567890123456789012345677",
    "-12345678901234567890123456789012345678",
];
const NETS: [&str; 4] = ["10.0.0.0/8", "10.0.0.1", "::/0", "10.0.0.2/31"];
pub(super) const OPERATORS: [&str; 21] = [
    "text",
    "number",
    "bool",
    "null",
    "prefix",
    "suffix",
    "prefix-ignore-case",
    "suffix-ignore-case",
    "equals-ignore-case",
    "wildcard",
    "numeric",
    "exists",
    "absent",
    "cidr",
    "anything-but",
    "anything-but-list",
    "anything-but-prefix",
    "anything-but-suffix",
    "anything-but-wildcard",
    "anything-but-ignore-case",
    "several",
];

pub(super) struct Generator {
    pub(super) random: Rng,
    /// Changes are such as a stream has them; else anything may stand anywhere.
    pub(super) is_sound: bool,
    pub(super) view: ViewType,
}

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Rng::with_seed(seed), is_sound: false, view: ViewType::NewAndOldImages }
    }

    pub(super) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.random.usize(0..of.len())]
    }

    fn one_in(&mut self, times: u32) -> bool {
        self.random.u32(0..times) == 0
    }

    /// A JSON string: as it is, or escaped here and there.
    fn string(&mut self, text: &str) -> String {
        let plain = Value::from(text).to_string();
        if !self.one_in(4) {
            return plain;
        }
        let escape = |unit: u16| format!("\\u{unit:04x}");
        let mut units = [0; 2];
        let chars = text
            .chars()
            .map(|char| char.encode_utf16(&mut units).iter().map(|unit| escape(*unit)).collect::<String>());
        format!("\"{}\"", chars.collect::<String>())
    }

    fn object(&mut self, members: &[(String, String)]) -> String {
        let space = if self.one_in(4) { " \n" } else { "" };
        let mut text = "{".to_owned();
        for (position, (name, value)) in members.iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            let name = self.string(name);
            write!(text, "{comma}{space}{name}{space}:{space}{value}{space}").unwrap();
        }
        text + "}"
    }

    // Changes.

    pub(super) fn record(&mut self) -> String {
        let event = self.one(&["INSERT", "MODIFY", "REMOVE"]);
        let mut data: Vec<(String, String)> = vec![("SequenceNumber".into(), "\"100\"".into())];
        let keys = self.item(1);
        data.push(("Keys".into(), keys));
        for (image, not_of, in_view) in [("NewImage", "REMOVE", self.view.has_new()), ("OldImage", "INSERT", self.view.has_old())] {
            let has = if self.is_sound { event != not_of && in_view } else { !self.one_in(4) };
            if has {
                let value = if !self.is_sound && self.one_in(8) { self.anything(2) } else { self.item(3) };
                data.push((image.into(), value));
            }
        }
        if !self.one_in(3) {
            let size = self.one(&["10", "\"10\"", "1E1", "0"]);
            data.push(("SizeBytes".into(), size.into()));
        }
        if self.one_in(2) {
            data.push(("StreamViewType".into(), format!("\"{}\"", self.view.as_aws())));
        }
        self.random.shuffle(&mut data);
        let mut event = vec![("eventName".into(), format!("\"{event}\"")), ("dynamodb".into(), self.object(&data))];
        if !self.one_in(3) {
            let id = self.one(&TEXTS);
            event.push(("eventID".into(), self.string(id)));
        }
        if !self.one_in(3) {
            event.push(("awsRegion".into(), "\"ab\"".into()));
        }
        let identity = self.one(&["null", "{}", r#"{"type":"ab","principalId":"b"}"#, r#"{"Type":"a"}"#]);
        if !self.one_in(3) {
            event.push(("userIdentity".into(), identity.into()));
        }
        if !self.is_sound && self.one_in(3) {
            event.push(("x".into(), self.anything(3)));
        }
        self.random.shuffle(&mut event);
        self.object(&event)
    }

    fn item(&mut self, depth: u32) -> String {
        let mut members = Vec::new();
        for _ in 0..self.random.u32(0..4) {
            let name = self.one(&NAMES);
            // Twice the same, now and then.
            members.push((name.to_owned(), self.attribute(depth)));
        }
        self.object(&members)
    }

    fn attribute(&mut self, depth: u32) -> String {
        if !self.is_sound && self.one_in(12) {
            return self.anything(2);
        }
        let kinds: &[&str] =
            if depth == 0 { &["S", "N", "BOOL"] } else { &["S", "S", "N", "N", "BOOL", "NULL", "B", "SS", "NS", "L", "L", "M"] };
        let kind = self.one(kinds);
        let value = match kind {
            "S" | "B" => self.text(),
            "N" => self.number(),
            "BOOL" => self.one(&["true", "false"]).to_owned(),
            "NULL" => "true".to_owned(),
            "SS" => self.list(Self::text),
            "NS" => self.list(Self::number),
            "L" => self.list(|this| this.attribute(depth - 1)),
            _ => self.item(depth - 1),
        };
        self.object(&[(kind.to_owned(), value)])
    }

    fn list(&mut self, mut element: impl FnMut(&mut Self) -> String) -> String {
        let elements: Vec<String> = (0..self.random.u32(0..4)).map(|_| element(self)).collect();
        format!("[{}]", elements.join(","))
    }

    fn text(&mut self) -> String {
        let text = self.one(&TEXTS);
        self.string(text)
    }

    fn number(&mut self) -> String {
        let number = if !self.is_sound && self.one_in(6) {
            self.one(&["x", "", "123456789012345678901234567890123456789", "ab"])
        } else {
            self.one(&NUMBERS)
        };
        self.string(number)
    }

    /// What no stream sends.
    fn anything(&mut self, depth: u32) -> String {
        let kind = self.random.u32(0..if depth == 0 { 5 } else { 8 });
        match kind {
            0 => self.text(),
            1 => self.one(&["10", "1E1", "-0", "0.1"]).to_owned(),
            2 => self.one(&["true", "false"]).to_owned(),
            3 => "null".to_owned(),
            4 => self.number(),
            5 | 6 => self.list(|this| this.anything(depth - 1)),
            _ => {
                let name = self.one(&["a", "S", "N", "L", "x"]).to_owned();
                let value = self.anything(depth - 1);
                self.object(&[(name, value)])
            }
        }
    }

    // Patterns.

    pub(super) fn pattern(&mut self) -> String {
        self.group(Shape::Event, 8)
    }

    fn group(&mut self, shape: Shape, depth: u32) -> String {
        let mut names: Vec<String> = Vec::new();
        let mut members = Vec::new();
        for _ in 0..self.one(&[1, 1, 1, 2, 3]) {
            let name = if self.one_in(30) { self.one(&NAMES) } else { self.name(shape) };
            if names.iter().any(|other| other == name) {
                continue;
            }
            names.push(name.to_owned());
            members.push((name.to_owned(), self.field(shape.of(name), depth)));
        }
        if depth > 0 && self.one_in(5) {
            let mut choices: Vec<String> = (0..self.one(&[2, 2, 3])).map(|_| self.group(shape, depth - 1)).collect();
            if self.one_in(4) {
                // A choice that is written as the rest is, too.
                choices.push(choices[0].clone());
            }
            members.push(("$or".to_owned(), format!("[{}]", choices.join(","))));
            self.random.shuffle(&mut members);
        }
        self.object(&members)
    }

    fn name(&mut self, shape: Shape) -> &'static str {
        match shape {
            Shape::Event => {
                self.one(&["eventName", "dynamodb", "dynamodb", "dynamodb", "eventID", "userIdentity", "awsRegion", "eventSourceARN", "x"])
            }
            Shape::Data => self.one(&["NewImage", "NewImage", "NewImage", "OldImage", "OldImage", "Keys", "SizeBytes", "StreamViewType"]),
            Shape::Identity => self.one(&["type", "principalId"]),
            Shape::Attributes => self.one(&NAMES),
            Shape::Value => self.one(&["S", "S", "N", "N", "BOOL", "NULL", "B", "SS", "NS", "L", "L", "M"]),
            Shape::Leaf(_) => self.one(&["a", "S", "N"]),
        }
    }

    fn field(&mut self, shape: Shape, depth: u32) -> String {
        let is_leaf = matches!(shape, Shape::Leaf(_)) != self.one_in(30);
        if !is_leaf && depth > 0 { self.group(shape, depth - 1) } else { self.alternatives(shape) }
    }

    /// One condition, mostly at the end of a path that changes have.
    pub(super) fn condition(&mut self) -> String {
        let mut shape = Shape::Event;
        let mut path = Vec::new();
        while !matches!(shape, Shape::Leaf(_)) && path.len() < 9 && (path.len() < 3 || !self.one_in(12)) {
            let name = if self.one_in(40) { "x" } else { self.name(shape) };
            shape = shape.of(name);
            path.push(name);
        }
        let alternatives = self.alternatives(shape);
        path.iter().rev().fold(alternatives, |inner, name| format!("{{\"{name}\":{inner}}}"))
    }

    /// A kind of change, and what its image must be.
    pub(super) fn kind_and_image(&mut self) -> String {
        let (kind, image, name) = (self.one(&["INSERT", "MODIFY", "REMOVE"]), self.one(&["NewImage", "OldImage"]), self.one(&NAMES));
        let (alternatives, or) = (self.alternatives(Shape::Leaf(Leaf::Text)), self.one(&["", "\"MODIFY\","]));
        format!("{{\"eventName\":[{or}\"{kind}\"],\"dynamodb\":{{\"{image}\":{{\"{name}\":{{\"S\":{alternatives}}}}}}}}}")
    }

    pub(super) fn alternatives(&mut self, shape: Shape) -> String {
        let several: Vec<String> = (0..self.one(&[1, 1, 2, 4]))
            .map(|_| {
                let operator = self.operator(shape);
                self.alternative(operator, shape.is_number())
            })
            .collect();
        format!("[{}]", several.join(","))
    }

    fn operator(&mut self, shape: Shape) -> &'static str {
        match shape {
            Shape::Leaf(Leaf::Bool) if !self.one_in(8) => self.one(&["bool", "exists", "absent", "anything-but"]),
            Shape::Leaf(Leaf::Number | Leaf::JsonNumber) if !self.one_in(8) => {
                self.one(&["number", "text", "numeric", "anything-but", "anything-but-list", "exists", "absent"])
            }
            _ => self.one(&OPERATORS),
        }
    }

    pub(super) fn alternative(&mut self, operator: &str, is_number: bool) -> String {
        let string = if is_number && !self.one_in(4) { self.number() } else { self.text() };
        let number = self.one(&NUMBERS);
        match operator {
            "text" => string,
            "number" => number.to_owned(),
            "bool" => self.one(&["true", "false"]).to_owned(),
            "null" => "null".to_owned(),
            "prefix" | "suffix" | "equals-ignore-case" => format!("{{\"{operator}\":{string}}}"),
            "prefix-ignore-case" => format!("{{\"prefix\":{{\"equals-ignore-case\":{string}}}}}"),
            "suffix-ignore-case" => format!("{{\"suffix\":{{\"equals-ignore-case\":{string}}}}}"),
            "wildcard" => format!("{{\"wildcard\":{}}}", self.wildcard()),
            "numeric" => format!("{{\"numeric\":{}}}", self.range()),
            "exists" => r#"{"exists":true}"#.to_owned(),
            "absent" => r#"{"exists":false}"#.to_owned(),
            "cidr" => format!("{{\"cidr\":\"{}\"}}", self.one(&NETS)),
            "anything-but" => format!("{{\"anything-but\":{}}}", if self.random.bool() { string } else { number.to_owned() }),
            "anything-but-list" => format!("{{\"anything-but\":[{string},{number},{}]}}", self.text()),
            "anything-but-prefix" => format!("{{\"anything-but\":{{\"prefix\":[{string},{}]}}}}", self.text()),
            "anything-but-suffix" => format!("{{\"anything-but\":{{\"suffix\":{string}}}}}"),
            "anything-but-wildcard" => format!("{{\"anything-but\":{{\"wildcard\":[{},{}]}}}}", self.wildcard(), self.wildcard()),
            "anything-but-ignore-case" => format!("{{\"anything-but\":{{\"equals-ignore-case\":{string}}}}}"),
            "several" => format!("{string},{{\"prefix\":{{\"equals-ignore-case\":{}}}}},{{\"anything-but\":{string}}}", self.text()),
            other => panic!("{other}"),
        }
    }

    fn wildcard(&mut self) -> String {
        let pattern = self.one(&["*", "a*", "*b", "a*b", "*a*", "A*", "*é*", r"a\*b", r"a\\b", "*1*", "a", "", "*😀*", "*s*s", "1*"]);
        self.string(pattern)
    }

    fn range(&mut self) -> String {
        let (lower, upper) = (self.one(&NUMBERS), self.one(&NUMBERS));
        let (above, below) = (self.one(&[">", ">="]), self.one(&["<", "<="]));
        match self.random.u32(0..4) {
            0 => format!("[\"=\",{lower}]"),
            1 => format!("[\"{above}\",{lower}]"),
            2 => format!("[\"{below}\",{upper}]"),
            _ => format!("[\"{above}\",{lower},\"{below}\",{upper}]"),
        }
    }
}
