//! The binary itself, against real endpoints: killed, reloaded, refused, and run on another DynamoDB.

mod command_line;
mod harness;
mod kill;
mod ministack;
mod reload;
mod views;
