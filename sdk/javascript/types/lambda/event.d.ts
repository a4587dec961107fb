/** The event that Lambda makes of a batch. @module */
export type WireBatch = import("../change.js").WireBatch;
export type WireChange = import("../change.js").WireChange;
/** @typedef {import("../change.js").WireBatch} WireBatch */
/** @typedef {import("../change.js").WireChange} WireChange */
/** @param {WireBatch} batch @returns {{ Records: any[] }} as Lambda hands it to a function */
export declare function toEvent(batch: WireBatch): {
    Records: any[];
};
