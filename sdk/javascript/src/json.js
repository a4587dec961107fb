/**
 * Values as JSON, for the state and for bodies.
 *
 * What holds: what JSON cannot hold is refused, with its path; nothing becomes another value in silence. A `Num` or a bigint is a number in it, or refused where
 * a JavaScript number would not be exact. What JSON.stringify leaves out (`undefined` within an object, functions) is left out.
 * @module
 */

import { invalid } from "./failure.js";
import { Num } from "./item.js";
import { isMap, kindOf } from "./kind.js";

/** @param {string} what it is for, in a message @param {any} value @returns {string} */
export function exactJson(what, value) {
  /** @type {string | undefined} */
  let json;
  /** @type {{ holder: any, key: string } | undefined} */
  let last;
  try {
    json = JSON.stringify(value, function (key, written) {
      const whole = this[key];
      if (typeof whole !== "bigint" && (typeof whole !== "object" || whole === null)) return written;
      last = { holder: this, key };
      const exact = writable(whole, written);
      last = undefined;
      return exact;
    });
  } catch (error) {
    const path = last && pathOf(value, last.holder, last.key);
    throw invalid(`${what} cannot be written as JSON: ${path ? `\`${path}\`: ` : ""}${/** @type {Error} */ (error).message}`);
  }
  if (json === undefined) throw invalid(`${what} cannot be written as JSON: it is ${kindOf(value)}`);
  return json;
}

/** @param {any} whole @param {any} written after its own toJSON */
function writable(whole, written) {
  if (whole instanceof Num) return whole.toNumber();
  if (typeof whole === "bigint") return new Num(whole).toNumber();
  const isBinary = ArrayBuffer.isView(whole);
  if (Array.isArray(whole) || (typeof whole.toJSON === "function" && !isBinary)) return written;
  if (isBinary || !isMap(whole)) throw new TypeError(`JSON has no way to write ${kindOf(whole)}${whole instanceof Set ? ": write [...set]" : ""}`);
  return written;
}

/** @param {any} root @param {any} holder @param {string} key @returns {string} empty where it is the root */
function pathOf(root, holder, key) {
  const found = find(root, holder, "", new Set());
  return found === undefined ? key : step(found, holder, key);
}

/** @param {any} at @param {any} holder @param {string} path @param {Set<any>} seen @returns {string | undefined} */
function find(at, holder, path, seen) {
  if (at === holder) return path;
  if (typeof at !== "object" || at === null || seen.has(at)) return undefined;
  seen.add(at);
  for (const name of Object.keys(at)) {
    const found = find(at[name], holder, step(path, at, name), seen);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** @param {string} path @param {any} of @param {string} name */
function step(path, of, name) {
  if (Array.isArray(of)) return `${path}[${name}]`;
  return path ? `${path}.${name}` : name;
}
