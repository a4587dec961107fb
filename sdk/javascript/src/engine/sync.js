/** QuickJS, as it is built by default. @module */

/** What an await waits for would never come. */
export const waits = false;

/** A u64 of the contract's, as an argument: a BigInt traps there. @param {number | bigint} value @returns {any} */
export const u64 = (value) => Number(value);
