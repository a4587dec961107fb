//! Capabilities against servers: an embedded DynamoDB, scripted endpoints, a scripted mail server. All on loopback.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod endpoint;
mod files;
mod http;
#[path = "../mail_server/mod.rs"]
mod mail_server;
mod outbox;
#[path = "../ports/mod.rs"]
mod ports;
mod programs;
mod real_server;
mod sending;
mod sigv4;
mod smtp_server;
mod table_reads;
mod tables;
mod tables_failing;
mod transactions;
#[path = "../web_server/mod.rs"]
mod web_server;
