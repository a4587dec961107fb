//! The scripted endpoint by hand: `cargo run -p tripline-local --example scripted -- --preset topology-heavy --rate 60`, and then
//! `tripline run`, `aws --endpoint-url` or boto3 pointed at it. It tells one story after the other, with a seed more each time, until
//! it is interrupted.

#![allow(clippy::print_stdout, reason = "what it tells is for whoever started it")]

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use tokio::time::{MissedTickBehavior, interval};
use tripline_local::scripted::world::{ApiError, Faults, Op, Shape, Story, World};
use tripline_local::scripted::{ClockConfig, Scripted, ScriptedConfig};

#[derive(Parser)]
struct Arguments {
    #[arg(long, default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// quiet, busy, topology-heavy, enabled-twice, made-again, long-pauses; none: no story, only what is asked for over HTTP
    #[arg(long)]
    preset: Option<String>,
    /// How many times as fast as the real clock the world's runs
    #[arg(long, default_value_t = 1)]
    rate: u32,
    /// The probability of every fault
    #[arg(long, default_value_t = 0.0)]
    faults: f32,
    /// Throttle calls above AWS's limits
    #[arg(long)]
    limit_calls: bool,
}

const TICK: Duration = Duration::from_millis(20);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let config = ScriptedConfig {
        listen: arguments.listen,
        seed: arguments.seed,
        faults: Faults::all(arguments.faults),
        clock: ClockConfig { rate: arguments.rate, ..ClockConfig::default() },
        limit_calls: arguments.limit_calls,
        ..ScriptedConfig::default()
    };
    let shape = match &arguments.preset {
        Some(name) => Some(Shape::preset(name).ok_or_else(|| format!("there is no preset `{name}`; --help lists them"))?),
        None => None,
    };
    let scripted = Scripted::start(config)?;
    println!("listening on {}", scripted.endpoint());
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        told = tell(&scripted, arguments.seed, shape) => told?,
    }
    scripted.stop().await;
    Ok(())
}

/// Tells stories for ever.
async fn tell(scripted: &Scripted, first: u64, shape: Option<Shape>) -> Result<(), ApiError> {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let Some(shape) = shape else {
        return std::future::pending().await;
    };
    for seed in first.. {
        let shape = Shape { start_ms: scripted.now_ms(), ..shape.clone() };
        let story = Story::generate(seed, &shape);
        println!("seed {seed}, {} operations", story.len());
        let mut rest = &story[..];
        while let Some((at_ms, _)) = rest.first() {
            ticks.tick().await;
            if let (Some((_, Op::JumpClock { ms })), true) = (rest.first(), *at_ms <= scripted.now_ms()) {
                scripted.advance(Duration::from_millis(*ms));
            }
            rest = scripted.world(|world, now_ms| apply_due(world, rest, (shape.start_ms, now_ms)))?;
        }
    }
    Ok(())
}

/// Does what is due up to the next jump, and gives what is left.
fn apply_due<'a>(world: &mut World, story: &'a [(u64, Op)], (start_ms, now_ms): (u64, u64)) -> Result<&'a [(u64, Op)], ApiError> {
    let mut rest = story;
    while let Some(((at_ms, op), later)) = rest.split_first().filter(|((at_ms, _), _)| *at_ms <= now_ms) {
        // A story after the first finds its table made.
        let made = matches!(op, Op::MakeTable { table, .. } if world.table_names().any(|name| name == &**table));
        if !made {
            world.apply(op, now_ms)?;
        }
        if !matches!(op, Op::Put { .. } | Op::Delete { .. } | Op::Expire { .. }) {
            println!("+{}s {op}", (at_ms - start_ms) / 1000);
        }
        rest = later;
        if matches!(rest.first(), Some((_, Op::JumpClock { .. }))) {
            break;
        }
    }
    Ok(rest)
}
