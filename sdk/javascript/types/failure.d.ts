/**
 * Why a change failed, and what the host is to do about it.
 *
 * What holds: every error becomes one of two: deliver again, or give up. Errors of the host and of this SDK know which; any other error is delivered again.
 * @module
 */
export type WireFailure = {
    tag: "retry" | "reject";
    val: string;
};
/** @typedef {{ tag: "retry" | "reject", val: string }} WireFailure */
/** Throw it in a handler: `throw retry("the other side is busy")`. */
export declare class Failure extends Error {
    /** @readonly @type {"retry" | "reject"} */
    kind: "retry" | "reject";
    cause: unknown;
    /** @param {"retry" | "reject"} kind @param {string} reason @param {unknown} [cause] */
    constructor(kind: "retry" | "reject", reason: string, cause?: unknown);
}
/** What may pass: the change is delivered again, as the trigger's retry policy says. @param {string} reason @param {unknown} [cause] */
export declare function retry(reason: string, cause?: unknown): Failure;
/** What stays: the change goes to the dead letters at once. @param {string} reason @param {unknown} [cause] */
export declare function reject(reason: string, cause?: unknown): Failure;
export type HostErrorKind = "access-denied" | "invalid" | "unavailable" | "condition-failed" | "cancelled" | "upstream" | "io";
/**
 * @typedef {"access-denied" | "invalid" | "unavailable" | "condition-failed" | "cancelled" | "upstream" | "io"} HostErrorKind
 */
/** What the host answered. Left uncaught, what is unavailable is delivered again, and all else goes to the dead letters. */
export declare class HostError extends Failure {
    /** @readonly @type {HostErrorKind} */
    code: HostErrorKind;
    /** @readonly why each write of a cancelled transaction stopped it, or undefined @type {any} */
    detail: any;
    /** @param {HostErrorKind} code @param {string} reason @param {any} [detail] */
    constructor(code: HostErrorKind, reason: string, detail?: any);
}
/** An error about a value that fits no better the next time, which stays of the class that it is: a TypeError, a RangeError. Left uncaught, it is a reject. @template {Error} E @param {E} error @returns {E} itself */
export declare function unfit<E extends Error>(error: E): E;
/** As the host says that a call is not one: for `ask`. @param {string} val @returns {Error} */
export declare function invalid(val: string): Error;
/**
 * Calls the host; what it throws in either engine has the error of the contract in `payload`.
 * @template T @param {string} what @param {() => T} call @param {unknown} [name] which one, put together where it is told @returns {T}
 */
export declare function ask<T>(what: string, call: () => T, name?: unknown): T;
/** @param {string} what @param {{ tag: string, val?: any }} payload */
export declare function hostError(what: string, { tag, val }: {
    tag: string;
    val?: any;
}): HostError;
/** @param {unknown} error whatever was thrown @returns {WireFailure} */
export declare function toWire(error: unknown): WireFailure;
/** @param {unknown} error @returns {string} */
export declare function reason(error: unknown): string;
