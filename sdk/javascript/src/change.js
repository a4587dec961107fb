/**
 * What happened to an item, and the batch that it came in.
 *
 * What holds: images are read when they are looked at, once. A change knows its place in the batch, and tells it to nobody but this SDK.
 * @module
 */

import { unfit } from "./failure.js";
import { parseItem, readValue, sameValue } from "./item.js";

/** @typedef {import("./item.js").Item} Item */
/** @typedef {"keys-only" | "new-image" | "old-image" | "new-and-old-images"} View */
/** @typedef {{ eventId: string, eventName: string, sequenceNumber: string, createdMs: bigint | number, sizeBytes: bigint | number, userIdentity?: [string, string] | null, keys: string, newImage?: string | null, oldImage?: string | null }} WireChange */
/** @typedef {{ trigger: string, table: string, region: string, streamArn: string, view: View, shardId: string, attempt: number, changes: WireChange[] }} WireBatch */

/** @type {WeakMap<object, number>} */
const places = new WeakMap();

/** The change's place in its batch, which is what the host knows it by. @param {Change<any, any>} change @returns {number} */
export function placeOf(change) {
  const place = places.get(change);
  if (place === undefined) throw unfit(new TypeError("this takes the change that the handler was given, as its first argument"));
  return place;
}

/**
 * One change of an item.
 * @template {object} [T=Item] the item's type, as the author knows it: it is not checked
 * @template {object} [K=Item] that of its keys
 */
export class Change {
  /** @type {T | undefined} */ #new;
  /** @type {T | undefined} */ #old;
  /** @type {K | undefined} */ #keys;

  /** @param {WireChange} wire @param {number} place */
  constructor(wire, place) {
    places.set(this, place);
    /** @readonly unique for each change: an idempotency key for effects elsewhere @type {string} */
    this.eventId = wire.eventId;
    /** @readonly @type {"INSERT" | "MODIFY" | "REMOVE"} */
    this.eventName = /** @type {any} */ (wire.eventName.toUpperCase());
    /** @readonly decimal digits, up to 40 @type {string} */
    this.sequenceNumber = wire.sequenceNumber;
    /** @readonly when it was made, in milliseconds since 1970; AWS cuts it to the second @type {number} */
    this.createdMs = Number(wire.createdMs);
    /** @readonly @type {number} */
    this.sizeBytes = Number(wire.sizeBytes);
    /** @readonly set where DynamoDB itself made the change @type {{ type: string, principalId: string } | undefined} */
    this.userIdentity = wire.userIdentity ? { type: wire.userIdentity[0], principalId: wire.userIdentity[1] } : undefined;
    /** @readonly as DynamoDB JSON @type {string} */
    this.keysJson = wire.keys;
    /** @readonly as DynamoDB JSON @type {string | undefined} */
    this.newImageJson = wire.newImage ?? undefined;
    /** @readonly as DynamoDB JSON @type {string | undefined} */
    this.oldImageJson = wire.oldImage ?? undefined;
  }

  /** @returns {K} */
  get keys() {
    return (this.#keys ??= /** @type {K} */ (parseItem(this.keysJson)));
  }

  /** The item after the change, where the view has it and the change left an item. @returns {T | undefined} */
  get newImage() {
    if (this.newImageJson === undefined) return undefined;
    return (this.#new ??= /** @type {T} */ (parseItem(this.newImageJson)));
  }

  /** The item before the change, where the view has it and there was one. @returns {T | undefined} */
  get oldImage() {
    if (this.oldImageJson === undefined) return undefined;
    return (this.#old ??= /** @type {T} */ (parseItem(this.oldImageJson)));
  }

  /** Deleted by DynamoDB since its time to live had passed. */
  get isExpiry() {
    return this.eventName === "REMOVE" && this.userIdentity?.principalId === "dynamodb.amazonaws.com";
  }

  /**
   * Top-level attributes in which the images differ, in order of their names; 1.0 is 1, and sets have no order. Wants both images.
   * @returns {{ name: string, before: any, after: any }[]} undefined where there is none
   */
  differences() {
    const before = this.oldImageJson === undefined ? {} : JSON.parse(this.oldImageJson);
    const after = this.newImageJson === undefined ? {} : JSON.parse(this.newImageJson);
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    const read = (/** @type {any} */ wire) => (wire === undefined ? undefined : readValue(wire));
    return names
      .filter((name) => !sameValue(before[name], after[name]))
      .map((name) => ({ name, before: read(before[name]), after: read(after[name]) }));
  }
}

/** Where changes come from. */
export class Origin {
  /** @param {Omit<WireBatch, "changes">} wire */
  constructor(wire) {
    /** @readonly */ this.trigger = wire.trigger;
    /** @readonly */ this.table = wire.table;
    /** @readonly */ this.region = wire.region;
    /** @readonly */ this.streamArn = wire.streamArn;
    /** @readonly what the trigger may see; the stream itself may hold more */ this.view = wire.view;
    /** @readonly */ this.shardId = wire.shardId;
    /** @readonly 1 for the first delivery of these changes */ this.attempt = wire.attempt;
  }
}

/**
 * Changes of one shard, in stream order.
 * @template {object} [T=Item]
 * @template {object} [K=Item]
 */
export class Batch extends Origin {
  /** @type {Map<number, unknown>} */ #failed = new Map();

  /** @param {WireBatch} wire */
  constructor(wire) {
    super(wire);
    /** @readonly @type {Change<T, K>[]} */
    this.changes = wire.changes.map((change, place) => new Change(change, place));
  }

  [Symbol.iterator]() {
    return this.changes[Symbol.iterator]();
  }

  /** This change failed; others did not. Its first failure stands. @param {Change<T, K>} change @param {unknown} error as if it had been thrown */
  fail(change, error) {
    const place = placeOf(change);
    if (!this.#failed.has(place)) this.#failed.set(place, error);
  }

  /** @returns {[number, unknown][]} by place */
  get failed() {
    return [...this.#failed].sort(([one], [other]) => one - other);
  }
}
