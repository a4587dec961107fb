//! A pattern of changes, as Lambda's event filtering has them, read and not yet compiled.
//!
//! Invariant: what can be built here is grammatical; each part knows where in the text it stands. Whether anything can ever match is not known here.
//! Source of the grammar: AWS Lambda's event filtering and EventBridge's event patterns (docs/filters.md has each difference).

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use super::net::Address;
use super::number::Number;
use super::parse;
use super::wildcard::Wildcard;

/// One pattern. A trigger gets a change that any of its patterns matches.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    pub(crate) root: Group,
}

/// All of these must hold of one object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) fields: Vec<Field>,
    /// `$or`.
    pub(crate) choices: Vec<Choice>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: Box<str>,
    /// Where its name stands.
    pub(crate) at: usize,
    pub(crate) wants: Wants,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    /// One of these holds of the value; of an array, of one of its elements.
    Value(Vec<Alternative>),
    /// The value is such an object; of an array, one of its elements is.
    Object(Group),
}

/// One of these groups must hold of the object in which `$or` stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) at: usize,
    pub(crate) groups: Vec<Group>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alternative {
    /// Where it stands.
    pub(crate) at: Range<usize>,
    pub(crate) test: Test,
}

impl Alternative {
    /// Whether it holds where there is nothing.
    pub(crate) fn is_absence(&self) -> bool {
        self.test == Test::Exists(false)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Test {
    Is(Literal),
    Text(TextTest),
    Within(Interval),
    Cidr(Address, Address),
    /// True: there is a value. False: there is none.
    Exists(bool),
    AnythingBut(Vec<Excluded>),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Excluded {
    Literal(Literal),
    Text(TextTest),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Literal {
    Text(Box<str>),
    Number(Number),
    Bool(bool),
    Null,
}

/// Of strings alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum TextTest {
    Prefix(Box<str>),
    Suffix(Box<str>),
    EqualsIgnoreCase(Box<str>),
    PrefixIgnoreCase(Box<str>),
    SuffixIgnoreCase(Box<str>),
    Wildcard(Wildcard),
}

/// Of numbers. May be empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Interval {
    pub(crate) lower: Number,
    pub(crate) with_lower: bool,
    pub(crate) upper: Number,
    pub(crate) with_upper: bool,
}

/// A number's place among bounds: before it, at it, after it.
pub(crate) type Bound = (Number, u8);

impl Interval {
    /// Its ends, both in it.
    pub(crate) fn bounds(&self) -> (Bound, Bound) {
        ((self.lower, if self.with_lower { 1 } else { 2 }), (self.upper, u8::from(self.with_upper)))
    }

    pub(crate) fn at(number: Number) -> Bound {
        (number, 1)
    }
}

impl Pattern {
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        Ok(Self { text: text.into(), root: parse::pattern(text)? })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Self::parse(text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({})", self.text)
    }
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}; {remedy}")]
pub struct PatternError {
    pub place: Place,
    pub what: String,
    pub remedy: String,
}

/// Where in a pattern's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Whether the text has other lines.
    is_one_of_several: bool,
}

impl Place {
    /// Of a byte of `text`, or its end.
    pub(crate) fn of(text: &str, at: usize) -> Self {
        let before = &text[..text.floor_char_boundary(at)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            is_one_of_several: text.trim_end().contains('\n'),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_one_of_several {
            write!(f, "line {}, ", self.line)?;
        }
        write!(f, "column {}", self.column)
    }
}
