/**
 * Requests over http, to the places that the operator grants: `grants = { http = ["https://api.example.com"] }`.
 *
 *     const answer = http.post("https://api.example.com/orders", { json: { id: 1 }, headers: { "Idempotency-Key": change.eventId } });
 *     answer.ok();
 *
 * What holds: a request happens at once, whatever becomes of the change later, and a change that is delivered again sends it again. Nothing here is a promise, in any
 * engine. Tokens stand in the operator's config and are added by the host. Redirects come back as they are; a whole answer is read, 8 MiB at most.
 * @module
 */
export type Headers = Record<string, string> | [string, string | Uint8Array][];
export type RequestOptions = {
    headers?: Headers;
    body?: string | Uint8Array;
    /**
     * a body of JSON, with its Content-Type unless `headers` has one. A `Num` or bigint is a number in it, and refused where that would not be exact: `n.text` is text
     */
    json?: any;
    /**
     * until the connection is ready; 10 s at most
     */
    connectTimeoutMs?: number;
    /**
     * from then until the answer begins. Without it the trigger's time limit holds, which fails the whole batch
     */
    answerTimeoutMs?: number;
};
export type WireRequest = {
    method: string;
    scheme: "https" | "http";
    authority: string;
    path: string;
    url: string;
    headers: [string, Uint8Array][];
    body: Uint8Array;
    connectTimeoutMs?: number;
    answerTimeoutMs?: number;
};
export type WireResponse = {
    status: number;
    headers: [string, Uint8Array][];
    body: Uint8Array;
};
/** An answer of whatever status. */
export declare class Response {
    /** @readonly */ status: number;
    /** @readonly names in lower case */ headers: [string, string][];
    /** @readonly */ body: Uint8Array<ArrayBufferLike>;
    /** @param {WireResponse} wire */
    constructor({ status, headers, body }: WireResponse);
    get isSuccess(): boolean;
    /** The first of this name. @param {string} name @returns {string | undefined} */
    header(name: string): string | undefined;
    /** The body as text, whatever is no UTF-8 replaced. */
    text(): string;
    /** The body's JSON; rejects the change where it is none. @returns {any} */
    json(): any;
    /** Itself where its status is 2xx. Else a failure: to be tried again for 408, 425, 429 and 5xx, for good otherwise. @returns {Response} */
    ok(): Response;
}
/**
 * Sends it and waits for the whole answer, whatever its status. Throws a HostError where there is none: `access-denied`, `invalid`, or `unavailable`, which is tried
 * again; the request may have arrived then.
 * @param {string} method @param {string} url @param {RequestOptions} [options] @returns {Response}
 */
export declare function request(method: string, url: string, options?: RequestOptions): Response;
/** @param {string} url @param {RequestOptions} [options] */
export declare const get: (url: string, options?: RequestOptions) => Response;
/** @param {string} url @param {RequestOptions} [options] */
export declare const post: (url: string, options?: RequestOptions) => Response;
/** @param {string} url @param {RequestOptions} [options] */
export declare const put: (url: string, options?: RequestOptions) => Response;
/** @param {string} url @param {RequestOptions} [options] */
export declare const patch: (url: string, options?: RequestOptions) => Response;
/** @param {string} url @param {RequestOptions} [options] */
declare const remove: (url: string, options?: RequestOptions) => Response;
export { remove as delete };
