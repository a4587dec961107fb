/** Text and base64, with the engine's own functions for base64 and without them: Node has them from version 25 on, QuickJS always. */

import assert from "node:assert/strict";
import { test } from "node:test";

const OWN = /** @type {any} */ (Uint8Array);

/** As ES2026 has it: spaces are left out, and what is no base64 is a SyntaxError. @param {string} text */
function fromBase64(text) {
  const digits = text.replace(/[ \t\n\f\r]/g, "");
  if (!/^([\w+/]{4})*([\w+/]{2}(==)?|[\w+/]{3}=?)?$/.test(digits) || digits.includes("_")) throw new SyntaxError("no base64");
  return Uint8Array.from(Buffer.from(digits, "base64"));
}

/** @param {boolean} native @returns {Promise<typeof import("../src/bytes.js")>} the module as it is in such an engine */
async function loaded(native) {
  const { fromBase64: before } = OWN;
  OWN.fromBase64 = native ? fromBase64 : undefined;
  OWN.prototype.toBase64 = native && (/** @this {Uint8Array} */ function () { return Buffer.from(this).toString("base64"); });
  const module = await import(`../src/bytes.js?${native}`);
  OWN.fromBase64 = before;
  return module;
}

const like = new TextDecoder("utf-8", { ignoreBOM: true });

/** What is around the edges of chunks, for each of these. @param {number[]} bytes */
function* placed(bytes) {
  yield Uint8Array.from(bytes);
  for (let at = 12_288 - bytes.length - 1; at <= 12_289; at++) {
    const all = new Uint8Array(2 * 12_288 + 5).fill(0x61);
    all.set(bytes, at);
    all.set(bytes, all.length - bytes.length);
    yield all;
  }
}

const BROKEN = [
  [0xff], [0xc3], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf0, 0x80, 0x80, 0x80], [0xc0, 0x80], [0x61, 0xe2, 0x61], [0xf4, 0x90, 0x80, 0x80], [0xf0, 0x9f, 0x98], [0xf0, 0x9f, 0xc3, 0xa9],
  [0x80], [0x80, 0x80, 0x80, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe0, 0x9f, 0xbf], [0xed, 0x9f, 0xbf, 0xed, 0xa0], [0xf0, 0x9f, 0x98, 0x80, 0x80], [0xe2, 0xf0, 0x9f, 0x98, 0x80],
];

for (const native of [false, true]) {
  const where = native ? "as in QuickJS" : "as in older engines";

  test(`text is UTF-8 both ways, as in a TextDecoder, ${where}`, async () => {
    const { decodeText, encodeText } = await loaded(native);
    for (const text of ["", "aä€😀", "\u0000\uffff", "\ufeffwith a mark", "100% \u00e9 %41", "x\ud800y\udc00z"]) {
      for (const long of [text, text.repeat(5_000), `a${text.repeat(5_000)}`]) {
        const bytes = new TextEncoder().encode(long);
        assert.ok(Buffer.from(bytes).equals(encodeText(long)), `${text} ${long.length}`);
        assert.ok(decodeText(bytes) === like.decode(bytes), `${text} ${long.length}`);
      }
    }
    for (const bytes of [...BROKEN, [0xc3, 0xa9], [0xe2, 0x82, 0xac], [0xf0, 0x9f, 0x98, 0x80]]) {
      for (const all of placed(bytes)) assert.ok(decodeText(all) === like.decode(all), `${bytes} of ${all.length}`);
    }
  });

  test(`any bytes are text as in a TextDecoder, ${where}`, async () => {
    const { decodeText } = await loaded(native);
    // Each lead with each second byte, and what is left out of three and four.
    const seconds = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
    const all = [];
    for (let first = 0; first < 256; first++) for (const second of seconds) for (const third of [0x61, 0x80, 0xbf]) all.push(first, second, third, 0x80, 0x61);
    const bytes = Uint8Array.from(all);
    assert.ok(decodeText(bytes) === like.decode(bytes));
    for (let at = 0; at < bytes.length; at += 5) assert.equal(decodeText(bytes.subarray(at, at + 5)), like.decode(bytes.subarray(at, at + 5)), String(bytes.subarray(at, at + 5)));
  });

  test(`base64 is exact, and refused where it is none, ${where}`, async () => {
    const { decodeBase64, encodeBase64 } = await loaded(native);
    for (const size of [0, 1, 2, 3, 4, 255, 256, 12_287, 12_288, 12_289, 30_000]) {
      const bytes = Uint8Array.from({ length: size }, (_, at) => at * 7);
      const text = Buffer.from(bytes).toString("base64");
      assert.equal(encodeBase64(bytes), text);
      assert.ok(Buffer.from(decodeBase64(text)).equals(bytes), String(size));
      assert.ok(Buffer.from(decodeBase64(text.replace(/=+$/, ""))).equals(bytes), String(size));
    }
    for (const [text, character] of [["AA-A", "-"], ["AA A", " "], ["A\nAA", "\n"], ["AAä=", "ä"], ["A=AA", "="], ["\u2028", "\u2028"]]) {
      assert.throws(() => decodeBase64(text), { name: "TypeError", message: `not base64: \`${character}\`` });
    }
  });
}
