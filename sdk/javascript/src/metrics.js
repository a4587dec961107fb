/** The plugin's own metrics, scraped as `tripline_custom_<name>`. They tell what was done, not what is: see `counters` for what must be exact. Wants `grants = { metrics = true }`. @module */

import { u64 } from "#engine";
import { metrics } from "#host";
import { ask } from "./failure.js";

/** @param {string} name without `_total` @param {Record<string, string>} [labels] @param {number} [delta] */
export function count(name, labels = {}, delta = 1) {
  ask(`metric \`${name}\``, () => metrics.count(name, Object.entries(labels), u64(delta)));
}

/** @param {string} name @param {Record<string, string>} labels @param {number} value */
export function setGauge(name, labels, value) {
  ask(`metric \`${name}\``, () => metrics.setGauge(name, Object.entries(labels), value));
}

/** Into a histogram. @param {string} name @param {Record<string, string>} labels @param {number} value seconds, most of all */
export function observe(name, labels, value) {
  ask(`metric \`${name}\``, () => metrics.observe(name, Object.entries(labels), value));
}
