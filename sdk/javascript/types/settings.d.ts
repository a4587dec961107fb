/** The trigger's `[settings]`. A TOML string arrives as it is, anything else as JSON. Not there while a module is loaded at build time: read them in the handler or the probe. @module */
/** @param {string} key @returns {string | undefined} */
export declare function get(key: string): string | undefined;
/** @param {string} key @returns {string} Rejects the change where there is none. */
export declare function require(key: string): string;
/** A setting that is no string: a number, a list, a table. @param {string} key @returns {any} undefined where there is none */
export declare function getJson(key: string): any;
/** @returns {Record<string, string>} */
export declare function all(): Record<string, string>;
