/**
 * What stands in for the host in Node: it answers as the contract says, and keeps what it was asked.
 *
 * What holds: what a change that is not done has done to counters, state and mail is gone once its run has ended, as in a host: one that failed, and one that is held
 * back with it. One host at a time: the newest.
 * @module
 */
import * as bounds from "./bounds.js";
export type Grant = "counters" | "state" | "tables" | "reads" | "mailers" | "metrics" | "http";
export type SentMail = {
    change: number;
    mailer?: string;
    to: string[];
    replyTo?: string;
    subject: string;
    text?: string;
    html?: string;
    key: string;
};
export type MadeWrite = {
    table: string;
    kind: "put" | "update" | "delete" | "check";
    item: import("../item.js").Item;
    expression?: string;
    condition?: any;
    values?: import("../item.js").Item;
};
export type CannedAnswer = {
    status: number;
    headers?: Record<string, string>;
    body?: string | Uint8Array;
    json?: any;
};
export type Run = {
    size: number;
    isProbe: boolean;
    budget: bounds.Budget;
    before: Map<string, Uint8Array | undefined>;
    writes: {
        change: number;
        key: string;
        value: Uint8Array | undefined;
    }[];
    writers: Map<string, number>;
    reads: Map<string, {
        reader: number;
        writer: number;
    }>;
};
/** The newest host; one that grants all, where a test has made none. */
export declare const currentHost: () => Host;
/** A host of nothing but memory. Making one makes it the one that the SDK talks to. */
export declare class Host {
    #private;
    /** @type {Record<string, any>} */ settings: Record<string, any>;
    /** @type {Set<Grant> | undefined} */ grants: Set<Grant> | undefined;
    /** @type {{ change: number, name: string, labels: Record<string, string>, delta: string }[]} */ added: {
        change: number;
        name: string;
        labels: Record<string, string>;
        delta: string;
    }[];
    /** @type {Map<string, Uint8Array>} */ entries: Map<string, Uint8Array>;
    /** @type {SentMail[]} */ mails: SentMail[];
    /** @type {MadeWrite[]} */ writes: MadeWrite[];
    /** @type {Map<string, import("../item.js").Item[]>} */ tables: Map<string, import("../item.js").Item[]>;
    /** @type {{ kind: string, name: string, labels: Record<string, string>, value: number }[]} */ samples: {
        kind: string;
        name: string;
        labels: Record<string, string>;
        value: number;
    }[];
    /** Of the last run, places of the changes that did not fail and yet are not done, in order: they are delivered again with one that failed. @type {number[]} */ held: number[];
    /** Those of changes that failed too: they were sent. @type {import("../http.js").WireRequest[]} */ requests: import("../http.js").WireRequest[];
    /** @type {{ level: string, message: string }[]} */ logs: {
        level: string;
        message: string;
    }[];
    /**
     * Answers a request: `{ status, headers, json }`; `body` is text or bytes. Throw `noAnswer("…")` for none.
     * @type {(request: import("../http.js").WireRequest) => CannedAnswer}
     */
    onHttp: (request: import("../http.js").WireRequest) => CannedAnswer;
    /** Answers a write with an error of the contract, as `{ tag: "condition-failed" }`, or makes it. @type {(write: MadeWrite) => { tag: string, val?: string } | undefined} */
    onWrite: (write: MadeWrite) => {
        tag: string;
        val?: string;
    } | undefined;
    /** @param {{ settings?: Record<string, any>, grants?: Grant[] }} [options] settings that are no strings become JSON, as in a host; all is granted where `grants` is left out */
    constructor({ settings, grants }?: {
        settings?: Record<string, any>;
        grants?: Grant[];
    });
    /** What was added to the counter of this name and these labels, in order. @param {string} name @param {Record<string, string>} [labels] */
    counter(name: string, labels?: Record<string, string>): string[];
    /** The text of an entry of the state. @param {string} key */
    state(key: string): string | undefined;
    /** @param {Grant} grant */
    wants(grant: Grant): void;
    /** @param {number} size of the batch; an empty one is a probe */
    begin(size: number): void;
    get isProbe(): boolean;
    /** Ends a run: what is not done is taken back, and `held` says what was held back. @param {import("../change.js").WireChange[]} changes @param {Map<number, "retry" | "reject">} failures by place */
    end(changes: import("../change.js").WireChange[], failures: Map<number, "retry" | "reject">): void;
    /** Takes back what these changes have done. @param {Set<number> | "all"} failed */
    settle(failed: Set<number> | "all"): void;
    /** @param {number} change */
    check(change: number): void;
    /** One more effect of the change. @param {number} change @param {...(string | Uint8Array | undefined)} parts */
    spend(change: number, ...parts: (string | Uint8Array | undefined)[]): void;
    /** @param {number} change @param {string} key @param {Uint8Array | undefined} value */
    setEntry(change: number, key: string, value: Uint8Array | undefined): void;
    /** @param {number} change @param {string} key @returns {Uint8Array | undefined} */
    readEntry(change: number, key: string): Uint8Array | undefined;
    /** @param {SentMail} mail */
    accept(mail: SentMail): void;
    /** @param {{ kind: "count" | "gauge" | "histogram", name: string, labels: Record<string, string>, value: number }} sample */
    measure(sample: {
        kind: "count" | "gauge" | "histogram";
        name: string;
        labels: Record<string, string>;
        value: number;
    }): void;
    /** @param {string} table @param {{ tag: string, val: any }} wire @returns {{ tag: string, val?: any }} */
    make(table: string, { tag, val }: {
        tag: string;
        val: any;
    }): {
        tag: string;
        val?: any;
    };
}
export declare const counters: {
    /** @param {number} change @param {string} name @param {[string, string][]} labels @param {string} delta */
    add(change: number, name: string, labels: [string, string][], delta: string): void;
};
export declare const state: {
    /** @param {{ change: number, key: string }[]} reads */
    get(reads: {
        change: number;
        key: string;
    }[]): (Uint8Array<ArrayBufferLike> | undefined)[];
    /** @param {number} change @param {string} key @param {Uint8Array} value @param {bigint | undefined} _expires */
    set(change: number, key: string, value: Uint8Array, _expires: bigint | undefined): void;
    /** @param {number} change @param {string} key */
    delete(change: number, key: string): void;
};
export declare const tables: {
    /** @param {string} table @param {{ tag: string, val: any }[]} writes */
    write(table: string, writes: {
        tag: string;
        val: any;
    }[]): {
        tag: string;
        val?: any;
    }[];
    /** @param {number} change @param {{ table: string, action: { tag: string, val: any } }[]} writes */
    transact(change: number, writes: {
        table: string;
        action: {
            tag: string;
            val: any;
        };
    }[]): void;
    /** @param {string} table @param {string[]} keys @param {boolean} _consistent */
    get(table: string, keys: string[], _consistent: boolean): (string | undefined)[];
};
export declare const mailer: {
    /** @param {number} change @param {string | undefined} name @param {any} message @param {string} key */
    send(change: number, name: string | undefined, message: any, key: string): void;
};
export declare const http: {
    /** @param {import("../http.js").WireRequest} request @returns {import("../http.js").WireResponse} */
    send(request: import("../http.js").WireRequest): import("../http.js").WireResponse;
};
export declare const metrics: {
    count: (name: string, labels: [string, string][], value: number | bigint) => void;
    setGauge: (name: string, labels: [string, string][], value: number | bigint) => void;
    observe: (name: string, labels: [string, string][], value: number | bigint) => void;
};
export declare const config: {
    /** @param {string} key */
    get(key: string): any;
    getAll(): any[][];
};
export declare const logging: {
    /** @param {string} level @param {string} _context @param {string} message */
    log(level: string, _context: string, message: string): void;
};
