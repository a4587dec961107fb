/**
 * What a plugin exports: `export default onChange((change) => { … })`.
 *
 * What holds: an empty batch is the host's probe and never reaches the handler; a change that fails stops no other, since the host itself
 * delivers later changes of the same item again with it.
 * @module
 */
import { Batch, Origin } from "./change.js";
export type Item = import("./item.js").Item;
export type WireBatch = import("./change.js").WireBatch;
export type FailedChange = {
    index: number;
    failure: import("./failure.js").WireFailure;
};
export type Plugin = {
    handle(batch: WireBatch): any;
};
export type Options = {
    /**
     * asked before a new version serves: throw where it cannot, as with wrong settings
     */
    probe?: (origin: Origin) => void | Promise<void>;
};
/** @typedef {import("./item.js").Item} Item */
/** @typedef {import("./change.js").WireBatch} WireBatch */
/** @typedef {{ index: number, failure: import("./failure.js").WireFailure }} FailedChange */
/** @typedef {{ handle(batch: WireBatch): any }} Plugin what the component exports as `handler` */
/** @typedef {object} Options
 * @property {(origin: Origin) => void | Promise<void>} [probe] asked before a new version serves: throw where it cannot, as with wrong settings
 */
/**
 * A handler of one change at a time, in order. What it throws fails the change.
 * @template {object} [T=Item]
 * @template {object} [K=Item]
 * @param {(change: import("./change.js").Change<T, K>, origin: Origin) => void | Promise<void>} handler
 * @param {Options} [options]
 * @returns {Plugin}
 */
export declare function onChange<T extends object = Item, K extends object = Item>(handler: (change: import("./change.js").Change<T, K>, origin: Origin) => void | Promise<void>, options?: Options): Plugin;
/**
 * A handler of whole batches. `batch.fail(change, error)` fails one change; what it throws fails all of them.
 * @template {object} [T=Item]
 * @template {object} [K=Item]
 * @param {(batch: Batch<T, K>) => void | Promise<void>} handler
 * @param {Options} [options]
 * @returns {Plugin}
 */
export declare function onBatch<T extends object = Item, K extends object = Item>(handler: (batch: Batch<T, K>) => void | Promise<void>, options?: Options): Plugin;
/** Runs to the end; waits for what is yielded where it is a promise. @template T @param {Generator<any, T, any>} steps @returns {T | Promise<T>} */
export declare function drive<T>(steps: Generator<any, T, any>): T | Promise<T>;
