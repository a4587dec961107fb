/**
 * Which changes of a batch did not fail and yet are not done.
 *
 * What holds: the rule is the host's own (`held_back` in host/core/src/delivery/settle.rs): a later change of an item that is delivered again is delivered again with it,
 * and so is a change that has read what a change which is not done had written; to the end, since either may hold back more.
 * @module
 */

/** What tells items apart: their keys, in any order. @param {string} keys DynamoDB JSON */
function itemOf(keys) {
  return JSON.stringify(Object.entries(JSON.parse(keys)).sort(([one], [other]) => (one < other ? -1 : 1)));
}

/**
 * @param {{ keys: string }[]} changes
 * @param {Map<number, "retry" | "reject">} failures by place
 * @param {{ reader: number, writer: number }[]} reads of one change's state by another
 * @returns {number[]} places, in order
 */
export function heldBack(changes, failures, reads) {
  if (failures.size === 0) return [];
  const items = changes.map(({ keys }) => itemOf(keys));
  /** @type {Set<number>} */
  const held = new Set();
  for (;;) {
    const before = held.size;
    for (const { reader, writer } of reads) {
      if (failures.has(writer) || held.has(writer)) held.add(reader);
    }
    /** @type {Set<string>} */
    const waiting = new Set();
    items.forEach((item, place) => {
      if (failures.get(place) === "retry" || held.has(place)) waiting.add(item);
      else if (waiting.has(item)) held.add(place);
    });
    for (const place of failures.keys()) held.delete(place);
    if (held.size === before) return [...held].sort((one, other) => one - other);
  }
}
