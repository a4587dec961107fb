//! Text of a guest on its way to logs, dead letters and terminals: escaped and cut.
//!
//! Always holds: what leaves here has no control characters and none that reorder a line, and is no longer than asked.

use tripline_core::limits::cut;

const CUT_MARK: &str = "…";

/// One line: line breaks are escaped as well.
pub(crate) fn one_line(text: &str, bytes_max: usize) -> String {
    escape(text, bytes_max, false)
}

/// Several lines: line breaks stay.
pub(crate) fn lines(text: &str, bytes_max: usize) -> String {
    escape(text, bytes_max, true)
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing into a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn escape(text: &str, bytes_max: usize, keep_line_breaks: bool) -> String {
    let mut escaped = String::with_capacity(text.len().min(bytes_max));
    for c in text.chars() {
        if is_unfit(c) && !(keep_line_breaks && c == '\n') {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
        if escaped.len() > bytes_max {
            let end = cut(&escaped, bytes_max.saturating_sub(CUT_MARK.len())).len();
            escaped.truncate(end);
            escaped.push_str(CUT_MARK);
            break;
        }
    }
    escaped
}

/// Control characters, line separators, and the marks that turn the direction of text.
fn is_unfit(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, bytes_max: usize, expected: &str) {
        let escaped = one_line(text, bytes_max);
        assert_eq!(escaped, expected);
        assert!(escaped.len() <= bytes_max, "{} bytes", escaped.len());
    }

    #[test]
    fn escapes_what_a_terminal_would_obey() {
        check("a\u{1b}[31mred\r\nb\tc", 100, r"a\u{1b}[31mred\r\nb\tc");
        check("total \u{202e}001", 100, r"total \u{202e}001");
        check("grün 日本", 100, "grün 日本");
    }

    #[test]
    fn cuts_on_character_boundaries() {
        check("abcdef", 6, "abcdef");
        check("abcdefg", 6, "abc…");
        check("ééééé", 8, "éé…");
        check("\n\n\n\n", 7, r"\n\n…");
    }

    #[test]
    fn keeps_line_breaks_where_asked() {
        assert_eq!(lines("0: f\n1: \u{7}g", 100), "0: f\n1: \\u{7}g");
    }
}
