/** The trigger's own key-value state: writes commit with the change that they belong to, or not at all. Wants `grants = { state = true }`. @module */
export type AnyChange = import("./change.js").Change<any, any>;
export type SetOptions = {
    expires?: Date | number;
};
/** @typedef {import("./change.js").Change<any, any>} AnyChange */
/** @typedef {{ expires?: Date | number }} SetOptions expires: a time, or milliseconds since 1970, after which the entry is as good as deleted */
/** @param {AnyChange} change @param {string} key @returns {Uint8Array | undefined} */
export declare function get(change: AnyChange, key: string): Uint8Array | undefined;
/** Many at once, which is quicker. @param {[AnyChange, string][]} reads @returns {(Uint8Array | undefined)[]} in their order */
export declare function getMany(reads: [AnyChange, string][]): (Uint8Array | undefined)[];
/** @param {AnyChange} change @param {string} key @returns {string | undefined} */
export declare function getText(change: AnyChange, key: string): string | undefined;
/** @param {AnyChange} change @param {string} key @returns {any} what `setJson` was given, numbers as JavaScript's own; undefined where there is nothing */
export declare function getJson(change: AnyChange, key: string): any;
/** @param {AnyChange} change @param {string} key at most 2 KiB @param {Uint8Array | string} value at most 256 KiB @param {SetOptions} [options] */
export declare function set(change: AnyChange, key: string, value: Uint8Array | string, options?: SetOptions): void;
/**
 * What JSON cannot hold is refused, with its path: a Set, a Uint8Array. A `Num` or bigint is a number in it, and refused where that would not be exact: `n.text` is text.
 * @param {AnyChange} change @param {string} key @param {any} value @param {SetOptions} [options]
 */
export declare function setJson(change: AnyChange, key: string, value: any, options?: SetOptions): void;
/** @param {AnyChange} change @param {string} key */
declare function remove(change: AnyChange, key: string): void;
export { remove as delete };
