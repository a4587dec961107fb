/**
 * What a function's call still waits for: its timers, its requests with their bodies, and streams that it reads.
 *
 * What holds: neither engine says whether its event loop is empty, so what could keep it going is counted, by functions that stand for the engine's own; they
 * are there before the function's module is. All else settles before the next turn of the loop: it is empty when nothing is counted for a whole turn.
 * @module
 */

/** @typedef {{ idle(): void, failed(error: unknown): void }} Watcher */

const scope = /** @type {any} */ (globalThis);

const BODY = ["arrayBuffer", "blob", "bytes", "formData", "json", "text"];
/** Methods with a promise that something outside of the program settles. @type {[string, string[]][]} */
const METHODS = [
  ["Request", BODY],
  ["Response", BODY],
  ["Blob", BODY],
  ["ReadableStream", ["pipeTo"]],
  ["ReadableStreamDefaultReader", ["read"]],
  ["ReadableStreamBYOBReader", ["read"]],
  ["WritableStreamDefaultWriter", ["write", "close"]],
  ["SubtleCrypto", ["decrypt", "deriveBits", "deriveKey", "digest", "encrypt", "exportKey", "generateKey", "importKey", "sign", "verify"]],
];

/** @type {{ setTimeout: any, clearTimeout: any } | undefined} the engine's */
let engine;
let pending = 0;
/** @type {Watcher | undefined} of the one call that there is */
let watcher;
/** @type {any} the timer that ends a turn */
let turn;

/** @param {Watcher} of the call that begins @returns {() => void} to be called at its end */
export function watch(of) {
  watcher = of;
  look();
  return () => {
    if (watcher !== of) return;
    watcher = undefined;
    engine?.clearTimeout(turn);
    turn = undefined;
  };
}

/** Ends the call that there is. @param {unknown} error */
export function fail(error) {
  watcher?.failed(error);
}

function look() {
  if (pending > 0 || !watcher || turn !== undefined) return;
  turn = engine?.setTimeout(() => {
    turn = undefined;
    if (pending > 0) return;
    try {
      watcher?.idle();
    } catch (error) {
      fail(error);
    }
  }, 0);
}

function release() {
  pending -= 1;
  look();
}

/** @param {any} promise @returns {any} itself */
function hold(promise) {
  if (typeof promise?.then !== "function") return promise;
  pending += 1;
  promise.then(release, release);
  return promise;
}

/** Puts what counts into the place of the engine's own, once. */
export function installPending() {
  if (engine) return;
  engine = { setTimeout: scope.setTimeout.bind(scope), clearTimeout: scope.clearTimeout.bind(scope) };
  installTimers(scope.setInterval.bind(scope), scope.clearInterval.bind(scope));
  count(scope, "fetch");
  for (const [name, methods] of METHODS) for (const method of methods) count(scope[name]?.prototype, method);
}

/** @param {any} owner @param {string} name */
function count(owner, name) {
  const own = owner?.[name];
  if (typeof own !== "function") return;
  owner[name] = function (/** @type {any[]} */ ...args) {
    return hold(own.apply(this, args));
  };
}

/** @param {any} setInterval the engine's @param {any} clearInterval */
function installTimers(setInterval, clearInterval) {
  const live = new Set();
  const begins = (/** @type {any} */ set, /** @type {boolean} */ isOnce) => (/** @type {any} */ callback, /** @type {any} */ ms, /** @type {any[]} */ ...args) => {
    if (typeof callback !== "function") return set(callback, ms, ...args);
    const timer = set(() => {
      // A call may have ended, and another one runs: who throws fails that one, as in Lambda.
      try {
        callback(...args);
      } catch (error) {
        if (!watcher) throw error;
        fail(error);
      } finally {
        if (isOnce) ends(timer);
      }
    }, ms);
    live.add(timer);
    pending += 1;
    return timer;
  };
  const ends = (/** @type {any} */ timer) => live.delete(timer) && release();
  const { setTimeout, clearTimeout } = /** @type {{ setTimeout: any, clearTimeout: any }} */ (engine);
  scope.setTimeout = begins(setTimeout, true);
  scope.setInterval = begins(setInterval, false);
  scope.clearTimeout = (/** @type {any} */ timer) => (ends(timer), clearTimeout(timer));
  scope.clearInterval = (/** @type {any} */ timer) => (ends(timer), clearInterval(timer));
  scope.setImmediate = (/** @type {any} */ callback, /** @type {any[]} */ ...args) => scope.setTimeout(callback, 0, ...args);
  scope.clearImmediate = scope.clearTimeout;
}
