/** Arguments of the wrong type, which an engine's bindings would trap on: each is an error of its call alone, and says what to write. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { HostError, Num, counters, http, itemJson, log, mailer, metrics, onChange, retry, settings, state, tables } from "../src/index.js";
import { Host, insert, run } from "../src/testing.js";

/** @type {[(change: any) => unknown, string][]} What is called, and what it says. */
const ROWS = /** @type {any} */ ([
  [(c) => counters.add(c, "x", { year: new Num(1) }), "counter `x`: label `year` is a Num: text is wanted, as String(…) makes it"],
  [(c) => counters.add(c, "x", { year: 2 }), "counter `x`: label `year` is a number: text is wanted, as String(…) makes it"],
  [(c) => counters.add(c, "x", { year: undefined }), "counter `x`: label `year` is undefined: text is wanted"],
  [(c) => counters.add(c, "x", { year: { a: 1 } }), "counter `x`: label `year` is an Object: text is wanted"],
  [(c) => counters.add(c, "x", new Map([["year", "1"]])), 'counter `x`: labels are a Map: { name: "text" } is wanted'],
  [(c) => counters.add(c, "x", null), 'counter `x`: labels are null: { name: "text" } is wanted'],
  [(c) => counters.add(c, 5), "counter `5`: the name is a number: text is wanted, as String(…) makes it"],
  [(c) => counters.add(c, undefined), "counter: the name is undefined: text is wanted"],
  [(c) => counters.add(c, "x", {}, ""), "counter `x`: the delta: `` is no number that DynamoDB could hold"],
  [(c) => counters.add(c, "x", {}, [5]), "counter `x`: the delta: an Array is no number that DynamoDB could hold"],
  [(c) => counters.add(c, "x", {}, Infinity), "counter `x`: the delta: `Infinity` is no number that DynamoDB could hold"],
  [() => metrics.count("m", {}, -1), "metric `m`: the delta: `-1` is no whole number from 0 to 9007199254740991"],
  [() => metrics.count("m", {}, 1.5), "metric `m`: the delta: `1.5` is no whole number from 0 to 9007199254740991"],
  [() => metrics.count("m", {}, NaN), "metric `m`: the delta: `NaN` is no whole number from 0 to 9007199254740991"],
  [() => metrics.count("m", {}, 2n ** 60n), "metric `m`: the delta: `1152921504606846976` is no whole number from 0 to 9007199254740991"],
  [() => metrics.count("m", { a: false }), "metric `m`: label `a` is a boolean: text is wanted, as String(…) makes it"],
  [() => metrics.setGauge("m", {}, "1"), "metric `m`: the value is a string: a number is wanted"],
  [() => metrics.observe("m", {}, undefined), "metric `m`: the value is undefined: a number is wanted"],
  [(c) => state.set(c, "k", 5), "state `k`: the value is a number: a string or a Uint8Array is wanted"],
  [(c) => state.set(c, "k", new Float32Array(2)), "state `k`: the value is a Float32Array: a string or a Uint8Array is wanted"],
  [(c) => state.set(c, 5, "v"), "state `5`: the key is a number: text is wanted, as String(…) makes it"],
  [(c) => state.get(c, undefined), "state: the key is undefined: text is wanted"],
  [(c) => state.delete(c, null), "state `null`: the key is null: text is wanted"],
  [(c) => state.set(c, "k", "v", { expires: new Date("nonsense") }), "state `k`: expires: `Invalid Date` is no time since 1970: a Date or its milliseconds are wanted"],
  [(c) => state.set(c, "k", "v", { expires: new Date(-1) }), /^state `k`: expires: `.*1969.*` is no time since 1970/],
  [(c) => state.set(c, "k", "v", { expires: "2100" }), "state `k`: expires: `2100` is no time since 1970: a Date or its milliseconds are wanted"],
  [(c) => state.setJson(c, "k", undefined), "state `k`: the value cannot be written as JSON: it is undefined"],
  [(c) => state.setJson(c, "k", { a: [{ b: new Set([1]) }] }), "state `k`: the value cannot be written as JSON: `a[0].b`: JSON has no way to write a Set: write [...set]"],
  [(c) => state.setJson(c, "k", { a: new Uint8Array(1) }), "state `k`: the value cannot be written as JSON: `a`: JSON has no way to write a Uint8Array"],
  [(c) => state.setJson(c, "k", new Map()), "state `k`: the value cannot be written as JSON: JSON has no way to write a Map"],
  [(c) => state.setJson(c, "k", { a: Promise.resolve() }), "state `k`: the value cannot be written as JSON: `a`: JSON has no way to write a Promise"],
  [(c) => state.setJson(c, "k", { n: 2n ** 64n + 1n }), /`n`: 18446744073709551617 is no JavaScript number without loss/],
  [(c) => mailer.send(c, { to: "a@b.example", subject: 5, text: "x" }), "mail: the subject is a number: text is wanted, as String(…) makes it"],
  [(c) => mailer.send(c, { to: undefined, subject: "s", text: "x" }), "mail: to is undefined: an address is wanted, or a list of them"],
  [(c) => mailer.send(c, { to: ["a@b.example", 1], subject: "s", text: "x" }), "mail: an address in to is a number: text is wanted, as String(…) makes it"],
  [(c) => mailer.send(c, { to: "a@b.example", subject: "s", text: 1 }), "mail: the text is a number: text is wanted, as String(…) makes it"],
  [(c) => mailer.send(c, { to: "a@b.example", subject: "s", text: "x", key: 1n }), "mail: the key is a bigint: text is wanted, as String(…) makes it"],
  [() => tables.write("t", [{ check: { id: "a" }, condition: { expression: "x" } }]), "table `t`: a check writes nothing: it is for transactions, `tables.transact`"],
  [() => tables.write("t", [{}]), "table `t`: a write that is none of put, update and delete, nor a transaction's check"],
  [() => tables.write("t", [undefined]), "table `t`: a write is undefined: { put: item } or the like is wanted"],
  [() => tables.put(5, { id: "a" }), "table `5`: the name is a number: text is wanted, as String(…) makes it"],
  [() => tables.put("t", { id: "a" }, { condition: "x" }), "table `t`: the condition's expression is undefined: text is wanted"],
  [() => tables.put("t", { id: "a" }, { condition: { expression: "x", names: { "#a": 5 } } }), "table `t`: placeholder `#a` is a number: text is wanted, as String(…) makes it"],
  [() => tables.update("t", { id: "a" }, {}), "table `t`: the update's expression is undefined: text is wanted"],
  [() => tables.put("t", { id: "a", b: new Set() }), "table `t`: `b`: a set of DynamoDB's has at least one element"],
  [() => tables.update("t", { id: NaN }, { expression: "x" }), "table `t`: `id`: `NaN` is no number that DynamoDB could hold"],
  [() => tables.put("t", { id: "a" }, { condition: { expression: "x", values: { ":d": new Date(0) } } }), /^table `t`: `:d`: DynamoDB has no dates/],
  [() => tables.get("t", new Map()), "table `t`: an item is an object of its attributes, and this is a Map"],
  [(c) => tables.transact(c, [{ table: "t", put: { id: new Set([1, null]) } }]), /^transaction: `id`: a set of DynamoDB's is of strings/],
  [(c) => tables.transact(c, [{ put: { id: "a" } }]), "transaction: a table's name is undefined: text is wanted"],
  [() => tables.get(undefined, { id: "a" }), "table: the name is undefined: text is wanted"],
  [() => http.get(5), "http: the URL is a number: text is wanted, as String(…) makes it"],
  [() => http.get("https://h", { headers: { a: 5 } }), "http: the header `a` is a number: a string or a Uint8Array is wanted"],
  [() => http.get("https://h", { headers: new Map() }), 'http: headers are a Map: { name: "text" } is wanted, or a list of such pairs'],
  [() => http.post("https://h", { body: 5 }), "http: the body is a number: a string or a Uint8Array is wanted"],
  [() => http.post("https://h", { json: { tags: new Set(["a"]) } }), "http: the body cannot be written as JSON: `tags`: JSON has no way to write a Set: write [...set]"],
  [() => http.post("https://h", { json: () => 1 }), "http: the body cannot be written as JSON: it is a function"],
  [() => http.get("https://h", { answerTimeoutMs: -1 }), "http: answerTimeoutMs: `-1` is no time to wait: milliseconds from 0 to 86400000 are wanted, or none at all"],
  [() => http.get("https://h", { connectTimeoutMs: NaN }), "http: connectTimeoutMs: `NaN` is no time to wait: milliseconds from 0 to 86400000 are wanted, or none at all"],
  [() => settings.get(7), "setting `7`: the key is a number: text is wanted, as String(…) makes it"],
]);

test("an argument of the wrong type is an error of its call", async () => {
  for (const [call, expected] of ROWS) {
    const host = new Host();
    const plugin = onChange((change) => {
      if (change.keys.id === "sound") return counters.add(change, "sound");
      assert.throws(() => call(change), (error) => error instanceof HostError && error.code === "invalid", String(call));
      call(change);
    });
    const [failed] = await run(plugin, [insert({ id: "a" }, {}), insert({ id: "sound" }, {})]);
    if (typeof expected === "string") assert.equal(failed?.reject, expected, String(call));
    else assert.match(String(failed?.reject), expected);
    assert.deepEqual(host.counter("sound"), ["1"], String(call));
    assert.deepEqual([host.writes, host.requests, host.mails, host.samples, host.entries.size], [[], [], [], [], 0]);
  }
});

test("a value that can never fit is a reject, of whatever class the error is", async () => {
  /** @type {[(change: any) => unknown, string][]} */
  const rows = [
    [({ newImage }) => newImage, "TypeError: not base64: `!`"],
    [({ oldImage }) => oldImage, "TypeError: `X` is no type of DynamoDB's"],
    [() => itemJson({ a: { b: [undefined] } }), "TypeError: `a.b[0]`: undefined is no value of DynamoDB's"],
    [() => new Num("abc"), "TypeError: `abc` is no number that DynamoDB could hold"],
    [() => new Num("0.5").toBigInt(), "RangeError: 0.5 is no integer"],
    [() => Number(new Num("12345678901234567890")) > 5, "RangeError: 12345678901234567890 is no JavaScript number without loss: use `text`, `toBigInt()` or `approximate()`"],
    [() => counters.add(/** @type {any} */ ("orders"), "x"), "TypeError: this takes the change that the handler was given, as its first argument"],
  ];
  for (const [call, expected] of rows) {
    new Host();
    const wire = { ...insert({ id: "a" }, {}), newImage: '{"id":{"B":"AAA!"}}', oldImage: '{"id":{"X":"1"}}' };
    assert.deepEqual(await run(onChange((change) => void call(change)), [wire]), [{ index: 0, reject: expected }]);
  }
});

test("what is close enough is taken", async () => {
  const host = new Host();
  const plugin = onChange((change) => {
    metrics.count("a", {}, 3n);
    metrics.count("a", {}, new Num("2.0"));
    metrics.setGauge("b", {}, new Num("12345678901234567890"));
    metrics.observe("c", {}, 2n);
    state.set(change, "k", "v", { expires: 1e12 + 0.5 });
    state.set(change, "l", Buffer.from("v"), { expires: new Date("2100-01-01") });
    mailer.send(change, /** @type {any} */ ({ to: "a@b.example", subject: "s", text: "x", replyTo: null, html: null }));
    tables.put("t", { id: "a" }, { condition: /** @type {any} */ (null) });
    http.get("https://h", { answerTimeoutMs: 0.5 });
  });
  assert.deepEqual(await run(plugin, [insert({ id: "a" }, {})]), []);
  assert.deepEqual(host.samples.map(({ value }) => value), [3, 2, 12345678901234567000, 2]);
});

test("lone surrogates are replaced, since UTF-8 has none", async () => {
  const host = new Host();
  const plugin = onChange((change) => {
    log.info("a\ud800b");
    counters.add(change, "x", { "y": "\udc00" });
    state.set(change, "k\ud800", "v\ud800");
    if (change.keys.id === "b") throw retry("no \ud800");
  });
  assert.deepEqual(await run(plugin, [insert({ id: "a" }, {}), insert({ id: "b" }, {})]), [{ index: 1, retry: "no \ufffd" }]);
  assert.deepEqual([host.logs[0].message, host.counter("x", { y: "\ufffd" }), host.state("k\ufffd")], ["a\ufffdb", ["1"], "v\ufffd"]);
});

test("JSON in the state comes back as it was, numbers exact", async () => {
  new Host();
  const plugin = onChange((change) => {
    state.setJson(change, "n", { t: new Num("12.55"), big: 5n, at: new Date(0), none: undefined, nested: [null, { a: "x" }] });
    const read = state.getJson(change, "n");
    assert.equal(read.t + 5, 17.55);
    assert.deepEqual(read, { t: 12.55, big: 5, at: "1970-01-01T00:00:00.000Z", nested: [null, { a: "x" }] });
  });
  assert.deepEqual(await run(plugin, [insert({ id: "a" }, {})]), []);
});

const OUT_OF_MEMORY = "null was thrown, as QuickJS does where memory runs out: see the trigger's `limits.memory`";

test("a bug's stack is in the log, a failure's is not", async () => {
  const host = new Host();
  const plugin = onChange(function guilty(change) {
    if (change.keys.id === "bug") throw new TypeError("oops");
    if (change.keys.id === "odd") throw Object.create(null);
    if (change.keys.id === "memory") throw null;
    throw retry("later");
  });
  const failed = await run(plugin, [insert({ id: "bug" }, {}), insert({ id: "odd" }, {}), insert({ id: "memory" }, {}), insert({ id: "c" }, {})]);
  assert.deepEqual(failed.map(({ retry }) => retry), ["TypeError: oops", "what was thrown cannot be told: throw an Error", OUT_OF_MEMORY, "later"]);
  assert.equal(host.logs.length, 3);
  assert.match(host.logs[0].message, /^TypeError: oops\n.*at guilty .*check\.test\.js/s);
});
