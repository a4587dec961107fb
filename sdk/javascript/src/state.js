/** The trigger's own key-value state: writes commit with the change that they belong to, or not at all. Wants `grants = { state = true }`. @module */

import { u64 } from "#engine";
import { state } from "#host";
import { decodeText, own } from "./bytes.js";
import { placeOf } from "./change.js";
import { bytes, instant, text } from "./check.js";
import { ask } from "./failure.js";
import { exactJson } from "./json.js";

/** @typedef {import("./change.js").Change<any, any>} AnyChange */
/** @typedef {{ expires?: Date | number }} SetOptions expires: a time, or milliseconds since 1970, after which the entry is as good as deleted */

/** @param {AnyChange} change @param {string} key @returns {Uint8Array | undefined} */
export function get(change, key) {
  return getMany([[change, key]])[0];
}

/** Many at once, which is quicker. @param {[AnyChange, string][]} reads @returns {(Uint8Array | undefined)[]} in their order */
export function getMany(reads) {
  const values = ask("state", () => state.get(reads.map(([change, key]) => ({ change: placeOf(change), key: text("the key", key) }))));
  return values.map((/** @type {any} */ value) => (value == null ? undefined : own(value)));
}

/** @param {AnyChange} change @param {string} key @returns {string | undefined} */
export function getText(change, key) {
  const found = get(change, key);
  return found && decodeText(found);
}

/** @param {AnyChange} change @param {string} key @returns {any} what `setJson` was given, numbers as JavaScript's own; undefined where there is nothing */
export function getJson(change, key) {
  const found = getText(change, key);
  return found === undefined ? undefined : JSON.parse(found);
}

/** @param {AnyChange} change @param {string} key at most 2 KiB @param {Uint8Array | string} value at most 256 KiB @param {SetOptions} [options] */
export function set(change, key, value, options = {}) {
  write(change, key, () => bytes("the value", value), options);
}

/**
 * What JSON cannot hold is refused, with its path: a Set, a Uint8Array. A `Num` or bigint is a number in it, and refused where that would not be exact: `n.text` is text.
 * @param {AnyChange} change @param {string} key @param {any} value @param {SetOptions} [options]
 */
export function setJson(change, key, value, options = {}) {
  write(change, key, () => bytes("the value", exactJson("the value", value)), options);
}

/** @param {AnyChange} change @param {string} key @param {() => Uint8Array} value @param {SetOptions} options */
function write(change, key, value, { expires }) {
  const place = placeOf(change);
  ask("state", () => state.set(place, text("the key", key), value(), expires === undefined ? undefined : u64(instant("expires", expires))), key);
}

/** @param {AnyChange} change @param {string} key */
function remove(change, key) {
  const place = placeOf(change);
  ask("state", () => state.delete(place, text("the key", key)), key);
}

export { remove as delete };
