//! Plugins of WebAssembly text: no language's runtime, no imports but the types, and as many versions as a test needs.

/// What `handle` returns: places in the memory of `plugin`.
pub const OK: &str = "i32.const 16";
/// `Err(retry("nope"))`.
pub const RETRY: &str = "i32.const 32";
/// `Ok([{ index: 9999, reject("nope") }])`.
pub const LIE: &str = "i32.const 48";
pub const TRAP: &str = "call $inner";
pub const LOOP: &str = "(loop $again br $again) unreachable";
/// Grows its memory until it is denied, and then traps as a language's allocator does.
pub const HOG: &str = "(loop $again (br_if $again (i32.ge_s (memory.grow (i32.const 16)) (i32.const 0)))) unreachable";

/// Answers the probe, and does `body` with changes. `name` makes it a version of its own.
pub fn plugin(name: &str, body: &str) -> Vec<u8> {
    let body = format!("(if (i32.eqz (local.get 13)) (then (return (i32.const 16)))) {body}");
    component(name, &body, "tripline:trigger/handler@0.1.0", "")
}

/// Does `body` with every batch, the probe's too.
pub fn unconditional(name: &str, body: &str) -> Vec<u8> {
    component(name, body, "tripline:trigger/handler@0.1.0", "")
}

/// A component that exports its handler under `export` and begins with `imports`.
pub fn component(name: &str, body: &str, export: &str, imports: &str) -> Vec<u8> {
    let text = format!(
        r#"(component
  {imports}
  (import "tripline:trigger/types@0.1.0" (instance $types
    (type $view (enum "keys-only" "new-image" "old-image" "new-and-old-images"))
    (export "view" (type $view-t (eq $view)))
    (type $event (enum "insert" "modify" "remove"))
    (export "event-name" (type $event-t (eq $event)))
    (type $change (record
      (field "event-id" string) (field "event-name" $event-t) (field "sequence-number" string) (field "created-ms" u64)
      (field "size-bytes" u64) (field "user-identity" (option (tuple string string))) (field "keys" string)
      (field "new-image" (option string)) (field "old-image" (option string))))
    (export "change" (type $change-t (eq $change)))
    (type $batch (record
      (field "trigger" string) (field "table" string) (field "region" string) (field "stream-arn" string) (field "view" $view-t)
      (field "shard-id" string) (field "attempt" u32) (field "changes" (list $change-t))))
    (export "batch" (type $batch-t (eq $batch)))
    (type $failure (variant (case "retry" string) (case "reject" string)))
    (export "failure" (type $failure-t (eq $failure)))
    (type $failed (record (field "index" u32) (field "failure" $failure-t)))
    (export "failed-change" (type $failed-t (eq $failed)))))
  (alias export $types "batch" (type $batch))
  (alias export $types "failure" (type $failure))
  (alias export $types "failed-change" (type $failed))
  (core module $m
    (memory (export "memory") 1)
    (global $free (mut i32) (i32.const 4096))
    (data (i32.const 32) "\01\00\00\00\00\00\00\00\64\00\00\00\04\00\00\00")
    (data (i32.const 48) "\00\00\00\00\40\00\00\00\01\00\00\00")
    (data (i32.const 64) "\0f\27\00\00\01\00\00\00\64\00\00\00\04\00\00\00")
    (data (i32.const 100) "nope")
    (data (i32.const 200) "{name}")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
      (global.set $free (i32.add (local.get $at) (local.get 3)))
      (if (i32.gt_u (global.get $free) (i32.mul (memory.size) (i32.const 65536)))
        (then (drop (memory.grow (i32.const 16)))))
      (local.get $at))
    (func $inner (result i32) unreachable)
    (func (export "handle") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
      {body}))
  (core instance $i (instantiate $m))
  (func $handle (param "batch" $batch) (result (result (list $failed) (error $failure)))
    (canon lift (core func $i "handle") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (instance $handler
    (export "batch" (type $batch)) (export "failure" (type $failure)) (export "failed-change" (type $failed))
    (export "handle" (func $handle)))
  (export "{export}" (instance $handler))
)"#
    );
    wat::parse_str(text).unwrap()
}
