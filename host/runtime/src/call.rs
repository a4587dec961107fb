//! One call of a handler: an instance, within its limits, and what it came to.
//!
//! Always holds: the call ends within the trigger's time, whether the guest computes or waits; a busy guest gives up its
//! thread at every tick; how it ended is one `HandlerResult` and one `Outcome`, with the reason and the guest's backtrace.
//! Does not know what becomes of a failure. A call that is dropped leaves nothing behind: its instance dies with it, warm or not.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tripline_core::delivery::{Batch, FailedChange, Failure, FailureKind, Outcome, Report};
use tripline_core::limits::REASON_BYTES_MAX;
use tripline_core::signal::{HandlerResult, Signal};
use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::context::TriggerContext;
use crate::engine::EPOCH_TICK;
use crate::guest::{Guest, Purpose};
use crate::live::{Broken, Live, TimeLimit};
use crate::logs::GuestLogs;
use crate::memory::Denied;
use crate::plugin::Plugin;
use crate::text;
use crate::warm::{Lent, Pool};

const BACKTRACE_BYTES_MAX: usize = 16 * 1024;
/// A busy guest is stopped at a tick, which tells where it was; only one that waits is stopped from outside, a little later.
const GRACE: Duration = EPOCH_TICK.saturating_mul(3);

/// How a call ended.
pub(crate) struct Ended {
    pub(crate) report: Report,
    pub(crate) result: HandlerResult,
    /// Without the wait for a free instance.
    pub(crate) took: Duration,
}

/// What came out of the guest.
enum Returned {
    Answered(Result<Vec<FailedChange>, Failure>),
    Broken(Broken),
    TimedOut,
}

/// In an instance of `pool`, which gets it back where it may be used again; without one, in a fresh instance that ends with the call.
pub(crate) async fn call(plugin: &Plugin, batch: &Batch, context: &TriggerContext, purpose: Purpose, pool: Option<&Pool>) -> Ended {
    let Some(mut live) = instance(plugin, batch, context, purpose, pool).await else {
        return not_run("the engine has stopped");
    };
    let lent = pool.map(|_| Lent::new(context));
    let started = Instant::now();
    let running = tokio::time::timeout(context.limits.time_max + GRACE, live.run(plugin, batch, started));
    let returned = running.await.map_or(Returned::TimedOut, |returned| match returned {
        Ok(answer) => Returned::Answered(answer),
        Err(broken) => Returned::Broken(broken),
    });
    let took = started.elapsed();
    let guest = live.guest_mut();
    guest.logs.finish();
    let (outcome, result) = judge(returned, batch, guest);
    let left = guest.take();
    let (effects, reads) = match outcome {
        Outcome::Handled(_) => (left.effects, left.reads),
        Outcome::Failed(_) | Outcome::NotRun(_) => (Vec::new(), Vec::new()),
    };
    if let Some(lent) = lent {
        lent.came_back();
    }
    match pool {
        Some(pool) => pool.give_back(live, result),
        None => drop(live),
    }
    // Of a failed call too: what it is given up for may be what it read.
    Ended { report: Report { outcome, effects, reads, seen: left.seen }, result, took }
}

/// None: the engine has stopped.
async fn instance(plugin: &Plugin, batch: &Batch, context: &TriggerContext, purpose: Purpose, pool: Option<&Pool>) -> Option<Live> {
    let taken = |reused| Signal::InstanceTaken { trigger: &context.trigger, reused };
    if let Some(mut live) = pool.and_then(Pool::take) {
        live.again(batch, context);
        context.signals.emit(taken(true));
        return Some(live);
    }
    let room = plugin.engine().room().await?;
    let logs = GuestLogs::new(context.trigger.clone(), plugin.version().clone(), context.signals.clone());
    let guest = Guest::new(batch, context, purpose, logs);
    if pool.is_some() {
        context.signals.emit(taken(false));
    }
    Some(Live::new(plugin.engine(), guest, room))
}

fn not_run(reason: &str) -> Ended {
    let report = Report::of(Outcome::NotRun(reason.into()));
    Ended { report, result: HandlerResult::NotRun, took: Duration::ZERO }
}

fn judge(returned: Returned, batch: &Batch, guest: &Guest) -> (Outcome, HandlerResult) {
    match returned {
        Returned::Answered(Ok(failed)) => judge_failed_changes(failed, batch.changes.len()),
        Returned::Answered(Err(failure)) => judge_failure(failure, guest.memory.denied(), guest.context.limits.memory_bytes_max),
        Returned::Broken(Broken::Trapped(error)) => judge_trap(&error, guest),
        Returned::Broken(Broken::NotInstantiated(error)) if has_run(&error, guest) => judge_trap(&error, guest),
        Returned::Broken(Broken::NotInstantiated(error)) => {
            let reason = text::one_line(&format!("no instance: {error:#}"), REASON_BYTES_MAX);
            (Outcome::NotRun(reason), HandlerResult::NotRun)
        }
        Returned::TimedOut => (Outcome::Failed(Failure::retry(timeout_reason(guest))), HandlerResult::Timeout),
    }
}

/// Whether the plugin is to blame that there is no instance: its start functions ran, or it asks for too much memory. That
/// will not change by itself, so it must cost an attempt.
fn has_run(error: &wasmtime::Error, guest: &Guest) -> bool {
    let full = error.is::<PoolConcurrencyLimitError>();
    !full && (error.is::<WasmBacktrace>() || error.is::<Trap>() || error.is::<TimeLimit>() || guest.memory.denied().is_some())
}

