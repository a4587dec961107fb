/**
 * One call of a function, in any of the styles that Lambda has had.
 *
 * What holds: `context.done`, `succeed` and `fail`, an error for the callback, and a promise that settles end the call at once; the callback's result and a
 * function that is not async end it when nothing is left to wait for, unless `context.callbackWaitsForEmptyEventLoop` is false. Whoever is first has it. An async function
 * that waits for nothing any more has failed.
 * @module
 */
/** @param {Function} handler @param {any} event @param {any} context gets what ends the call @returns {Promise<any>} what the function answers */
export declare function invoke(handler: Function, event: any, context: any): Promise<any>;
