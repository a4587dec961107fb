/** The SDK in Node, against the recorder: items, handlers, and what is taken back. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { HostError, Num, counters, itemJson, log, mailer, metrics, onBatch, onChange, parseItem, reject, retry, settings, state, tables } from "../src/index.js";
import { Host, expire, insert, modify, probe, remove, run } from "../src/testing.js";

const ROUND = [
  '{"a":{"S":"x"},"n":{"N":"12345678901234567890.123456789"},"z":{"NULL":true},"t":{"BOOL":false}}',
  '{"l":{"L":[{"S":"a"},{"N":"1"},{"M":{"__proto__":{"S":"no trap"}}}]},"e":{"M":{}}}',
  '{"ss":{"SS":["a","b"]},"ns":{"NS":["1","2.50"]},"bs":{"BS":["AAEC","/w=="]},"b":{"B":""}}',
];

test("items come back as they were", () => {
  for (const json of ROUND) assert.equal(itemJson(parseItem(json)), json);
  assert.equal(itemJson({ a: 1, b: 2n, c: undefined, d: new Set([1, 2n]), e: 1e21 }), '{"a":{"N":"1"},"b":{"N":"2"},"d":{"NS":["1","2"]},"e":{"N":"1e+21"}}');
});

test("what DynamoDB cannot hold is refused, with its place", () => {
  const rows = [
    [{ a: { b: [NaN] } }, /`a\.b\[0\]`: `NaN` is no number/],
    [{ a: new Set() }, /`a`: a set of DynamoDB's has at least one element/],
    [{ a: new Date(0) }, /`a`: DynamoDB has no dates/],
    [{ a: () => 1 }, /`a`: a function/],
    [{ a: { b: new Map([["k", 1]]) } }, /`a\.b`: a Map is no value of DynamoDB's/],
    [{ a: new ArrayBuffer(2) }, /`a`: an ArrayBuffer is no value/],
    [{ a: Promise.resolve(1) }, /`a`: a Promise is no value/],
    [{ a: new Error("x") }, /`a`: an Error is no value/],
    [{ a: new URL("https://h") }, /`a`: a URL is no value/],
    [{ a: [new Float32Array(1)] }, /`a\[0\]`: a Float32Array is no value/],
    [{ a: new (class Later { then = () => {}; })() }, /`a`: a Later is no value/],
    [{ a: new Set(["1", 2]) }, /`a`: a set of DynamoDB's is of strings, of numbers or of Uint8Arrays, and in this one is a string among others/],
    [{ a: new Set([1, null]) }, /in this one is null among others/],
    [new Map([["a", 1]]), /an item is an object of its attributes, and this is a Map/],
    [[1], /and this is an Array/],
    [undefined, /and this is undefined/],
  ];
  for (const [item, message] of rows) assert.throws(() => itemJson(/** @type {any} */ (item)), message);
});

test("objects of an author's own are maps", () => {
  class Order {
    #secret = 1;
    total = 2n;
    get twice() {
      return this.#secret * 2;
    }
  }
  const nothing = Object.assign(Object.create(null), { a: 1 });
  assert.equal(itemJson({ order: new Order(), nothing, empty: new (class Tags {})() }), '{"order":{"M":{"total":{"N":"2"}}},"nothing":{"M":{"a":{"N":"1"}}},"empty":{"M":{}}}');
});

