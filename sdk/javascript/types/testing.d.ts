/**
 * Unit tests of a handler, in Node alone: `node --test`.
 *
 *     const host = new Host({ settings: { limit: 10 } });
 *     const failed = await run(plugin, [insert({ id: "o-1" }, { total: 12 })]);
 *     assert.deepEqual(host.counter("orders"), ["1"]);
 * @module
 */
export { Host } from "./host/recorder.js";
export type Item = import("./item.js").Item;
export type WireChange = import("./change.js").WireChange;
export type WireBatch = import("./change.js").WireBatch;
export type Plugin = import("./handler.js").Plugin;
/** Images have the keys added to them. @param {Item} keys @param {Item} newImage */
export declare const insert: (keys: Item, newImage: Item) => import("./change.js").WireChange;
/** @param {Item} keys @param {Item} oldImage @param {Item} newImage */
export declare const modify: (keys: Item, oldImage: Item, newImage: Item) => import("./change.js").WireChange;
/** @param {Item} keys @param {Item} oldImage */
export declare const remove: (keys: Item, oldImage: Item) => import("./change.js").WireChange;
/** As DynamoDB deletes what its time to live has passed. @param {Item} keys @param {Item} oldImage @returns {WireChange} */
export declare const expire: (keys: Item, oldImage: Item) => WireChange;
/** @param {WireChange[]} changes @param {Partial<WireBatch>} [fields] @returns {WireBatch} event IDs and sequence numbers count from 1 */
export declare function batch(changes: WireChange[], fields?: Partial<WireBatch>): WireBatch;
/**
 * Hands the changes to the plugin as one batch. Of those that did not fail, `host.held` says which are delivered again with one that did.
 * @param {Plugin} plugin @param {WireChange[] | WireBatch} changes
 * @returns {Promise<{ index: number, retry?: string, reject?: string }[]>} what failed, all of them where the batch failed as a whole
 */
export declare function run(plugin: Plugin, changes: WireChange[] | WireBatch): Promise<{
    index: number;
    retry?: string;
    reject?: string;
}[]>;
/** For `host.onHttp` to throw: the server is away, or too slow. @param {string} [reason] @returns {Error} */
export declare function noAnswer(reason?: string): Error;
/** Asks as the host does before a version serves. @param {Plugin} plugin @param {Partial<WireBatch>} [fields] @returns {Promise<string | undefined>} why it would not serve */
export declare function probe(plugin: Plugin, fields?: Partial<WireBatch>): Promise<string | undefined>;
