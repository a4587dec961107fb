/** When a function's call ends, and what it is told by: each style that Lambda has had. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { exported, lambda } from "../src/lambda.js";
import { Host, batch, insert, probe, run } from "../src/testing.js";

const two = () => batch([insert({ id: "a" }, {}), insert({ id: "b" }, {})]);
const LAST = { batchItemFailures: [{ itemIdentifier: "2" }] };
const [ALL, ONE, NONE] = [[0, 1], [1], []];
const byCallback = (_event, _context, callback) => void setTimeout(() => callback(null, LAST), 2);

/** What the function is, the places that are delivered again, why, and what is logged. */
const STYLES = [
  [byCallback, ONE],
  [(...all) => byCallback(...all), ONE],
  [() => {}, NONE],
  [(_event, _context, _callback) => {}, NONE],
  [() => void setTimeout(() => setTimeout(() => console.log("second"), 2), 2), NONE, [], ["second"]],
  [() => void setImmediate(() => console.log("soon")), NONE, [], ["soon"]],
  [() => void new Blob(["text"]).text().then((text) => console.log(text)), NONE, [], ["text"]],
  [
    () => {
      const timer = setTimeout(() => console.log("never"), 2);
      clearTimeout(timer);
      let turns = 0;
      const again = setInterval(() => ++turns === 3 && (clearInterval(again), console.log("three")), 1);
    },
    NONE,
    [],
    ["three"],
  ],
  [(_event, _context, callback) => (callback(null, LAST), void setTimeout(() => console.log("after"), 2)), ONE, [], ["after"]],
  [(_event, _context, callback) => (callback(null, LAST), void setTimeout(() => callback(new Error("late")), 2)), ALL, ["Error: late"]],
  [
    (_event, context, callback) => {
      context.callbackWaitsForEmptyEventLoop = false;
      setTimeout(() => console.log("late"), 2);
      callback(null, LAST);
    },
    ONE,
    [],
    [],
  ],
  [(_event, context) => void setTimeout(() => context.succeed(LAST), 2), ONE],
  [(_event, context) => context.done(null, LAST), ONE],
  [(_event, context) => context.done("no"), ALL, ["no"]],
  [(_event, context) => context.fail(), ALL, ["handled"]],
  [() => LAST, ONE],
  [() => 7, NONE],
  [async () => LAST, ONE],
  [async (_event, _context, callback) => void callback(null, LAST), ONE],
  [() => new Promise((resolve) => setTimeout(resolve, 2, LAST)), ONE],
  [async () => new Promise(() => {}), ALL, ["Error: the handler's promise can never settle"]],
  [() => void setTimeout(() => missing(), 2), ALL, ["ReferenceError: missing is not defined"]],
  [async () => ({ n: 1n }), ALL, ["TypeError: the function's answer cannot be written as JSON: TypeError"]],
  [async () => ({ toJSON: () => LAST }), ONE],
  [async () => Promise.reject({ code: 7 }), ALL, ['{"code":7}']],
  [async () => Promise.reject(), ALL, ["the function failed without an error: undefined was thrown"]],
];

test("a call ends when Lambda's would", async () => {
  for (const [handler, again, why = [], logs] of STYLES) {
    const host = new Host();
    const failed = await run(lambda(() => handler), two());
    const told = `${handler}: ${JSON.stringify(failed)} ${JSON.stringify(host.logs)}`;
    assert.deepEqual(failed.map(({ index }) => index), again, told);
    assert.ok(why.every((text) => failed[0].retry.startsWith(text)), told);
    if (logs) assert.deepEqual(host.logs.map(({ message }) => message), logs, told);
  }
});

test("a late timer of one call is no end of the next", async () => {
  new Host();
  const plugin = lambda(() => async () => void setTimeout(() => {}, 1));
  assert.deepEqual(await run(plugin, two()), []);
  const next = lambda(() => () => new Promise((resolve) => setTimeout(resolve, 10, LAST)));
  assert.equal((await run(next, two())).length, 1);
});

/** A module's exports, the name, and what is called, or what the probe says. */
const EXPORTS = [
  [{ handler: () => "a" }, "handler", "a"],
  [{ default: { handler: () => "b" }, handler: undefined }, "handler", "b"],
  [{ default: () => "c" }, "handler", "c"],
  [{ default: { orders: { handle: () => "d" } } }, "orders.handle", "d"],
  [{}, "handler", /no function `handler`: it exports nothing$/],
  [{ handler: 42 }, "handler", /no function `handler`: it exports `handler`, which is a number$/],
  [{ lambdaHandler() {}, TABLE: "x" }, "handler", /it exports `lambdaHandler`; `TABLE`, which is a string\. `--handler NAME` builds with another$/],
  [{ default: () => "e" }, "other", /no function `other`: it exports nothing/],
];

test("a handler by its name, or the probe refuses it", async () => {
  new Host();
  for (const [module, name, expected] of EXPORTS) {
    const said = await probe(lambda(() => exported(module, name)));
    if (typeof expected === "string") assert.deepEqual([said, exported(module, name)()], [undefined, expected]);
    else assert.match(said, expected);
  }
  assert.match(await probe(lambda(() => /** @type {any} */ (42))), /the handler is a number: a function is wanted/);
});
