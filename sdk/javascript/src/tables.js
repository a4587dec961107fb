/**
 * DynamoDB tables that the trigger is granted: `grants = { tables = ["orders-copy"] }` to write, `reads` to read.
 *
 * What holds: writes happen at once, whatever becomes of the change; make them such that a second time does no harm.
 * @module
 */

import { tables } from "#host";
import { placeOf } from "./change.js";
import { ask, hostError } from "./failure.js";
import { itemJson, parseItem } from "./item.js";

/** @typedef {import("./item.js").Item} Item */
/** @typedef {import("./failure.js").HostError} HostError */

/**
 * A condition expression and its placeholders: `{ expression: "#v < :v", names: { "#v": "version" }, values: { ":v": 2 } }`.
 * @typedef {{ expression: string, names?: Record<string, string>, values?: Item }} Condition
 */
/** @typedef {{ put: Item, condition?: Condition }} Put */
/** @typedef {{ delete: Item, condition?: Condition }} Delete the key */
/** @typedef {{ update: Item, expression: string, condition?: string, names?: Record<string, string>, values?: Item }} Update the key; the expressions share the placeholders */
/** @typedef {{ check: Item, condition: Condition }} Check the key; writes nothing, in a transaction alone */
/** @typedef {Put | Update | Delete} Write */
/** @typedef {(Write | Check) & { table: string }} TransactWrite */

/** @param {Condition | undefined} condition */
function wireCondition(condition) {
  if (condition === undefined) return undefined;
  const { expression, names = {}, values } = condition;
  return { expression, names: Object.entries(names), values: values && itemJson(values) };
}

/** @param {Write | Check} write @returns {{ tag: string, val: any }} */
function wire(write) {
  if ("put" in write) return { tag: "put", val: { item: itemJson(write.put), condition: wireCondition(write.condition) } };
  if ("delete" in write) return { tag: "delete", val: { key: itemJson(write.delete), condition: wireCondition(write.condition) } };
  if ("check" in write) return { tag: "check", val: { key: itemJson(write.check), condition: wireCondition(write.condition) } };
  const { update, expression, condition, names = {}, values } = write;
  return { tag: "update", val: { key: itemJson(update), expression, condition, names: Object.entries(names), values: values && itemJson(values) } };
}

/**
 * Many writes at once; one that fails stops no other.
 * @param {string} table @param {Write[]} writes
 * @returns {(HostError | undefined)[]} for each write, in order, why it was not made
 */
export function write(table, writes) {
  const results = ask(`table \`${table}\``, () => tables.write(table, writes.map(wire)));
  return results.map((/** @type {any} */ result) => (result?.tag === "err" ? hostError(`table \`${table}\``, result.val) : undefined));
}

/** @param {string} table @param {Write} one */
function writeOne(table, one) {
  const [error] = write(table, [one]);
  if (error) throw error;
}

/** Throws a HostError; its `code` is "condition-failed" where the condition did not hold. @param {string} table @param {Item} item @param {{ condition?: Condition }} [options] */
export function put(table, item, options = {}) {
  writeOne(table, { put: item, ...options });
}

/** Makes the item where there is none. @param {string} table @param {Item} key @param {Omit<Update, "update">} how */
export function update(table, key, how) {
  writeOne(table, { update: key, ...how });
}

/** @param {string} table @param {Item} key @param {{ condition?: Condition }} [options] */
function remove(table, key, options = {}) {
  writeOne(table, { delete: key, ...options });
}

/** All of at most 100 writes, or none. Made again for the same change within ten minutes, it is made once. @param {import("./change.js").Change<any, any>} change @param {TransactWrite[]} writes */
export function transact(change, writes) {
  const place = placeOf(change);
  ask("transaction", () => tables.transact(place, writes.map((one) => ({ table: one.table, action: wire(one) }))));
}

/**
 * The items with these keys, in their order.
 * @param {string} table @param {Item[]} keys @param {{ consistent?: boolean }} [options]
 * @returns {(Item | undefined)[]}
 */
export function getMany(table, keys, { consistent = false } = {}) {
  const found = ask(`table \`${table}\``, () => tables.get(table, keys.map(itemJson), consistent));
  return found.map((/** @type {any} */ item) => (item == null ? undefined : parseItem(item)));
}

/** @param {string} table @param {Item} key @param {{ consistent?: boolean }} [options] @returns {Item | undefined} */
export function get(table, key, options) {
  return getMany(table, [key], options)[0];
}

export { remove as delete };
