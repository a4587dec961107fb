/**
 * Lambda's rule for what a function answers.
 *
 * What holds: what counts is the answer's JSON, which is all that Lambda sees of it; the lowest sequence number that is named fails with all after it; an
 * empty or unknown name, or an answer that is no JSON, fails all; an empty list or none, nothing.
 * @module
 */
export type WireBatch = import("../change.js").WireBatch;
export type WireChange = import("../change.js").WireChange;
/** @typedef {import("../change.js").WireBatch} WireBatch */
/** @typedef {import("../change.js").WireChange} WireChange */
/** @param {WireBatch} batch @param {any} answer @returns {{ index: number, failure: { tag: "retry", val: string } }[]} */
export declare function failures(batch: WireBatch, answer: any): {
    index: number;
    failure: {
        tag: "retry";
        val: string;
    };
}[];
