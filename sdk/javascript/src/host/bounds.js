/**
 * What the host refuses of a call for its size or its form, so that a test which passes does not fail when deployed.
 *
 * What holds: the bounds and the order in which they are looked at are those of host/core/src/limits.rs and of the host's imports. What is thrown has the error of the
 * contract in `payload`.
 * @module
 */

import { encodeText } from "../bytes.js";
import { invalid } from "../failure.js";

const NAME_MAX = 64;
const LABELS_MAX = 8;
const LABEL_VALUE_BYTES_MAX = 1024;
const STATE_KEY_BYTES_MAX = 2 * 1024;
const STATE_VALUE_BYTES_MAX = 256 * 1024;
const STATE_READS_MAX = 100_000;
const MAIL_RECIPIENTS_MAX = 50;
const MAIL_BODY_BYTES_MAX = 1024 * 1024;
const MAIL_SUBJECT_BYTES_MAX = 998;
const MAIL_KEY_BYTES_MAX = 1024;
const ADDRESS_BYTES_MAX = 998;
const EFFECTS_MAX = 100_000;
const EFFECT_BYTES_MAX = 32 * 1024 * 1024;
const TRANSACTION_WRITES_MAX = 100;
const TABLE_KEYS_MAX = 1000;
const HTTP_BODY_BYTES_MAX = 8 * 1024 * 1024;
export const METRIC_SERIES_MAX = 1000;
/** Of one effect, whatever is in it. */
const OVERHEAD_BYTES = 64;

/** Of a counter's delta: its text, its digits, and how far its last digit may be from the point. */
const [DELTA_TEXT_MAX, DIGITS_MAX, SCALE_MAX] = [320, 300, 168];

/** @param {string} text in UTF-8 */
const size = (text) => encodeText(text).length;

/** @param {boolean} holds @param {() => string} why */
function must(holds, why) {
  if (!holds) throw invalid(why());
}

/** @param {string} what @param {string} name */
function checkName(what, name) {
  must(name.length <= NAME_MAX && /^[a-z][a-z0-9_]*$/.test(name), () => `${what} \`${name}\`: use a to z, 0 to 9 and _, a letter first, at most ${NAME_MAX}`);
}

/** @param {"counter" | "metric"} kind @param {string} name @param {[string, string][]} labels */
export function checkSeries(kind, name, labels) {
  checkName(`the ${kind}'s name`, name);
  must(labels.length <= LABELS_MAX, () => `${labels.length} labels; at most ${LABELS_MAX}`);
  labels.forEach(([label, value], place) => {
    checkName("the label", label);
    must(size(value) <= LABEL_VALUE_BYTES_MAX, () => `the value of label \`${label}\` has ${size(value)} bytes; at most ${LABEL_VALUE_BYTES_MAX}`);
    must(labels.findIndex(([other]) => other === label) === place, () => `the label \`${label}\` is there twice`);
  });
}

