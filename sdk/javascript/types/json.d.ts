/**
 * Values as JSON, for the state and for bodies.
 *
 * What holds: what JSON cannot hold is refused, with its path; nothing becomes another value in silence. A `Num` or a bigint is a number in it, or refused where
 * a JavaScript number would not be exact. What JSON.stringify leaves out (`undefined` within an object, functions) is left out.
 * @module
 */
/** @param {string} what it is for, in a message @param {any} value @returns {string} */
export declare function exactJson(what: string, value: any): string;
