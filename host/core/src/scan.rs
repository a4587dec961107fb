//! Walks JSON without building anything: what a value is, where it lies, what lies next.
//!
//! Invariants: linear in the text, no recursion, no allocation but for strings with escapes; the spans it gives begin and end on character
//! boundaries. Every level that is walked is checked strictly; what is skipped is only bracketed: its strings and brackets balance, its grammar
//! is the business of whoever reads it.
//! Knows nothing of DynamoDB.

use std::borrow::Cow;

use crate::change::Span;
use crate::scan::block::Brackets;

mod block;

/// What was expected, and where in the text it was not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no {expected} at byte {at}")]
pub(crate) struct ScanError {
    expected: &'static str,
    at: usize,
}

impl ScanError {
    pub(crate) fn expected(&self) -> &'static str {
        self.expected
    }

    /// In bytes.
    pub(crate) fn at(&self) -> usize {
        self.at
    }
}

type Scanned<T> = Result<T, ScanError>;

/// A place in a text of at most `u32::MAX` bytes.
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// Where the name of the member begins that is walked now.
    member: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        debug_assert!(u32::try_from(text.len()).is_ok());
        Self { text, at: 0, member: 0 }
    }

    /// Walks an object: `visit` takes each value, or skips it.
    pub(crate) fn object<E: From<ScanError>>(&mut self, mut visit: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), E>) -> Result<(), E> {
        self.expect(b'{', "`{`")?;
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            self.member = self.start();
            let name = self.string()?;
            self.expect(b':', "`:`")?;
            visit(self, name)?;
            if self.eat(b'}') {
                return Ok(());
            }
            self.expect(b',', "`,` or `}`")?;
        }
    }

    /// Walks an array: `visit` takes each value, or skips it.
    pub(crate) fn array<E: From<ScanError>>(&mut self, mut visit: impl FnMut(&mut Self) -> Result<(), E>) -> Result<(), E> {
        self.expect(b'[', "`[`")?;
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            visit(self)?;
            if self.eat(b']') {
                return Ok(());
            }
            self.expect(b',', "`,` or `]`")?;
        }
    }

    /// The next value, whatever it is, is passed over.
    pub(crate) fn skip(&mut self) -> Scanned<Span> {
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'{' | b'[') => {
                self.at = self.end_of_brackets().ok_or(ScanError { expected: "end of this object or array", at: start })?
            }
            Some(b'"') => self.at = self.end_of_string(start + 1)?.0 + 1,
            Some(_) => self.skip_word()?,
            None => return Err(self.no("value")),
        }
        Ok(self.span_from(start))
    }

    /// A string. Borrowed, unless it has escapes.
    pub(crate) fn string(&mut self) -> Scanned<Cow<'a, str>> {
        self.expect(b'"', "string")?;
        let start = self.at;
        let (end, has_escapes) = self.end_of_string(start)?;
        self.at = end + 1;
        if !has_escapes {
            return Ok(Cow::Borrowed(&self.text[start..end]));
        }
        let quoted = &self.text[start - 1..=end];
        serde_json::from_str(quoted)
            .map(Cow::Owned)
            .map_err(|_| ScanError { expected: "string with valid escapes", at: start - 1 })
    }

    /// Whether the next value is `null`, which is passed over then.
    pub(crate) fn null(&mut self) -> bool {
        self.peek();
        let is_null = self.text.as_bytes()[self.at..].starts_with(b"null");
        if is_null {
            self.at += 4;
        }
        is_null
    }

    /// The next byte that is no white space.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let next = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        self.at += next.unwrap_or(rest.len());
        rest.get(next?).copied()
    }

    /// Nothing may follow.
    pub(crate) fn end(&mut self) -> Scanned<()> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.no("end of the text")),
        }
    }

    /// The member that `object` has given last, from its name to here.
    pub(crate) fn member(&self) -> &'a str {
        &self.text[self.member..self.at]
    }

    /// Where its name begins.
    pub(crate) fn member_start(&self) -> usize {
        self.member
    }

    /// From `start` to here.
    pub(crate) fn span_from(&self, start: usize) -> Span {
        Span { start: start as u32, end: self.at as u32 }
    }

    /// Where the next value begins.
    pub(crate) fn start(&mut self) -> usize {
        self.peek();
        self.at
    }

    pub(crate) fn text(&self, span: Span) -> &'a str {
        &self.text[span.range()]
    }

    fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Scanned<()> {
        if self.eat(byte) { Ok(()) } else { Err(self.no(expected)) }
    }

    fn no(&self, expected: &'static str) -> ScanError {
        ScanError { expected, at: self.at }
    }

    /// The position of the quote that ends the string whose first character is at `start`, and whether there are escapes before it.
    fn end_of_string(&self, start: usize) -> Scanned<(usize, bool)> {
        let bytes = self.text.as_bytes();
        let mut at = start;
        let mut has_escapes = false;
        loop {
            at += block::before_quote_or_backslash(bytes.get(at..).unwrap_or_default());
            match bytes.get(at) {
                Some(b'"') => return Ok((at, has_escapes)),
                Some(_) => {
                    has_escapes = true;
                    at += 2;
                }
                None => return Err(ScanError { expected: "end of this string", at: start - 1 }),
            }
        }
    }

    /// The position after the bracket that closes the one here.
    fn end_of_brackets(&self) -> Option<usize> {
        let mut brackets = Brackets::default();
        let bytes = &self.text.as_bytes()[self.at..];
        let (blocks, rest) = bytes.as_chunks::<{ block::LEN }>();
        for (index, block) in blocks.iter().enumerate() {
            if let Some(end) = brackets.closed_in(block) {
                return Some(self.at + index * block::LEN + end + 1);
            }
        }
        let mut last = [b' '; block::LEN];
        last[..rest.len()].copy_from_slice(rest);
        let end = brackets.closed_in(&last)?;
        Some(self.at + blocks.len() * block::LEN + end + 1)
    }

    /// A number, `true`, `false` or `null`.
    fn skip_word(&mut self) -> Scanned<()> {
        let rest = &self.text.as_bytes()[self.at..];
        let len = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.'));
        let word = &rest[..len.unwrap_or(rest.len())];
        let is_value = match word.first() {
            Some(b'0'..=b'9' | b'-') => true,
            _ => matches!(word, b"true" | b"false" | b"null"),
        };
        if !is_value {
            return Err(self.no("value"));
        }
        self.at += word.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
