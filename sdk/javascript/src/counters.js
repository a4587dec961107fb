/** Exact counters and sums, committed with the change that they belong to, or not at all. Wants `grants = { counters = true }`. @module */

import { counters } from "#host";
import { placeOf } from "./change.js";
import { decimal, text, texts } from "./check.js";
import { ask } from "./failure.js";

/**
 * @param {import("./change.js").Change<any, any>} change
 * @param {string} name `[a-z][a-z0-9_]*`, at most 64 characters
 * @param {Record<string, string>} [labels] at most 8
 * @param {import("./item.js").Num | number | bigint | string} [delta] exact; 1 by default
 */
export function add(change, name, labels = {}, delta = 1) {
  const place = placeOf(change);
  ask("counter", () => counters.add(place, text("the name", name), texts("label", labels), decimal("the delta", delta)), name);
}
