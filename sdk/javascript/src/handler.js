/**
 * What a plugin exports: `export default onChange((change) => { … })`.
 *
 * What holds: an empty batch is the host's probe and never reaches the handler; a change that fails stops no other, since the host itself
 * delivers later changes of the same item again with it.
 * @module
 */

import { waits } from "#engine";
import { Batch, Origin } from "./change.js";
import { Failure, reject, toWire } from "./failure.js";
import { line } from "./log.js";

/** @typedef {import("./item.js").Item} Item */
/** @typedef {import("./change.js").WireBatch} WireBatch */
/** @typedef {{ index: number, failure: import("./failure.js").WireFailure }} FailedChange */
/** @typedef {{ handle(batch: WireBatch): any }} Plugin what the component exports as `handler` */

/** @typedef {object} Options
 * @property {(origin: Origin) => void | Promise<void>} [probe] asked before a new version serves: throw where it cannot, as with wrong settings
 */

/**
 * A handler of one change at a time, in order. What it throws fails the change.
 * @template {object} [T=Item]
 * @template {object} [K=Item]
 * @param {(change: import("./change.js").Change<T, K>, origin: Origin) => void | Promise<void>} handler
 * @param {Options} [options]
 * @returns {Plugin}
 */
export function onChange(handler, options = {}) {
  return plugin(options, function* (/** @type {Batch<T, K>} */ batch) {
    for (const change of batch) {
      try {
        yield handler(change, batch);
      } catch (error) {
        batch.fail(change, error);
      }
    }
  });
}

/**
 * A handler of whole batches. `batch.fail(change, error)` fails one change; what it throws fails all of them.
 * @template {object} [T=Item]
 * @template {object} [K=Item]
 * @param {(batch: Batch<T, K>) => void | Promise<void>} handler
 * @param {Options} [options]
 * @returns {Plugin}
 */
export function onBatch(handler, options = {}) {
  return plugin(options, function* (/** @type {Batch<T, K>} */ batch) {
    yield handler(batch);
  });
}

/** @param {Options} options @param {(batch: Batch<any, any>) => Generator} handle @returns {Plugin} */
function plugin(options, handle) {
  return {
    handle(wire) {
      return drive(answer(wire, options, handle));
    },
  };
}

/** @param {WireBatch} wire @param {Options} options @param {(batch: Batch<any, any>) => Generator} handle @returns {Generator<any, FailedChange[], any>} */
function* answer(wire, options, handle) {
  try {
    if (wire.changes.length === 0) {
      yield options.probe?.(new Origin(wire));
      return [];
    }
    const batch = new Batch(wire);
    yield* handle(batch);
    return batch.failed.map(([index, error]) => ({ index, failure: told(error) }));
  } catch (error) {
    // Not an Error: both engines take what is thrown here for the error of the contract.
    throw told(error);
  }
}

/** A bug's stack is in the log alone: the reason has no room for it. @param {unknown} error */
function told(error) {
  if (!(error instanceof Failure)) line("error", [error]);
  return toWire(error);
}

/** Runs to the end; waits for what is yielded where it is a promise. @template T @param {Generator<any, T, any>} steps @returns {T | Promise<T>} */
export function drive(steps) {
  let step = steps.next();
  while (!step.done) {
    const value = step.value;
    if (typeof value?.then === "function") {
      if (waits) return finish(steps, value);
      const why = "this handler is async, and QuickJS cannot wait: build with `--engine starlingmonkey`, or return no promise";
      // What it rejects with would be lost.
      value.then(undefined, () => {});
      step = steps.throw(reject(why));
    } else {
      step = steps.next(value);
    }
  }
  return step.value;
}

/** @template T @param {Generator<any, T, any>} steps @param {any} first @returns {Promise<T>} */
async function finish(steps, first) {
  let waiting = first;
  for (;;) {
    let step;
    try {
      const value = await waiting;
      step = () => steps.next(value);
    } catch (error) {
      step = () => steps.throw(error);
    }
    const { done, value } = step();
    if (done) return value;
    waiting = value;
  }
}
