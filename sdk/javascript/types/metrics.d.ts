/** The plugin's own metrics, scraped as `tripline_custom_<name>`. They tell what was done, not what is: see `counters` for what must be exact. Wants `grants = { metrics = true }`. @module */
export type AnyNumber = import("./item.js").Num | number | bigint;
/** @typedef {import("./item.js").Num | number | bigint} AnyNumber */
/** @param {string} name without `_total` @param {Record<string, string>} [labels] @param {AnyNumber} [delta] a whole number from 0 */
export declare function count(name: string, labels?: Record<string, string>, delta?: AnyNumber): void;
/** @param {string} name @param {Record<string, string>} labels @param {AnyNumber} value the nearest JavaScript number of it */
export declare function setGauge(name: string, labels: Record<string, string>, value: AnyNumber): void;
/** Into a histogram. @param {string} name @param {Record<string, string>} labels @param {AnyNumber} value seconds, most of all */
export declare function observe(name: string, labels: Record<string, string>, value: AnyNumber): void;
