/**
 * `console`, with Node's words, as lines of the host's log.
 *
 * What holds: one call is one line of the log, whatever is in it; what is logged cannot fail the function.
 * @module
 */
/** As `util.format`: the first part may say how the next ones are written. @param {unknown[]} parts @returns {string} */
export declare function format(parts: unknown[]): string;
/** To be called once: `console` is a function's from then on. */
export declare function installConsole(): void;
