/** Exact counters and sums, committed with the change that they belong to, or not at all. Wants `grants = { counters = true }`. @module */
/**
 * @param {import("./change.js").Change<any, any>} change
 * @param {string} name `[a-z][a-z0-9_]*`, at most 64 characters
 * @param {Record<string, string>} [labels] at most 8
 * @param {import("./item.js").Num | number | bigint | string} [delta] exact; 1 by default
 */
export declare function add(change: import("./change.js").Change<any, any>, name: string, labels?: Record<string, string>, delta?: import("./item.js").Num | number | bigint | string): void;
