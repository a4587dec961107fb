//! What is wrong with a config file: all of it, each with its place, its key and a remedy.
//!
//! Invariant: a `Faults` is never empty. No fault quotes the value of a key that may hold a secret.

use std::fmt;

pub(super) use tripline_core::word::did_you_mean;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// None where the file as a whole is at fault, as when it is missing.
    pub place: Option<Place>,
    /// Dotted, as `triggers.welcome.view`; empty where a syntax error leaves no key.
    pub key: String,
    pub what: String,
    pub remedy: String,
}

/// Counted from 1; columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// Every fault of one file, by place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    file: String,
    list: Vec<Fault>,
}

impl Faults {
    /// None when there is no fault.
    pub(super) fn of(file: &str, mut list: Vec<Fault>) -> Option<Self> {
        list.sort_by(|a, b| (a.place, &a.key, &a.what).cmp(&(b.place, &b.key, &b.what)));
        list.dedup();
        (!list.is_empty()).then(|| Self { file: file.to_owned(), list })
    }

    pub(super) fn whole_file(file: &str, what: String, remedy: &str) -> Self {
        let fault = Fault { place: None, key: String::new(), what, remedy: remedy.to_owned() };
        Self { file: file.to_owned(), list: vec![fault] }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.list.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fault in &self.list {
            write!(f, "{}:", self.file)?;
            if let Some(Place { line, column }) = fault.place {
                write!(f, "{line}:{column}:")?;
            }
            if !fault.key.is_empty() {
                write!(f, " {}:", fault.key)?;
            }
            writeln!(f, " {}\n  remedy: {}", fault.what, fault.remedy)?;
        }
        match self.list.len() {
            1 => write!(f, "1 fault in {}", self.file),
            count => write!(f, "{count} faults in {}", self.file),
        }
    }
}

impl std::error::Error for Faults {}
