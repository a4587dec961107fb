//! Why a change matches a pattern or does not: `tripline filter`, and what the compiled filters are tested against.
//!
//! Written from what patterns mean (docs/filters.md), on parsed trees of the pattern and of the change, as plainly as possible; it shares nothing with the
//! compiled filters but `Shape`, which says where numbers are. Speed is no aim here.

use std::fmt::{self, Write as _};

use super::doc::{Document, Node};
use super::holds::holds;
use super::pattern::Pattern;
use super::shape::Shape;

/// Arrays in arrays, which no item has.
const DEPTH_MAX: usize = 32;
/// Of what is shown, in characters.
const WANTS_CHARS_MAX: usize = 200;
const FOUND_CHARS_MAX: usize = 100;
/// Conditions of one pattern that are named.
const FAILED_MAX: usize = 20;

/// A condition of a pattern that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// `dynamodb.NewImage.plan.S`.
    pub path: String,
    /// In which choices of `$or` it stands.
    pub choice: Option<String>,
    /// As the pattern has it; cut, where it is long.
    pub wants: String,
    /// What is there, cut where it is long, or that there is nothing, and why.
    pub found: String,
}

/// A pattern that explains itself.
#[derive(Debug)]
pub struct Explainer(Node);

impl Explainer {
    pub fn new(pattern: &Pattern) -> Self {
        // It was read when the pattern was.
        Self(Node::parse(pattern.as_str()).unwrap_or(Node::Null))
    }

    /// The conditions that do not hold of this change; none: it matches. At most 20 are named.
    pub fn failed(&self, document: &Document) -> Vec<Failed> {
        let mut failed = group(&self.0, Some(&document.0), &At { shape: Shape::Event, ..At::default() });
        failed.truncate(FAILED_MAX);
        failed
    }
}

/// Where in pattern and change.
#[derive(Clone)]
struct At {
    path: String,
    choice: Option<String>,
    shape: Shape,
    /// The first of the objects around it that is not there.
    missing: Option<String>,
}

impl Default for At {
    fn default() -> Self {
        Self { path: String::new(), choice: None, shape: Shape::Event, missing: None }
    }
}

impl At {
    fn below(&self, name: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        let is_plain = !name.is_empty() && name.chars().all(|char| char.is_alphanumeric() || matches!(char, '_' | '-'));
        let name_shown = if is_plain { name.to_owned() } else { Node::Text(name.into()).to_string() };
        Self { path: format!("{}{dot}{name_shown}", self.path), shape: self.shape.of(name), ..self.clone() }
    }
}

/// What fails of a group of an object, or of nothing.
fn group(wants: &Node, object: Option<&Node>, at: &At) -> Vec<Failed> {
    let Node::Object(fields) = wants else { return Vec::new() };
    let mut failed = Vec::new();
    for (name, wants) in fields {
        match (&**name, wants) {
            ("$or", Node::Array(choices)) => failed.extend(choice(choices, object, at)),
            (_, Node::Array(alternatives)) => {
                failed.extend(value(alternatives, object, name, &at.below(name)).map(|found| fail(&at.below(name), wants, found)));
            }
            _ => failed.extend(objects(wants, object.and_then(|object| object.get(name)), &at.below(name))),
        }
    }
    failed
}

/// What fails of all choices, if all fail.
fn choice(choices: &[Node], object: Option<&Node>, at: &At) -> Vec<Failed> {
    let mut failed = Vec::new();
    for (position, wants) in (1..).zip(choices) {
        let outer = at.choice.as_ref().map(|outer| format!("{outer}, ")).unwrap_or_default();
        let choice = Some(format!("{outer}choice {position} of {}", choices.len()));
        let of_this = group(wants, object, &At { choice, ..at.clone() });
        if of_this.is_empty() {
            return Vec::new();
        }
        failed.extend(of_this);
    }
    failed
}

/// One of the objects that are there must be all that is wanted. Of several, the one that comes nearest is told of.
fn objects(wants: &Node, value: Option<&Node>, at: &At) -> Vec<Failed> {
    let mut objects = Vec::new();
    flatten(value, 0, &mut |node| {
        if let Node::Object(_) = node {
            objects.push(node);
        }
    });
    if objects.is_empty() {
        let missing = at.missing.clone().or_else(|| Some(nothing(value, &at.path)));
        return group(wants, None, &At { missing, ..at.clone() });
    }
    let is_one = objects.len() == 1;
    let failures = objects.into_iter().enumerate().map(|(position, object)| {
        let path = if is_one { at.path.clone() } else { format!("{}[{position}]", at.path) };
        group(wants, Some(object), &At { path, ..at.clone() })
    });
    // The first of equals.
    failures.min_by_key(Vec::len).unwrap_or_default()
}

fn nothing(value: Option<&Node>, path: &str) -> String {
    match value {
        None => format!("nothing: there is no {path}"),
        Some(Node::Array(_)) => format!("nothing: {path} has no object in it"),
        Some(value) => format!("nothing: {path} is {}", cut(value, FOUND_CHARS_MAX)),
    }
}

/// Some: no alternative holds of the value, and this is what is there.
fn value(alternatives: &[Node], object: Option<&Node>, name: &str, at: &At) -> Option<String> {
    let value = object.and_then(|object| object.get(name));
    let mut leaves = Vec::new();
    flatten(value, 0, &mut |node| {
        if !matches!(node, Node::Object(_) | Node::Deep) {
            leaves.push(node);
        }
    });
    let is_number = at.shape.is_number();
    let fits = if leaves.is_empty() {
        alternatives.iter().any(|alternative| alternative.get("exists") == Some(&Node::Bool(false)))
    } else {
        leaves.iter().any(|leaf| alternatives.iter().any(|alternative| holds(alternative, leaf, is_number)))
    };
    (!fits).then(|| match (value, object) {
        (Some(value), _) => cut(value, FOUND_CHARS_MAX),
        (None, Some(Node::Object(members))) if members.len() == 1 && matches!(at.shape, Shape::Leaf(_)) && name.len() <= 4 => {
            format!("nothing: it has {}", members[0].0)
        }
        (None, Some(_)) => "nothing".to_owned(),
        (None, None) => at.missing.clone().unwrap_or_else(|| "nothing".to_owned()),
    })
}

fn flatten<'a>(node: Option<&'a Node>, depth: usize, found: &mut impl FnMut(&'a Node)) {
    match node {
        Some(Node::Array(elements)) if depth < DEPTH_MAX => elements.iter().for_each(|element| flatten(Some(element), depth + 1, found)),
        Some(Node::Array(_)) | None => {}
        Some(node) => found(node),
    }
}

fn fail(at: &At, wants: &Node, found: String) -> Failed {
    Failed { path: at.path.clone(), choice: at.choice.clone(), wants: cut(wants, WANTS_CHARS_MAX), found }
}

/// As JSON, and no more of it is written than is shown.
fn cut(node: &Node, chars_max: usize) -> String {
    let mut shown = Shown { text: String::new(), left: chars_max };
    match write!(shown, "{node}") {
        Ok(()) => shown.text,
        Err(fmt::Error) => shown.text + "…",
    }
}

/// Takes so many characters, and then fails.
struct Shown {
    text: String,
    left: usize,
}

impl fmt::Write for Shown {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match text.char_indices().nth(self.left) {
            Some((end, _)) => {
                self.text.push_str(&text[..end]);
                self.left = 0;
                Err(fmt::Error)
            }
            None => {
                self.text.push_str(text);
                self.left -= text.chars().count();
                Ok(())
            }
        }
    }
}
