/**
 * DynamoDB's typed JSON as JavaScript values, and back.
 *
 * What holds: nothing is lost on the way there and back. A number stays its text, in `Num`: DynamoDB has 38 digits, a JavaScript number 15.
 * @module
 */

import { decodeBase64, encodeBase64 } from "./bytes.js";
import { unfit } from "./failure.js";
import { isMap, kindOf } from "./kind.js";

/**
 * @typedef {string | boolean | null | Num | number | bigint | Uint8Array | Value[] | Set<string> | Set<Num | number | bigint> | Set<Uint8Array> | { [name: string]: Value | undefined }} Value
 */

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;

/** What an attribute may hold. An item that was read has each number as a `Num`; one that is written may have numbers and bigints too.
 * @typedef {{ [name: string]: any }} Item
 */

/**
 * A number of DynamoDB's, as its text: exact. `n.sign()`, `n.compare(5)` and `n.equals(5)` are so for all of its digits. In plain JavaScript `n > 5` and `n + 1` work
 * too where a JavaScript number holds it exactly, and throw a RangeError where not; TypeScript wants `n.toNumber()` there, which throws likewise.
 */
export class Num {
  /** @param {string | number | bigint | Num} value */
  constructor(value) {
    /** @readonly @type {string} as DynamoDB writes it */
    this.text = numberText(value);
  }

  /** @returns {number} Throws a RangeError where a JavaScript number would be another number. */
  toNumber() {
    const number = Number(this.text);
    if (plain(String(number)) !== plain(this.text)) {
      throw unfit(new RangeError(`${this.text} is no JavaScript number without loss: use \`text\`, \`toBigInt()\` or \`approximate()\``));
    }
    return number;
  }

  /** The nearest JavaScript number. */
  approximate() {
    return Number(this.text);
  }

  /** @returns {bigint} Throws a RangeError where it is no integer. */
  toBigInt() {
    const { negative, digits, exponent } = parts(this.text);
    if (exponent < 0) throw unfit(new RangeError(`${this.text} is no integer`));
    const magnitude = BigInt(digits + "0".repeat(exponent));
    return negative ? -magnitude : magnitude;
  }

  /** @param {string | number | bigint | Num} other */
  equals(other) {
    return plain(this.text) === plain(new Num(other).text);
  }

  /** @returns {-1 | 0 | 1} below zero, zero, above */
  sign() {
    if (!/[1-9]/.test(this.text.replace(/e.*/i, ""))) return 0;
    return this.text.startsWith("-") ? -1 : 1;
  }

  /** Exactly, however many digits there are. @param {string | number | bigint | Num} other @returns {-1 | 0 | 1} less than the other, equal, greater */
  compare(other) {
    const [one, two] = [parts(this.text), parts(numberText(other))];
    const [sign, itsSign] = [signOf(one), signOf(two)];
    if (sign !== itsSign || sign === 0) return /** @type {-1 | 0 | 1} */ (Math.sign(sign - itsSign));
    // The power of ten of the first digit, then digit by digit.
    const size = one.digits.length + one.exponent - (two.digits.length + two.exponent);
    const larger = size !== 0 ? size : one.digits < two.digits ? -1 : one.digits > two.digits ? 1 : 0;
    return /** @type {-1 | 0 | 1} */ (sign * Math.sign(larger) + 0);
  }

  valueOf() {
    return this.toNumber();
  }

  toString() {
    return this.text;
  }

  /** In JSON it is a string, so that it stays exact. */
  toJSON() {
    return this.text;
  }
}

/** @param {string | number | bigint | Num} value @returns {string} */
export function numberText(value) {
  if (value instanceof Num) return value.text;
  // Text alone can be anything.
  if (typeof value === "bigint" || (typeof value === "number" && Number.isFinite(value))) return String(value);
  if (typeof value === "string" && NUMBER.test(value)) return value;
  const shown = typeof value === "string" || typeof value === "number" ? `\`${value}\`` : kindOf(value);
  throw unfit(new TypeError(`${shown} is no number that DynamoDB could hold`));
}

/** @param {{ negative: boolean, digits: string }} parts */
const signOf = ({ negative, digits }) => (digits === "0" ? 0 : negative ? -1 : 1);

/** Sign, digits without zeros around them, and the power of ten of the last of them. @param {string} text */
function parts(text) {
  const match = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d+))?$/.exec(text);
  if (!match) throw unfit(new TypeError(`\`${text}\` is no number`));
  const [, sign, whole, fraction, power] = match;
  const all = (whole + fraction).replace(/^0+/, "");
  const digits = all.replace(/0+$/, "");
  if (digits === "") return { negative: false, digits: "0", exponent: 0 };
  return { negative: sign === "-", digits, exponent: Number(power ?? 0) - fraction.length + all.length - digits.length };
}

/** One text for each number. @param {string} text */
function plain(text) {
  if (!/\d/.test(text)) return text;
  const { negative, digits, exponent } = parts(text);
  return `${negative ? "-" : ""}${digits}e${exponent}`;
}

