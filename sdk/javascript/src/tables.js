/**
 * DynamoDB tables that the trigger is granted: `grants = { tables = ["orders-copy"] }` to write, `reads` to read.
 *
 * What holds: writes happen at once, whatever becomes of the change; make them such that a second time does no harm.
 * @module
 */

import { tables } from "#host";
import { placeOf } from "./change.js";
import { optionalText, text, texts } from "./check.js";
import { ask, hostError, invalid } from "./failure.js";
import { itemJson, parseItem } from "./item.js";
import { kindOf } from "./kind.js";

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
  if (condition === undefined || condition === null) return undefined;
  const { expression, names = {}, values } = condition;
  return { expression: text("the condition's expression", expression), names: texts("placeholder", names), values: values && itemJson(values) };
}

/** @param {Write | Check} write @returns {{ tag: string, val: any }} */
function wire(write) {
  if (typeof write !== "object" || write === null) throw invalid(`a write is ${kindOf(write)}: { put: item } or the like is wanted`);
  if ("put" in write) return { tag: "put", val: { item: itemJson(write.put), condition: wireCondition(write.condition) } };
  if ("delete" in write) return { tag: "delete", val: { key: itemJson(write.delete), condition: wireCondition(write.condition) } };
  if ("check" in write) return { tag: "check", val: { key: itemJson(write.check), condition: wireCondition(write.condition) } };
  if (!("update" in write)) throw invalid("a write that is none of put, update and delete, nor a transaction's check");
  const { update, names = {}, values } = write;
  const [expression, condition] = [text("the update's expression", write.expression), optionalText("the update's condition", write.condition)];
  return { tag: "update", val: { key: itemJson(update), expression, condition, names: texts("placeholder", names), values: values && itemJson(values) } };
}

/** @param {Write} write */
function wireAlone(write) {
  const made = wire(write);
  if (made.tag === "check") throw invalid("a check writes nothing: it is for transactions, `tables.transact`");
  return made;
}

/**
 * Many writes at once; one that fails stops no other.
 * @param {string} table @param {Write[]} writes
 * @returns {(HostError | undefined)[]} for each write, in order, why it was not made
 */
export function write(table, writes) {
  const results = ask("table", () => tables.write(text("the name", table), writes.map(wireAlone)), table);
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
  ask("transaction", () => tables.transact(place, writes.map((one) => ({ action: wire(one), table: text("a table's name", one.table) }))));
}

/**
 * The items with these keys, in their order.
 * @param {string} table @param {Item[]} keys @param {{ consistent?: boolean }} [options]
 * @returns {(Item | undefined)[]}
 */
export function getMany(table, keys, { consistent = false } = {}) {
  const found = ask("table", () => tables.get(text("the name", table), keys.map(itemJson), Boolean(consistent)), table);
  return found.map((/** @type {any} */ item) => (item == null ? undefined : parseItem(item)));
}

/** @param {string} table @param {Item} key @param {{ consistent?: boolean }} [options] @returns {Item | undefined} */
export function get(table, key, options) {
  return getMany(table, [key], options)[0];
}

export { remove as delete };
