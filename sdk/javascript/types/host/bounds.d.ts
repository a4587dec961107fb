/**
 * What the host refuses of a call for its size or its form, so that a test which passes does not fail when deployed.
 *
 * What holds: the bounds and the order in which they are looked at are those of host/core/src/limits.rs and of the host's imports. What is thrown has the error of the
 * contract in `payload`.
 * @module
 */
export declare const METRIC_SERIES_MAX = 1000;
/** @param {"counter" | "metric"} kind @param {string} name @param {[string, string][]} labels */
export declare function checkSeries(kind: "counter" | "metric", name: string, labels: [string, string][]): void;
/** @param {string} text */
export declare function checkDelta(text: string): void;
/** What Prometheus adds to names by itself, and the label that it keeps. @param {string} name @param {[string, string][]} labels @param {number} value */
export declare function checkMetric(name: string, labels: [string, string][], value: number): void;
/** @param {string} key */
export declare function checkKey(key: string): void;
/** @param {Uint8Array} value */
export declare function checkValue(value: Uint8Array): void;
/** @param {number} count */
export declare function checkReads(count: number): void;
/** @param {number} count */
export declare function checkTransaction(count: number): void;
/** @param {number} count */
export declare function checkKeys(count: number): void;
/** @param {{ to: string[], replyTo?: string, subject: string, text?: string, html?: string }} message @param {string} key */
export declare function checkMail({ to, replyTo, subject, text, html }: {
    to: string[];
    replyTo?: string;
    subject: string;
    text?: string;
    html?: string;
}, key: string): void;
/** @param {{ headers: [string, Uint8Array][], body: Uint8Array }} request */
export declare function checkRequest({ headers, body }: {
    headers: [string, Uint8Array][];
    body: Uint8Array;
}): void;
/** @param {Uint8Array} body */
export declare function checkAnswer(body: Uint8Array): void;
/** What one batch leaves behind. */
export declare class Budget {
    #private;
    /** One effect more. @param {...(string | Uint8Array | undefined)} parts */
    spend(...parts: (string | Uint8Array | undefined)[]): void;
}
