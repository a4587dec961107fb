/**
 * DynamoDB tables that the trigger is granted: `grants = { tables = ["orders-copy"] }` to write, `reads` to read.
 *
 * What holds: writes happen at once, whatever becomes of the change; make them such that a second time does no harm.
 * @module
 */
export type Item = import("./item.js").Item;
export type HostError = import("./failure.js").HostError;
export type Condition = {
    expression: string;
    names?: Record<string, string>;
    values?: Item;
};
export type Put = {
    put: Item;
    condition?: Condition;
};
export type Delete = {
    delete: Item;
    condition?: Condition;
};
export type Update = {
    update: Item;
    expression: string;
    condition?: string;
    names?: Record<string, string>;
    values?: Item;
};
export type Check = {
    check: Item;
    condition: Condition;
};
export type Write = Put | Update | Delete;
export type TransactWrite = (Write | Check) & {
    table: string;
};
/**
 * Many writes at once; one that fails stops no other.
 * @param {string} table @param {Write[]} writes
 * @returns {(HostError | undefined)[]} for each write, in order, why it was not made
 */
export declare function write(table: string, writes: Write[]): (HostError | undefined)[];
/** Throws a HostError; its `code` is "condition-failed" where the condition did not hold. @param {string} table @param {Item} item @param {{ condition?: Condition }} [options] */
export declare function put(table: string, item: Item, options?: {
    condition?: Condition;
}): void;
/** Makes the item where there is none. @param {string} table @param {Item} key @param {Omit<Update, "update">} how */
export declare function update(table: string, key: Item, how: Omit<Update, "update">): void;
/** @param {string} table @param {Item} key @param {{ condition?: Condition }} [options] */
declare function remove(table: string, key: Item, options?: {
    condition?: Condition;
}): void;
/** All of at most 100 writes, or none. Made again for the same change within ten minutes, it is made once. @param {import("./change.js").Change<any, any>} change @param {TransactWrite[]} writes */
export declare function transact(change: import("./change.js").Change<any, any>, writes: TransactWrite[]): void;
/**
 * The items with these keys, in their order.
 * @param {string} table @param {Item[]} keys @param {{ consistent?: boolean }} [options]
 * @returns {(Item | undefined)[]}
 */
export declare function getMany(table: string, keys: Item[], { consistent }?: {
    consistent?: boolean;
}): (Item | undefined)[];
/** @param {string} table @param {Item} key @param {{ consistent?: boolean }} [options] @returns {Item | undefined} */
export declare function get(table: string, key: Item, options?: {
    consistent?: boolean;
}): Item | undefined;
export { remove as delete };
