//! Filters: which changes a trigger gets at all. Lambda's patterns, without their traps (docs/filters.md).
//!
//! A pattern is read (`parse`), all patterns of a stream's triggers are compiled into one `FilterSet`, and each change is looked at once, on the bytes
//! of the page: only what some pattern names, and no further than needed.
//! Invariant: a change that cannot be read where some filter looks passes all of them, so that its plugin refuses it and it becomes a dead letter: a
//! filter loses nothing.
//! Knows nothing of triggers, but their number.

mod compile;
mod doc;
mod explain;
mod holds;
mod lint;
mod net;
mod number;
mod parse;
mod passes;
mod pattern;
mod ranges;
mod set;
mod shape;
mod suspect;
mod table;
mod walk;
mod wildcard;

pub use doc::{Document, Unreadable};
pub use explain::{Explainer, Failed};
pub use lint::Warning;
pub use passes::Passes;
pub use pattern::{Pattern, PatternError, Place};
pub use set::{FilterSet, Scratch};

#[cfg(test)]
mod tests;
