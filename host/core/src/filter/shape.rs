//! What stands where in a change's event form: objects, and what kind of value a path ends in.
//!
//! Source: the event that DynamoDB Streams sends to Lambda, and DynamoDB's attribute values. Knows nothing of patterns.

/// What a key leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Shape {
    /// The whole event.
    Event,
    /// `dynamodb`.
    Data,
    /// `userIdentity`.
    Identity,
    /// Keys, an image or a map: attributes by name.
    Attributes,
    /// An attribute's value, or an element of a list: an object with its type's key.
    Value,
    /// No object, as far as is known.
    Leaf(Leaf),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Leaf {
    /// A number that is written as a string: `N`, and the elements of `NS`.
    Number,
    /// A number as JSON has them; some endpoints write it as a string.
    JsonNumber,
    /// `S`, `SS`, `B`, `BS`, and what an event has in strings.
    Text,
    /// `BOOL`, `NULL`.
    Bool,
    /// No stream is known to have it.
    Unknown,
}

impl Shape {
    pub(crate) fn of(self, key: &str) -> Self {
        match (self, key) {
            (Self::Event, "dynamodb") => Self::Data,
            (Self::Event, "userIdentity") => Self::Identity,
            (Self::Event, "eventID" | "eventName" | "eventVersion" | "eventSource" | "eventSourceARN" | "awsRegion")
            | (Self::Identity, "type" | "principalId")
            | (Self::Data, "SequenceNumber" | "StreamViewType")
            | (Self::Value, "S" | "SS" | "B" | "BS") => Self::Leaf(Leaf::Text),
            (Self::Data, "Keys" | "NewImage" | "OldImage") | (Self::Value, "M") => Self::Attributes,
            (Self::Data, "SizeBytes" | "ApproximateCreationDateTime") => Self::Leaf(Leaf::JsonNumber),
            (Self::Attributes, _) | (Self::Value, "L") => Self::Value,
            (Self::Value, "N" | "NS") => Self::Leaf(Leaf::Number),
            (Self::Value, "BOOL" | "NULL") => Self::Leaf(Leaf::Bool),
            _ => Self::Leaf(Leaf::Unknown),
        }
    }

    /// Whether strings here are numbers.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Leaf(Leaf::Number | Leaf::JsonNumber))
    }
}
