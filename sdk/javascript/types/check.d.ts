/**
 * Whether an argument is of the type that the contract has for it.
 *
 * What holds: the engines make a trap of an argument of another type, which fails the batch, or write something else; here it is an error of this one call, in a
 * component as in the recorder, and says what to write. To be called within `ask`. A good argument costs no memory. How long and how many is the host's to say.
 * @module
 */
/** A lone surrogate, which UTF-8 has not, becomes U+FFFD, as a TextEncoder makes it. @param {string} value @returns {string} */
export declare const wellFormed: (value: string) => string;
/** @param {string} what @param {unknown} value @returns {string} */
export declare function text(what: string, value: unknown): string;
/** @param {string} what @param {unknown} value @returns {string | undefined} */
export declare function optionalText(what: string, value: unknown): string | undefined;
/** Labels and the like. @param {string} what one of them @param {unknown} map names to texts @returns {[string, string][]} */
export declare function texts(what: string, map: unknown): [string, string][];
/** @param {string} what @param {unknown} value @returns {Uint8Array} of a string its UTF-8 */
export declare function bytes(what: string, value: unknown): Uint8Array;
/** What is 64 bits wide in the contract: one of the engines takes it as a number. @param {string} what @param {unknown} value @returns {number} */
export declare function whole(what: string, value: unknown): number;
/** The nearest one. @param {string} what @param {unknown} value @returns {number} */
export declare function float(what: string, value: unknown): number;
/** @param {string} what @param {any} value a number, or its text @returns {string} */
export declare function decimal(what: string, value: any): string;
/** @param {string} what @param {unknown} value a Date, or milliseconds since 1970 @returns {number} */
export declare function instant(what: string, value: unknown): number;
