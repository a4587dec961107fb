//! The binary itself, against real endpoints: killed, reloaded, refused, and run on another DynamoDB.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on fails, and one with a seed says it")]

mod command_line;
mod faults;
mod harness;
mod kill;
mod ministack;
mod reload;
mod replace;
mod views;
