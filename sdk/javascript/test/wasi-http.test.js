/** The component's half of http, with every resource counted: what a request leaves behind stays with the instance. */

import assert from "node:assert/strict";
import { register } from "node:module";
import { test } from "node:test";

import { wasi } from "./wasi.js";

// `wasi:` is a scheme that Node does not know: these modules are the one above.
const stand = new URL("./wasi.js", import.meta.url).href;
const hooks = `export async function resolve(name, context, next) { return name.startsWith("wasi:") ? { url: ${JSON.stringify(stand)}, shortCircuit: true } : next(name, context); }`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
const { http } = await import("../src/host/wasi-http.js");

const request = { method: "GET", scheme: /** @type {const} */ ("https"), authority: "h", path: "/", url: "https://h/", headers: [], body: new Uint8Array(3) };

/** @param {string[]} refused functions that fail @param {object} [error] what with @param {object} [how] of the request */
function outcome(refused, error, how = {}) {
  wasi.begin(refused, error);
  try {
    return String(http.send({ ...request, ...how }).status);
  } catch (error) {
    return `${/** @type {any} */ (error).payload?.tag ?? error}`;
  }
}

test("what would be the same again is invalid", () => {
  const length = "the request's body is not as long as its Content-Length says, or too large";
  /** @type {[string, any, string][]} */
  const rows = [
    ["HTTP-request-body-size", 8_388_608n, "invalid: a body of more than 8388608 bytes"],
    ["HTTP-request-body-size", undefined, `invalid: ${length}`],
    ["HTTP-request-body-size", null, `invalid: ${length}`],
    ["HTTP-request-header-section-size", undefined, "invalid: the request's headers are too large"],
    ["HTTP-request-header-size", { fieldName: "a" }, "invalid: the request's headers are too large"],
    ["HTTP-response-body-size", 8_388_608n, "invalid: an answer of more than 8388608 bytes"],
    ["HTTP-response-header-section-size", 65_536, "invalid: an answer whose headers have more than 65536 bytes"],
    ["HTTP-response-header-section-size", undefined, "invalid: an answer whose headers are too large"],
    ["HTTP-response-header-size", {}, "invalid: an answer with a header that is too large"],
    ["HTTP-response-timeout", undefined, "unavailable: no answer: HTTP-response-timeout"],
  ];
  for (const [tag, val, expected] of rows) {
    wasi.begin(["get"], { tag, val });
    assert.throws(
      () => http.send(request),
      ({ payload }) => assert.equal(`${payload.tag}: ${payload.val}`, expected) === undefined,
    );
  }
});

test("no resource outlives its call", () => {
  const denied = { payload: { tag: "HTTP-request-denied" } };
  /** @type {[string[], object | undefined, object, string][]} */
  const rows = [
    [[], undefined, {}, "200"],
    [["handle"], denied, {}, "access-denied"],
    [["handle"], { payload: { tag: "connection-refused" } }, {}, "unavailable"],
    [["fromList"], undefined, {}, "invalid"],
    [["setMethod"], undefined, {}, "invalid"],
    [["setScheme"], undefined, {}, "invalid"],
    [["setAuthority"], undefined, {}, "invalid"],
    [["setPathWithQuery"], undefined, {}, "invalid"],
    [["body"], undefined, {}, "invalid"],
    // Not to be tried again: it would be the same.
    [["setFirstByteTimeout"], undefined, { answerTimeoutMs: 5 }, "invalid"],
    [["setConnectTimeout"], undefined, { connectTimeoutMs: 5 }, "invalid"],
    [["write"], undefined, {}, "200"],
    [["get"], { tag: "connection-terminated" }, {}, "unavailable"],
    [["blockingRead"], { payload: { tag: "last-operation-failed" } }, {}, "unavailable"],
  ];
  for (const [refused, error, how, expected] of rows) {
    assert.equal(outcome(refused, error, how), expected, refused.join());
    assert.deepEqual(wasi.alive(), [], refused.join());
  }
});

test("an answer's bytes are of the plugin's own realm, and are not taken one by one", () => {
  wasi.begin([]);
  const { headers, body } = http.send(request);
  assert.deepEqual([headers, body], [[["a", new Uint8Array(1)]], new Uint8Array(2)]);
  assert.ok(headers[0][1] instanceof Uint8Array && body instanceof Uint8Array);
});
