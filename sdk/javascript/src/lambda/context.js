/** The second argument of a function. @module */

import * as settings from "../settings.js";

/** The host's own default for a call. A trigger with another limit says so in the setting `timeout_ms`. */
const TIMEOUT_MS = 10_000;

/** `done`, `succeed` and `fail` are the call's own: invoke.js adds them. @param {import("../change.js").WireBatch} batch */
export function context(batch) {
  const began = Date.now();
  const timeout = Number(settings.get("timeout_ms") ?? TIMEOUT_MS);
  const { env } = /** @type {any} */ (globalThis).process;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: batch.trigger,
    functionVersion: "$LATEST",
    invokedFunctionArn: `arn:aws:lambda:${batch.region}:000000000000:function:${batch.trigger}`,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    awsRequestId: `${batch.changes[0].eventId}-${batch.attempt}`,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    identity: undefined,
    clientContext: undefined,
    getRemainingTimeInMillis: () => Math.max(0, timeout - (Date.now() - began)),
  };
}
