/**
 * DynamoDB's typed JSON as JavaScript values, and back.
 *
 * What holds: nothing is lost on the way there and back. A number stays its text, in `Num`: DynamoDB has 38 digits, a JavaScript number 15.
 * @module
 */
export type Value = string | boolean | null | Num | number | bigint | Uint8Array | Value[] | Set<string> | Set<Num | number | bigint> | Set<Uint8Array> | {
    [name: string]: Value | undefined;
};
export type Item = {
    [name: string]: any;
};
/** What an attribute may hold. An item that was read has each number as a `Num`; one that is written may have numbers and bigints too.
 * @typedef {{ [name: string]: any }} Item
 */
/**
 * A number of DynamoDB's, as its text: exact. `n.sign()`, `n.compare(5)` and `n.equals(5)` are so for all of its digits. In plain JavaScript `n > 5` and `n + 1` work
 * too where a JavaScript number holds it exactly, and throw a RangeError where not; TypeScript wants `n.toNumber()` there, which throws likewise.
 */
export declare class Num {
    /** @readonly @type {string} as DynamoDB writes it */
    text: string;
    /** @param {string | number | bigint | Num} value */
    constructor(value: string | number | bigint | Num);
    /** @returns {number} Throws a RangeError where a JavaScript number would be another number. */
    toNumber(): number;
    /** The nearest JavaScript number. */
    approximate(): number;
    /** @returns {bigint} Throws a RangeError where it is no integer. */
    toBigInt(): bigint;
    /** @param {string | number | bigint | Num} other */
    equals(other: string | number | bigint | Num): boolean;
    /** @returns {-1 | 0 | 1} below zero, zero, above */
    sign(): -1 | 0 | 1;
    /** Exactly, however many digits there are. @param {string | number | bigint | Num} other @returns {-1 | 0 | 1} less than the other, equal, greater */
    compare(other: string | number | bigint | Num): -1 | 0 | 1;
    valueOf(): number;
    toString(): string;
    /** In JSON it is a string, so that it stays exact. */
    toJSON(): string;
}
/** @param {string | number | bigint | Num} value @returns {string} */
export declare function numberText(value: string | number | bigint | Num): string;
/** @param {string} json an item as DynamoDB JSON @returns {Item} */
export declare function parseItem(json: string): Item;
/** @param {any} wire `{"S": …}` and the like @returns {any} */
export declare function readValue(wire: any): any;
/** @param {Item} item @returns {string} as DynamoDB JSON. Attributes that are undefined are left out. */
export declare function itemJson(item: Item): string;
/** @param {any} value @param {string} [path] for messages @returns {any} `{"S": …}` and the like */
export declare function writeValue(value: any, path?: string): any;
/** Equal as DynamoDB sees it: 1.0 is 1, and sets have no order. @param {any} one @param {any} other each `{"S": …}` and the like @returns {boolean} */
export declare function sameValue(one: any, other: any): boolean;
