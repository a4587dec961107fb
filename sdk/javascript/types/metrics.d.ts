/** The plugin's own metrics, scraped as `tripline_custom_<name>`. They tell what was done, not what is: see `counters` for what must be exact. Wants `grants = { metrics = true }`. @module */
/** @param {string} name without `_total` @param {Record<string, string>} [labels] @param {number} [delta] */
export declare function count(name: string, labels?: Record<string, string>, delta?: number): void;
/** @param {string} name @param {Record<string, string>} labels @param {number} value */
export declare function setGauge(name: string, labels: Record<string, string>, value: number): void;
/** Into a histogram. @param {string} name @param {Record<string, string>} labels @param {number} value seconds, most of all */
export declare function observe(name: string, labels: Record<string, string>, value: number): void;
