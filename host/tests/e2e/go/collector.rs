//! One instance of a Go plugin, through very many batches.
//!
//! Always holds: what is driven is what an author builds; nobody but this test keeps the instance, so nothing but the SDK's own collecting keeps its memory
//! small. Does not know the runtime: a host that keeps instances warm retires them at some size, and would hide a leak.

use std::collections::BTreeMap;
use std::time::Instant;

use wasmtime::component::{Component, Linker, ResourceTable, Val};
use wasmtime::{Config, Engine, ResourceLimiter, Store, StoreContextMut};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::built;
use crate::examples::repository;

const MEMORY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What of it this plugin may take: five megabytes of things that it keeps, four that it takes at once, Go's own, and as much again before a collection.
const MEMORY_BYTES_EXPECTED: usize = 48 * 1024 * 1024;
const BATCH: usize = 50;
/// In CI; `TRIPLINE_GO_CHANGES=1000000` is the whole.
const CHANGES: usize = 60_000;

struct Host {
    wasi: WasiCtx,
    resources: ResourceTable,
    counted: u64,
    state: BTreeMap<String, Vec<u8>>,
    memory_bytes: usize,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.resources }
    }
}

impl ResourceLimiter for Host {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.memory_bytes = self.memory_bytes.max(desired);
        Ok(desired <= MEMORY_BYTES_MAX)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

fn text(value: &Val) -> String {
    match value {
        Val::String(text) => text.clone(),
        other => panic!("no string: {other:?}"),
    }
}

fn ok(value: Option<Val>) -> Val {
    Val::Result(Ok(value.map(Box::new)))
}

fn get(store: &StoreContextMut<'_, Host>, reads: &Val) -> Val {
    let Val::List(reads) = reads else { panic!("no list: {reads:?}") };
    let value = |read: &Val| {
        let Val::Record(fields) = read else { panic!("no record: {read:?}") };
        let found = store.data().state.get(&text(&fields[1].1));
        Val::Option(found.map(|bytes| Box::new(Val::List(bytes.iter().map(|byte| Val::U8(*byte)).collect()))))
    };
    Val::List(reads.iter().map(value).collect())
}

fn set(store: &mut StoreContextMut<'_, Host>, key: &Val, value: &Val) {
    let Val::List(value) = value else { panic!("no bytes: {value:?}") };
    let byte = |one: &Val| if let Val::U8(byte) = one { *byte } else { panic!("no byte: {one:?}") };
    let value = value.iter().map(byte).collect();
    store.data_mut().state.insert(text(key), value);
}

fn linker(engine: &Engine) -> wasmtime::Result<Linker<Host>> {
    let mut linker: Linker<Host> = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    linker.instance("tripline:trigger/counters@0.1.0")?.func_new("add", |mut store, _, args, answer| {
        assert_eq!(text(&args[3]), "1");
        store.data_mut().counted += 1;
        answer[0] = ok(None);
        Ok(())
    })?;
    let mut state = linker.instance("tripline:trigger/state@0.1.0")?;
    state.func_new("get", |store, _, args, answer| {
        answer[0] = ok(Some(get(&store, &args[0])));
        Ok(())
    })?;
    state.func_new("set", |mut store, _, args, answer| {
        set(&mut store, &args[1], &args[2]);
        answer[0] = ok(None);
        Ok(())
    })?;
    // It has no functions.
    linker.instance("tripline:trigger/types@0.1.0")?;
    Ok(linker)
}

fn record(fields: Vec<(&str, Val)>) -> Val {
    Val::Record(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn string(value: impl Into<String>) -> Val {
    Val::String(value.into())
}

fn change(nth: usize) -> Val {
    let image = format!(
        r#"{{"id":{{"S":"o-{nth}"}},"status":{{"S":"paid"}},"total":{{"N":"{nth}.99"}},"note":{{"S":"{}"}}}}"#,
        "x".repeat(nth % 400)
    );
    record(vec![
        ("event-id", string(format!("event-{nth:010}"))),
        ("event-name", Val::Enum("modify".into())),
        ("sequence-number", string(format!("{nth:021}"))),
        ("created-ms", Val::U64(1_767_225_600_000)),
        ("size-bytes", Val::U64(400)),
        ("user-identity", Val::Option(None)),
        ("keys", string(format!(r#"{{"id":{{"S":"o-{nth}"}}}}"#))),
        ("new-image", Val::Option(Some(Box::new(string(image.clone()))))),
        ("old-image", Val::Option(Some(Box::new(string(image))))),
    ])
}

fn batch(first: usize) -> Val {
    record(vec![
        ("trigger", string("churn")),
        ("table", string("orders")),
        ("region", string("eu-west-1")),
        ("stream-arn", string("arn:aws:dynamodb:eu-west-1:000000000000:table/orders/stream/1")),
        ("view", Val::Enum("new-and-old-images".into())),
        ("shard-id", string("shardId-1")),
        ("attempt", Val::U32(1)),
        ("changes", Val::List((first..first + BATCH).map(change).collect())),
    ])
}

/// Counted changes, and the most memory that the instance had.
async fn drive(changes: usize) -> wasmtime::Result<(u64, usize)> {
    let engine = Engine::new(&Config::new())?;
    let component = Component::from_file(&engine, built("churn", &repository().join("sdk/go/internal/churn")))?;
    let host =
        Host { wasi: WasiCtx::builder().build(), resources: ResourceTable::new(), counted: 0, state: BTreeMap::new(), memory_bytes: 0 };
    let mut store = Store::new(&engine, host);
    store.limiter(|host| host);
    let instance = linker(&engine)?.instantiate_async(&mut store, &component).await?;
    let (_, handler) = instance.get_export(&mut store, None, "tripline:trigger/handler@0.1.0").unwrap();
    let (_, handle) = instance.get_export(&mut store, Some(&handler), "handle").unwrap();
    let handle = instance.get_func(&mut store, handle).unwrap();
    for first in (0..changes).step_by(BATCH) {
        let mut answer = [Val::Bool(false)];
        handle.call_async(&mut store, &[batch(first)], &mut answer).await?;
        assert_eq!(answer, [ok(Some(Val::List(Vec::new())))], "changes from {first} on");
    }
    Ok((store.data().counted, store.data().memory_bytes))
}

#[test]
fn one_instance_lives_through_very_many_batches() {
    let changes = std::env::var("TRIPLINE_GO_CHANGES").map_or(CHANGES, |given| given.parse().unwrap());
    let began = Instant::now();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (counted, memory_bytes) = runtime.block_on(drive(changes)).unwrap();
    println!(
        "{changes} changes in batches of {BATCH}, one instance: {:.1} s with its build, at most {:.1} MiB",
        began.elapsed().as_secs_f64(),
        memory_bytes as f64 / 1024.0 / 1024.0
    );
    assert_eq!(counted, changes as u64);
    assert!(memory_bytes <= MEMORY_BYTES_EXPECTED, "{memory_bytes} bytes");
}
