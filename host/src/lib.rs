//! The host: what puts the parts together. Parses, builds, spawns, waits, drains.

pub mod app;
pub mod aws;
mod both;
pub mod cli;
pub mod clock;
mod componentize;
pub mod config;
mod demo;
mod dev;
pub mod holds;
mod operate;
pub mod plugins;
pub mod redrive;
mod rehearsal;
mod shard_task;
mod shards;
mod sources;
pub mod stream_task;
pub mod supervisor;
pub mod trigger;
pub mod workload;
