/**
 * Text and base64 to bytes and back: QuickJS has no TextEncoder.
 *
 * What holds: both ways are exact; what is no UTF-8 becomes U+FFFD, as a TextDecoder makes it that keeps a byte order mark. An interpreter takes a microsecond for each
 * step of a loop, and an answer may have eight million bytes: whatever can be done by the engine's own functions is done by them, a chunk at a time.
 * @module
 */

import { unfit } from "./failure.js";

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Of each ASCII character its digit's value, or -1. */
const VALUES = Int8Array.from({ length: 128 }, (_, code) => DIGITS.indexOf(String.fromCharCode(code)));

/** As many as a call can have arguments in any engine; a multiple of three, as base64 wants it. */
const CHUNK = 12_288;

const NO_ASCII = /[^\0-\x7f]/;

/** Of the web, and of every engine. @type {{ btoa: (binary: string) => string }} */
const { btoa } = /** @type {any} */ (globalThis);

/** What ES2026 has, and not every engine. @type {{ fromBase64?: (text: string) => Uint8Array }} */
const { fromBase64 } = /** @type {any} */ (Uint8Array);

/** @param {string} text @returns {Uint8Array} UTF-8 */
export function encodeText(text) {
  const sound = text.toWellFormed ? text.toWellFormed() : text;
  if (sound.length <= CHUNK) return encodeChunk(sound);
  const parts = [];
  for (let at = 0; at < sound.length; ) {
    let end = Math.min(at + CHUNK, sound.length);
    // Halves of a pair stay together.
    if ((sound.charCodeAt(end - 1) & 0xfc00) === 0xd800) end--;
    parts.push(encodeChunk(sound.slice(at, end)));
    at = end;
  }
  return joined(parts);
}

/** @param {string} text @returns {Uint8Array} */
function encodeChunk(text) {
  const binary = NO_ASCII.test(text) ? unescape(encodeURIComponent(text)) : text;
  if (fromBase64) return fromBase64.call(Uint8Array, btoa(binary));
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}

/**
 * What the bindings hand over: on StarlingMonkey they are a realm of their own, whose arrays are no `instanceof Uint8Array` here. Copied by the engine, not byte by byte.
 * @param {ArrayLike<number>} bytes @returns {Uint8Array}
 */
export function own(bytes) {
  return bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
}

/** @param {Uint8Array[]} parts of any realm @returns {Uint8Array} of this one */
export function joined(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** @param {Uint8Array} bytes UTF-8 @returns {string} */
export function decodeText(bytes) {
  if (bytes.length <= CHUNK) return decodeChunk(bytes);
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const end = cut(bytes, at + CHUNK);
    text += decodeChunk(bytes.subarray(at, end));
    at = end;
  }
  return text;
}

/** Where no character goes across: before a byte that continues none, or behind more of those than a character has. @param {Uint8Array} bytes @param {number} end at most */
function cut(bytes, end) {
  if (end >= bytes.length) return bytes.length;
  for (let back = 0; back <= 3; back++) if ((bytes[end - back] & 0xc0) !== 0x80) return end - back;
  return end;
}

/** @param {Uint8Array} bytes */
const binaryText = (bytes) => String.fromCharCode.apply(null, /** @type {any} */ (bytes));

/** @param {Uint8Array} bytes */
function decodeChunk(bytes) {
  const binary = binaryText(bytes);
  if (!NO_ASCII.test(binary)) return binary;
  try {
    return decodeURIComponent(escape(binary));
  } catch {
    return repaired(bytes);
  }
}

/** What is no UTF-8 is in it. @param {Uint8Array} bytes */
function repaired(bytes) {
  const units = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at++];
    const wanted = first < 0xc2 || first > 0xf4 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    let code = wanted > 0 ? first & (0x3f >> wanted) : first < 0x80 ? first : 0xfffd;
    for (let step = 1; step <= wanted; step++) {
      if (at === bytes.length || !continues(first, bytes[at], step)) {
        code = 0xfffd;
        break;
      }
      code = (code << 6) | (bytes[at++] & 0x3f);
    }
    if (code > 0xffff) units.push(0xd7c0 + (code >> 10), 0xdc00 | (code & 0x3ff));
    else units.push(code);
  }
  return String.fromCharCode.apply(null, units);
}

/** Overlong forms, surrogates and what is beyond U+10FFFF show in the second byte. @param {number} first @param {number} next @param {number} step */
function continues(first, next, step) {
  const low = step === 1 && first === 0xe0 ? 0xa0 : step === 1 && first === 0xf0 ? 0x90 : 0x80;
  const high = step === 1 && first === 0xed ? 0x9f : step === 1 && first === 0xf4 ? 0x8f : 0xbf;
  return next >= low && next <= high;
}

/** @param {Uint8Array} bytes @returns {string} */
export function encodeBase64(bytes) {
  const { toBase64 } = /** @type {any} */ (bytes);
  if (toBase64) return toBase64.call(bytes);
  let text = "";
  for (let at = 0; at < bytes.length; at += CHUNK) text += btoa(binaryText(bytes.subarray(at, at + CHUNK)));
  return text;
}

/** @param {string} text @returns {Uint8Array} */
export function decodeBase64(text) {
  let length = text.length;
  while (length > 0 && text[length - 1] === "=") length--;
  const size = (length * 3) >> 2;
  try {
    const bytes = fromBase64?.call(Uint8Array, text);
    // Not where it has left out spaces.
    if (bytes?.length === size) return bytes;
  } catch {
    // It is told which character is none.
  }
  const bytes = new Uint8Array(size);
  for (let at = 0, byte = 0, bits = 0; at < length; at++) {
    const value = VALUES[text.charCodeAt(at)] ?? -1;
    if (value < 0) throw unfit(new TypeError(`not base64: \`${text[at]}\``));
    bits = ((bits << 6) | value) & 0xffffff;
    if (at % 4 !== 0) bytes[byte++] = (bits >> (6 - 2 * (at % 4))) & 0xff;
  }
  return bytes;
}
