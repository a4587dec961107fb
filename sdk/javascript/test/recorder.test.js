/** The recorder answers as a host does: what is held back, what is taken back, and what is refused for its size or form. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { counters, http, mailer, metrics, onBatch, onChange, reject, retry, state, tables } from "../src/index.js";
import { heldBack } from "../src/host/held.js";
import { Host, batch, insert, modify, probe, run } from "../src/testing.js";

const keys = (id) => ({ keys: JSON.stringify({ id: { S: id } }) });

test("who is held back, as in core's settle.rs", () => {
  /** @type {[string, Record<number, "retry" | "reject">, [number, number][], number[]][]} items, failures, reader and writer, who is held */
  const rows = [
    ["aab", {}, [[1, 0]], []],
    ["aab", { 0: "retry" }, [], [1]],
    ["aab", { 0: "reject" }, [], []],
    ["aba", { 1: "retry" }, [], []],
    ["aaa", { 1: "retry" }, [], [2]],
    ["abc", { 0: "reject" }, [[1, 0]], [1]],
    ["abc", { 0: "retry" }, [[2, 1], [1, 0]], [1, 2]],
    // The reader is before the writer: a handler may go through its batch in any order.
    ["abc", { 2: "retry" }, [[0, 2]], [0]],
    // Held for its item, and its reader with it, and that one's item.
    ["aabb", { 0: "retry" }, [[2, 1]], [1, 2, 3]],
    ["aab", { 0: "retry", 1: "reject" }, [[2, 1]], [2]],
  ];
  for (const [items, failures, reads, held] of rows) {
    const byPlace = new Map(Object.entries(failures).map(([place, kind]) => [Number(place), kind]));
    assert.deepEqual(heldBack([...items].map(keys), byPlace, reads.map(([reader, writer]) => ({ reader, writer }))), held, JSON.stringify([items, failures, reads]));
  }
  const [one, other] = ['{"a":{"S":"x"},"b":{"N":"1"}}', '{"b":{"N":"1"},"a":{"S":"x"}}'];
  assert.deepEqual(heldBack([{ keys: one }, { keys: other }], new Map([[0, "retry"]]), []), [1]);
});

test("a later change of an item that is retried is held back, and so is who read what it wrote", async () => {
  const host = new Host();
  const plugin = onChange((change) => {
    const before = Number(state.getText(change, "sum") ?? 0);
    counters.add(change, "seen", { id: String(change.keys.id) });
    if (change.newImage?.writes) state.set(change, "sum", String(before + 1));
    if (change.newImage?.fails) throw retry("later");
  });
  const changes = [
    insert({ id: "a" }, { writes: true }),
    insert({ id: "b" }, { fails: true }),
    modify({ id: "b" }, {}, { writes: true }),
    insert({ id: "c" }, {}),
  ];
  assert.deepEqual(await run(plugin, changes), [{ index: 1, retry: "later" }]);
  assert.deepEqual(host.held, [2, 3]);
  assert.deepEqual([host.state("sum"), host.counter("seen", { id: "b" }), host.counter("seen", { id: "c" })], ["1", [], []]);
  assert.deepEqual(await run(plugin, [insert({ id: "d" }, {})]), []);
  assert.deepEqual(host.held, []);
});

test("what a failed change wrote does not take a later change's write with it", async () => {
  const host = new Host();
  host.entries.set("k", new TextEncoder().encode("old"));
  const plugin = onChange((change) => {
    state.set(change, "k", String(change.keys.id));
    if (change.keys.id !== "b") state.delete(change, "gone");
    if (change.keys.id === "a") throw reject("no");
  });
  await run(plugin, [insert({ id: "a" }, {}), insert({ id: "b" }, {})]);
  assert.equal(host.state("k"), "b");
  await run(plugin, [insert({ id: "c" }, {}), insert({ id: "a" }, {})]);
  assert.equal(host.state("k"), "c");
  const whole = onBatch((all) => {
    state.set(all.changes[0], "k", "lost");
    throw retry("all");
  });
  await run(whole, [insert({ id: "a" }, {})]);
  assert.deepEqual([host.state("k"), host.held], ["c", []]);
});