/// A change that is named twice keeps its first failure, but for a `reject`, which outweighs a `retry`.
fn judge_failed_changes(failed: Vec<FailedChange>, changes: usize) -> (Outcome, HandlerResult) {
    let mut by_index: BTreeMap<u32, Failure> = BTreeMap::new();
    for FailedChange { index, failure } in failed {
        if index as usize >= changes {
            let reason =
                format!("the plugin says that change {index} failed, and this batch has {changes} changes: their positions count from 0");
            return (Outcome::Failed(Failure::retry(reason)), HandlerResult::BadResult);
        }
        match by_index.get(&index) {
            Some(first) if first.kind == FailureKind::Reject || failure.kind == FailureKind::Retry => {}
            _ => drop(by_index.insert(index, failure)),
        }
    }
    let result = if by_index.is_empty() { HandlerResult::Ok } else { HandlerResult::Partial };
    let failed = by_index.into_iter().map(|(index, failure)| FailedChange { index, failure }).collect();
    (Outcome::Handled(failed), result)
}

/// `bytes_max`: the trigger's limit.
fn judge_failure(mut failure: Failure, denied: Option<Denied>, bytes_max: usize) -> (Outcome, HandlerResult) {
    let result = match (denied, failure.kind) {
        (Some(denied), _) => {
            let reason = format!("{}: {}", out_of_memory(denied, bytes_max), failure.reason);
            failure.reason = text::one_line(&reason, REASON_BYTES_MAX).into();
            HandlerResult::OutOfMemory
        }
        (None, FailureKind::Retry) => HandlerResult::Retry,
        (None, FailureKind::Reject) => HandlerResult::Reject,
    };
    (Outcome::Failed(failure), result)
}

fn judge_trap(error: &wasmtime::Error, guest: &Guest) -> (Outcome, HandlerResult) {
    let (what, result) = if error.is::<TimeLimit>() {
        (timeout_reason(guest), HandlerResult::Timeout)
    } else if let Some(denied) = guest.memory.denied() {
        (out_of_memory(denied, guest.context.limits.memory_bytes_max), HandlerResult::OutOfMemory)
    } else if let Some(I32Exit(status)) = error.downcast_ref() {
        (
            format!("the plugin ended its process (exit status {status}) in the midst of a call: return from the handler"),
            HandlerResult::Trap,
        )
    } else {
        (error.root_cause().to_string(), HandlerResult::Trap)
    };
    let reason = match guest.logs.last_words() {
        Some(words) if result != HandlerResult::Timeout => format!("{what}; on stderr: {words}"),
        _ => what,
    };
    let mut failure = Failure::retry(text::one_line(&reason, REASON_BYTES_MAX));
    failure.backtrace = error
        .downcast_ref::<WasmBacktrace>()
        .map(|backtrace| text::lines(&backtrace.to_string(), BACKTRACE_BYTES_MAX).into());
    (Outcome::Failed(failure), result)
}

fn timeout_reason(guest: &Guest) -> String {
    let time_max = guest.context.limits.time_max;
    match guest.waits_in {
        Some(call) => format!("time limit: not done after {time_max:?}, waiting in {call}"),
        None if guest.http.is_under_way() => format!("time limit: not done after {time_max:?}, waiting for an answer over http"),
        None => format!("time limit: not done after {time_max:?}"),
    }
}

/// Names the limit where raising it helps: a memory may have a maximum of its own, or the machine no more to give.
fn out_of_memory(denied: Denied, bytes_max: usize) -> String {
    let Denied { wanted_bytes, bytes_max: had } = denied;
    let limit = if had == bytes_max && wanted_bytes > had { ", its `limits.memory` (`--memory` of `tripline test`)" } else { "" };
    format!("out of memory: wanted {wanted_bytes} of {had} bytes{limit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(named: &[(u32, FailureKind, &str)], expected: &[(u32, FailureKind, &str)], result: HandlerResult) {
        let failed = |(index, kind, reason): &(u32, FailureKind, &str)| {
            let failure = Failure { kind: *kind, reason: (*reason).into(), backtrace: None };
            FailedChange { index: *index, failure }
        };
        let judged = judge_failed_changes(named.iter().map(failed).collect(), 3);
        assert_eq!(judged, (Outcome::Handled(expected.iter().map(failed).collect()), result));
    }

    #[test]
    fn failed_changes_are_named_once_each_in_order() {
        use FailureKind::{Reject, Retry};
        check(&[], &[], HandlerResult::Ok);
        check(&[(2, Retry, "c"), (0, Reject, "a")], &[(0, Reject, "a"), (2, Retry, "c")], HandlerResult::Partial);
        check(&[(1, Retry, "first"), (1, Retry, "second")], &[(1, Retry, "first")], HandlerResult::Partial);
        check(&[(1, Retry, "first"), (1, Reject, "second")], &[(1, Reject, "second")], HandlerResult::Partial);
        check(&[(1, Reject, "first"), (1, Reject, "second"), (1, Retry, "third")], &[(1, Reject, "first")], HandlerResult::Partial);
    }

    #[test]
    fn a_position_beyond_the_batch_fails_it() {
        let named = FailedChange { index: 3, failure: Failure::reject("x") };
        let (outcome, result) = judge_failed_changes(vec![named], 3);
        let Outcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
        assert_eq!((failure.kind, result), (FailureKind::Retry, HandlerResult::BadResult));
        assert!(failure.reason.contains("change 3 failed"), "{}", failure.reason);
    }
}
