/**
 * What stands in for the host in Node: it answers as the contract says, and keeps what it was asked.
 *
 * What holds: what a failed change has done to counters, state and mail is gone once its run has ended, as in a host. One host at a time: the newest.
 * @module
 */
export type Grant = "counters" | "state" | "tables" | "mailers" | "metrics" | "http";
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
/** The newest host; one that grants all, where a test has made none. */
export declare const currentHost: () => Host;
/** A host of nothing but memory. Making one makes it the one that the SDK talks to. */
export declare class Host {
    /** @type {Record<string, any>} */ settings: Record<string, any>;
    /** @type {Set<Grant> | undefined} */ grants: Set<Grant> | undefined;
    /** @type {{ change: number, name: string, labels: Record<string, string>, delta: string }[]} */ added: {
        change: number;
        name: string;
        labels: Record<string, string>;
        delta: string;
    }[];
    /** @type {Map<string, Uint8Array>} */ entries: Map<string, Uint8Array>;
    /** @type {{ change: number, key: string, before: Uint8Array | undefined }[]} */ undo: {
        change: number;
        key: string;
        before: Uint8Array | undefined;
    }[];
    /** @type {SentMail[]} */ mails: SentMail[];
    /** @type {MadeWrite[]} */ writes: MadeWrite[];
    /** @type {Map<string, import("../item.js").Item[]>} */ tables: Map<string, import("../item.js").Item[]>;
    /** @type {{ kind: string, name: string, labels: Record<string, string>, value: number }[]} */ samples: {
        kind: string;
        name: string;
        labels: Record<string, string>;
        value: number;
    }[];
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
    /** Ends a run: what the failed changes have done is taken back. @param {Set<number> | "all"} failed */
    settle(failed: Set<number> | "all"): void;
    /** @param {number} change @param {string} key @param {Uint8Array | undefined} value */
    setEntry(change: number, key: string, value: Uint8Array | undefined): void;
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
    /** @param {number} _change @param {{ table: string, action: { tag: string, val: any } }[]} writes */
    transact(_change: number, writes: {
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
