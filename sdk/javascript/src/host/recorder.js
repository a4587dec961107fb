/**
 * What stands in for the host in Node: it answers as the contract says, and keeps what it was asked.
 *
 * What holds: what a change that is not done has done to counters, state and mail is gone once its run has ended, as in a host: one that failed, and one that is held
 * back with it. One host at a time: the newest.
 * @module
 */

import { decodeText, encodeText } from "../bytes.js";
import { invalid } from "../failure.js";
import { itemJson, parseItem, sameValue } from "../item.js";
import * as bounds from "./bounds.js";
import { heldBack } from "./held.js";

/** @typedef {"counters" | "state" | "tables" | "reads" | "mailers" | "metrics" | "http"} Grant `tables` is to write in them, `reads` to read them */
/** @typedef {{ change: number, mailer?: string, to: string[], replyTo?: string, subject: string, text?: string, html?: string, key: string }} SentMail */
/** @typedef {{ table: string, kind: "put" | "update" | "delete" | "check", item: import("../item.js").Item, expression?: string, condition?: any, values?: import("../item.js").Item }} MadeWrite */

/** @typedef {{ status: number, headers?: Record<string, string>, body?: string | Uint8Array, json?: any }} CannedAnswer */

/** A run under way: how many changes it has, who wrote each key last and what was there before, and who read what another one wrote.
 * @typedef {{ size: number, isProbe: boolean, budget: bounds.Budget, before: Map<string, Uint8Array | undefined>, writes: { change: number, key: string, value: Uint8Array | undefined }[], writers: Map<string, number>, reads: Map<string, { reader: number, writer: number }> }} Run
 */

/** @param {number} size @param {boolean} isProbe @returns {Run} */
function newRun(size, isProbe) {
  return { size, isProbe, budget: new bounds.Budget(), before: new Map(), writes: [], writers: new Map(), reads: new Map() };
}

/** @param {string} tag @param {string} [val] @returns {never} */
function refuse(tag, val) {
  throw Object.assign(new Error(val), { payload: { tag, val } });
}

/** @param {Record<string, string>} labels */
const sorted = (labels) => JSON.stringify(Object.entries(labels).sort());

/** @type {Host} */
let current;

/** The newest host; one that grants all, where a test has made none. */
export const currentHost = () => current ?? new Host();

/** A host of nothing but memory. Making one makes it the one that the SDK talks to. */
export class Host {
  #run = newRun(Infinity, false);
  /** @type {Map<string, string>} Of each metric its kind. */
  #kinds = new Map();
  /** @type {Set<string>} */
  #series = new Set();

