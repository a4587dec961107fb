//! Reading a TOML tree by known keys, with every fault recorded at its line and column.
//!
//! Invariant: a getter that returns none for a value that is there has recorded a fault, so whoever falls back to a
//! default there never gets it into a config. Knows no key by name: those are in `schema` and in who reads.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::{DeInteger, DeTable, DeValue};

use super::fault::{Fault, Place, did_you_mean};
use super::schema::Schema;
use super::unit;

const NAME_BYTES_MAX: usize = 64;

/// Looks up a variable of the environment.
pub(super) type Env<'e> = dyn Fn(&str) -> Option<String> + 'e;

/// The file that is read, and what was found wrong with it so far.
pub(super) struct Source<'a> {
    text: &'a str,
    base: &'a Path,
    /// None: who asks needs no secrets, and they are not looked up.
    env: Option<&'a Env<'a>>,
    /// Lines with syntax errors. What the parser makes of the rest of such a file is a guess: what seems missing may be there.
    broken_lines: RefCell<Vec<usize>>,
    faults: RefCell<Vec<Fault>>,
    warnings: RefCell<Vec<String>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str, base: &'a Path, env: Option<&'a Env<'a>>) -> Self {
        Self { text, base, env, broken_lines: RefCell::default(), faults: RefCell::default(), warnings: RefCell::default() }
    }

    pub(super) fn syntax_error(&self, error: &toml::de::Error) {
        let place = self.place(error.span().map_or(0, |span| span.start));
        self.broken_lines.borrow_mut().push(place.line);
        self.faults.borrow_mut().push(Fault {
            place: Some(place),
            key: String::new(),
            what: format!("not TOML: {}", error.message()),
            remedy: "correct the line; other faults may show when the file is TOML again".to_owned(),
        });
    }

    fn fault(&self, at: usize, key: &str, what: String, remedy: String) {
        let place = self.place(at);
        if !self.broken_lines.borrow().contains(&place.line) {
            self.faults.borrow_mut().push(Fault { place: Some(place), key: key.to_owned(), what, remedy });
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        !self.broken_lines.borrow().is_empty()
    }

    pub(super) fn warn(&self, warning: String) {
        self.warnings.borrow_mut().push(warning);
    }

    pub(super) fn into_findings(self) -> (Vec<Fault>, Vec<String>) {
        (self.faults.into_inner(), self.warnings.into_inner())
    }

    fn place(&self, at: usize) -> Place {
        place_of(self.text, at)
    }
}

pub(super) fn place_of(text: &str, at: usize) -> Place {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Place { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
}

/// A value of the tree, with its key and place.
#[derive(Clone)]
pub(super) struct Value<'a> {
    pub(super) source: &'a Source<'a>,
    /// Dotted, for people.
    pub(super) key: String,
    pub(super) at: usize,
    pub(super) raw: &'a DeValue<'a>,
}

impl<'a> Value<'a> {
    /// The document; `raw` is its tree as a table value.
    pub(super) fn root(source: &'a Source<'a>, raw: &'a DeValue<'a>) -> Self {
        Self { source, key: String::new(), at: 0, raw }
    }

