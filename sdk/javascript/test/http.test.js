/** Requests over http, against the recorder: what is asked, what is answered, and what becomes of the change. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { HostError, Num, http, onChange } from "../src/index.js";
import { decodeText } from "../src/bytes.js";
import { Host, insert, noAnswer, run } from "../src/testing.js";

/** What a handler that does this makes of one change. @param {() => unknown} handle */
async function outcome(handle) {
  const [failed] = await run(onChange(() => void handle()), [insert({ id: "a" }, {})]);
  return failed?.retry !== undefined ? `retry ${failed.retry}` : failed ? `reject ${failed.reject}` : "ok";
}

test("a request is recorded, and answered as the test says", async () => {
  const host = new Host();
  host.onHttp = () => ({ status: 201, headers: { "X-From": "tést" }, json: { id: 7 } });
  const plugin = onChange((change) => {
    const answer = http.post("https://api.example.com/orders?x=1#there", { json: { id: change.keys.id, n: new Num("1.50"), big: 12n }, headers: { "Idempotency-Key": change.eventId } });
    assert.deepEqual([answer.status, answer.isSuccess, answer.header("x-from"), answer.json()], [201, true, "tést", { id: 7 }]);
  });
  assert.deepEqual(await run(plugin, [insert({ id: "a" }, {})]), []);
  const [{ method, authority, path, headers, body }] = host.requests;
  assert.deepEqual([method, authority, path, decodeText(body)], ["POST", "api.example.com", "/orders?x=1", '{"id":"a","n":1.5,"big":12}']);
  assert.deepEqual(headers.map(([name, value]) => `${name}: ${decodeText(value)}`), ["Idempotency-Key: event-1", "Content-Type: application/json"]);
});

test("a body of JSON has one Content-Type, the plugin's own where there is one", async () => {
  const host = new Host();
  /** @type {[any, string[]][]} */
  const rows = [
    [{ json: 1 }, ["Content-Type: application/json"]],
    [{ json: 1, headers: { "content-type": "application/vnd.api+json" } }, ["content-type: application/vnd.api+json"]],
    [{ json: 1, headers: [["A", "b"], ["CONTENT-TYPE", new Uint8Array([120])]] }, ["A: b", "CONTENT-TYPE: x"]],
    [{ body: "x" }, []],
  ];
  for (const [options, expected] of rows) {
    assert.equal(await outcome(() => http.post("https://h", options)), "ok");
    assert.deepEqual(host.requests.at(-1)?.headers.map(([name, value]) => `${name}: ${decodeText(value)}`), expected);
  }
});

test("an answer's status says whether to try again", async () => {
  const host = new Host();
  const rows = { 200: "ok", 204: "ok", 301: "reject", 400: "reject", 404: "reject", 408: "retry", 425: "retry", 429: "retry", 500: "retry", 503: "retry", 599: "retry", 600: "reject", 999: "reject" };
  for (const [status, expected] of Object.entries(rows)) {
    host.onHttp = () => ({ status: Number(status) });
    const said = await outcome(() => http.get("https://h.example").ok());
    assert.equal(said, expected === "ok" ? "ok" : `${expected} the server answers ${status}`);
  }
  host.onHttp = () => ({ status: 200, body: "<html>" });
  assert.match(await outcome(() => http.get("https://h.example").json()), /^reject the answer's body is not the JSON that was expected/);
});

test("what is no request is rejected, and what has no answer is tried again", async () => {
  const host = new Host();
  const circle = {};
  circle.self = circle;
  const rows = [
    [() => http.get("h.example"), /^reject http: a URL is https:\/\/HOST/],
    [() => http.get("ftp://h.example"), /^reject http: a URL is/],
    [() => http.get("https://h", { headers: { "Bad Name": "" } }), /^reject http: a header that is none/],
    [() => http.get("https://h", { headers: { Host: "x" } }), /^reject http: a header/],
    [() => http.get("https://h", { headers: [["X", "a\nb"]] }), /^reject http: a header/],
    [() => http.get("https://h", { headers: { x: "y".repeat(20_000) } }), /^reject http: headers of more than 16384 bytes/],
    [() => http.put("https://h", { body: new Uint8Array(8 * 1024 * 1024 + 1) }), /^reject http: a body of more than/],
    [() => http.patch("https://h", { json: circle }), /^reject http: the body cannot be written as JSON/],
    [() => http.patch("https://h", { json: new Num("12345678901234567890") }), /^reject http: the body cannot be written as JSON/],
  ];
  for (const [handle, expected] of rows) assert.match(await outcome(/** @type {any} */ (handle)), /** @type {RegExp} */ (expected));
  assert.equal(host.requests.length, 0);
  host.onHttp = () => {
    throw noAnswer("the server is away");
  };
  assert.equal(await outcome(() => http.delete("https://h")), "retry http: the server is away");
  await outcome(() => assert.throws(() => http.get("https://h"), (error) => error instanceof HostError && error.code === "unavailable"));
  assert.equal(host.requests.length, 2);
  new Host({ grants: [] });
  assert.equal(await outcome(() => http.get("https://h")), "reject http: trigger `test` is not granted http");
});
