/**
 * Write Tripline plugins in TypeScript or JavaScript.
 *
 * What holds: nothing is ambient. Whatever changes state in the host takes the change that it belongs to.
 * @module
 */

export { Batch, Change, Origin } from "./change.js";
export { Failure, HostError, reject, retry } from "./failure.js";
export { onBatch, onChange } from "./handler.js";
export { Num, itemJson, parseItem } from "./item.js";
export * as counters from "./counters.js";
export * as http from "./http.js";
export * as log from "./log.js";
export * as mailer from "./mailer.js";
export * as metrics from "./metrics.js";
export * as settings from "./settings.js";
export * as state from "./state.js";
export * as tables from "./tables.js";

/** @typedef {import("./item.js").Item} Item */
/** @typedef {import("./item.js").Value} Value */
/** @typedef {import("./change.js").View} View */
/** @typedef {import("./handler.js").Plugin} Plugin */
/** @typedef {import("./mailer.js").Mail} Mail */
/** @typedef {import("./tables.js").Write} Write */
/** @typedef {import("./tables.js").Condition} Condition */
/** @typedef {import("./tables.js").TransactWrite} TransactWrite */