  /** @param {{ settings?: Record<string, any>, grants?: Grant[] }} [options] settings that are no strings become JSON, as in a host; all is granted where `grants` is left out */
  constructor({ settings = {}, grants } = {}) {
    /** @type {Record<string, any>} */ this.settings = settings;
    /** @type {Set<Grant> | undefined} */ this.grants = grants && new Set(grants);
    /** @type {{ change: number, name: string, labels: Record<string, string>, delta: string }[]} */ this.added = [];
    /** @type {Map<string, Uint8Array>} */ this.entries = new Map();
    /** @type {SentMail[]} */ this.mails = [];
    /** @type {MadeWrite[]} */ this.writes = [];
    /** @type {Map<string, import("../item.js").Item[]>} */ this.tables = new Map();
    /** @type {{ kind: string, name: string, labels: Record<string, string>, value: number }[]} */ this.samples = [];
    /** Of the last run, places of the changes that did not fail and yet are not done, in order: they are delivered again with one that failed. @type {number[]} */ this.held = [];
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

  /** @param {number} size of the batch; an empty one is a probe */
  begin(size) {
    this.#run = newRun(size, size === 0);
    this.held = [];
  }

  get isProbe() {
    return this.#run.isProbe;
  }

  /** Ends a run: what is not done is taken back, and `held` says what was held back. @param {import("../change.js").WireChange[]} changes @param {Map<number, "retry" | "reject">} failures by place */
  end(changes, failures) {
    this.held = heldBack(changes, failures, [...this.#run.reads.values()]);
    this.settle(new Set([...failures.keys(), ...this.held]));
  }

  /** Takes back what these changes have done. @param {Set<number> | "all"} failed */
  settle(failed) {
    const stays = (/** @type {{ change: number }} */ one) => failed !== "all" && !failed.has(one.change);
    this.added = this.added.filter((one) => one.change < 0 || stays(one)).map((one) => ({ ...one, change: -1 }));
    this.mails = this.mails.filter((one) => one.change < 0 || stays(one)).map((one) => ({ ...one, change: -1 }));
    // From the start again, without them: what a later change has written stays.
    for (const [key, value] of this.#run.before) this.#put(key, value);
    for (const { key, value } of this.#run.writes.filter(stays)) this.#put(key, value);
    this.#run = newRun(Infinity, false);
  }

  /** @param {string} key @param {Uint8Array | undefined} value */
  #put(key, value) {
    if (value === undefined) this.entries.delete(key);
    else this.entries.set(key, value);
  }

  /** @param {number} change */
  check(change) {
    if (change >= this.#run.size) throw invalid(`change ${change} is not in this batch of ${this.#run.size}`);
  }

  /** One more effect of the change. @param {number} change @param {...(string | Uint8Array | undefined)} parts */
  spend(change, ...parts) {
    this.check(change);
    this.#run.budget.spend(...parts);
  }

  /** @param {number} change @param {string} key @param {Uint8Array | undefined} value */
  setEntry(change, key, value) {
    this.wants("state");
    bounds.checkKey(key);
    if (value) bounds.checkValue(value);
    this.spend(change, key, value);
    const run = this.#run;
    if (!run.before.has(key)) run.before.set(key, this.entries.get(key));
    // A copy: the caller may write on in its own.
    const kept = value?.slice();
    run.writes.push({ change, key, value: kept });
    run.writers.set(key, change);
    this.#put(key, kept);
  }

  /** @param {number} change @param {string} key @returns {Uint8Array | undefined} */
  readEntry(change, key) {
    bounds.checkKey(key);
    this.check(change);
    const writer = this.#run.writers.get(key);
    if (writer !== undefined && writer !== change) this.#run.reads.set(`${change} ${writer}`, { reader: change, writer });
    return this.entries.get(key)?.slice();
  }

  /** @param {SentMail} mail */
  accept(mail) {
    bounds.checkMail(mail, mail.key);
    const { to, replyTo, subject, text, html } = mail;
    this.spend(mail.change, ...to, replyTo, subject, text, html);
    if (!this.mails.some((one) => one.change === mail.change && one.key === mail.key)) this.mails.push(mail);
    else this.logs.push({ level: "warn", message: "mail not sent: the outbox has a mail of this change and key" });
  }

  /** @param {{ kind: "count" | "gauge" | "histogram", name: string, labels: Record<string, string>, value: number }} sample */
  measure(sample) {
    const { kind, name, labels } = sample;
    const words = { count: "counter", gauge: "gauge", histogram: "histogram" };
    const was = this.#kinds.get(name) ?? words[kind];
    if (was !== words[kind]) throw invalid(`the metric \`${name}\` is a ${was} already, and no ${words[kind]}: give one of them another name`);
    this.#kinds.set(name, was);
    const series = `${name} ${sorted(labels)}`;
    if (!this.#series.has(series) && this.#series.size >= bounds.METRIC_SERIES_MAX) {
      this.logs.push({ level: "warn", message: `metric \`${name}\`: dropped, since a trigger has at most ${bounds.METRIC_SERIES_MAX} series` });
      return;
    }
    this.#series.add(series);
    this.samples.push(sample);
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
    const host = currentHost();
    host.wants("counters");
    bounds.checkSeries("counter", name, labels);
    bounds.checkDelta(delta);
    host.spend(change, name, ...labels.flat());
    host.added.push({ change, name, labels: Object.fromEntries(labels), delta });
  },
};

export const state = {
  /** @param {{ change: number, key: string }[]} reads */
  get(reads) {
    const host = currentHost();
    host.wants("state");
    bounds.checkReads(reads.length);
    return reads.map(({ change, key }) => host.readEntry(change, key));
  },
  /** @param {number} change @param {string} key @param {Uint8Array} value @param {bigint | undefined} _expires */
  set(change, key, value, _expires) {
    currentHost().setEntry(change, key, value);
  },
  /** @param {number} change @param {string} key */
  delete(change, key) {
    currentHost().setEntry(change, key, undefined);
  },
};

/** @param {Host} host */
function noProbe(host) {
  if (host.isProbe) refuse("access-denied", "this is the probe of a new version: an empty batch writes nothing");
}

export const tables = {
  /** @param {string} table @param {{ tag: string, val: any }[]} writes */
  write(table, writes) {
    const host = currentHost();
    host.wants("tables");
    if (writes.length > 0) noProbe(host);
    return writes.map((write) => host.make(table, write));
  },
  /** @param {number} change @param {{ table: string, action: { tag: string, val: any } }[]} writes */
  transact(change, writes) {
    const host = currentHost();
    host.wants("tables");
    noProbe(host);
    host.check(change);
    bounds.checkTransaction(writes.length);
    const before = host.writes.length;
    const answers = writes.map(({ table, action }) => host.make(table, action));
    if (answers.every(({ tag }) => tag === "ok")) return;
    host.writes.length = before;
    const val = answers.map((answer) => (answer.tag === "err" ? answer.val : undefined));
    throw Object.assign(new Error("cancelled"), { payload: { tag: "cancelled", val } });
  },
  /** @param {string} table @param {string[]} keys @param {boolean} _consistent */
  get(table, keys, _consistent) {
    const host = currentHost();
    host.wants("reads");
    bounds.checkKeys(keys.length);
    const items = (host.tables.get(table) ?? []).map((item) => ({ item, json: JSON.parse(itemJson(item)) }));
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
    currentHost().accept({ change, mailer: name, ...message, key });
  },
};

export const http = {
  /** @param {import("../http.js").WireRequest} request @returns {import("../http.js").WireResponse} */
  send(request) {
    const host = currentHost();
    host.wants("http");
    bounds.checkRequest(request);
    host.requests.push(request);
    const { status, headers = {}, body = "", json } = host.onHttp(request);
    const text = json === undefined ? body : JSON.stringify(json);
    const answer = typeof text === "string" ? encodeText(text) : text;
    bounds.checkAnswer(answer);
    return { status, headers: Object.entries(headers).map(([name, value]) => [name, encodeText(value)]), body: answer };
  },
};

/** @param {"count" | "gauge" | "histogram"} kind */
const sample = (kind) => (/** @type {string} */ name, /** @type {[string, string][]} */ labels, /** @type {number | bigint} */ value) => {
  const host = currentHost();
  host.wants("metrics");
  bounds.checkMetric(name, labels, Number(value));
  // A new version that is probed has done nothing yet.
  if (!host.isProbe) host.measure({ kind, name, labels: Object.fromEntries(labels), value: Number(value) });
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
