/**
 * Why a change failed, and what the host is to do about it.
 *
 * What holds: every error becomes one of two: deliver again, or give up. Errors of the host and of this SDK know which; any other error is delivered again.
 * @module
 */

/** @typedef {{ tag: "retry" | "reject", val: string }} WireFailure */

/** Throw it in a handler: `throw retry("the other side is busy")`. */
export class Failure extends Error {
  /** @param {"retry" | "reject"} kind @param {string} reason @param {unknown} [cause] */
  constructor(kind, reason, cause) {
    super(reason);
    this.name = "Failure";
    /** @readonly @type {"retry" | "reject"} */
    this.kind = kind;
    if (cause !== undefined) this.cause = cause;
  }
}

/** What may pass: the change is delivered again, as the trigger's retry policy says. @param {string} reason @param {unknown} [cause] */
export function retry(reason, cause) {
  return new Failure("retry", String(reason), cause);
}

/** What stays: the change goes to the dead letters at once. @param {string} reason @param {unknown} [cause] */
export function reject(reason, cause) {
  return new Failure("reject", String(reason), cause);
}

/**
 * @typedef {"access-denied" | "invalid" | "unavailable" | "condition-failed" | "cancelled" | "upstream" | "io"} HostErrorKind
 */

/** What the host answered. Left uncaught, what is unavailable is delivered again, and all else goes to the dead letters. */
export class HostError extends Failure {
  /** @param {HostErrorKind} code @param {string} reason @param {any} [detail] */
  constructor(code, reason, detail) {
    super(code === "unavailable" || code === "upstream" || code === "io" ? "retry" : "reject", reason);
    this.name = "HostError";
    /** @readonly @type {HostErrorKind} */
    this.code = code;
    /** @readonly why each write of a cancelled transaction stopped it, or undefined @type {any} */
    this.detail = detail;
  }
}

/** @type {WeakSet<Error>} */
const unfits = new WeakSet();

/** An error about a value that fits no better the next time, which stays of the class that it is: a TypeError, a RangeError. Left uncaught, it is a reject. @template {Error} E @param {E} error @returns {E} itself */
export function unfit(error) {
  unfits.add(error);
  return error;
}

/** @param {unknown} error @returns {error is Error} */
const isUnfit = (error) => error instanceof Error && unfits.has(error);

/** As the host says that a call is not one: for `ask`. @param {string} val @returns {Error} */
export function invalid(val) {
  return Object.assign(new Error(val), { payload: { tag: "invalid", val } });
}

/**
 * Calls the host; what it throws in either engine has the error of the contract in `payload`.
 * @template T @param {string} what @param {() => T} call @param {unknown} [name] which one, put together where it is told @returns {T}
 */
export function ask(what, call, name) {
  try {
    return call();
  } catch (error) {
    const payload = isUnfit(error) ? { tag: "invalid", val: error.message } : (/** @type {any} */ (error)?.payload ?? error);
    if (payload && typeof payload === "object" && "tag" in payload) throw hostError(name === undefined ? what : `${what} \`${String(name)}\``, payload);
    throw error;
  }
}

/** @param {string} what @param {{ tag: string, val?: any }} payload */
export function hostError(what, { tag, val }) {
  const code = /** @type {HostErrorKind} */ (tag);
  if (code === "condition-failed") return new HostError(code, `${what}: the condition did not hold`);
  if (code === "cancelled") {
    const detail = val.map((/** @type {any} */ one) => (one == null ? undefined : hostError(what, one)));
    const reasons = detail.map((/** @type {any} */ one, /** @type {number} */ at) => one && `write ${at + 1}: ${one.message}`).filter(Boolean);
    const error = new HostError(code, `${what}: the transaction was cancelled: ${reasons.join("; ")}`, detail);
    // Only where each cause may pass is it worth another try.
    const passes = detail.every((/** @type {any} */ one) => one === undefined || one.kind === "retry");
    return passes ? Object.assign(error, { kind: "retry" }) : error;
  }
  return new HostError(code, typeof val === "string" ? `${what}: ${val}` : what);
}

/** @param {unknown} error whatever was thrown @returns {WireFailure} */
export function toWire(error) {
  if (error instanceof Failure) return { tag: error.kind, val: String(error.message).toWellFormed() };
  return { tag: isUnfit(error) ? "reject" : "retry", val: reason(error).toWellFormed() };
}

/** @param {unknown} error @returns {string} */
export function reason(error) {
  if (error === null) return "null was thrown, as QuickJS does where memory runs out: see the trigger's `limits.memory`";
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return "what was thrown cannot be told: throw an Error";
  }
}
