/**
 * `wasi:http` for a test: it answers 200 to all, keeps account of its resources, and fails where it is told to.
 *
 * What holds: as in a host, what is dropped or handed over cannot be used again, and a parent cannot go before its child.
 */

import { runInNewContext } from "node:vm";

/** Bytes of another realm, as StarlingMonkey's bindings hand them over; who takes them one by one is told. @type {(length: number) => Uint8Array} */
const foreign = runInNewContext("(length) => Object.assign(new Uint8Array(length), { [Symbol.iterator]() { throw new Error('byte by byte'); } })");

/** @type {Set<Resource>} */
let resources = new Set();
let refused = new Set();
/** @type {any} */
let error;

export const wasi = {
  /** @param {string[]} functions @param {any} [with_] */
  begin(functions, with_) {
    resources = new Set();
    refused = new Set(functions);
    error = with_ ?? { payload: undefined };
  },
  alive: () => [...resources].map((resource) => resource.constructor.name),
};

/** @param {string} name */
function may(name) {
  if (refused.has(name)) throw error;
}

class Resource {
  /** @param {Resource} [parent] */
  constructor(parent) {
    this.parent = parent;
    resources.add(this);
  }

  used() {
    if (!resources.has(this)) throw new Error(`trap: ${this.constructor.name} is gone`);
  }

  [Symbol.dispose]() {
    this.used();
    for (const other of resources) if (other.parent === this) throw new Error(`trap: ${other.constructor.name} is a child of ${this.constructor.name}`);
    resources.delete(this);
  }
}

export class Fields extends Resource {
  static fromList() {
    may("fromList");
    return new Fields();
  }
  entries = () => [["a", foreign(1)]];
}

export class OutgoingRequest extends Resource {
  /** @param {Fields} fields */
  constructor(fields) {
    super();
    fields[Symbol.dispose]();
  }
  setMethod = () => may("setMethod");
  setScheme = () => may("setScheme");
  setAuthority = () => may("setAuthority");
  setPathWithQuery = () => may("setPathWithQuery");
  body() {
    may("body");
    return new OutgoingBody();
  }
}

export class RequestOptions extends Resource {
  setConnectTimeout = () => may("setConnectTimeout");
  setFirstByteTimeout = () => may("setFirstByteTimeout");
}

class Pollable extends Resource {
  block() {}
}

class Stream extends Resource {
  ended = false;
  subscribe = () => new Pollable(this);
  checkWrite = () => 2n;
  write = () => may("write");
  blockingRead() {
    may("blockingRead");
    if (this.ended) throw { payload: { tag: "closed" } };
    this.ended = true;
    return foreign(2);
  }
}

export class OutgoingBody extends Resource {
  write = () => new Stream(this);
  /** @param {OutgoingBody} body */
  static finish(body) {
    body[Symbol.dispose]();
  }
}

class Answer extends Resource {
  status = () => 200;
  headers = () => new Fields(this);
  consume = () => new IncomingBody(this);
}

class Trailers extends Resource {}

export class IncomingBody extends Resource {
  stream = () => new Stream(this);
  /** @param {IncomingBody} body */
  static finish(body) {
    body[Symbol.dispose]();
    return new Trailers();
  }
}

class Pending extends Resource {
  subscribe = () => new Pollable(this);
  get = () => (refused.has("get") ? { tag: "ok", val: { tag: "err", val: error } } : { tag: "ok", val: { tag: "ok", val: new Answer() } });
}

/** @param {OutgoingRequest} request @param {RequestOptions} options */
export function handle(request, options) {
  request[Symbol.dispose]();
  options[Symbol.dispose]();
  may("handle");
  return new Pending();
}