/** @param {string} text */
export function checkDelta(text) {
  const [, whole, fraction = "", power = "0"] = /^[+-]?(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = whole === undefined ? "" : (whole + fraction).replace(/^0+(?=.)/, "");
  must(digits !== "" && text.length <= DELTA_TEXT_MAX, () => `\`${text.slice(0, 64)}\` is not a decimal such as 1, -19.99 or 1E+3`);
  const isWithin = Math.abs(fraction.length - Number(power)) <= SCALE_MAX && digits.length <= DIGITS_MAX;
  must(isWithin, () => `\`${text.slice(0, 64)}\` is outside what DynamoDB stores: 38 digits between 1E-130 and 9.9E+125`);
}

/** What Prometheus adds to names by itself, and the label that it keeps. @param {string} name @param {[string, string][]} labels @param {number} value */
export function checkMetric(name, labels, value) {
  checkSeries("metric", name, labels);
  must(Number.isFinite(value), () => `the metric \`${name}\`: ${value} is no finite number`);
  const ending = ["_total", "_bucket", "_sum", "_count"].find((one) => name.endsWith(one));
  must(ending === undefined, () => `the metric's name \`${name}\`: leave out \`${ending}\`, which Prometheus adds where it belongs`);
  must(!labels.some(([label]) => label === "le"), () => "the label `le`: Prometheus keeps it for the buckets of histograms");
}

/** @param {string} key */
export function checkKey(key) {
  must(size(key) <= STATE_KEY_BYTES_MAX, () => `a key of ${size(key)} bytes; at most ${STATE_KEY_BYTES_MAX}`);
}

/** @param {Uint8Array} value */
export function checkValue(value) {
  must(value.length <= STATE_VALUE_BYTES_MAX, () => `a value of ${value.length} bytes; at most ${STATE_VALUE_BYTES_MAX}`);
}

/** @param {number} count */
export function checkReads(count) {
  must(count <= STATE_READS_MAX, () => `${count} reads at once; at most ${STATE_READS_MAX}`);
}

/** @param {number} count */
export function checkTransaction(count) {
  must(count <= TRANSACTION_WRITES_MAX, () => `${count} writes in one transaction; at most ${TRANSACTION_WRITES_MAX}`);
}

/** @param {number} count */
export function checkKeys(count) {
  must(count <= TABLE_KEYS_MAX, () => `${count} keys in one read; at most ${TABLE_KEYS_MAX}`);
}

/** Roughly: the host knows more of what an address may be. */
const LOCAL = String.raw`[^\s@<>(),;:"\\]+|"[^"]+"`;
const DOMAIN = String.raw`[^\s@<>(),;:"\\.]+(?:\.[^\s@<>(),;:"\\.]+)*|\[[^\s\]]+\]`;
const ADDRESS = new RegExp(String.raw`^(?:(?:(?:[^<>(),;:@"\\]|"[^"]*")*<(?:${LOCAL})@(?:${DOMAIN})>)|(?:${LOCAL})@(?:${DOMAIN}))$`);

/** @param {string} field @param {string} text */
function checkHeader(field, text) {
  const found = /\p{Cc}/u.exec(text);
  must(found === null, () => `${field}: holds the control character ${JSON.stringify(found?.[0])}; headers are one line of text`);
}

/** @param {string} field @param {string} text */
function checkAddress(field, text) {
  checkHeader(field, text);
  must(size(text) <= ADDRESS_BYTES_MAX, () => `${field}: ${size(text)} bytes; at most ${ADDRESS_BYTES_MAX}`);
  must(ADDRESS.test(text), () => `${field}: not an address such as a@b.example or Name <a@b.example>`);
}

/** @param {{ to: string[], replyTo?: string, subject: string, text?: string, html?: string }} message @param {string} key */
export function checkMail({ to, replyTo, subject, text, html }, key) {
  const most = (/** @type {string} */ what, /** @type {number} */ is, /** @type {number} */ max) => must(is <= max, () => `${what}: ${is}; at most ${max}`);
  must(to.length > 0 && to.length <= MAIL_RECIPIENTS_MAX, () => `${to.length} recipients: a mail has one to ${MAIL_RECIPIENTS_MAX}`);
  most("bytes of the subject", size(subject), MAIL_SUBJECT_BYTES_MAX);
  most("bytes of the text", size(text ?? ""), MAIL_BODY_BYTES_MAX);
  most("bytes of the html", size(html ?? ""), MAIL_BODY_BYTES_MAX);
  most("bytes of the key", size(key), MAIL_KEY_BYTES_MAX);
  for (const one of to) checkAddress("to", one);
  if (replyTo !== undefined) checkAddress("reply-to", replyTo);
  checkHeader("subject", subject);
  must(text !== undefined || html !== undefined, () => "no body: set text, html or both");
}

/** What the host writes itself. */
const OWN_HEADERS = ["connection", "host", "http2-settings", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "transfer-encoding", "upgrade"];

/** @param {{ headers: [string, Uint8Array][], body: Uint8Array }} request */
export function checkRequest({ headers, body }) {
  for (const [name, value] of headers) {
    const is = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) && value.every((byte) => byte === 9 || (byte >= 32 && byte !== 127));
    must(is && !OWN_HEADERS.includes(name.toLowerCase()), () => "a header that is none, or that the host writes itself");
  }
  must(body.length <= HTTP_BODY_BYTES_MAX, () => `a body of more than ${HTTP_BODY_BYTES_MAX} bytes`);
}

/** @param {Uint8Array} body */
export function checkAnswer(body) {
  must(body.length <= HTTP_BODY_BYTES_MAX, () => `an answer of more than ${HTTP_BODY_BYTES_MAX} bytes`);
}

/** What one batch leaves behind. */
export class Budget {
  #count = 0;
  #bytes = 0;

  /** One effect more. @param {...(string | Uint8Array | undefined)} parts */
  spend(...parts) {
    must(this.#count < EFFECTS_MAX, () => `more than ${EFFECTS_MAX} writes in one batch: make the trigger's batches smaller`);
    const bytes = parts.reduce((sum, part) => sum + (typeof part === "string" ? size(part) : (part?.length ?? 0)), this.#bytes + OVERHEAD_BYTES);
    must(bytes <= EFFECT_BYTES_MAX, () => `more than ${EFFECT_BYTES_MAX} bytes of writes in one batch: make the trigger's batches smaller`);
    this.#count += 1;
    this.#bytes = bytes;
  }
}