test("numbers compare by all of their digits", () => {
  /** @type {[string | number | bigint, string | number | bigint, number][]} */
  const rows = [
    ["1", 1.0, 0],
    ["100", "1e2", 0],
    ["-0", "0.00", 0],
    ["12345678901234567890123456789012345678", "12345678901234567890123456789012345679", -1],
    ["1E+125", "9.9E+124", 1],
    ["1E-130", 0, 1],
    ["-1E-130", "0e5", -1],
    ["-2", "-10", 1],
    ["0.12", "0.123", -1],
    ["-0.12", "-0.123", 1],
    [5n, "-5", 1],
    ["1e999999999", "2e999999999", -1],
  ];
  for (const [one, other, expected] of rows) {
    assert.equal(new Num(one).compare(other), expected, `${one} ${other}`);
    assert.ok(Object.is(new Num(other).compare(new Num(one)), expected === 0 ? 0 : -expected), `${other} ${one}`);
  }
  for (const [text, expected] of /** @type {[string, number][]} */ ([["-0.0e3", 0], ["+.5", 1], ["-1E-130", -1], ["0E9", 0]])) assert.equal(new Num(text).sign(), expected, text);
});

test("numbers are exact or refuse", () => {
  assert.equal(new Num("19.99").toNumber(), 19.99);
  assert.equal(new Num("1.50") > 1.4, true);
  assert.equal(new Num("1E+3").toBigInt(), 1000n);
  assert.equal(new Num("100").equals("1e2"), true);
  assert.equal(new Num("-0.0").equals(0), true);
  assert.equal(`${new Num("1.50")} ${JSON.stringify(new Num("7"))}`, '1.50 "7"');
  assert.throws(() => new Num("12345678901234567890").toNumber(), RangeError);
  assert.throws(() => new Num("0.5").toBigInt(), RangeError);
  assert.throws(() => new Num("0x10"), TypeError);
});

test("a failed change stops no other, and leaves nothing behind", async () => {
  const host = new Host();
  const plugin = onChange((change) => {
    counters.add(change, "seen", { kind: change.eventName });
    state.setJson(change, String(change.keys.id), { total: change.newImage?.total });
    mailer.send(change, { to: "a@example.com", subject: String(change.keys.id), text: "hi" });
    if (change.newImage?.flaw === "retry") throw retry("later");
    if (change.newImage?.flaw === "reject") throw reject("never");
    if (change.newImage?.flaw === "bug") throw new TypeError("oops");
  });
  const failed = await run(plugin, [
    insert({ id: "a" }, { total: 1 }),
    insert({ id: "b" }, { flaw: "retry" }),
    insert({ id: "c" }, { flaw: "reject" }),
    insert({ id: "d" }, { flaw: "bug" }),
  ]);
  assert.deepEqual(failed, [{ index: 1, retry: "later" }, { index: 2, reject: "never" }, { index: 3, retry: "TypeError: oops" }]);
  assert.deepEqual(host.counter("seen", { kind: "INSERT" }), ["1"]);
  assert.deepEqual([...host.entries.keys()], ["a"]);
  assert.deepEqual(host.mails.map((mail) => mail.subject), ["a"]);
});

test("async handlers are waited for, one after the other", async () => {
  const order = [];
  const plugin = onChange(async (change) => {
    order.push(`begin ${change.keys.id}`);
    await Promise.resolve();
    order.push(`end ${change.keys.id}`);
    if (change.keys.id === "b") throw reject("no");
  });
  assert.deepEqual(await run(plugin, [insert({ id: "a" }, {}), insert({ id: "b" }, {})]), [{ index: 1, reject: "no" }]);
  assert.deepEqual(order, ["begin a", "end a", "begin b", "end b"]);
});

test("a batch fails in part, or as a whole", async () => {
  new Host();
  const part = onBatch((batch) => {
    batch.fail(batch.changes[1], reject("x"));
    batch.fail(batch.changes[1], retry("not this"));
  });
  assert.deepEqual(await run(part, [insert({ id: "a" }, {}), insert({ id: "b" }, {})]), [{ index: 1, reject: "x" }]);
  const whole = onBatch(() => {
    throw new Error("all");
  });
  assert.deepEqual(await run(whole, [insert({ id: "a" }, {}), insert({ id: "b" }, {})]), [{ index: 0, retry: "Error: all" }, { index: 1, retry: "Error: all" }]);
});