/** Sets a key that may be called `__proto__`. @param {Item} object @param {string} name @param {any} value */
function put(object, name, value) {
  if (name === "__proto__") Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
  else object[name] = value;
}

/** @param {string} json an item as DynamoDB JSON @returns {Item} */
export function parseItem(json) {
  return readMap(JSON.parse(json));
}

/** @param {Item} map @returns {Item} */
function readMap(map) {
  /** @type {Item} */
  const item = {};
  for (const name of Object.keys(map)) put(item, name, readValue(map[name]));
  return item;
}

/** @param {any} wire `{"S": …}` and the like @returns {any} */
export function readValue(wire) {
  const [type] = Object.keys(wire);
  const inner = wire[type];
  switch (type) {
    case "S":
    case "BOOL":
      return inner;
    case "N":
      return new Num(inner);
    case "NULL":
      return null;
    case "B":
      return decodeBase64(inner);
    case "L":
      return inner.map(readValue);
    case "M":
      return readMap(inner);
    case "SS":
      return new Set(inner);
    case "NS":
      return new Set(inner.map((/** @type {string} */ text) => new Num(text)));
    case "BS":
      return new Set(inner.map(decodeBase64));
    default:
      throw unfit(new TypeError(`\`${type}\` is no type of DynamoDB's`));
  }
}

/** @param {Item} item @returns {string} as DynamoDB JSON. Attributes that are undefined are left out. */
export function itemJson(item) {
  if (typeof item !== "object" || item === null || Array.isArray(item) || item instanceof Set || !isMap(item)) {
    throw unfit(new TypeError(`an item is an object of its attributes, and this is ${kindOf(item)}`));
  }
  return JSON.stringify(writeMap(item, ""));
}

/** @param {Item} item @param {string} path @returns {Item} */
function writeMap(item, path) {
  /** @type {Item} */
  const map = {};
  for (const name of Object.keys(item)) {
    if (item[name] !== undefined) put(map, name, writeValue(item[name], path ? `${path}.${name}` : name));
  }
  return map;
}

/** @param {any} value @param {string} [path] for messages @returns {any} `{"S": …}` and the like */
export function writeValue(value, path = "value") {
  if (value === null) return { NULL: true };
  if (typeof value === "string") return { S: value };
  if (typeof value === "boolean") return { BOOL: value };
  if (typeof value === "number" || typeof value === "bigint" || value instanceof Num) return { N: at(path, () => numberText(value)) };
  if (value instanceof Uint8Array) return { B: encodeBase64(value) };
  if (value instanceof Set) return at(path, () => writeSet([...value]));
  if (Array.isArray(value)) return { L: value.map((element, index) => writeValue(element, `${path}[${index}]`)) };
  if (value instanceof Date) throw unfit(new TypeError(`\`${path}\`: DynamoDB has no dates: write toISOString(), or a number of seconds`));
  if (typeof value === "object" && isMap(value)) return { M: writeMap(value, path) };
  throw unfit(new TypeError(`\`${path}\`: ${kindOf(value)} is no value of DynamoDB's`));
}

/** @param {any[]} elements */
function writeSet(elements) {
  if (elements.length === 0) throw unfit(new TypeError("a set of DynamoDB's has at least one element"));
  if (elements.every((element) => typeof element === "string")) return { SS: elements };
  if (elements.every((element) => element instanceof Uint8Array)) return { BS: elements.map(encodeBase64) };
  const other = elements.find((element) => typeof element !== "number" && typeof element !== "bigint" && !(element instanceof Num));
  if (other !== undefined) throw unfit(new TypeError(`a set of DynamoDB's is of strings, of numbers or of Uint8Arrays, and in this one is ${kindOf(other)} among others`));
  return { NS: elements.map(numberText) };
}

/** @template T @param {string} path @param {() => T} act @returns {T} */
function at(path, act) {
  try {
    return act();
  } catch (error) {
    throw unfit(new TypeError(`\`${path}\`: ${/** @type {Error} */ (error).message}`));
  }
}

/** Equal as DynamoDB sees it: 1.0 is 1, and sets have no order. @param {any} one @param {any} other each `{"S": …}` and the like @returns {boolean} */
export function sameValue(one, other) {
  return canonical(one) === canonical(other);
}

/** @param {any} wire @returns {string} */
function canonical(wire) {
  if (wire === undefined) return "";
  const [type] = Object.keys(wire);
  const inner = wire[type];
  if (type === "N") return `N${plain(inner)}`;
  if (type === "NS") return `NS${JSON.stringify(inner.map(plain).sort())}`;
  if (type === "SS" || type === "BS") return type + JSON.stringify([...inner].sort());
  if (type === "L") return `L${JSON.stringify(inner.map(canonical))}`;
  if (type !== "M") return type + JSON.stringify(inner);
  return `M${JSON.stringify(Object.keys(inner).sort().map((name) => [name, canonical(inner[name])]))}`;
}
