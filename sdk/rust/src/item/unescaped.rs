//! Strings that were written with escapes, without them: so they can be borrowed as all others are.
//!
//! Why: a type with `&str` must not depend on what users write. Nobody tries his plugin on a name with a quote in it.

use std::cell::OnceCell;

use typed_arena::Arena;

#[derive(Default)]
pub(crate) struct Unescaped(
    // Most items have none.
    OnceCell<Arena<String>>,
);

impl Unescaped {
    pub(super) fn keep(&self, text: String) -> &str {
        self.0.get_or_init(Arena::new).alloc(text)
    }
}

/// Empty: what was read of the one is not borrowed from the other.
impl Clone for Unescaped {
    fn clone(&self) -> Self {
        Self::default()
    }
}
