/**
 * Whether an argument is of the type that the contract has for it.
 *
 * What holds: the engines make a trap of an argument of another type, which fails the batch, or write something else; here it is an error of this one call, in a
 * component as in the recorder, and says what to write. To be called within `ask`. A good argument costs no memory. How long and how many is the host's to say.
 * @module
 */

import { encodeText } from "./bytes.js";
import { invalid } from "./failure.js";
import { Num, numberText } from "./item.js";
import { isMap, kindOf } from "./kind.js";

/** A lone surrogate, which UTF-8 has not, becomes U+FFFD, as a TextEncoder makes it. @param {string} value @returns {string} */
export const wellFormed = (value) => (value.isWellFormed() ? value : value.toWellFormed());

/** @param {string} what @param {unknown} value @returns {Error} */
function noText(what, value) {
  const isScalar = value instanceof Num || ["number", "bigint", "boolean"].includes(typeof value);
  return invalid(`${what} is ${kindOf(value)}: text is wanted${isScalar ? ", as String(…) makes it" : ""}`);
}

/** @param {string} what @param {unknown} value @returns {string} */
export function text(what, value) {
  if (typeof value !== "string") throw noText(what, value);
  return value.isWellFormed() ? value : value.toWellFormed();
}

/** @param {string} what @param {unknown} value @returns {string | undefined} */
export function optionalText(what, value) {
  return value === undefined || value === null ? undefined : text(what, value);
}

/** Labels and the like. @param {string} what one of them @param {unknown} map names to texts @returns {[string, string][]} */
export function texts(what, map) {
  const entries = typeof map === "object" && map !== null ? Object.entries(map) : undefined;
  // What keeps its content elsewhere has none to show.
  if (entries === undefined || Array.isArray(map) || (entries.length === 0 && !isMap(/** @type {object} */ (map)))) {
    throw invalid(`${what}s are ${kindOf(map)}: { name: "text" } is wanted`);
  }
  // As an interpreter has it quickest: this is asked for each counter that is added to.
  for (let at = 0; at < entries.length; at++) {
    const entry = entries[at];
    if (typeof entry[1] !== "string") throw noText(`${what} \`${entry[0]}\``, entry[1]);
    if (!entry[0].isWellFormed() || !entry[1].isWellFormed()) entries[at] = [wellFormed(entry[0]), wellFormed(entry[1])];
  }
  return entries;
}

/** @param {string} what @param {unknown} value @returns {Uint8Array} of a string its UTF-8 */
export function bytes(what, value) {
  if (typeof value === "string") return encodeText(value);
  if (value instanceof Uint8Array) return value;
  throw invalid(`${what} is ${kindOf(value)}: a string or a Uint8Array is wanted`);
}

/** @param {unknown} value @returns {value is number | bigint | Num} */
const isNumber = (value) => typeof value === "number" || typeof value === "bigint" || value instanceof Num;

/** What is 64 bits wide in the contract: one of the engines takes it as a number. @param {string} what @param {unknown} value @returns {number} */
export function whole(what, value) {
  const number = typeof value === "number" ? value : isNumber(value) ? Number(numberText(value)) : NaN;
  if (!Number.isSafeInteger(number) || number < 0) throw invalid(`${what}: \`${String(value)}\` is no whole number from 0 to ${Number.MAX_SAFE_INTEGER}`);
  return number;
}

/** The nearest one. @param {string} what @param {unknown} value @returns {number} */
export function float(what, value) {
  if (typeof value === "number") return value;
  if (!isNumber(value)) throw invalid(`${what} is ${kindOf(value)}: a number is wanted`);
  return Number(numberText(value));
}

/** @param {string} what @param {any} value a number, or its text @returns {string} */
export function decimal(what, value) {
  try {
    return numberText(value);
  } catch (error) {
    throw invalid(`${what}: ${/** @type {Error} */ (error).message}`);
  }
}

/** @param {string} what @param {unknown} value a Date, or milliseconds since 1970 @returns {number} */
export function instant(what, value) {
  const ms = Math.trunc(value instanceof Date ? value.getTime() : isNumber(value) ? float(what, value) : NaN);
  if (ms >= 0 && Number.isSafeInteger(ms)) return ms;
  throw invalid(`${what}: \`${String(value)}\` is no time since 1970: a Date or its milliseconds are wanted`);
}
