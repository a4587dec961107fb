//! Which attributes of an item leave the host: paths into its maps, compiled into one tree, and the cut that they make.
//!
//! Invariants: what is left are bytes of the item, in their order, with attributes left out; no value is written anew. An item is walked once, no
//! further down than the paths lead; all else is passed over by its brackets. One that breaks off where it is walked stays broken.
//! Knows nothing of views: what is a key is told.

use std::borrow::Cow;
use std::fmt;

use crate::scan::{ScanError, Scanner};

/// DynamoDB nests no deeper.
const LEVELS_MAX: usize = 32;
/// Of one name, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// The way to an attribute: the names of the maps around it, outermost first, and its own.
#[derive(Clone, PartialEq, Eq)]
pub struct AttributePath(Box<[Box<str>]>);

/// Why a text is no path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {remedy}")]
pub struct PathError {
    pub what: String,
    pub remedy: String,
}

impl PathError {
    fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), remedy: remedy.into() }
    }
}

impl AttributePath {
    /// A top-level attribute, whatever characters its name has.
    pub fn top(name: &str) -> Self {
        Self(Box::new([name.into()]))
    }

    /// `address.city`. Of what means something here, `\.`, `\\` and `\[` are the characters themselves.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let mut names: Vec<Box<str>> = Vec::new();
        let mut name = String::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            match c {
                '.' => names.push(whole_name(text, std::mem::take(&mut name))?),
                '[' if is_index(rest.as_str()) => {
                    let what = format!("{text:?} names an element of a list");
                    let remedy = "name the list, which is taken whole; write `\\[` where the bracket is part of a name";
                    return Err(PathError::new(what, remedy));
                }
                '\\' => name.push(escaped(text, rest.next())?),
                c => name.push(c),
            }
        }
        names.push(whole_name(text, name)?);
        if names.len() > LEVELS_MAX {
            let what = format!("{text:?} leads {} levels down", names.len());
            return Err(PathError::new(what, format!("DynamoDB nests {LEVELS_MAX} at most: name what is further up")));
        }
        Ok(Self(names.into()))
    }

    /// Whether it names a map on the way to `other`, which is then in it.
    pub fn is_above(&self, other: &Self) -> bool {
        self.0.len() < other.0.len() && other.0.starts_with(&self.0)
    }
}

fn whole_name(text: &str, name: String) -> Result<Box<str>, PathError> {
    let remedy = || format!("write 1 to {NAME_BYTES_MAX} bytes, as `email`, or `address.city` for an attribute of a map");
    if name.is_empty() {
        let what = if text.is_empty() { "is no attribute name".to_owned() } else { format!("{text:?} has a name that is empty") };
        return Err(PathError::new(what, remedy()));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(PathError::new(format!("a name of {} bytes is no attribute name", name.len()), remedy()));
    }
    Ok(name.into())
}

fn escaped(text: &str, next: Option<char>) -> Result<char, PathError> {
    match next {
        Some(c @ ('.' | '\\' | '[')) => Ok(c),
        Some(other) => Err(PathError::new(format!("{text:?} has `\\{other}`"), "write `\\\\` for a backslash, `\\.` for a dot in a name")),
        None => Err(PathError::new(format!("{text:?} ends with a backslash"), "write `\\\\` for a backslash")),
    }
}

/// What follows a `[`.
fn is_index(rest: &str) -> bool {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    digits > 0 && rest.as_bytes().get(digits) == Some(&b']')
}

/// As it is written in a config.
impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (level, name) in self.0.iter().enumerate() {
            if level > 0 {
                f.write_str(".")?;
            }
            for (at, c) in name.char_indices() {
                if matches!(c, '.' | '\\') || (c == '[' && is_index(&name[at + 1..])) {
                    f.write_str("\\")?;
                }
                fmt::Write::write_char(f, c)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

/// What leaves the host of an item, besides its keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Projection {
    paths: Vec<AttributePath>,
    root: Level,
}

/// The attributes that are wanted of one map, or of the item, by length and name: most are told apart by their lengths.
#[derive(Clone, Default, PartialEq, Eq)]
struct Level(Vec<(Box<str>, Part)>);

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Whole,
    /// These of its attributes, if it is a map.
    Below(Level),
}

