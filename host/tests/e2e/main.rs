//! The binary itself, against real endpoints: killed, reloaded, refused, and run on another DynamoDB.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails, and one with a seed says it")]

mod api;
mod author;
mod command_line;
mod compile;
mod compiled;
mod componentize;
mod credentials;
mod delivery;
mod dev;
mod dlq;
mod drain;
mod emulators;
mod examples;
mod faults;
mod filters;
mod go;
mod harness;
mod http;
mod imports;
mod kill;
mod letters;
mod mail;
#[path = "../../capability/tests/mail_server/mod.rs"]
mod mail_server;
#[allow(dead_code, reason = "tests/crash uses all of it")]
mod mails;
mod mended;
mod ministack;
#[allow(dead_code, reason = "tests/crash uses all of it")]
mod model;
mod new;
mod patterns;
#[allow(dead_code, reason = "tests/crash uses all of it")]
mod plugin_file;
#[path = "../../capability/tests/ports/mod.rs"]
mod ports;
mod prometheus;
mod rehearsals;
mod reload;
mod replace;
mod scripted;
mod streams;
mod triggers;
mod views;
mod warm;
#[path = "../../capability/tests/web_server/mod.rs"]
mod web_server;
