/**
 * Requests over http, to the places that the operator grants: `grants = { http = ["https://api.example.com"] }`.
 *
 *     const answer = http.post("https://api.example.com/orders", { json: { id: 1 }, headers: { "Idempotency-Key": change.eventId } });
 *     answer.ok();
 *
 * What holds: a request happens at once, whatever becomes of the change later, and a change that is delivered again sends it again. Nothing here is a promise, in any
 * engine. Tokens stand in the operator's config and are added by the host. Redirects come back as they are; a whole answer is read, 8 MiB at most.
 * @module
 */

import { http } from "#http";
import { decodeText } from "./bytes.js";
import { bytes, text } from "./check.js";
import { ask, invalid, reject, retry } from "./failure.js";
import { exactJson } from "./json.js";
import { isMap, kindOf } from "./kind.js";

/** @typedef {Record<string, string> | [string, string | Uint8Array][]} Headers */
/** @typedef {object} RequestOptions
 * @property {Headers} [headers]
 * @property {string | Uint8Array} [body]
 * @property {any} [json] a body of JSON, with its Content-Type unless `headers` has one. A `Num` or bigint is a number in it, and refused where that would not be exact: `n.text` is text
 * @property {number} [connectTimeoutMs] until the connection is ready; 10 s at most
 * @property {number} [answerTimeoutMs] from then until the answer begins. Without it the trigger's time limit holds, which fails the whole batch
 */
/** @typedef {{ method: string, scheme: "https" | "http", authority: string, path: string, url: string, headers: [string, Uint8Array][], body: Uint8Array, connectTimeoutMs?: number, answerTimeoutMs?: number }} WireRequest */
/** @typedef {{ status: number, headers: [string, Uint8Array][], body: Uint8Array }} WireResponse */

/** What the host keeps of all headers, roughly, with something for each of them. */
const HEADERS_BYTES_MAX = 16 * 1024;

/** A day: more than any trigger's limit, and exact in nanoseconds. */
const TIMEOUT_MS_MAX = 86_400_000;

/** An answer of whatever status. */
export class Response {
  /** @param {WireResponse} wire */
  constructor({ status, headers, body }) {
    /** @readonly */ this.status = status;
    /** @readonly names in lower case */ this.headers = headers.map(([name, value]) => /** @type {[string, string]} */ ([name.toLowerCase(), decodeText(value)]));
    /** @readonly */ this.body = body;
  }

  get isSuccess() {
    return this.status >= 200 && this.status < 300;
  }

  /** The first of this name. @param {string} name @returns {string | undefined} */
  header(name) {
    return this.headers.find(([other]) => other === name.toLowerCase())?.[1];
  }

  /** The body as text, whatever is no UTF-8 replaced. */
  text() {
    return decodeText(this.body);
  }

  /** The body's JSON; rejects the change where it is none. @returns {any} */
  json() {
    try {
      return JSON.parse(this.text());
    } catch (error) {
      // Memory that runs out is no fault of the body's.
      if (!(error instanceof SyntaxError)) throw error;
      throw reject(`the answer's body is not the JSON that was expected: ${error.message}`, error);
    }
  }

  /** Itself where its status is 2xx. Else a failure: to be tried again for 408, 425, 429 and 5xx, for good otherwise. @returns {Response} */
  ok() {
    if (this.isSuccess) return this;
    const reason = `the server answers ${this.status}`;
    const passes = [408, 425, 429].includes(this.status) || (this.status >= 500 && this.status < 600);
    throw passes ? retry(reason) : reject(reason);
  }
}

/**
 * Sends it and waits for the whole answer, whatever its status. Throws a HostError where there is none: `access-denied`, `invalid`, or `unavailable`, which is tried
 * again; the request may have arrived then.
 * @param {string} method @param {string} url @param {RequestOptions} [options] @returns {Response}
 */
export function request(method, url, options = {}) {
  return ask("http", () => new Response(http.send(wire(method, url, options))));
}

/** @param {string} url @param {RequestOptions} [options] */
export const get = (url, options) => request("GET", url, options);
/** @param {string} url @param {RequestOptions} [options] */
export const post = (url, options) => request("POST", url, options);
/** @param {string} url @param {RequestOptions} [options] */
export const put = (url, options) => request("PUT", url, options);
/** @param {string} url @param {RequestOptions} [options] */
export const patch = (url, options) => request("PATCH", url, options);
/** @param {string} url @param {RequestOptions} [options] */
const remove = (url, options) => request("DELETE", url, options);

export { remove as delete };

/** @param {string} method @param {string} url @param {RequestOptions} options @returns {WireRequest} */
function wire(method, url, { headers = [], body = "", json, connectTimeoutMs, answerTimeoutMs }) {
  const all = pairs(headers).map(([name, value]) => /** @type {[string, Uint8Array]} */ ([text("a header's name", name), bytes(`the header \`${name}\``, value)]));
  if (json !== undefined && !all.some(([name]) => name.toLowerCase() === "content-type")) all.push(["Content-Type", bytes("", "application/json")]);
  const size = all.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
  if (size > HEADERS_BYTES_MAX) throw invalid(`headers of more than ${HEADERS_BYTES_MAX} bytes`);
  return {
    method: text("the method", method),
    url,
    ...parts(text("the URL", url)),
    headers: all,
    body: bytes("the body", json === undefined ? body : exactJson("the body", json)),
    connectTimeoutMs: timeout("connectTimeoutMs", connectTimeoutMs),
    answerTimeoutMs: timeout("answerTimeoutMs", answerTimeoutMs),
  };
}

/** @param {Headers} headers @returns {[string, string | Uint8Array][]} */
function pairs(headers) {
  if (Array.isArray(headers)) return headers;
  if (typeof headers !== "object" || headers === null || !isMap(headers)) throw invalid(`headers are ${kindOf(headers)}: { name: "text" } is wanted, or a list of such pairs`);
  return Object.entries(headers);
}

/** @param {string} what @param {unknown} ms @returns {number | undefined} */
function timeout(what, ms) {
  if (ms === undefined) return undefined;
  if (typeof ms === "number" && ms >= 0 && ms <= TIMEOUT_MS_MAX) return ms;
  throw invalid(`${what}: \`${String(ms)}\` is no time to wait: milliseconds from 0 to ${TIMEOUT_MS_MAX} are wanted, or none at all`);
}

/** Scheme, authority, and path with query; a fragment is the reader's own. @param {string} url @returns {{ scheme: "https" | "http", authority: string, path: string }} */
function parts(url) {
  const [, scheme, authority, path = ""] = /^(https?):\/\/([^/?#]+)([^#]*)/.exec(url) ?? [];
  if (scheme === undefined) throw invalid("a URL is https://HOST/PATH, or http://");
  return { scheme: /** @type {"https" | "http"} */ (scheme), authority, path: path === "" ? "/" : path };
}
