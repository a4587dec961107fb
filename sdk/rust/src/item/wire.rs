//! Parses JSON for serde as fast as a plugin must: every change passes here.
//!
//! Invariants: no recursion and no allocation for what is skipped; strings without escapes are borrowed, and others too where somebody keeps them; what is
//! read is checked strictly. What is
//! skipped is only bracketed: its strings and brackets balance, and nobody asked what they say.
//! Knows nothing of DynamoDB.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::unescaped::Unescaped;

/// What was wrong. It names no value.
#[derive(Debug)]
pub(super) struct WireError(String);

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WireError {}

impl serde::de::Error for WireError {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self(reason.to_string())
    }
}

type Parsed<T> = Result<T, WireError>;

fn expected<T>(what: &str) -> Parsed<T> {
    Err(WireError(format!("no JSON: expected {what}")))
}

/// A place in a text.
pub(super) struct Wire<'de> {
    text: &'de str,
    at: usize,
    unescaped: Option<&'de Unescaped>,
}

impl<'de> Wire<'de> {
    /// `unescaped` keeps what was written with escapes and is to be borrowed; without it that is owned.
    pub(super) fn new(text: &'de str, unescaped: Option<&'de Unescaped>) -> Self {
        Self { text, at: 0, unescaped }
    }

    /// Nothing may follow.
    pub(super) fn end(&mut self) -> Parsed<()> {
        if self.peek().is_none() { Ok(()) } else { expected("the end of the text") }
    }

    #[inline]
    fn bytes(&self) -> &'de [u8] {
        self.text.as_bytes()
    }

    /// The next byte that is no white space.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        match self.bytes().get(self.at) {
            Some(byte) if *byte > b' ' => Some(*byte),
            _ => self.peek_behind_space(),
        }
    }

    #[cold]
    fn peek_behind_space(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.bytes().get(self.at) {
            self.at += 1;
        }
        self.bytes().get(self.at).copied()
    }

    #[inline]
    fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    #[inline]
    fn expect(&mut self, byte: u8, what: &str) -> Parsed<()> {
        if self.eat(byte) { Ok(()) } else { expected(what) }
    }

    fn string(&mut self) -> Parsed<Cow<'de, str>> {
        self.expect(b'"', "a string")?;
        let start = self.at;
        let (end, has_escapes) = end_of_string(self.bytes(), start)?;
        self.at = end + 1;
        if !has_escapes {
            return Ok(Cow::Borrowed(&self.text[start..end]));
        }
        let quoted = &self.text[start - 1..=end];
        serde_json::from_str(quoted).map(Cow::Owned).or_else(|_| expected("a string with valid escapes"))
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Parsed<&'de str> {
        self.peek();
        let rest = &self.text[self.at..];
        let len = rest
            .find(|byte: char| !(byte.is_ascii_alphanumeric() || "+-.".contains(byte)))
            .unwrap_or(rest.len());
        self.at += len;
        let word = &rest[..len];
        let is_value = matches!(word.as_bytes().first(), Some(b'0'..=b'9' | b'-')) || matches!(word, "true" | "false" | "null");
        if is_value { Ok(word) } else { expected("a value") }
    }

    #[inline]
    fn skip(&mut self) -> Parsed<()> {
        match self.peek() {
            Some(b'{' | b'[') => self.skip_brackets(),
            Some(b'"') => {
                self.at = end_of_string(self.bytes(), self.at + 1)?.0 + 1;
                Ok(())
            }
            _ => self.word().map(drop),
        }
    }

    fn skip_brackets(&mut self) -> Parsed<()> {
        let bytes = self.bytes();
        let mut depth = 0_usize;
        while let Some(byte) = bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => self.at = end_of_string(bytes, self.at)?.0 + 1,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        expected("the end of an object or array")
    }

    /// A value that is none of the types that the caller has looked for: what it is, by its first byte.
    fn any<V: Visitor<'de>>(&mut self, visitor: V) -> Parsed<V::Value> {
        match self.peek() {
            Some(b'{') => self.map(visitor),
            Some(b'[') => self.seq(visitor),
            Some(b'"') => match self.string()? {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            _ => {
                let value: serde_json::Value = serde_json::from_str(self.word()?).or_else(|_| expected("a value"))?;
                value.deserialize_any(visitor).map_err(WireError::custom)
            }
        }
    }

    fn map<V: Visitor<'de>>(&mut self, visitor: V) -> Parsed<V::Value> {
        self.expect(b'{', "an object")?;
        let mut members = Members { wire: self, close: b'}', begun: false, ended: false };
        let value = visitor.visit_map(&mut members)?;
        members.end().map(|()| value)
    }

    fn seq<V: Visitor<'de>>(&mut self, visitor: V) -> Parsed<V::Value> {
        self.expect(b'[', "an array")?;
        let mut members = Members { wire: self, close: b']', begun: false, ended: false };
        let value = visitor.visit_seq(&mut members)?;
        members.end().map(|()| value)
    }
}

/// The position of the quote that ends the string whose first character is at `at`, and whether there are escapes before it. Eight bytes at a time:
/// a byte is zero where it is the one that was XORed in (Hacker's Delight, 6-1), and of those found the lowest is always a true one.
fn end_of_string(bytes: &[u8], mut at: usize) -> Parsed<(usize, bool)> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGHEST: u64 = u64::from_le_bytes([0x80; 8]);
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGHEST;
    let mut has_escapes = false;
    loop {
        while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
            let word = u64::from_le_bytes(*word);
            let found = zeros(word ^ (ONES * u64::from(b'"'))) | zeros(word ^ (ONES * u64::from(b'\\')));
            if found != 0 {
                at += found.trailing_zeros() as usize / 8;
                break;
            }
            at += 8;
        }
        match bytes.get(at) {
            Some(b'"') => return Ok((at, has_escapes)),
            Some(b'\\') => {
                has_escapes = true;
                at += 2;
            }
            Some(_) => at += 1,
            None => return expected("the end of a string"),
        }
    }
}

