//! What is wrong with a config file: all of it, each with its place, its key and a remedy.
//!
//! Invariant: a `Faults` is never empty. No fault quotes the value of a key that may hold a secret.

use std::fmt;

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

/// What was probably meant by `word`: the nearest of `known`, if it is near.
pub(super) fn did_you_mean<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = alike(word);
    let edits_max = (word.len() / 3).clamp(1, 3).min(word.len().saturating_sub(1));
    known
        .into_iter()
        .map(|candidate| (edits(&word, &alike(candidate)), candidate))
        .filter(|(edits, _)| *edits <= edits_max)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

fn alike(word: &str) -> Vec<char> {
    word.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() }).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours that make `b` of `a` (optimal string alignment).
fn edits(a: &[char], b: &[char]) -> usize {
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, meant: Option<&str>) {
        assert_eq!(did_you_mean(word, ["region", "role_arn", "endpoint", "table", "tables", "s"]), meant);
    }

    #[test]
    fn the_nearest_of_what_is_known_is_meant() {
        check("regoin", Some("region"));
        check("role-arn", Some("role_arn"));
        check("Endpoint", Some("endpoint"));
        check("tablees", Some("tables"));
        check("colour", None);
        check("x", None);
        check("", None);
        check("tabel", Some("table"));
    }
}
