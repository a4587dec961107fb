/**
 * What happened to an item, and the batch that it came in.
 *
 * What holds: images are read when they are looked at, once. A change knows its place in the batch, and tells it to nobody but this SDK.
 * @module
 */
export type Item = import("./item.js").Item;
export type View = "keys-only" | "new-image" | "old-image" | "new-and-old-images";
export type WireChange = {
    eventId: string;
    eventName: string;
    sequenceNumber: string;
    createdMs: bigint | number;
    sizeBytes: bigint | number;
    userIdentity?: [string, string] | null;
    keys: string;
    newImage?: string | null;
    oldImage?: string | null;
};
export type WireBatch = {
    trigger: string;
    table: string;
    region: string;
    streamArn: string;
    view: View;
    shardId: string;
    attempt: number;
    changes: WireChange[];
};
/** The change's place in its batch, which is what the host knows it by. @param {Change<any, any>} change @returns {number} */
export declare function placeOf(change: Change<any, any>): number;
/**
 * One change of an item.
 * @template {object} [T=Item] the item's type, as the author knows it: it is not checked
 * @template {object} [K=Item] that of its keys
 */
export declare class Change<T extends object = Item, K extends object = Item> {
    #private;
    /** @readonly unique for each change: an idempotency key for effects elsewhere @type {string} */
    eventId: string;
    /** @readonly @type {"INSERT" | "MODIFY" | "REMOVE"} */
    eventName: "INSERT" | "MODIFY" | "REMOVE";
    /** @readonly decimal digits, up to 40 @type {string} */
    sequenceNumber: string;
    /** @readonly when it was made, in milliseconds since 1970; AWS cuts it to the second @type {number} */
    createdMs: number;
    /** @readonly @type {number} */
    sizeBytes: number;
    /** @readonly set where DynamoDB itself made the change @type {{ type: string, principalId: string } | undefined} */
    userIdentity: {
        type: string;
        principalId: string;
    } | undefined;
    /** @readonly as DynamoDB JSON @type {string} */
    keysJson: string;
    /** @readonly as DynamoDB JSON @type {string | undefined} */
    newImageJson: string | undefined;
    /** @readonly as DynamoDB JSON @type {string | undefined} */
    oldImageJson: string | undefined;
    /** @param {WireChange} wire @param {number} place */
    constructor(wire: WireChange, place: number);
    /** @returns {K} */
    get keys(): K;
    /** The item after the change, where the view has it and the change left an item. @returns {T | undefined} */
    get newImage(): T | undefined;
    /** The item before the change, where the view has it and there was one. @returns {T | undefined} */
    get oldImage(): T | undefined;
    /** Deleted by DynamoDB since its time to live had passed. */
    get isExpiry(): boolean;
    /**
     * Top-level attributes in which the images differ, in order of their names; 1.0 is 1, and sets have no order. Wants both images.
     * @returns {{ name: string, before: any, after: any }[]} undefined where there is none
     */
    differences(): {
        name: string;
        before: any;
        after: any;
    }[];
}
/** Where changes come from. */
export declare class Origin {
    /** @readonly */ trigger: string;
    /** @readonly */ table: string;
    /** @readonly */ region: string;
    /** @readonly */ streamArn: string;
    /** @readonly what the trigger may see; the stream itself may hold more */ view: View;
    /** @readonly */ shardId: string;
    /** @readonly 1 for the first delivery of these changes */ attempt: number;
    /** @param {Omit<WireBatch, "changes">} wire */
    constructor(wire: Omit<WireBatch, "changes">);
}
/**
 * Changes of one shard, in stream order.
 * @template {object} [T=Item]
 * @template {object} [K=Item]
 */
export declare class Batch<T extends object = Item, K extends object = Item> extends Origin {
    #private;
    /** @readonly @type {Change<T, K>[]} */
    changes: Change<T, K>[];
    /** @param {WireBatch} wire */
    constructor(wire: WireBatch);
    [Symbol.iterator](): ArrayIterator<Change<T, K>>;
    /** This change failed; others did not. Its first failure stands. @param {Change<T, K>} change @param {unknown} error as if it had been thrown */
    fail(change: Change<T, K>, error: unknown): void;
    /** @returns {[number, unknown][]} by place */
    get failed(): [number, unknown][];
}
