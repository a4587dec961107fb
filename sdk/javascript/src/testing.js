/**
 * Unit tests of a handler, in Node alone: `node --test`.
 *
 *     const host = new Host({ settings: { limit: 10 } });
 *     const failed = await run(plugin, [insert({ id: "o-1" }, { total: 12 })]);
 *     assert.deepEqual(host.counter("orders"), ["1"]);
 * @module
 */

import { currentHost } from "./host/recorder.js";
import { itemJson } from "./item.js";

export { Host } from "./host/recorder.js";

/** @typedef {import("./item.js").Item} Item */
/** @typedef {import("./change.js").WireChange} WireChange */
/** @typedef {import("./change.js").WireBatch} WireBatch */
/** @typedef {import("./handler.js").Plugin} Plugin */

/** @param {string} eventName @param {Item} keys @param {Item} [newImage] @param {Item} [oldImage] @returns {WireChange} */
function change(eventName, keys, newImage, oldImage) {
  const image = (/** @type {Item | undefined} */ item) => item && itemJson({ ...keys, ...item });
  return { eventId: "", eventName, sequenceNumber: "", createdMs: 1_767_225_600_000n, sizeBytes: 100n, keys: itemJson(keys), newImage: image(newImage), oldImage: image(oldImage) };
}

/** Images have the keys added to them. @param {Item} keys @param {Item} newImage */
export const insert = (keys, newImage) => change("insert", keys, newImage);
/** @param {Item} keys @param {Item} oldImage @param {Item} newImage */
export const modify = (keys, oldImage, newImage) => change("modify", keys, newImage, oldImage);
/** @param {Item} keys @param {Item} oldImage */
export const remove = (keys, oldImage) => change("remove", keys, undefined, oldImage);
/** As DynamoDB deletes what its time to live has passed. @param {Item} keys @param {Item} oldImage @returns {WireChange} */
export const expire = (keys, oldImage) => ({ ...remove(keys, oldImage), userIdentity: ["Service", "dynamodb.amazonaws.com"] });

/** @param {WireChange[]} changes @param {Partial<WireBatch>} [fields] @returns {WireBatch} event IDs and sequence numbers count from 1 */
export function batch(changes, fields = {}) {
  const numbered = changes.map((one, place) => ({ ...one, eventId: one.eventId || `event-${place + 1}`, sequenceNumber: one.sequenceNumber || String(place + 1) }));
  const streamArn = "arn:aws:dynamodb:us-east-1:123456789012:table/test/stream/2026-01-01T00:00:00.000";
  return { trigger: "test", table: "test", region: "us-east-1", streamArn, view: "new-and-old-images", shardId: "shardId-1", attempt: 1, ...fields, changes: numbered };
}

/**
 * Hands the changes to the plugin as one batch. Of those that did not fail, `host.held` says which are delivered again with one that did.
 * @param {Plugin} plugin @param {WireChange[] | WireBatch} changes
 * @returns {Promise<{ index: number, retry?: string, reject?: string }[]>} what failed, all of them where the batch failed as a whole
 */
export async function run(plugin, changes) {
  const wire = Array.isArray(changes) ? batch(changes) : changes;
  const host = currentHost();
  host.begin(wire.changes.length);
  try {
    const failed = await plugin.handle(wire);
    host.end(wire.changes, new Map(failed.map((/** @type {any} */ { index, failure }) => [index, failure.tag])));
    return failed.map((/** @type {any} */ { index, failure }) => ({ index, [failure.tag]: failure.val }));
  } catch (error) {
    const { tag, val } = /** @type {any} */ (error) ?? {};
    if (tag !== "retry" && tag !== "reject") throw error;
    host.settle("all");
    return wire.changes.map((_, index) => ({ index, [tag]: val }));
  }
}

/** For `host.onHttp` to throw: the server is away, or too slow. @param {string} [reason] @returns {Error} */
export function noAnswer(reason = "no answer") {
  return Object.assign(new Error(reason), { payload: { tag: "unavailable", val: reason } });
}

/** Asks as the host does before a version serves. @param {Plugin} plugin @param {Partial<WireBatch>} [fields] @returns {Promise<string | undefined>} why it would not serve */
export async function probe(plugin, fields) {
  const host = currentHost();
  host.begin(0);
  try {
    await plugin.handle(batch([], fields));
    return undefined;
  } catch (error) {
    return /** @type {any} */ (error)?.val ?? String(error);
  } finally {
    host.settle(new Set());
  }
}
