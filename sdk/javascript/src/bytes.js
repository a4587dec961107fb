/**
 * Text and base64 to bytes and back, in plain JavaScript: QuickJS has no TextEncoder.
 *
 * What holds: both ways are exact; what is no UTF-8 becomes U+FFFD, as a TextDecoder makes it.
 * @module
 */

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** @param {string} text @returns {Uint8Array} UTF-8 */
export function encodeText(text) {
  const binary = unescape(encodeURIComponent(text.toWellFormed ? text.toWellFormed() : text));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

/** @param {Uint8Array} bytes UTF-8 @returns {string} */
export function decodeText(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const { code, length } = decodeOne(bytes, at);
    text += String.fromCodePoint(code);
    at += length;
  }
  return text;
}

/** @param {Uint8Array} bytes @param {number} at */
function decodeOne(bytes, at) {
  const first = bytes[at];
  if (first < 0x80) return { code: first, length: 1 };
  const wanted = first >= 0xf0 && first < 0xf5 ? 3 : first >= 0xe0 ? 2 : 1;
  if (first < 0xc2 || first > 0xf4) return { code: 0xfffd, length: 1 };
  let code = first & (0x3f >> wanted);
  for (let step = 1; step <= wanted; step++) {
    const next = bytes[at + step];
    if (next === undefined || !continues(first, next, step)) return { code: 0xfffd, length: step };
    code = (code << 6) | (next & 0x3f);
  }
  return { code, length: wanted + 1 };
}

/** Overlong forms, surrogates and what is beyond U+10FFFF show in the second byte. @param {number} first @param {number} next @param {number} step */
function continues(first, next, step) {
  const low = step === 1 && first === 0xe0 ? 0xa0 : step === 1 && first === 0xf0 ? 0x90 : 0x80;
  const high = step === 1 && first === 0xed ? 0x9f : step === 1 && first === 0xf4 ? 0x8f : 0xbf;
  return next >= low && next <= high;
}

/** @param {Uint8Array} bytes @returns {string} */
export function encodeBase64(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 3) {
    const [a, b, c] = [bytes[at], bytes[at + 1], bytes[at + 2]];
    const bits = (a << 16) | ((b ?? 0) << 8) | (c ?? 0);
    text += DIGITS[bits >> 18] + DIGITS[(bits >> 12) & 63];
    text += b === undefined ? "=" : DIGITS[(bits >> 6) & 63];
    text += c === undefined ? "=" : DIGITS[bits & 63];
  }
  return text;
}

/** @param {string} text @returns {Uint8Array} */
export function decodeBase64(text) {
  const digits = text.replace(/=+$/, "");
  const bytes = new Uint8Array((digits.length * 3) >> 2);
  let bits = 0;
  for (let at = 0, byte = 0; at < digits.length; at++) {
    const value = DIGITS.indexOf(digits[at]);
    if (value < 0) throw new TypeError(`not base64: \`${digits[at]}\``);
    bits = ((bits << 6) | value) & 0xffffff;
    if (at % 4 !== 0) bytes[byte++] = (bits >> (6 - 2 * (at % 4))) & 0xff;
  }
  return bytes;
}