impl<'de> Deserializer<'de> for &mut Wire<'de> {
    type Error = WireError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Parsed<V::Value> {
        self.any(visitor)
    }

    /// Whoever owns what he reads asks for a `string`.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Parsed<V::Value> {
        if self.peek() != Some(b'"') {
            return self.any(visitor);
        }
        match (self.string()?, self.unescaped) {
            (Cow::Borrowed(text), _) => visitor.visit_borrowed_str(text),
            (Cow::Owned(text), Some(unescaped)) => visitor.visit_borrowed_str(unescaped.keep(text)),
            (Cow::Owned(text), None) => visitor.visit_string(text),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Parsed<V::Value> {
        self.peek();
        if self.text[self.at..].starts_with("null") {
            self.at += 4;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Parsed<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Parsed<V::Value> {
        self.skip()?;
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct enum identifier
    }
}

/// What is between two brackets, one after the other.
struct Members<'w, 'de> {
    wire: &'w mut Wire<'de>,
    close: u8,
    begun: bool,
    ended: bool,
}

impl Members<'_, '_> {
    /// Whether another one follows.
    #[inline]
    fn next(&mut self) -> Parsed<bool> {
        if self.wire.eat(self.close) {
            self.ended = true;
            return Ok(false);
        }
        if self.begun {
            self.wire.expect(b',', "`,` or a closing bracket")?;
        }
        self.begun = true;
        Ok(true)
    }

    /// The visitor may have left before the end was seen, but not before it was there.
    fn end(&mut self) -> Parsed<()> {
        if !self.ended && self.next()? { expected("a closing bracket") } else { Ok(()) }
    }
}

impl<'de> MapAccess<'de> for &mut Members<'_, 'de> {
    type Error = WireError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Parsed<Option<K::Value>> {
        if !self.next()? {
            return Ok(None);
        }
        match self.wire.peek() {
            Some(b'"') => seed.deserialize(&mut *self.wire).map(Some),
            _ => expected("a name"),
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Parsed<S::Value> {
        self.wire.expect(b':', "`:`")?;
        seed.deserialize(&mut *self.wire)
    }
}

impl<'de> SeqAccess<'de> for &mut Members<'_, 'de> {
    type Error = WireError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Parsed<Option<S::Value>> {
        if self.next()? { seed.deserialize(&mut *self.wire).map(Some) } else { Ok(None) }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde::de::IgnoredAny;
    use serde_json::Value;

    use super::*;

    fn parse<'de, T: Deserialize<'de>>(text: &'de str) -> Parsed<T> {
        let mut wire = Wire::new(text, None);
        let value = T::deserialize(&mut wire)?;
        wire.end()?;
        Ok(value)
    }

    fn fine() -> Vec<String> {
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        let mut texts: Vec<String> = [
            "{}",
            "[]",
            "\"\"",
            " { \"a\" : [ 1 , -2.5e3 , true , false , null , \"x\" ] , \"b\\\"\\u00e9\" : { } } ",
            r#"{"a":{"S":"}]\"{["},"b\\":{"L":[{"N":"1"}]}}"#,
            r#"["\\","\\\\\"","1234567","12345678","123456789","é234567\"","日本語日本語日本語"]"#,
        ]
        .map(str::to_owned)
        .into();
        texts.push(deep);
        // Quotes, escapes and ends at every place of an eight-byte word.
        for len in 0..40 {
            texts.push(format!("[\"{}\",\"{}\\\"{}\"]", "x".repeat(len), "y".repeat(len), "z".repeat(40 - len)));
        }
        texts
    }

    #[test]
    fn reads_what_serde_json_reads() {
        for text in fine() {
            assert_eq!(parse::<Value>(&text).unwrap(), serde_json::from_str::<Value>(&text).unwrap(), "{text}");
            assert!(parse::<IgnoredAny>(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_cut_off_or_has_too_much() {
        for text in fine() {
            let text = text.trim();
            for cut in (0..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
                assert!(parse::<Value>(&text[..cut]).is_err(), "{}", &text[..cut]);
                assert!(parse::<IgnoredAny>(&text[..cut]).is_err(), "{}", &text[..cut]);
            }
            for more in ["]", "}", "\"", ",", "x"] {
                assert!(parse::<Value>(&format!("{text}{more}")).is_err());
                assert!(parse::<IgnoredAny>(&format!("{text}{more}")).is_err());
            }
        }
    }

    #[test]
    fn refuses_what_is_no_json() {
        for text in [
            "",
            " ",
            "nul",
            "x",
            "{1:2}",
            "{\"a\"}",
            "{\"a\":1,}",
            "{\"a\":1 \"b\":2}",
            "[1 2]",
            "[1,]",
            "[1}",
            "{\"a\":1]",
            "\"\\x\"",
            "\"\\ud800\"",
            "01",
            "-",
        ] {
            assert!(parse::<Value>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_skipped_may_be_deep() {
        let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert!(parse::<IgnoredAny>(&deep).is_ok());
    }
}
