/**
 * Whatever a function logs or throws, as text: JSON where that says all of it.
 *
 * What holds: nothing throws; a value within itself is `[Circular]`; an error has its stack, by the function's own sources, and its causes.
 * @module
 */
/** @param {unknown} value @returns {string} */
export declare function inspect(value: unknown): string;
