/**
 * `wasi:http` as one call, in a component: a request out, its whole answer in. A plugin that does not use it does not import it.
 *
 * What holds: what is thrown has the error in `payload`, as those of the contract's own functions have; no resource outlives its call, and a child ends before its
 * parent, since the host traps otherwise; nothing here waits for a promise, so QuickJS does it too.
 * @module
 */
export type WireRequest = import("../http.js").WireRequest;
export type WireResponse = import("../http.js").WireResponse;
export declare const http: {
    /** @param {WireRequest} request @returns {WireResponse} */
    send(request: WireRequest): WireResponse;
};
