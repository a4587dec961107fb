/**
 * What stands in for the host in Node: it answers as the contract says, and keeps what it was asked.
 *
 * What holds: what a failed change has done to counters, state and mail is gone once its run has ended, as in a host. One host at a time: the newest.
 * @module
 */

import { decodeText, encodeText } from "../bytes.js";
import { itemJson, parseItem, sameValue } from "../item.js";

/** @typedef {"counters" | "state" | "tables" | "mailers" | "metrics" | "http"} Grant */
/** @typedef {{ change: number, mailer?: string, to: string[], replyTo?: string, subject: string, text?: string, html?: string, key: string }} SentMail */
/** @typedef {{ table: string, kind: "put" | "update" | "delete" | "check", item: import("../item.js").Item, expression?: string, condition?: any, values?: import("../item.js").Item }} MadeWrite */

/** @typedef {{ status: number, headers?: Record<string, string>, body?: string | Uint8Array, json?: any }} CannedAnswer */

/** @param {string} tag @param {string} [val] @returns {never} */
function refuse(tag, val) {
  throw Object.assign(new Error(val), { payload: { tag, val } });
}

/** @type {Host} */
let current;

/** The newest host; one that grants all, where a test has made none. */
export const currentHost = () => current ?? new Host();

/** A host of nothing but memory. Making one makes it the one that the SDK talks to. */
export class Host {
  /** @param {{ settings?: Record<string, any>, grants?: Grant[] }} [options] settings that are no strings become JSON, as in a host; all is granted where `grants` is left out */
  constructor({ settings = {}, grants } = {}) {
    /** @type {Record<string, any>} */ this.settings = settings;
    /** @type {Set<Grant> | undefined} */ this.grants = grants && new Set(grants);
    /** @type {{ change: number, name: string, labels: Record<string, string>, delta: string }[]} */ this.added = [];
    /** @type {Map<string, Uint8Array>} */ this.entries = new Map();
    /** @type {{ change: number, key: string, before: Uint8Array | undefined }[]} */ this.undo = [];
    /** @type {SentMail[]} */ this.mails = [];
    /** @type {MadeWrite[]} */ this.writes = [];
    /** @type {Map<string, import("../item.js").Item[]>} */ this.tables = new Map();
    /** @type {{ kind: string, name: string, labels: Record<string, string>, value: number }[]} */ this.samples = [];
    /** Those of changes that failed too: they were sent. @type {import("../http.js").WireRequest[]} */ this.requests = [];
    /** @type {{ level: string, message: string }[]} */ this.logs = [];
    /**
     * Answers a request: `{ status, headers, json }`; `body` is text or bytes. Throw `noAnswer("…")` for none.
     * @type {(request: import("../http.js").WireRequest) => CannedAnswer}
     */
    this.onHttp = () => ({ status: 200 });
    /** Answers a write with an error of the contract, as `{ tag: "condition-failed" }`, or makes it. @type {(write: MadeWrite) => { tag: string, val?: string } | undefined} */
    this.onWrite = () => undefined;
    current = this;
  }

  /** What was added to the counter of this name and these labels, in order. @param {string} name @param {Record<string, string>} [labels] */
  counter(name, labels = {}) {
    const sorted = (/** @type {Record<string, string>} */ one) => JSON.stringify(Object.entries(one).sort());
    return this.added.filter((one) => one.name === name && sorted(one.labels) === sorted(labels)).map((one) => one.delta);
  }

  /** The text of an entry of the state. @param {string} key */
  state(key) {
    const bytes = this.entries.get(key);
    return bytes && decodeText(bytes);
  }

  /** @param {Grant} grant */
  wants(grant) {
    if (this.grants && !this.grants.has(grant)) refuse("access-denied", `trigger \`test\` is not granted ${grant}`);
  }

  /** Ends a run: what the failed changes have done is taken back. @param {Set<number> | "all"} failed */
  settle(failed) {
    const stays = (/** @type {{ change: number }} */ one) => failed !== "all" && !failed.has(one.change);
    this.added = this.added.filter((one) => one.change < 0 || stays(one)).map((one) => ({ ...one, change: -1 }));
    this.mails = this.mails.filter((one) => one.change < 0 || stays(one)).map((one) => ({ ...one, change: -1 }));
    for (const { key, before } of this.undo.filter((one) => !stays(one)).reverse()) {
      if (before === undefined) this.entries.delete(key);
      else this.entries.set(key, before);
    }
    this.undo = [];
  }

  /** @param {number} change @param {string} key @param {Uint8Array | undefined} value */
  setEntry(change, key, value) {
    this.wants("state");
    this.undo.push({ change, key, before: this.entries.get(key) });
    if (value === undefined) this.entries.delete(key);
    else this.entries.set(key, value);
  }

  /** @param {string} table @param {{ tag: string, val: any }} wire @returns {{ tag: string, val?: any }} */
  make(table, { tag, val }) {
    const item = parseItem(val.item ?? val.key);
    const values = val.values ?? val.condition?.values;
    const write = /** @type {MadeWrite} */ ({ table, kind: tag, item, expression: val.expression, condition: val.condition, values: values && parseItem(values) });
    const refused = this.onWrite(write);
    if (refused) return { tag: "err", val: refused };
    this.writes.push(write);
    return { tag: "ok", val: undefined };
  }
}

