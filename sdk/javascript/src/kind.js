/**
 * What a value is, told by looking at it.
 *
 * What holds: what is a map of attributes or not is the same question for items and for JSON; a good value costs no memory.
 * @module
 */

/** For messages: `a number`, `an Array`, `null`. A bundler may put a _ before the name of a class. @param {unknown} value @returns {string} */
export function kindOf(value) {
  if (value === null || value === undefined) return String(value);
  const name = typeof value === "object" ? /** @type {any} */ (value).constructor?.name?.replace(/^_/, "") || "object" : typeof value;
  return `${/^[aeio]/i.test(name) ? "an" : "a"} ${name}`;
}

/**
 * Whether an object is a map of attributes: a plain one, or one of an author's own class. What keeps its content elsewhere is none: a Map, a promise (a forgotten
 * await), an Error, a URL; written as a map, it would be an empty one.
 * @param {object} value @returns {boolean}
 */
export function isMap(value) {
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype || prototype === null) return true;
  return Object.prototype.toString.call(value) === "[object Object]" && typeof (/** @type {any} */ (value).then) !== "function";
}
