/** QuickJS, as it is built by default. @module */
/** What an await waits for would never come. */
export declare const waits = false;
/** A u64 of the contract's, as an argument: a BigInt traps there. @param {number | bigint} value @returns {any} */
export declare const u64: (value: number | bigint) => any;
