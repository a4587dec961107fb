/**
 * `process`, as far as functions use it: the trigger's settings are its environment.
 *
 * What holds: what the engine has already is left as it is, but for `env`. It names no version: a package that asks for Node's must not find one.
 * @module
 */

import { line } from "../log.js";
import * as settings from "../settings.js";
import { fail } from "./pending.js";

const ENVIRONMENT = {
  AWS_EXECUTION_ENV: "tripline",
  AWS_LAMBDA_INITIALIZATION_TYPE: "on-demand",
  // The host's default. A trigger with another limit says so in its settings, which go before these.
  AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "128",
  LAMBDA_TASK_ROOT: "/",
  LANG: "en_US.UTF-8",
  TZ: ":UTC",
};

/** @param {import("../change.js").WireBatch} batch @param {string} handler */
export function setEnvironment(batch, handler) {
  const { process } = /** @type {any} */ (globalThis);
  const own = {
    AWS_REGION: batch.region,
    AWS_DEFAULT_REGION: batch.region,
    AWS_LAMBDA_FUNCTION_NAME: batch.trigger,
    AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${batch.trigger}`,
    AWS_LAMBDA_LOG_STREAM_NAME: batch.shardId,
    _HANDLER: handler,
  };
  process.env = { ...process.env, ...ENVIRONMENT, ...own, ...settings.all() };
}

/** To be called once. */
export function installProcess() {
  const scope = /** @type {any} */ (globalThis);
  scope.process ??= {};
  const now = () => scope.performance?.now() ?? Date.now();
  const hrtime = (/** @type {[number, number] | undefined} */ since) => {
    const ns = BigInt(Math.round(now() * 1e6)) - (since ? BigInt(since[0]) * 1_000_000_000n + BigInt(since[1]) : 0n);
    return [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)];
  };
  const shims = {
    env: {},
    argv: [],
    nextTick: (/** @type {Function} */ callback, /** @type {any[]} */ ...args) => scope.queueMicrotask(() => callback(...args)),
    hrtime: Object.assign(hrtime, { bigint: () => BigInt(Math.round(now() * 1e6)) }),
    uptime: () => now() / 1000,
    cwd: () => "/",
    // Nobody sends signals here, and nothing of it is told before an instance ends.
    ...Object.fromEntries(["on", "once", "off", "emit", "addListener", "removeListener", "removeAllListeners"].map((name) => [name, () => scope.process])),
    stdout: stream("info"),
    stderr: stream("error"),
    exit(/** @type {number} */ code = 0) {
      const error = new Error(`the function called process.exit(${code})`);
      fail(error);
      throw error;
    },
  };
  for (const [name, shim] of Object.entries(shims)) scope.process[name] ??= shim;
}

/** What is written in one piece is one line. @param {string} level */
function stream(level) {
  return {
    isTTY: false,
    write(/** @type {unknown} */ chunk) {
      line(level, [(typeof chunk === "string" ? chunk : new (/** @type {any} */ (globalThis).TextDecoder)().decode(chunk)).replace(/\n$/, "")]);
      return true;
    },
  };
}
