//! Holds the compiled filters and the plain reading to each row, and docs/filters.md to the rows. `UPDATE_EXPECT=1` writes that page.

use std::fs;
use std::path::PathBuf;

use super::refused::{REFUSED, WARNED};
use super::rows::{Of, SECTIONS, Section};
use super::*;
use crate::view::ViewType;

const STREAM: &str = "arn:aws:dynamodb:eu-west-1:1:table/users/stream/1";

/// The whole pattern and the whole record of a row.
fn whole(of: Of, pattern: &str, text: &str) -> (String, String) {
    const ALWAYS: &str = r#""dynamodb":{"SequenceNumber":"1","Keys":{"k":{"S":"a"}},"#;
    match of {
        Of::Item => {
            (format!(r#"{{"dynamodb":{{"NewImage":{pattern}}}}}"#), format!(r#"{{"eventName":"MODIFY",{ALWAYS}"NewImage":{text}}}}}"#))
        }
        Of::Record => (pattern.to_owned(), text.replace(r#""dynamodb":{"#, ALWAYS).replace(",}", "}")),
    }
}

#[test]
fn each_row_is_so() {
    let mut wrong = Vec::new();
    for Section { of, rows, title } in SECTIONS {
        for (row_pattern, text, expected, _) in *rows {
            let (pattern, record) = whole(*of, row_pattern, text);
            let pattern = Pattern::parse(&pattern).unwrap_or_else(|error| panic!("{pattern}: {error}"));
            let change = change(&record);
            let set = FilterSet::new([std::slice::from_ref(&pattern)]);
            let compiled = set.passes(&change, &STREAM.into(), &mut Scratch::default()).has(0);
            // What cannot be read has no plain reading.
            let plain = Document::of(&change, &STREAM.into()).map(|document| Explainer::new(&pattern).failed(&document).is_empty());
            if compiled != *expected || plain.is_ok_and(|plain| plain != *expected) {
                wrong.push(format!("{title}: {row_pattern} of {text}: {expected} expected"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_refusal_says_where_and_why() {
    for (pattern, message) in REFUSED {
        let error = Pattern::parse(pattern).expect_err(pattern);
        assert_eq!(error.to_string(), *message, "{pattern}");
    }
}

#[test]
fn each_warning_says_where_and_why() {
    for (pattern, view, expected) in WARNED {
        let view = view.map(|view| ViewType::from_aws(view).unwrap());
        let warnings = Pattern::parse(pattern).unwrap_or_else(|error| panic!("{pattern}: {error}")).warnings(view);
        let said: Vec<String> = warnings
            .iter()
            .map(|warning| format!("{}{warning}", if warning.whole { "never: " } else { "" }))
            .collect();
        assert_eq!(said, *expected, "{pattern}");
    }
}

#[test]
fn the_page_shows_these_rows() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/filters.md");
    let page = fs::read_to_string(&path).unwrap();
    let mut updated = page.clone();
    for (name, table) in [("operators", operators()), ("refusals", refusals()), ("warnings", warnings())] {
        let [begin, end] =
            ["begin", "end"].map(|end| format!("<!-- {end} {name}: written by UPDATE_EXPECT=1 cargo test -p tripline-core filter -->"));
        let start = updated.find(&begin).unwrap_or_else(|| panic!("{begin}")) + begin.len();
        let stop = updated.find(&end).unwrap_or_else(|| panic!("{end}"));
        updated.replace_range(start..stop, &format!("\n{table}"));
    }
    if page == updated {
        return;
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, updated).unwrap();
        return;
    }
    let line = page.lines().zip(updated.lines()).position(|(old, new)| old != new).unwrap_or_default() + 1;
    panic!("docs/filters.md, line {line}: not what the tests have; UPDATE_EXPECT=1 cargo test -p tripline-core filter writes it");
}

fn operators() -> String {
    let mut text = String::new();
    for Section { title, of, rows } in SECTIONS {
        let held_to = if *of == Of::Item { "item" } else { "record" };
        text += &format!("\n### {title}\n\n| pattern | {held_to} | matches | |\n|---|---|---|---|\n");
        for (pattern, held_to, matches, why) in *rows {
            text += &format!(
                "| {} | {} | {} | {} |\n",
                code(pattern),
                code(held_to),
                if *matches { "yes" } else { "no" },
                why.replace('|', "\\|")
            );
        }
    }
    text + "\n"
}

fn refusals() -> String {
    let mut text = "\n| pattern | refused with |\n|---|---|\n".to_owned();
    for (pattern, message) in REFUSED.iter().filter(|(pattern, _)| pattern.len() < 100) {
        text += &format!("| {} | {} |\n", code(pattern), prose(message));
    }
    text + "\n"
}

fn warnings() -> String {
    let mut text = "\n| pattern | stream | warning |\n|---|---|---|\n".to_owned();
    for (pattern, view, messages) in WARNED.iter().filter(|(_, _, messages)| !messages.is_empty()) {
        let messages: Vec<String> = messages.iter().map(|message| prose(message)).collect();
        text += &format!("| {} | {} | {} |\n", code(pattern), view.unwrap_or_default(), messages.join("<br>"));
    }
    text + "\n"
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|").replace('\n', " "))
}

/// A message, as Markdown shows it.
fn prose(text: &str) -> String {
    text.chars()
        .flat_map(|char| if "|*_<>[]\\`#".contains(char) { vec!['\\', char] } else { vec![char] })
        .collect()
}
