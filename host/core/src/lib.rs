//! Everything that decides: which shards may be read, what a trigger may see, what is delivered again, what counts as done.
//!
//! Knows nothing of tokio, AWS, wasmtime, files, clocks or ambient randomness: time and seeds are arguments, effects are
//! values. `port` names what IO must fill; `signal` names what is worth a log line or a metric.

pub mod backoff;
pub mod budget;
pub mod canonical;
pub mod change;
pub mod checkpoint;
pub mod decimal;
pub mod delivery;
pub mod effect;
pub mod event;
pub mod feed;
pub mod filter;
pub mod follower;
pub mod gap;
pub mod http;
pub mod item_key;
pub mod keeper;
pub mod letter;
pub mod limits;
pub mod lineage;
pub mod mail;
pub mod mutant;
pub mod name;
pub mod port;
pub mod projection;
pub mod rate;
pub mod reader;
pub mod reuse;
pub mod rewind;
mod scan;
pub mod sequence;
pub mod shard;
pub mod shard_graph;
pub mod signal;
pub mod slice;
pub mod start;
pub mod time;
pub mod view;
pub mod window;
pub mod word;
