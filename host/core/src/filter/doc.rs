//! JSON as a tree, and a change as a document: what patterns are explained by.
//!
//! Invariant: a number keeps its text, an object its members in their order; of a key that stands there twice, the first counts. Bounded in depth.
//! Knows nothing of patterns.

use std::fmt;

use crate::change::Change;
use crate::name::StreamArn;
use crate::scan::{ScanError, Scanner};

/// Objects and arrays in each other. DynamoDB has 32 levels of an item, each of two objects.
const DEPTH_MAX: usize = 512;

/// A change as patterns see it.
#[derive(Debug)]
pub struct Document(pub(super) Node);

/// Why a change is no document. A host lets such a change pass where a pattern looks at what cannot be read: its plugin refuses it then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("its JSON cannot be read: {0}")]
pub struct Unreadable(String);

impl From<ScanError> for Unreadable {
    fn from(error: ScanError) -> Self {
        Self(error.to_string())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Object(Vec<(Box<str>, Node)>),
    Array(Vec<Node>),
    Text(Box<str>),
    /// As it was written.
    Number(Box<str>),
    Bool(bool),
    Null,
    /// An object or array that lies too deep to be looked at.
    Deep,
}

impl Document {
    /// `stream`: what the event form has as `eventSourceARN`.
    pub fn of(change: &Change, stream: &StreamArn) -> Result<Self, Unreadable> {
        let text = |text: &str| Node::Text(text.into());
        let mut event = vec![
            member("eventName", text(change.event_name.as_str())),
            member("eventID", text(&change.event_id)),
            member("eventSourceARN", text(stream.as_str())),
        ];
        if let Some(identity) = &change.user_identity {
            let parts = [("type", &identity.kind), ("principalId", &identity.principal_id)];
            let parts = parts.into_iter().filter(|(_, part)| !part.is_empty());
            event.push(member("userIdentity", Node::Object(parts.map(|(name, part)| member(name, text(part))).collect())));
        }
        let mut data = Vec::new();
        let images = [("NewImage", change.new_image_json()), ("OldImage", change.old_image_json())];
        for (name, image) in images.into_iter().chain([("Keys", Some(change.keys_json()))]) {
            if let Some(image) = image {
                data.push(member(name, Node::parse(image)?));
            }
        }
        let Node::Object(record) = Node::parse(change.record_json())? else { return Err(Unreadable("it is no object".to_owned())) };
        for (name, value) in record {
            match (&*name, value) {
                ("eventName" | "eventID" | "eventSourceARN" | "userIdentity", _) => {}
                ("dynamodb", Node::Object(members)) => {
                    data.extend(members.into_iter().filter(|(name, _)| !matches!(&**name, "Keys" | "NewImage" | "OldImage")));
                }
                (_, value) => event.push((name, value)),
            }
        }
        event.push(member("dynamodb", Node::Object(data)));
        Ok(Self(Node::Object(event)))
    }
}

fn member(name: &str, value: Node) -> (Box<str>, Node) {
    (name.into(), value)
}

impl Node {
    pub(super) fn parse(text: &str) -> Result<Self, ScanError> {
        let mut scanner = Scanner::new(text);
        let node = Self::read(&mut scanner, 0)?;
        scanner.end()?;
        Ok(node)
    }

    fn read(scanner: &mut Scanner<'_>, depth: usize) -> Result<Self, ScanError> {
        match scanner.peek() {
            Some(b'{' | b'[') if depth >= DEPTH_MAX => scanner.skip().map(|_| Self::Deep),
            Some(b'{') => {
                let mut members = Vec::new();
                scanner.object(|scanner, name| {
                    members.push((name.into(), Self::read(scanner, depth + 1)?));
                    Ok::<_, ScanError>(())
                })?;
                Ok(Self::Object(members))
            }
            Some(b'[') => {
                let mut elements = Vec::new();
                scanner.array(|scanner| {
                    elements.push(Self::read(scanner, depth + 1)?);
                    Ok::<_, ScanError>(())
                })?;
                Ok(Self::Array(elements))
            }
            Some(b'"') => Ok(Self::Text(scanner.string()?.into())),
            _ => {
                let word = scanner.skip()?;
                Ok(match scanner.text(word) {
                    "true" => Self::Bool(true),
                    "false" => Self::Bool(false),
                    "null" => Self::Null,
                    number => Self::Number(number.into()),
                })
            }
        }
    }

    /// None: it is no object, or has no such member.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(other, _)| **other == *name).map(|(_, value)| value)
    }
}

/// As compact JSON.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let string = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Object(members) => {
                f.write_str("{")?;
                for (position, (name, value)) in members.iter().enumerate() {
                    let comma = if position == 0 { "" } else { "," };
                    write!(f, "{comma}{}:{value}", string(name))?;
                }
                f.write_str("}")
            }
            Self::Array(elements) => {
                f.write_str("[")?;
                for (position, element) in elements.iter().enumerate() {
                    let comma = if position == 0 { "" } else { "," };
                    write!(f, "{comma}{element}")?;
                }
                f.write_str("]")
            }
            Self::Text(text) => f.write_str(&string(text)),
            Self::Number(text) => f.write_str(text),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Null => f.write_str("null"),
            Self::Deep => f.write_str("…"),
        }
    }
}
