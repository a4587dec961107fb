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

impl Faults {
    /// Each with its remedy, and a line break at the end.
    pub(crate) fn lines(&self) -> String {
        let mut lines = String::new();
        // Writing into a String cannot fail.
        let _ = self.write(&mut lines);
        lines
    }

    /// `3 faults in tripline.toml`.
    pub(crate) fn count(&self) -> String {
        match self.list.len() {
            1 => format!("1 fault in {}", self.file),
            count => format!("{count} faults in {}", self.file),
        }
    }

    fn write(&self, f: &mut impl fmt::Write) -> fmt::Result {
        for (at, fault) in self.list.iter().enumerate() {
            // Who tells the first calls it an error.
            write!(f, "{}{}:", if at == 0 { "" } else { "error: " }, self.file)?;
            if let Some(Place { line, column }) = fault.place {
                write!(f, "{line}:{column}:")?;
            }
            if !fault.key.is_empty() {
                write!(f, " {}:", fault.key)?;
            }
            writeln!(f, " {}\n  remedy: {}", fault.what, fault.remedy)?;
        }
        Ok(())
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f)?;
        f.write_str(&self.count())
    }
}

impl std::error::Error for Faults {}
