/**
 * Lambda's rule for what a function answers.
 *
 * What holds: what counts is the answer's JSON, which is all that Lambda sees of it; the lowest sequence number that is named fails with all after it; an
 * empty or unknown name, or an answer that is no JSON, fails all; an empty list or none, nothing.
 * @module
 */

import { reason } from "../failure.js";

/** @typedef {import("../change.js").WireBatch} WireBatch */
/** @typedef {import("../change.js").WireChange} WireChange */

/** @param {WireBatch} batch @param {any} answer @returns {{ index: number, failure: { tag: "retry", val: string } }[]} */
export function failures(batch, answer) {
  const named = asJson(answer)?.batchItemFailures;
  if (named == null) return [];
  if (!Array.isArray(named)) throw new TypeError("batchItemFailures is no list");
  const places = named.map((one) => {
    const place = batch.changes.findIndex((change) => change.sequenceNumber === one?.itemIdentifier);
    if (place < 0) throw new RangeError(`batchItemFailures names \`${one?.itemIdentifier ?? ""}\`, which is no sequence number of this batch`);
    return place;
  });
  if (places.length === 0) return [];
  const numbers = places.map((place) => BigInt(batch.changes[place].sequenceNumber));
  const lowest = numbers.reduce((one, other) => (other < one ? other : one));
  const after = (/** @type {WireChange} */ change) => BigInt(change.sequenceNumber) >= lowest;
  const why = (/** @type {number} */ index) => (places.includes(index) ? "named in batchItemFailures" : "after one that is named in batchItemFailures");
  return batch.changes.flatMap((change, index) => (after(change) ? [{ index, failure: { tag: /** @type {const} */ ("retry"), val: why(index) } }] : []));
}

/** @param {any} answer @returns {any} */
function asJson(answer) {
  if (typeof answer !== "bigint" && (typeof answer !== "object" || answer === null)) return undefined;
  let text;
  try {
    text = JSON.stringify(answer);
  } catch (error) {
    throw new TypeError(`the function's answer cannot be written as JSON: ${reason(error)}`);
  }
  return text === undefined ? undefined : JSON.parse(text);
}
