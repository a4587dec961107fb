/** What a function's `console` writes, and where its stacks point. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { installConsole } from "../src/lambda/console.js";
import { inspect } from "../src/lambda/inspect.js";
import { MAP, inSources } from "../src/lambda/sources.js";
import { Host } from "../src/testing.js";

const within = { x: 1 };
within.self = within;

const LINES = [
  [["Record: %j", { a: 1 }], 'Record: {"a":1}'],
  [["%s %d %i %f %o %O %%", "a", "7", 7.9, "1.5", { b: 2 }, [3]], 'a 7 7 1.5 {"b":2} [3] %'],
  [["%s", 1n], "1n"],
  [["%d", {}], "NaN"],
  [["%c styled", "color: red"], " styled"],
  [["100%", "more"], "100% more"],
  [["%s and %s", "one"], "one and %s"],
  [["%s"], "%s"],
  [[{ a: 1 }, "%s", 1], '{"a":1} %s 1'],
  [[10n, [1n], undefined, null, Symbol("s")], "10n [1n] undefined null Symbol(s)"],
  [[within], '{"x":1,"self":[Circular]}'],
  [["%j", within], "[Circular]"],
  [[new Map([["a", { b: 1 }]]), new Set(["c"]), /x/g, new Uint8Array([1, 2])], 'Map(1) {"a" => {"b":1}} Set(1) {"c"} /x/g Uint8Array(2) [1, 2]'],
  [[{ at: new Date(0), map: new Map() }], '{"at":"1970-01-01T00:00:00.000Z","map":Map(0) {}}'],
  [[{ a: undefined, f() {}, list: [undefined] }], '{"list":[null]}'],
  [[{ get bad() { throw new Error("no"); } }], "(a value that cannot be told)"],
  [[new Uint8Array(101)], `Uint8Array(101) [${Array(100).fill("0").join(", ")}, and 1 more]`],
  [[], ""],
];

test("a line as Node formats it", () => {
  const host = new Host();
  installConsole();
  for (const [parts] of LINES) console.log(...parts);
  assert.deepEqual(host.logs.map(({ message }) => message), LINES.map(([, line]) => line));
});

test("the rest of console", () => {
  const host = new Host();
  installConsole();
  console.dir({ a: 1 });
  console.table([{ a: 1 }, { a: 22, b: "x" }]);
  console.group("outer");
  console.warn("in\nside");
  console.groupEnd();
  console.count();
  console.count();
  console.assert(true, "not told");
  console.assert(false, "%s", "told");
  console.timeEnd("none");
  const told = host.logs.map(({ level, message }) => `${level} ${message}`);
  const expected = ['{"a":1}', "(index)  a   b\n0        1\n1        22  x", "outer"].map((line) => `info ${line}`);
  assert.deepEqual(told, [...expected, "warn   in\n  side", "info default: 1", "info default: 2", "error Assertion failed: told", "warn there is no timer `none`"]);
  console.time("t");
  console.timeEnd("t");
  assert.match(host.logs.at(-1).message, /^t: \d+\.\d{3}ms$/);
});

test("an error with its cause", () => {
  const text = inspect(Object.assign(new TypeError("outer", { cause: new Error("inner") }), { code: "E1" }));
  assert.match(text, /^TypeError: outer\n[^]* \{"code":"E1"\}\n {2}\[cause\]: Error: inner\n/);
});

test("a stack by its sources, without the SDK's frames", () => {
  // Of three lines: the first of a.js, the second of the SDK, the third of a.js at its line 5 and 6.
  const map = { file: "plugin.js", sources: ["src/a.js"], mappings: "AAAA;;AAIA,UACA" };
  const stack = ["one@plugin.js:1:7", "two@/x/plugin.js:2:1", "three/<@plugin.js:3:9", "four@plugin.js:3:11", "engine@/tmp/a/initializer.js:9:9", "at plugin.js:1:1"];
  assert.equal(inSources(stack.join("\n")), stack.join("\n"));
  globalThis[Symbol.for(MAP)] = map;
  try {
    assert.equal(inSources(stack.join("\n")), ["one@src/a.js:1", "three/<@src/a.js:5", "four@src/a.js:6", "at plugin.js:1:1"].join("\n"));
  } finally {
    delete globalThis[Symbol.for(MAP)];
  }
});
