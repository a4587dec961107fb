/**
 * What a function's call still waits for: its timers, its requests with their bodies, and streams that it reads.
 *
 * What holds: neither engine says whether its event loop is empty, so what could keep it going is counted, by functions that stand for the engine's own; they
 * are there before the function's module is. All else settles before the next turn of the loop: it is empty when nothing is counted for a whole turn.
 * @module
 */
export type Watcher = {
    idle(): void;
    failed(error: unknown): void;
};
/** @param {Watcher} of the call that begins @returns {() => void} to be called at its end */
export declare function watch(of: Watcher): () => void;
/** Ends the call that there is. @param {unknown} error */
export declare function fail(error: unknown): void;
/** Puts what counts into the place of the engine's own, once. */
export declare function installPending(): void;
