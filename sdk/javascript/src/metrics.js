/** The plugin's own metrics, scraped as `tripline_custom_<name>`. They tell what was done, not what is: see `counters` for what must be exact. Wants `grants = { metrics = true }`. @module */

import { u64 } from "#engine";
import { metrics } from "#host";
import { float, text, texts, whole } from "./check.js";
import { ask } from "./failure.js";

/** @typedef {import("./item.js").Num | number | bigint} AnyNumber */

/** @param {string} name without `_total` @param {Record<string, string>} [labels] @param {AnyNumber} [delta] a whole number from 0 */
export function count(name, labels = {}, delta = 1) {
  ask("metric", () => metrics.count(text("the name", name), texts("label", labels), u64(whole("the delta", delta))), name);
}

/** @param {string} name @param {Record<string, string>} labels @param {AnyNumber} value the nearest JavaScript number of it */
export function setGauge(name, labels, value) {
  ask("metric", () => metrics.setGauge(text("the name", name), texts("label", labels), float("the value", value)), name);
}

/** Into a histogram. @param {string} name @param {Record<string, string>} labels @param {AnyNumber} value seconds, most of all */
export function observe(name, labels, value) {
  ask("metric", () => metrics.observe(text("the name", name), texts("label", labels), float("the value", value)), name);
}