    pub(super) fn child(&self, name: &str, at: usize, raw: &'a DeValue<'a>) -> Self {
        let key = if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) };
        Self { source: self.source, key, at, raw }
    }

    pub(super) fn fault(&self, what: impl Into<String>, remedy: impl Into<String>) {
        self.source.fault(self.at, &self.key, what.into(), remedy.into());
    }

    /// What is not there, or not known: in a file with syntax errors it may just not have been understood.
    pub(super) fn fault_if_whole(&self, what: impl Into<String>, remedy: impl Into<String>) {
        if !self.source.is_broken() {
            self.fault(what, remedy);
        }
    }

    fn wrong_type(&self, wanted: &str, remedy: &str) {
        let found = match self.raw.type_str() {
            article @ ("integer" | "array") => format!("an {article}"),
            other => format!("a {other}"),
        };
        self.fault(format!("{wanted} is needed, this is {found}"), remedy);
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        let text = self.raw.as_str();
        if text.is_none() {
            self.wrong_type("a string", "put it in quotes");
        }
        text
    }

    /// A string that is not empty and has no control characters.
    pub(super) fn line(&self) -> Option<&'a str> {
        let text = self.text()?;
        if text.trim().is_empty() {
            self.fault("is empty", "write a value, or remove the key");
            return None;
        }
        if text.chars().any(char::is_control) {
            self.fault("has a line break or another control character", "write it as one line");
            return None;
        }
        Some(text)
    }

    pub(super) fn bool(&self) -> Option<bool> {
        let value = self.raw.as_bool();
        if value.is_none() {
            self.wrong_type("true or false", "write true or false, without quotes");
        }
        value
    }

    pub(super) fn integer(&self, range: RangeInclusive<usize>) -> Option<usize> {
        let remedy = format!("write a whole number from {} to {}", range.start(), range.end());
        let Some(integer) = self.raw.as_integer() else {
            self.wrong_type("a number", &remedy);
            return None;
        };
        self.within(integer_value(integer), range, integer, &remedy)
    }

    pub(super) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let [min, max] = [range.start(), range.end()].map(|bound| unit::show_duration(*bound));
        let remedy = format!("write a whole number with a unit (ms, s, m, h) in quotes, from \"{min}\" to \"{max}\"");
        let Some(text) = self.raw.as_str() else {
            self.wrong_type("a duration", &remedy);
            return None;
        };
        let Some(duration) = unit::duration(text) else {
            self.fault(format!("{text:?} is no duration"), remedy);
            return None;
        };
        self.within(Some(duration), range, text, &remedy)
    }

    /// Bytes.
    pub(super) fn size(&self, range: RangeInclusive<usize>) -> Option<usize> {
        let [min, max] = [range.start(), range.end()].map(|bound| unit::show_size(*bound));
        let remedy = format!("write bytes, or a whole number with a unit (KiB, MiB, GiB, KB, MB, GB) in quotes, from {min} to {max}");
        match self.raw {
            DeValue::Integer(integer) => self.within(integer_value(integer), range, integer, &remedy),
            DeValue::String(text) => {
                let size = unit::size(text);
                if size.is_none() {
                    self.fault(format!("{text:?} is no size"), remedy.as_str());
                }
                self.within(Some(size?), range, text, &remedy)
            }
            _ => {
                self.wrong_type("a size", &remedy);
                None
            }
        }
    }

    fn within<T: PartialOrd>(&self, value: Option<T>, range: RangeInclusive<T>, shown: impl Display, remedy: &str) -> Option<T> {
        let value = value.filter(|value| range.contains(value));
        if value.is_none() {
            self.fault(format!("{shown} is out of range"), remedy);
        }
        value
    }

    /// One of the words of `built`. A word of `planned` is known, and refused as not built yet.
    pub(super) fn choice<T: Copy>(&self, built: &[(&'static str, T)], planned: &[&str]) -> Option<T> {
        let text = self.text()?;
        if let Some((_, choice)) = built.iter().find(|(word, _)| *word == text) {
            return Some(*choice);
        }
        let words = built.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>().join(" or ");
        if planned.contains(&text) {
            self.planned(&format!("{text:?}"), &format!("set {words}"));
        } else {
            let remedy = match did_you_mean(text, built.iter().map(|(word, _)| *word)) {
                Some(word) => format!("did you mean {word:?}?"),
                None => format!("write {words}"),
            };
            self.fault(format!("{text:?} is not known here"), remedy);
        }
        None
    }

    /// `what` is a value that will be possible, `instead` what can be set today.
    pub(super) fn planned(&self, what: &str, instead: &str) {
        self.fault(format!("{what} is planned, not built yet"), format!("remove it, or {instead}"));
    }

    /// The elements of a list.
    pub(super) fn list(&self) -> Vec<Value<'a>> {
        let Some(list) = self.raw.as_array() else {
            self.wrong_type("a list", "write a list, as [\"one\", \"two\"]");
            return Vec::new();
        };
        list.iter()
            .map(|element| Self { at: element.span().start, raw: element.get_ref(), ..self.clone() })
            .collect()
    }

    /// A table whose keys are those of `schema`; the rest are faults.
    pub(super) fn section(&self, schema: &'static Schema) -> Option<Section<'a>> {
        let table = self.table()?;
        let section = Section { here: self.clone(), table, schema };
        section.refuse_other_keys();
        Some(section)
    }

    pub(super) fn table(&self) -> Option<&'a DeTable<'a>> {
        let table = self.raw.as_table();
        if table.is_none() {
            self.wrong_type("a table", &format!("write [{}] with its keys below it, or {{ key = … }}", self.key));
        }
        table
    }

    /// The entries of a table that has names for keys, in the order of the file.
    pub(super) fn named(&self) -> Vec<(&'a str, Value<'a>)> {
        let Some(table) = self.table() else { return Vec::new() };
        let mut entries: Vec<_> = table
            .iter()
            .map(|(name, value)| (&**name.get_ref(), self.child(name.get_ref(), name.span().start, value.get_ref())))
            .collect();
        entries.sort_by_key(|(_, entry)| entry.at);
        for (name, entry) in &entries {
            if !is_name(name) {
                let what = format!("{name:?} is no name");
                entry.fault(what, "a name is 1 to 64 lower-case letters, digits and hyphens, and begins with a letter");
            }
        }
        entries
    }

    /// A path, relative to the file's folder.
    pub(super) fn path(&self) -> Option<PathBuf> {
        Some(self.in_base(self.line()?))
    }

    pub(super) fn in_base(&self, path: &str) -> PathBuf {
        self.source.base.join(path)
    }

    pub(super) fn existing_file(&self) -> Option<PathBuf> {
        let path = self.path()?;
        if !path.is_file() {
            self.fault(format!("there is no file {}", path.display()), "correct the path; it is relative to the folder of this file");
            return None;
        }
        Some(path)
    }

    /// The text of the file that this value names.
    pub(super) fn file_text(&self, bytes_max: u64) -> Option<String> {
        let path = self.existing_file()?;
        let size = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        if size > bytes_max {
            let what = format!("{} has {size} bytes, and at most {bytes_max} are read", path.display());
            self.fault(what, "make the file smaller, or name another");
            return None;
        }
        match std::fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) => {
                let what = format!("{} cannot be read as UTF-8 text: {error}", path.display());
                self.fault(what, "make it readable for this user, and save it as UTF-8");
                None
            }
        }
    }

    pub(super) fn needs_secrets(&self) -> bool {
        self.source.env.is_some()
    }

    pub(super) fn env(&self) -> Option<String> {
        let name = self.line()?;
        let value = self.source.env.and_then(|env| env(name)).filter(|value| !value.is_empty());
        if value.is_none() {
            self.fault(format!("the environment has no variable {name}, or an empty one"), format!("set {name} where tripline is started"));
        }
        value
    }

    pub(super) fn warn(&self, what: &str) {
        let Place { line, column } = self.source.place(self.at);
        self.source.warn(format!("{line}:{column}: {}: {what}", self.key));
    }
}

