/**
 * Whatever a function logs or throws, as text: JSON where that says all of it.
 *
 * What holds: nothing throws; a value within itself is `[Circular]`; an error has its stack, by the function's own sources, and its causes.
 * @module
 */

import { inSources } from "./sources.js";

const ELEMENTS_MAX = 100;

/** JSON has no word for it. */
const SPECIAL = Symbol("special");

/** @param {unknown} value @returns {string} */
export function inspect(value) {
  try {
    return plain(value) ?? render(value, new Set());
  } catch {
    return "(a value that cannot be told)";
  }
}

/** @param {unknown} value @returns {string | undefined} as JSON; undefined where that would lose something */
function plain(value) {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null || isSpecial(value)) return undefined;
  try {
    return JSON.stringify(value, function (key, inner) {
      if (typeof inner === "bigint" || isSpecial(this[key])) throw SPECIAL;
      return inner;
    });
  } catch {
    return undefined;
  }
}

/** @param {any} value */
function isSpecial(value) {
  if (typeof value !== "object" || value === null) return false;
  return value instanceof Error || value instanceof Map || value instanceof Set || value instanceof RegExp || value instanceof Promise || ArrayBuffer.isView(value);
}

/** @param {any} value @param {Set<unknown>} within @returns {string} */
function render(value, within) {
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "function") return `[Function: ${value.name || "anonymous"}]`;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object" || value === null || value instanceof RegExp) return String(value);
  if (value instanceof Promise) return "Promise";
  if (within.has(value)) return "[Circular]";
  within.add(value);
  const text = whole(value, (inner) => render(inner, within));
  within.delete(value);
  return text;
}

/** @param {any} value @param {(inner: unknown) => string} inner @returns {string} */
function whole(value, inner) {
  if (value instanceof Error) return error(value, inner);
  if (value instanceof Map) return `Map(${value.size}) {${[...value].map(([key, one]) => `${inner(key)} => ${inner(one)}`).join(", ")}}`;
  if (value instanceof Set) return `Set(${value.size}) {${[...value].map(inner).join(", ")}}`;
  if (ArrayBuffer.isView(value)) return view(/** @type {any} */ (value));
  if (typeof value.toJSON === "function") return inner(value.toJSON());
  // What JSON has no word for is null in its lists.
  if (Array.isArray(value)) return `[${value.map(inner).join(",")}]`;
  const entries = Object.entries(value).filter(([, one]) => one !== undefined && typeof one !== "function");
  return `{${entries.map(([key, one]) => `${JSON.stringify(key)}:${inner(one)}`).join(",")}}`;
}

/** @param {any} value */
function view(value) {
  const bytes = value instanceof DataView ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : value;
  const more = bytes.length > ELEMENTS_MAX ? `, and ${bytes.length - ELEMENTS_MAX} more` : "";
  return `${value.constructor.name}(${bytes.length}) [${Array.from(bytes.slice(0, ELEMENTS_MAX), String).join(", ")}${more}]`;
}

/** @param {any} value @param {(inner: unknown) => string} inner @returns {string} */
function error(value, inner) {
  const stack = typeof value.stack === "string" ? inSources(value.stack).trimEnd() : "";
  const title = `${value.name}: ${value.message}`;
  // SpiderMonkey's stacks have no title.
  const told = stack.includes(value.message) && stack.startsWith(value.name) ? stack : `${title}\n${stack}`.trimEnd();
  const fields = Object.entries(value).filter(([key]) => !["name", "message", "stack", "cause", "errors"].includes(key));
  const own = fields.length === 0 ? "" : ` {${fields.map(([key, one]) => `${JSON.stringify(key)}:${inner(one)}`).join(",")}}`;
  const cause = value.cause === undefined ? "" : `\n  [cause]: ${inner(value.cause).replaceAll("\n", "\n  ")}`;
  const errors = Array.isArray(value.errors) ? value.errors.map((/** @type {unknown} */ one) => `\n  [error]: ${inner(one).replaceAll("\n", "\n  ")}`).join("") : "";
  return told + own + cause + errors;
}
