/**
 * A Lambda handler of DynamoDB events as a plugin: `handler(event, context)` runs as it is, `batchItemFailures` included.
 *
 * What holds: the event is the one that Lambda makes of these changes; a batch counts as Lambda counts it: the lowest sequence number that is named fails
 * with all after it; an empty or unknown name, or a throw, fails all; an empty list or none, nothing.
 * @module
 */

import { reason } from "./failure.js";
import { drive } from "./handler.js";
import { line } from "./log.js";
import * as settings from "./settings.js";

/** @typedef {import("./change.js").WireBatch} WireBatch */
/** @typedef {import("./change.js").WireChange} WireChange */
/** @typedef {(event: any, context: any, callback?: any) => any} LambdaHandler */

const ENVIRONMENT = { AWS_EXECUTION_ENV: "tripline", LAMBDA_TASK_ROOT: "/", TZ: ":UTC" };
/** The host's own default for a call. A trigger with another limit says so in the setting `timeout_ms`. */
const TIMEOUT_MS = 10_000;

/**
 * @param {() => LambdaHandler | Promise<LambdaHandler>} load called at the first batch: so the handler's module finds `process.env` when it is loaded
 * @returns {import("./handler.js").Plugin}
 */
export function lambda(load) {
  /** @type {LambdaHandler | undefined} */
  let handler;
  return {
    handle(batch) {
      return drive(
        (function* () {
          try {
            surroundings(batch);
            handler ??= /** @type {LambdaHandler} */ (yield load());
            // The host's probe: the module is loaded, and nothing is handled.
            if (batch.changes.length === 0) return [];
            const result = yield call(handler, toEvent(batch), context(batch));
            return failures(batch, result);
          } catch (error) {
            line("error", [error]);
            throw { tag: "retry", val: reason(error).toWellFormed() };
          }
        })(),
      );
    },
  };
}

/** The settings are the environment; `console` is the host's log. @param {WireBatch} batch */
function surroundings(batch) {
  const scope = /** @type {any} */ (globalThis);
  const own = { AWS_REGION: batch.region, AWS_DEFAULT_REGION: batch.region, AWS_LAMBDA_FUNCTION_NAME: batch.trigger, AWS_LAMBDA_FUNCTION_VERSION: "$LATEST" };
  scope.process ??= {};
  scope.process.env = { ...scope.process.env, ...ENVIRONMENT, ...own, ...settings.all() };
  const level = (/** @type {string} */ name) => (/** @type {unknown[]} */ ...parts) => line(name, parts);
  scope.console = Object.assign(scope.console ?? {}, {
    log: level("info"),
    info: level("info"),
    debug: level("debug"),
    trace: level("trace"),
    warn: level("warn"),
    error: level("error"),
  });
}

/** A third parameter is Node's callback, which then has the result. @param {LambdaHandler} handler @param {any} event @param {any} context */
function call(handler, event, context) {
  if (typeof handler !== "function") throw new TypeError("the module exports no function `handler`");
  if (handler.length < 3) return handler(event, context);
  return new Promise((resolve, reject) => {
    const done = (/** @type {unknown} */ error, /** @type {unknown} */ result) => (error == null ? resolve(result) : reject(error));
    const returned = handler(event, context, done);
    if (typeof returned?.then === "function") returned.then(resolve, reject);
  });
}

/** @param {WireBatch} batch @returns {{ Records: any[] }} as Lambda hands it to a function */
export function toEvent(batch) {
  return { Records: batch.changes.map((change) => record(batch, change)) };
}

/** @param {WireBatch} batch @param {WireChange} change */
function record(batch, change) {
  const [type, principalId] = change.userIdentity ?? [];
  return {
    eventID: change.eventId,
    eventName: change.eventName.toUpperCase(),
    eventVersion: "1.1",
    eventSource: "aws:dynamodb",
    awsRegion: batch.region,
    dynamodb: {
      ApproximateCreationDateTime: Number(change.createdMs) / 1000,
      Keys: JSON.parse(change.keys),
      ...(change.newImage != null && { NewImage: JSON.parse(change.newImage) }),
      ...(change.oldImage != null && { OldImage: JSON.parse(change.oldImage) }),
      SequenceNumber: change.sequenceNumber,
      SizeBytes: Number(change.sizeBytes),
      StreamViewType: batch.view.toUpperCase().replaceAll("-", "_"),
    },
    ...(type !== undefined && { userIdentity: { type, principalId } }),
    eventSourceARN: batch.streamArn,
  };
}

/** @param {WireBatch} batch */
function context(batch) {
  const began = Date.now();
  const timeout = Number(settings.get("timeout_ms") ?? TIMEOUT_MS);
  return {
    functionName: batch.trigger,
    functionVersion: "$LATEST",
    invokedFunctionArn: `arn:aws:lambda:${batch.region}:000000000000:function:${batch.trigger}`,
    memoryLimitInMB: "128",
    awsRequestId: `${batch.changes[0].eventId}-${batch.attempt}`,
    logGroupName: `/aws/lambda/${batch.trigger}`,
    logStreamName: batch.shardId,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, timeout - (Date.now() - began)),
  };
}

/** @param {WireBatch} batch @param {any} result @returns {{ index: number, failure: { tag: "retry", val: string } }[]} */
function failures(batch, result) {
  const named = result?.batchItemFailures;
  if (named == null) return [];
  if (!Array.isArray(named)) throw new TypeError("batchItemFailures is no list");
  const places = named.map((one) => {
    const place = batch.changes.findIndex((change) => change.sequenceNumber === one?.itemIdentifier);
    if (place < 0) throw new RangeError(`batchItemFailures names \`${one?.itemIdentifier ?? ""}\`, which is no sequence number of this batch`);
    return place;
  });
  if (places.length === 0) return [];
  const numbers = places.map((place) => BigInt(batch.changes[place].sequenceNumber));
  const lowest = numbers.reduce((one, other) => (other < one ? other : one));
  const after = (/** @type {WireChange} */ change) => BigInt(change.sequenceNumber) >= lowest;
  const why = (/** @type {number} */ index) => (places.includes(index) ? "named in batchItemFailures" : "after one that is named in batchItemFailures");
  return batch.changes.flatMap((change, index) => (after(change) ? [{ index, failure: { tag: /** @type {const} */ ("retry"), val: why(index) } }] : []));
}