impl FromIterator<AttributePath> for Projection {
    fn from_iter<T: IntoIterator<Item = AttributePath>>(paths: T) -> Self {
        let paths: Vec<AttributePath> = paths.into_iter().collect();
        let mut root = Level::default();
        paths.iter().for_each(|path| root.add(&path.0));
        Self { paths, root }
    }
}

/// Of top-level attributes.
impl<'n> FromIterator<&'n str> for Projection {
    fn from_iter<T: IntoIterator<Item = &'n str>>(names: T) -> Self {
        names.into_iter().map(AttributePath::top).collect()
    }
}

impl fmt::Debug for Projection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.paths.fmt(f)
    }
}

impl Level {
    fn find(&self, name: &str) -> Result<usize, usize> {
        self.0
            .binary_search_by(|(wanted, _)| wanted.len().cmp(&name.len()).then_with(|| (**wanted).cmp(name)))
    }

    fn part(&self, name: &str) -> Option<&Part> {
        self.find(name).ok().map(|at| &self.0[at].1)
    }

    fn add(&mut self, path: &[Box<str>]) {
        let Some((name, below)) = path.split_first() else { return };
        let at = self.find(name).unwrap_or_else(|at| {
            self.0.insert(at, (name.clone(), Part::Below(Self::default())));
            at
        });
        match &mut self.0[at].1 {
            // Whatever else is wanted of it is in it.
            part if below.is_empty() => *part = Part::Whole,
            Part::Whole => {}
            Part::Below(level) => level.add(below),
        }
    }
}

impl Projection {
    /// `image` with only the attributes that are wanted, and its keys, each as it was written. What is no JSON object has none that a trigger could ask
    /// for; one that breaks off stays broken, so that its reader refuses it and nobody takes what is left for the whole.
    pub(crate) fn cut(&self, image: &str, key_names: &[Cow<'_, str>]) -> String {
        let mut out = String::with_capacity(image.len());
        let mut scanner = Scanner::new(image);
        let is_key = |name: &str| key_names.iter().any(|key| key == name);
        let walked = self.root.cut(&mut scanner, &mut out, is_key).and_then(|_| scanner.end());
        if walked.is_ok() || !image.starts_with('{') {
            out.push('}');
        }
        out
    }
}

impl Level {
    /// What is wanted of an object of attributes, and what `is_key`, but for the bracket that ends it. False: nothing.
    fn cut(&self, scanner: &mut Scanner<'_>, out: &mut String, is_key: impl Fn(&str) -> bool) -> Result<bool, ScanError> {
        out.push('{');
        let mut has_some = false;
        scanner.object(|scanner, name| {
            let level = match self.part(&name) {
                Some(Part::Below(level)) if !is_key(&name) => Some(level),
                Some(_) => None,
                None if is_key(&name) => None,
                None => return scanner.skip().map(drop),
            };
            let before = out.len();
            if has_some {
                out.push(',');
            }
            match level {
                Some(level) => {
                    out.push_str(scanner.member());
                    let is_there = level.cut_map(scanner, out)?;
                    has_some |= is_there;
                    if !is_there {
                        out.truncate(before);
                    }
                }
                None => {
                    scanner.skip()?;
                    out.push_str(scanner.member());
                    has_some = true;
                }
            }
            Ok(())
        })?;
        Ok(has_some)
    }

    /// As `cut`, of an attribute's value, `{"M":{…}}`. False, and nothing of it wanted, where it is no map.
    fn cut_map(&self, scanner: &mut Scanner<'_>, out: &mut String) -> Result<bool, ScanError> {
        if scanner.peek() != Some(b'{') {
            return scanner.skip().map(|_| false);
        }
        out.push('{');
        // A map has this one member; an object with another beside it is no value of DynamoDB's.
        let (mut members, mut is_there) = (0, false);
        scanner.object(|scanner, kind| {
            members += 1;
            if members > 1 || kind != "M" || scanner.peek() != Some(b'{') {
                return scanner.skip().map(drop);
            }
            out.push_str(scanner.member());
            is_there = self.cut(scanner, out, |_| false)?;
            out.push('}');
            Ok(())
        })?;
        out.push('}');
        Ok(is_there && members == 1)
    }
}

#[cfg(test)]
mod tests;
