/**
 * A Lambda handler of DynamoDB events as a plugin: `handler(event, context, callback)` runs as it is, `batchItemFailures` included.
 *
 * What holds: the event is the one that Lambda makes of these changes; a batch counts as Lambda counts it (lambda/result.js); a call ends when Lambda's
 * would (lambda/invoke.js). Nothing that can be said of the function itself waits for a change: a version without a handler is refused by the probe.
 * @module
 */
import { toEvent } from "./lambda/event.js";
export { toEvent };
export type WireBatch = import("./change.js").WireBatch;
export type LambdaHandler = (event: any, context: any, callback?: any) => any;
/** @typedef {import("./change.js").WireBatch} WireBatch */
/** @typedef {(event: any, context: any, callback?: any) => any} LambdaHandler */
/**
 * @param {() => LambdaHandler | Promise<LambdaHandler>} load called at the first batch: so the handler's module finds `process.env` when it is loaded
 * @param {{ name?: string }} [options] `name`: of the function, as Lambda's configuration has it: `index.handler`
 * @returns {import("./handler.js").Plugin}
 */
export declare function lambda(load: () => LambdaHandler | Promise<LambdaHandler>, { name }?: {
    name?: string;
}): import("./handler.js").Plugin;
/**
 * The function of this name: `handler`, or a path to one within an object, `orders.handler`.
 * @param {any} module its exports @param {string} name @returns {LambdaHandler}
 */
export declare function exported(module: any, name: string): LambdaHandler;
