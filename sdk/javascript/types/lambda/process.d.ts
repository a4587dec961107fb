/**
 * `process`, as far as functions use it: the trigger's settings are its environment.
 *
 * What holds: what the engine has already is left as it is, but for `env`. It names no version: a package that asks for Node's must not find one.
 * @module
 */
/** @param {import("../change.js").WireBatch} batch @param {string} handler */
export declare function setEnvironment(batch: import("../change.js").WireBatch, handler: string): void;
/** To be called once. */
export declare function installProcess(): void;
