/**
 * `wasi:http` as one call, in a component: a request out, its whole answer in. A plugin that does not use it does not import it.
 *
 * What holds: what is thrown has the error in `payload`, as those of the contract's own functions have; no resource outlives its call, and a child ends before its
 * parent, since the host traps otherwise; nothing here waits for a promise, so QuickJS does it too.
 * @module
 */

import { u64 } from "#engine";
import { handle } from "wasi:http/outgoing-handler@0.2.12";
import { Fields, IncomingBody, OutgoingBody, OutgoingRequest, RequestOptions } from "wasi:http/types@0.2.12";
import { joined, own } from "../bytes.js";

/** @typedef {import("../http.js").WireRequest} WireRequest */
/** @typedef {import("../http.js").WireResponse} WireResponse */

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];
const READ_BYTES = 65_536;
const NANOS = 1_000_000;

/** @param {"access-denied" | "invalid" | "unavailable"} tag @param {string} val @returns {Error} */
function failed(tag, val) {
  return Object.assign(new Error(val), { payload: { tag, val } });
}

/** @param {any} resource */
function drop(resource) {
  resource[Symbol.dispose]();
}

/** What a `result` without a value of its own means here. @template T @param {string} what @param {() => T} call @returns {T} */
function valid(what, call) {
  try {
    return call();
  } catch {
    throw failed("invalid", what);
  }
}

/** Ends the resource where the call fails. @template T @param {any} resource @param {() => T} call @returns {T} */
function keptWith(resource, call) {
  try {
    return call();
  } catch (error) {
    drop(resource);
    throw error;
  }
}

export const http = {
  /** @param {WireRequest} request @returns {WireResponse} */
  send(request) {
    const options = requestOptions(request);
    const outgoing = keptWith(options, () => outgoingRequest(request));
    // The request goes before what it has: it is of no use without.
    const body = keptWith(options, () => keptWith(outgoing, () => valid("the request's Content-Length is no number", () => outgoing.body())));
    let pending;
    try {
      // Takes both, whatever it answers.
      pending = handle(outgoing, options);
    } catch (error) {
      drop(body);
      throw coded(error);
    }
    write(body, request.body);
    try {
      return read(wait(pending));
    } finally {
      drop(pending);
    }
  },
};

/** @param {WireRequest} request */
function outgoingRequest({ method, scheme, authority, path, headers }) {
  const fields = valid("a header that is none, that the host writes itself, or that is too large: the plugin's log says so then", () => Fields.fromList(headers));
  const outgoing = new OutgoingRequest(fields);
  const wireMethod = METHODS.includes(method) ? { tag: method.toLowerCase() } : { tag: "other", val: method };
  return keptWith(outgoing, () => {
    valid("no method", () => outgoing.setMethod(/** @type {any} */ (wireMethod)));
    valid("no scheme", () => outgoing.setScheme({ tag: scheme === "http" ? "HTTP" : "HTTPS" }));
    valid("the URL's host is none", () => outgoing.setAuthority(authority));
    valid("the URL's path is none: encode what is not ASCII", () => outgoing.setPathWithQuery(path));
    return outgoing;
  });
}

/** @param {WireRequest} request */
function requestOptions({ connectTimeoutMs, answerTimeoutMs }) {
  const options = new RequestOptions();
  const nanos = (/** @type {number} */ ms) => u64(Math.round(ms * NANOS));
  return keptWith(options, () => {
    if (connectTimeoutMs !== undefined) valid("a connect timeout that is none", () => options.setConnectTimeout(nanos(connectTimeoutMs)));
    if (answerTimeoutMs !== undefined) valid("an answer timeout that is none", () => options.setFirstByteTimeout(nanos(answerTimeoutMs)));
    return options;
  });
}

/** As much as the host takes: where it stops, the answer says why. @param {OutgoingBody} body @param {Uint8Array} bytes */
function write(body, bytes) {
  const stream = body.write();
  const ready = stream.subscribe();
  try {
    for (let at = 0; at < bytes.length; ) {
      const room = Number(stream.checkWrite());
      if (room === 0) {
        ready.block();
        continue;
      }
      stream.write(bytes.subarray(at, at + room));
      at += room;
    }
  } catch {
    // The answer tells what went wrong.
  }
  drop(ready);
  drop(stream);
  try {
    OutgoingBody.finish(body, undefined);
  } catch {
    // As above.
  }
}

/** @param {any} pending */
function wait(pending) {
  const ready = pending.subscribe();
  try {
    for (;;) {
      const answer = pending.get();
      if (answer == null) {
        ready.block();
        continue;
      }
      if (answer.tag === "err") throw failed("unavailable", "the answer was taken before");
      if (answer.val.tag === "err") throw coded(answer.val.val);
      return answer.val.val;
    }
  } finally {
    drop(ready);
  }
}

/** @param {any} answer @returns {WireResponse} */
function read(answer) {
  const status = answer.status();
  const fields = answer.headers();
  const headers = fields.entries();
  drop(fields);
  const incoming = answer.consume();
  const stream = incoming.stream();
  /** @type {Uint8Array[]} */
  const parts = [];
  try {
    for (;;) parts.push(stream.blockingRead(u64(READ_BYTES)));
  } catch (error) {
    const { tag, val } = /** @type {any} */ (error)?.payload ?? error ?? {};
    if (val) drop(val);
    if (tag !== "closed") throw failed("unavailable", "the answer ends too early");
  } finally {
    drop(stream);
    drop(IncomingBody.finish(incoming));
    drop(answer);
  }
  return { status, headers: headers.map((/** @type {[string, any]} */ [name, value]) => [name, own(value)]), body: joined(parts) };
}

/** @param {any} error an error code, or what was thrown with one */
function coded(error) {
  const { tag, val } = error?.payload ?? error ?? {};
  switch (tag) {
    case "HTTP-request-denied":
      return failed("access-denied", "the host denies the request: its log says why");
    case "destination-IP-prohibited":
      return failed("access-denied", "the host denies the address that the name leads to: its log says why");
    case "HTTP-request-URI-invalid":
      return failed("invalid", "the URL is none that the host takes: its log says why");
    case "HTTP-request-body-size":
      return failed("invalid", val == null ? "the request's body is not as long as its Content-Length says, or too large" : `a body of more than ${val} bytes`);
    case "HTTP-request-header-section-size":
    case "HTTP-request-header-size":
      return failed("invalid", "the request's headers are too large");
    case "HTTP-response-body-size":
      return failed("invalid", val == null ? "the answer is too large" : `an answer of more than ${val} bytes`);
    // Larger than the host takes them, and so the next time.
    case "HTTP-response-header-section-size":
      return failed("invalid", val == null ? "an answer whose headers are too large" : `an answer whose headers have more than ${val} bytes`);
    case "HTTP-response-header-size":
      return failed("invalid", "an answer with a header that is too large");
    case "HTTP-request-method-invalid":
      return failed("invalid", "no method");
    default:
      return failed("unavailable", `no answer: ${tag ?? error}`);
  }
}
