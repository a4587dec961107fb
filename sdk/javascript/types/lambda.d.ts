/**
 * A Lambda handler of DynamoDB events as a plugin: `handler(event, context)` runs as it is, `batchItemFailures` included.
 *
 * What holds: the event is the one that Lambda makes of these changes; a batch counts as Lambda counts it: the lowest sequence number that is named fails
 * with all after it; an empty or unknown name, or a throw, fails all; an empty list or none, nothing.
 * @module
 */
export type WireBatch = import("./change.js").WireBatch;
export type WireChange = import("./change.js").WireChange;
export type LambdaHandler = (event: any, context: any, callback?: any) => any;
/**
 * @param {() => LambdaHandler | Promise<LambdaHandler>} load called at the first batch: so the handler's module finds `process.env` when it is loaded
 * @returns {import("./handler.js").Plugin}
 */
export declare function lambda(load: () => LambdaHandler | Promise<LambdaHandler>): import("./handler.js").Plugin;
/** @param {WireBatch} batch @returns {{ Records: any[] }} as Lambda hands it to a function */
export declare function toEvent(batch: WireBatch): {
    Records: any[];
};
