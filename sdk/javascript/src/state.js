/** The trigger's own key-value state: writes commit with the change that they belong to, or not at all. Wants `grants = { state = true }`. @module */

import { u64 } from "#engine";
import { state } from "#host";
import { decodeText, encodeText } from "./bytes.js";
import { placeOf } from "./change.js";
import { ask } from "./failure.js";

/** @typedef {import("./change.js").Change<any, any>} AnyChange */
/** @typedef {{ expires?: Date | number }} SetOptions expires: a time, or milliseconds since 1970, after which the entry is as good as deleted */

/** @param {AnyChange} change @param {string} key @returns {Uint8Array | undefined} */
export function get(change, key) {
  return getMany([[change, key]])[0];
}

/** Many at once, which is quicker. @param {[AnyChange, string][]} reads @returns {(Uint8Array | undefined)[]} in their order */
export function getMany(reads) {
  const wire = reads.map(([change, key]) => ({ change: placeOf(change), key }));
  const values = ask("state", () => state.get(wire));
  return values.map((/** @type {any} */ value) => (value == null ? undefined : value instanceof Uint8Array ? value : Uint8Array.from(value)));
}

/** @param {AnyChange} change @param {string} key @returns {string | undefined} */
export function getText(change, key) {
  const bytes = get(change, key);
  return bytes && decodeText(bytes);
}

/** @param {AnyChange} change @param {string} key @returns {any} what `setJson` was given, or undefined */
export function getJson(change, key) {
  const text = getText(change, key);
  return text === undefined ? undefined : JSON.parse(text);
}

/** @param {AnyChange} change @param {string} key at most 2 KiB @param {Uint8Array | string} value at most 256 KiB @param {SetOptions} [options] */
export function set(change, key, value, options = {}) {
  const bytes = typeof value === "string" ? encodeText(value) : value;
  const expires = options.expires === undefined ? undefined : u64(Math.trunc(Number(options.expires)));
  const place = placeOf(change);
  ask(`state \`${key}\``, () => state.set(place, key, bytes, expires));
}

/** @param {AnyChange} change @param {string} key @param {any} value @param {SetOptions} [options] */
export function setJson(change, key, value, options) {
  set(change, key, JSON.stringify(value), options);
}

/** @param {AnyChange} change @param {string} key */
function remove(change, key) {
  const place = placeOf(change);
  ask(`state \`${key}\``, () => state.delete(place, key));
}

export { remove as delete };
