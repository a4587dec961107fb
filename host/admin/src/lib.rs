//! What an operator sees of a running host: log lines, metrics, health, changes as they are read, over HTTP.
//!
//! Always holds: every signal of core becomes a log line and a metric here and nowhere else; a guest's text reaches neither
//! without being escaped; what is not on loopback is not told without the token.
//! Knows nothing of streams, plugins and stores but their signals and `CounterSource`.

mod api;
mod counters;
mod custom;
mod family;
mod health;
mod http;
mod listener;
mod metrics;
mod process;
mod render_log;
mod render_metric;
mod tail;
mod telemetry;
mod token;

pub use api::{Failure, Letters, Operator, PARALLELISM_MAX, Page, Question, RewindWish};
pub use counters::COUNTER_SERIES_MAX;
pub use family::{Definition, Kind};
pub use health::{Clock, Component, Health, InShard, Problem, Readiness, State};
pub use http::{Admin, AdminError, BoundAdmin};
pub use tail::{Tap, Taps};
pub use telemetry::Telemetry;
pub use token::{Token, TokenError};