fn integer_value(integer: &DeInteger<'_>) -> Option<usize> {
    usize::from_str_radix(integer.as_str(), integer.radix()).ok()
}

pub(super) fn is_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// A table that is read by known keys.
pub(super) struct Section<'a> {
    pub(super) here: Value<'a>,
    table: &'a DeTable<'a>,
    schema: &'static Schema,
}

impl<'a> Section<'a> {
    fn refuse_other_keys(&self) {
        for (key, value) in self.table {
            let name = &**key.get_ref();
            if self.schema.built.contains(&name) {
                continue;
            }
            let entry = self.here.child(name, key.span().start, value.get_ref());
            if let Some((_, instead)) = self.schema.planned.iter().find(|(planned, _)| *planned == name) {
                entry.fault("planned, not built yet", *instead);
            } else if let Some(known) = did_you_mean(name, self.schema.built.iter().copied()) {
                entry.fault("unknown key", format!("did you mean `{known}`?"));
            } else {
                let known = self.schema.built.join(", ");
                // Below a header that could not be read, a key of another table ends up here.
                entry.fault_if_whole("unknown key", format!("remove it; {} has: {known}", self.schema.title));
            }
        }
    }

    pub(super) fn get(&self, name: &'static str) -> Option<Value<'a>> {
        debug_assert!(self.schema.built.contains(&name), "{name} is not in the schema of {}", self.schema.title);
        let (key, value) = self.table.get_key_value(name)?;
        Some(self.here.child(name, key.span().start, value.get_ref()))
    }

    /// As `get`; that the key is missing is a fault.
    pub(super) fn require(&self, name: &'static str, remedy: &str) -> Option<Value<'a>> {
        let value = self.get(name);
        if value.is_none() {
            self.here.child(name, self.here.at, self.here.raw).fault_if_whole("is missing", remedy);
        }
        value
    }
}
