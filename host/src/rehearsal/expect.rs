//! A rehearsal against what was expected of it.
//!
//! Knows no files: it is handed both texts.

use std::path::Path;

use similar::TextDiff;

/// How a rehearsal is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    /// JSON lines.
    Json,
}

impl Form {
    /// That of a file, by its name.
    pub(crate) fn of(path: &Path) -> Self {
        let is_json = path.extension().is_some_and(|extension| extension == "json" || extension == "jsonl");
        if is_json { Self::Json } else { Self::Text }
    }
}

/// Where they differ, with the lines around; none: they are the same, but for how their lines end. `file` is what holds `expected`.
pub(crate) fn difference(file: &str, expected: &str, found: &str) -> Option<String> {
    let expected = expected.replace("\r\n", "\n");
    if expected == found {
        return None;
    }
    let diff = TextDiff::from_lines(expected.as_str(), found);
    Some(diff.unified_diff().context_radius(3).header(file, "this run").to_string())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(expected: &str, found: &str, diff: Expect) {
        diff.assert_eq(&difference("expected.txt", expected, found).unwrap_or_else(|| "none\n".into()));
    }

    #[test]
    fn what_differs_is_shown_in_its_place() {
        check("a\nb\n", "a\nb\n", expect!["none\n"]);
        check("a\r\nb\r\n", "a\nb\n", expect!["none\n"]);
        check(
            "1\n2\n3\n4\n5\n6\n",
            "1\n2\n3\n4\nfive\n6\n",
            expect![[r#"
                --- expected.txt
                +++ this run
                @@ -2,5 +2,5 @@
                 2
                 3
                 4
                -5
                +five
                 6
            "#]],
        );
    }

    #[test]
    fn a_files_name_tells_its_form() {
        for (name, form) in [("a.txt", Form::Text), ("a.json", Form::Json), ("b/a.jsonl", Form::Json), ("a", Form::Text)] {
            assert_eq!(Form::of(Path::new(name)), form, "{name}");
        }
    }
}