test("a probe is answered, and handles nothing", async () => {
  new Host({ settings: { limit: 3 } });
  const plugin = onChange(() => assert.fail("an empty batch reached the handler"), {
    probe(origin) {
      if (settings.getJson("limit") !== 3 || origin.view === "keys-only") throw reject("no view");
      settings.require("to");
    },
  });
  assert.equal(await probe(plugin, { view: "keys-only" }), "no view");
  assert.match(String(await probe(plugin)), /setting `to` is missing/);
});

test("what the host refuses is retried or rejected by its kind", async () => {
  const host = new Host({ grants: ["tables"] });
  const answers = { "condition-failed": "reject", invalid: "reject", unavailable: "retry" };
  for (const [tag, expected] of Object.entries(answers)) {
    host.onWrite = () => ({ tag, val: "why" });
    const [failed] = await run(onChange(() => tables.put("copy", { id: "a" })), [insert({ id: "a" }, {})]);
    assert.ok(expected in failed, `${tag}: ${JSON.stringify(failed)}`);
  }
  const [denied] = await run(onChange((change) => counters.add(change, "seen")), [insert({ id: "a" }, {})]);
  assert.match(String(denied.reject), /not granted counters/);
  host.onWrite = ({ item }) => (item.id === "b" ? { tag: "condition-failed" } : undefined);
  const seen = onChange((change) => {
    try {
      tables.transact(change, [{ table: "t", put: { id: "a" } }, { table: "t", put: { id: "b" } }]);
    } catch (error) {
      assert.ok(error instanceof HostError && error.code === "cancelled" && error.detail[0] === undefined);
      throw error;
    }
  });
  const [cancelled] = await run(seen, [insert({ id: "a" }, {})]);
  assert.match(String(cancelled.reject), /write 2: .*condition did not hold/);
  assert.equal(host.writes.length, 0);
});

test("tables, state and metrics by name", async () => {
  const host = new Host();
  host.tables.set("prices", [{ id: "x", price: 2 }]);
  const plugin = onChange((change) => {
    const [there, none] = tables.getMany("prices", [{ id: "x" }, { id: "y" }]);
    tables.update("totals", { id: "t" }, { expression: "ADD #n :n", names: { "#n": "n" }, values: { ":n": there?.price } });
    tables.delete("totals", { id: "old" }, { condition: { expression: "attribute_exists(id)" } });
    assert.equal(none, undefined);
    state.set(change, "k", "one");
    assert.equal(state.getText(change, "k"), "one");
    state.delete(change, "k");
    assert.equal(state.getJson(change, "k"), undefined);
    metrics.count("things", {}, 2);
    log.info("a", { b: 1n }, new Num("3"));
  });
  assert.deepEqual(await run(plugin, [insert({ id: "a" }, {})]), []);
  assert.deepEqual(host.writes.map((write) => [write.kind, write.item.id, String(write.values?.[":n"] ?? "")]), [["update", "t", "2"], ["delete", "old", ""]]);
  assert.deepEqual(host.logs, [{ level: "info", message: 'a {"b":"1"} "3"' }]);
  assert.deepEqual(host.samples, [{ kind: "count", name: "things", labels: {}, value: 2 }]);
});

test("differences are DynamoDB's, and expiries are told", async () => {
  new Host();
  const seen = [];
  const plugin = onChange((change) => seen.push([change.eventName, change.isExpiry, change.differences().map(({ name }) => name)]));
  const changes = [
    modify({ id: "a" }, { n: new Num("1.0"), s: new Set(["a", "b"]), m: { x: 1 } }, { n: 1, s: new Set(["b", "a"]), m: { x: 2 }, k: null }),
    remove({ id: "a" }, {}),
    expire({ id: "a" }, {}),
  ];
  assert.deepEqual(await run(plugin, changes), []);
  assert.deepEqual(seen, [["MODIFY", false, ["k", "m"]], ["REMOVE", false, ["id"]], ["REMOVE", true, ["id"]]]);
});
