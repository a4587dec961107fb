/** Lines in the host's log, under the trigger's name. @module */
/** @param {string} level @param {unknown[]} parts */
export declare function line(level: string, parts: unknown[]): void;
/** @param {...unknown} parts */
export declare const trace: (...parts: unknown[]) => void;
/** @param {...unknown} parts */
export declare const debug: (...parts: unknown[]) => void;
/** @param {...unknown} parts */
export declare const info: (...parts: unknown[]) => void;
/** @param {...unknown} parts */
export declare const warn: (...parts: unknown[]) => void;
/** @param {...unknown} parts */
export declare const error: (...parts: unknown[]) => void;
