//! `cargo xtask test`: what CI runs, and all of it.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::command::{cargo, run};
use crate::{tools, wasm};

pub(crate) fn test(filters: &[String]) -> Result<()> {
    let mut steps = Steps::default();
    steps.step("target", wasm::ensure_target)?;
    let tools = steps.step("tools", tools::ensure_languages)?;
    if filters.is_empty() {
        steps.step("format", || {
            run("format", &mut cargo(&["fmt", "--all", "--check"]))?;
            run("format: fuzz", &mut cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))
        })?;
        let mut clippy = cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
        steps.step("clippy", || run("clippy", &mut clippy))?;
    }
    let mut tests = cargo(&["test", "--workspace"]);
    tests.env("TRIPLINE_TOOLS", tools);
    if !filters.is_empty() {
        tests.arg("--").args(filters);
    }
    steps.step("test", || run("test", &mut tests))?;
    steps.show();
    Ok(())
}

#[derive(Default)]
struct Steps {
    taken: Vec<(&'static str, Duration)>,
}

impl Steps {
    fn step<T>(&mut self, name: &'static str, act: impl FnOnce() -> Result<T>) -> Result<T> {
        let began = Instant::now();
        let done = act()?;
        self.taken.push((name, began.elapsed()));
        Ok(done)
    }

    fn show(&self) {
        for (name, took) in &self.taken {
            eprintln!("{name:>8} {:8.1} s", took.as_secs_f64());
        }
        let total: Duration = self.taken.iter().map(|(_, took)| *took).sum();
        eprintln!("all green in {:.1} s", total.as_secs_f64());
    }
}
