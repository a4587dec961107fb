/** StarlingMonkey and Node. @module */
/** Promises settle before the call returns. */
export declare const waits = true;
/** A u64 of the contract's, as an argument. @param {number | bigint} value @returns {any} */
export declare const u64: (value: number | bigint) => any;
