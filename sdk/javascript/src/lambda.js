/**
 * A Lambda handler of DynamoDB events as a plugin: `handler(event, context, callback)` runs as it is, `batchItemFailures` included.
 *
 * What holds: the event is the one that Lambda makes of these changes; a batch counts as Lambda counts it (lambda/result.js); a call ends when Lambda's
 * would (lambda/invoke.js). Nothing that can be said of the function itself waits for a change: a version without a handler is refused by the probe.
 * @module
 */

import { reason } from "./failure.js";
import { drive } from "./handler.js";
import { kindOf } from "./kind.js";
import { installConsole } from "./lambda/console.js";
import { context } from "./lambda/context.js";
import { toEvent } from "./lambda/event.js";
import { inspect } from "./lambda/inspect.js";
import { invoke } from "./lambda/invoke.js";
import { installPending } from "./lambda/pending.js";
import { installProcess, setEnvironment } from "./lambda/process.js";
import { failures } from "./lambda/result.js";
import { line } from "./log.js";

export { toEvent };

/** @typedef {import("./change.js").WireBatch} WireBatch */
/** @typedef {(event: any, context: any, callback?: any) => any} LambdaHandler */

/**
 * @param {() => LambdaHandler | Promise<LambdaHandler>} load called at the first batch: so the handler's module finds `process.env` when it is loaded
 * @param {{ name?: string }} [options] `name`: of the function, as Lambda's configuration has it: `index.handler`
 * @returns {import("./handler.js").Plugin}
 */
export function lambda(load, { name = "index.handler" } = {}) {
  installConsole();
  installPending();
  installProcess();
  /** @type {LambdaHandler | undefined} */
  let handler;
  return {
    handle(batch) {
      return drive(
        (function* () {
          try {
            setEnvironment(batch, name);
            handler ??= callable(yield load());
            // The host's probe: the module is loaded, and nothing is handled.
            if (batch.changes.length === 0) return [];
            return failures(batch, yield invoke(handler, toEvent(batch), context(batch)));
          } catch (error) {
            line("error", [error === undefined || error === null ? why(error) : inspect(error)]);
            throw { tag: "retry", val: why(error).toWellFormed() };
          }
        })(),
      );
    },
  };
}

/**
 * The function of this name: `handler`, or a path to one within an object, `orders.handler`.
 * @param {any} module its exports @param {string} name @returns {LambdaHandler}
 */
export function exported(module, name) {
  // Of a CommonJS module, esbuild makes one with a default.
  for (const scope of [module, module.default]) {
    const found = name.split(".").reduce((at, part) => at?.[part], scope);
    if (typeof found === "function") return found;
  }
  // As it was before there were names: `export default async (event) => …`.
  if (name === "handler" && typeof module.default === "function") return module.default;
  const found = { ...module.default, ...module };
  delete found.default;
  const told = Object.entries(found).map(([key, value]) => (typeof value === "function" ? `\`${key}\`` : `\`${key}\`, which is ${kindOf(value)}`));
  const others = told.length === 0 ? "it exports nothing" : `it exports ${told.join("; ")}`;
  const isThere = Object.values(found).some((value) => typeof value === "function");
  throw new TypeError(`the module exports no function \`${name}\`: ${others}${isThere ? ". `--handler NAME` builds with another" : ""}`);
}

/** @param {unknown} handler @returns {LambdaHandler} */
function callable(handler) {
  if (typeof handler !== "function") throw new TypeError(`the handler is ${kindOf(handler)}: a function is wanted`);
  return /** @type {LambdaHandler} */ (handler);
}

/** @param {unknown} error whatever was thrown @returns {string} */
function why(error) {
  if (error === undefined || error === null) return `the function failed without an error: ${error} was thrown`;
  return error instanceof Error || typeof error !== "object" ? reason(error) : inspect(error);
}
