//! What a component asks for and no engine of this host has room for.
//!
//! Always holds: it is told with its figure and its bound. It is wasmtime that counts; only its text says what, so a test has one component for each bound.

use tripline_core::limits::{REASON_BYTES_MAX, cut};

use crate::engine::{CORE_INSTANCES_PER_COMPONENT, MEMORIES_PER_COMPONENT, MEMORY_BYTES_MAX, TABLES_PER_COMPONENT};
use crate::memory::TABLE_ELEMENTS_MAX;
use crate::text;

/// In all of wasmtime's messages of this kind, and in no other.
const MARK: &str = "pooling allocator";

/// The text before a figure and after it, what it counts, and how much there may be.
const BOUNDS: [(&str, &str, &str, usize); 7] = [
    ("transitively contains ", " core module instances", "core instances", CORE_INSTANCES_PER_COMPONENT as usize),
    ("transitively contains ", " Wasm linear memories", "memories", MEMORIES_PER_COMPONENT as usize),
    ("memories count of ", "", "memories", MEMORIES_PER_COMPONENT as usize),
    ("transitively contains ", " tables", "tables", TABLES_PER_COMPONENT as usize),
    ("tables count of ", "", "tables", TABLES_PER_COMPONENT as usize),
    ("minimum element size of ", "", "elements in a table", TABLE_ELEMENTS_MAX),
    ("minimum byte size of ", "", "bytes in a memory", MEMORY_BYTES_MAX),
];

/// None: it is another error.
pub(crate) fn told(error: &wasmtime::Error) -> Option<String> {
    let text = format!("{error:#}");
    if !text.contains(MARK) {
        return None;
    }
    let known = BOUNDS.iter().find_map(|(before, after, what, max)| {
        let (_, rest) = text.split_once(before)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (figure, rest) = rest.split_at_checked(digits).filter(|_| digits > 0)?;
        rest.starts_with(after).then(|| format!("it has {figure} {what}, and there may be {max}"))
    });
    Some(known.unwrap_or_else(|| text::one_line(cut(&text, REASON_BYTES_MAX), REASON_BYTES_MAX)))
}