test("a mail of one change and key is accepted once", async () => {
  const host = new Host();
  const plugin = onChange((change) => {
    for (const key of ["", "", "second"]) mailer.send(change, { to: "a@b.example", subject: `to ${change.keys.id}`, text: "x", key });
  });
  assert.deepEqual(await run(plugin, [insert({ id: "a" }, {}), insert({ id: "b" }, {})]), []);
  assert.deepEqual(host.mails.map(({ subject, key }) => `${subject} ${key}`), ["to a ", "to a second", "to b ", "to b second"]);
  const warning = { level: "warn", message: "mail not sent: the outbox has a mail of this change and key" };
  assert.deepEqual(host.logs, [warning, warning]);
});

const mail = { to: "a@b.example", subject: "s", text: "x" };
const many = (count) => Array.from({ length: count }, (_, at) => at);

test("what the host refuses for its size or form", async () => {
  /** @type {[(change: any) => unknown, RegExp][]} */
  const rows = [
    [(c) => counters.add(c, "Bad Name"), /^counter `Bad Name`: the counter's name `Bad Name`: use a to z/],
    [(c) => counters.add(c, "x", { "Bad Label": "" }), /the label `Bad Label`: use a to z/],
    [(c) => counters.add(c, "x", { y: "é".repeat(513) }), /the value of label `y` has 1026 bytes; at most 1024/],
    [(c) => counters.add(c, "x", Object.fromEntries(many(9).map((at) => [`l${at}`, ""]))), /9 labels; at most 8/],
    [(c) => counters.add(c, "x", {}, "1E500"), /`1E500` is outside what DynamoDB stores/],
    [(c) => counters.add(c, "x", {}, "1E-169"), /`1E-169` is outside/],
    [(c) => counters.add(c, "x", {}, "9".repeat(301)), /is outside/],
    [(c) => counters.add(c, "x", {}, "9".repeat(321)), /is not a decimal/],
    [() => metrics.count("Bad"), /^metric `Bad`: the metric's name `Bad`: use a to z/],
    [() => metrics.count("things_total"), /leave out `_total`/],
    [() => metrics.observe("x", { le: "1" }, 1), /the label `le`: Prometheus keeps it/],
    [() => metrics.setGauge("x", {}, NaN), /the metric `x`: NaN is no finite number/],
    [() => (metrics.count("two"), metrics.setGauge("two", {}, 1)), /the metric `two` is a counter already, and no gauge/],
    [(c) => state.get(c, "k".repeat(2049)), /a key of 2049 bytes; at most 2048/],
    [(c) => state.set(c, "é".repeat(1025), ""), /a key of 2050 bytes; at most 2048/],
    [(c) => state.delete(c, "k".repeat(2049)), /a key of 2049 bytes/],
    [(c) => state.set(c, "k", new Uint8Array(262_145)), /a value of 262145 bytes; at most 262144/],
    [(c) => many(129).forEach((at) => state.set(c, `${at}`, new Uint8Array(262_144))), /more than 33554432 bytes of writes in one batch/],
    [(c) => many(100_001).forEach(() => state.delete(c, "")), /more than 100000 writes in one batch/],
    [(c) => mailer.send(c, { ...mail, to: [] }), /^mail: 0 recipients: a mail has one to 50/],
    [(c) => mailer.send(c, { ...mail, to: many(51).map((at) => `a${at}@b.example`) }), /51 recipients/],
    [(c) => mailer.send(c, { ...mail, to: "nobody" }), /to: not an address such as/],
    [(c) => mailer.send(c, { ...mail, to: "a@b.example\nBcc: c@d.example" }), /to: holds the control character "\\n"/],
    [(c) => mailer.send(c, { ...mail, replyTo: "a@b@c" }), /reply-to: not an address/],
    [(c) => mailer.send(c, { ...mail, subject: "a\r\nb" }), /subject: holds the control character "\\r"/],
    [(c) => mailer.send(c, { ...mail, subject: "é".repeat(500) }), /bytes of the subject: 1000; at most 998/],
    [(c) => mailer.send(c, { ...mail, text: "x".repeat(1024 * 1024 + 1) }), /bytes of the text: 1048577/],
    [(c) => mailer.send(c, { ...mail, key: "k".repeat(1025) }), /bytes of the key: 1025; at most 1024/],
    [(c) => mailer.send(c, { to: "a@b.example", subject: "s" }), /no body: set text, html or both/],
    [(c) => tables.transact(c, many(101).map((at) => ({ table: "t", put: { id: at } }))), /101 writes in one transaction; at most 100/],
    [() => tables.getMany("t", many(1001).map((at) => ({ id: at }))), /1001 keys in one read; at most 1000/],
    [() => http.get("https://h", { headers: { "Transfer-Encoding": "chunked" } }), /a header that is none, or that the host writes itself/],
  ];
  for (const [call, expected] of rows) {
    new Host();
    const [failed] = await run(onChange((change) => void call(change)), [insert({ id: "a" }, {})]);
    assert.match(String(failed?.reject), expected, String(call));
  }
});

test("what the host takes, the recorder takes", async () => {
  const host = new Host();
  const to = ["a@b", "Some Body <a.b+c@d.example>", '"Body, Some" <a@b.example>', "<a@b.example>", "a@[127.0.0.1]", "Jörg <j@b.example>"];
  const plugin = onChange((change) => {
    mailer.send(change, { to, subject: "s", html: "" });
    counters.add(change, "x", { y: "é".repeat(512) }, "9".repeat(300));
    counters.add(change, "x", {}, "1E+168");
    counters.add(change, "x", {}, "-.5");
    state.set(change, "", new Uint8Array(262_144));
    metrics.observe("seconds", {}, -1.5);
  });
  assert.deepEqual(await run(plugin, [insert({ id: "a" }, {})]), []);
  assert.deepEqual(host.mails[0].to, to);
});

test("to write a table is one grant, to read it another", async () => {
  const outcome = async (grant, call) => {
    new Host({ grants: [grant] });
    const [failed] = await run(onChange(() => void call()), [insert({ id: "a" }, {})]);
    return failed?.reject;
  };
  assert.equal(await outcome("tables", () => tables.put("t", { id: "a" })), undefined);
  assert.equal(await outcome("reads", () => tables.get("t", { id: "a" })), undefined);
  assert.match(await outcome("tables", () => tables.get("t", { id: "a" })), /not granted reads/);
  assert.match(await outcome("reads", () => tables.put("t", { id: "a" })), /not granted tables/);
});

test("values are copies", async () => {
  const host = new Host();
  const bytes = new Uint8Array([1]);
  const plugin = onChange((change) => {
    state.set(change, "k", bytes);
    bytes[0] = 2;
    const read = state.get(change, "k");
    assert.deepEqual([...(read ?? [])], [1]);
    if (read) read[0] = 3;
  });
  assert.deepEqual(await run(plugin, [insert({ id: "a" }, {})]), []);
  assert.deepEqual([...(host.entries.get("k") ?? [])], [1]);
});

test("a probe writes nothing, and a change of another batch is none", async () => {
  const host = new Host();
  const plugin = onChange(() => {}, { probe: () => tables.put("t", { id: "a" }) });
  assert.match(String(await probe(plugin)), /^table `t`: this is the probe of a new version/);
  const measuring = onChange(() => {}, { probe: () => metrics.count("probes") });
  assert.equal(await probe(measuring), undefined);
  assert.deepEqual([host.writes, host.samples], [[], []]);
  let kept;
  await run(onBatch(({ changes }) => void (kept = changes[1])), batch([insert({ id: "a" }, {}), insert({ id: "b" }, {})]));
  const [failed] = await run(onChange(() => counters.add(kept, "x")), [insert({ id: "c" }, {})]);
  assert.equal(failed.reject, "counter `x`: change 1 is not in this batch of 1");
});

test("series beyond the bound are dropped", async () => {
  const host = new Host();
  const plugin = onChange(() => many(1001).forEach((at) => metrics.count("x", { at: String(at) })));
  assert.deepEqual(await run(plugin, [insert({ id: "a" }, {})]), []);
  assert.deepEqual([host.samples.length, host.logs.length], [1000, 1]);
});
