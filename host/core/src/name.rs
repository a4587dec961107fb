//! Names that must not be mixed up: of triggers, streams, shards. Cheap to clone, since every batch carries them.

use std::fmt;
use std::sync::Arc;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::new(text)
            }
        }
    };
}

name! {
    /// The key of a `[triggers.…]` table.
    TriggerName
}
name! {
    /// The key of a `[streams.…]` table.
    StreamName
}
name! {
    /// A stream's ARN: a table that is disabled and enabled again has a new one.
    StreamArn
}
name! {
    /// A shard's ID, unique within its stream.
    ShardId
}
name! {
    /// A plugin version: the lower-case hex sha256 of the component's bytes.
    PluginVersion
}

impl StreamArn {
    /// What tells the streams of one table apart: it begins with the time of its making, so that a later stream has a greater one.
    pub fn label(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// All but the label: the same for all streams of one table.
    pub fn table_part(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(table, _)| table)
    }
}

impl PluginVersion {
    /// Enough of the hash to tell versions apart in a log line or a metric's label.
    pub fn short(&self) -> &str {
        &self.0[..self.0.len().min(12)]
    }
}