export const counters = {
  /** @param {number} change @param {string} name @param {[string, string][]} labels @param {string} delta */
  add(change, name, labels, delta) {
    currentHost().wants("counters");
    if (!/^[a-z][a-z0-9_]{0,63}$/.test(name)) refuse("invalid", `the counter's name \`${name}\`: use a to z, 0 to 9 and _, a letter first, at most 64`);
    currentHost().added.push({ change, name, labels: Object.fromEntries(labels), delta });
  },
};

export const state = {
  /** @param {{ change: number, key: string }[]} reads */
  get(reads) {
    currentHost().wants("state");
    return reads.map(({ key }) => currentHost().entries.get(key));
  },
  /** @param {number} change @param {string} key @param {Uint8Array} value @param {bigint | undefined} _expires */
  set(change, key, value, _expires) {
    if (value.length > 256 * 1024) refuse("invalid", `the value of \`${key}\` has ${value.length} bytes: at most 262144`);
    currentHost().setEntry(change, key, value);
  },
  /** @param {number} change @param {string} key */
  delete(change, key) {
    currentHost().setEntry(change, key, undefined);
  },
};

export const tables = {
  /** @param {string} table @param {{ tag: string, val: any }[]} writes */
  write(table, writes) {
    currentHost().wants("tables");
    return writes.map((write) => currentHost().make(table, write));
  },
  /** @param {number} _change @param {{ table: string, action: { tag: string, val: any } }[]} writes */
  transact(_change, writes) {
    currentHost().wants("tables");
    const before = currentHost().writes.length;
    const answers = writes.map(({ table, action }) => currentHost().make(table, action));
    if (answers.every(({ tag }) => tag === "ok")) return;
    currentHost().writes.length = before;
    const val = answers.map((answer) => (answer.tag === "err" ? answer.val : undefined));
    throw Object.assign(new Error("cancelled"), { payload: { tag: "cancelled", val } });
  },
  /** @param {string} table @param {string[]} keys @param {boolean} _consistent */
  get(table, keys, _consistent) {
    currentHost().wants("tables");
    const items = (currentHost().tables.get(table) ?? []).map((item) => ({ item, json: JSON.parse(itemJson(item)) }));
    return keys.map((key) => {
      const wanted = Object.entries(JSON.parse(key));
      const found = items.find(({ json }) => wanted.every(([name, value]) => sameValue(json[name], value)));
      return found && JSON.stringify(found.json);
    });
  },
};

export const mailer = {
  /** @param {number} change @param {string | undefined} name @param {any} message @param {string} key */
  send(change, name, message, key) {
    currentHost().wants("mailers");
    if (message.to.length === 0) refuse("invalid", "no recipient");
    if (message.text === undefined && message.html === undefined) refuse("invalid", "neither text nor html");
    currentHost().mails.push({ change, mailer: name, ...message, key });
  },
};

const BODY_BYTES_MAX = 8 * 1024 * 1024;
/** What the host writes itself. */
const OWN_HEADERS = ["connection", "host", "http2-settings", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "transfer-encoding", "upgrade"];

export const http = {
  /** @param {import("../http.js").WireRequest} request @returns {import("../http.js").WireResponse} */
  send(request) {
    const host = currentHost();
    host.wants("http");
    for (const [name, value] of request.headers) {
      const is = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) && value.every((byte) => byte === 9 || (byte >= 32 && byte !== 127));
      if (!is || OWN_HEADERS.includes(name.toLowerCase())) refuse("invalid", "a header that is none, or that the host writes itself");
    }
    if (request.body.length > BODY_BYTES_MAX) refuse("invalid", `a body of more than ${BODY_BYTES_MAX} bytes`);
    host.requests.push(request);
    const { status, headers = {}, body = "", json } = host.onHttp(request);
    const text = json === undefined ? body : JSON.stringify(json);
    return {
      status,
      headers: Object.entries(headers).map(([name, value]) => [name, encodeText(value)]),
      body: typeof text === "string" ? encodeText(text) : text,
    };
  },
};

/** @param {string} kind */
const sample = (kind) => (/** @type {string} */ name, /** @type {[string, string][]} */ labels, /** @type {number | bigint} */ value) => {
  currentHost().wants("metrics");
  currentHost().samples.push({ kind, name, labels: Object.fromEntries(labels), value: Number(value) });
};

export const metrics = { count: sample("count"), setGauge: sample("gauge"), observe: sample("histogram") };

export const config = {
  /** @param {string} key */
  get(key) {
    const value = currentHost().settings[key];
    return value === undefined || typeof value === "string" ? value : JSON.stringify(value);
  },
  getAll() {
    return Object.keys(currentHost().settings).map((key) => [key, config.get(key)]);
  },
};

export const logging = {
  /** @param {string} level @param {string} _context @param {string} message */
  log(level, _context, message) {
    currentHost().logs.push({ level, message });
  },
};
