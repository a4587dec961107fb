/**
 * One call of a function, in any of the styles that Lambda has had.
 *
 * What holds: `context.done`, `succeed` and `fail`, an error for the callback, and a promise that settles end the call at once; the callback's result and a
 * function that is not async end it when nothing is left to wait for, unless `context.callbackWaitsForEmptyEventLoop` is false. Whoever is first has it. An async function
 * that waits for nothing any more has failed.
 * @module
 */

import { watch } from "./pending.js";

const NEVER =
  "the handler's promise can never settle: no timer and no request is left that it could wait for. Resolve it on every path; where a library is to call back, does it?";

/** @param {any} value */
const isPromise = (value) => typeof value?.then === "function";

/** @param {Function} handler @param {any} event @param {any} context gets what ends the call @returns {Promise<any>} what the function answers */
export function invoke(handler, event, context) {
  return new Promise((resolve, reject) => {
    /** @type {{ result: any } | undefined} */
    let called;
    /** @type {any} */
    let returned;
    const idle = () => {
      if (called) succeed(called.result);
      else if (isPromise(returned)) fail(new Error(NEVER));
      else succeed(ofSync(returned));
    };
    const stop = watch({ idle, failed: (error) => fail(error) });
    const succeed = (/** @type {any} */ result) => (stop(), resolve(result));
    const fail = (/** @type {unknown} */ error) => (stop(), reject(error));
    const callback = (/** @type {unknown} */ error, /** @type {any} */ result) => {
      if (error !== undefined && error !== null) return fail(error);
      called ??= { result };
      if (!context.callbackWaitsForEmptyEventLoop) succeed(called.result);
    };
    context.done = (/** @type {unknown} */ error, /** @type {any} */ result) => (error === undefined || error === null ? succeed(result) : fail(error));
    context.succeed = succeed;
    context.fail = (/** @type {unknown} */ error) => fail(error ?? "handled");
    try {
      returned = handler(event, context, callback);
      if (isPromise(returned)) returned.then((/** @type {any} */ result) => succeed(called ? called.result : result), fail);
    } catch (error) {
      fail(error);
    }
  });
}

/** Lambda leaves out what a function returns that is not async. Here what it has failed counts, and nothing else. @param {any} returned */
const ofSync = (returned) => (returned?.batchItemFailures == null ? undefined : { batchItemFailures: returned.batchItemFailures });
