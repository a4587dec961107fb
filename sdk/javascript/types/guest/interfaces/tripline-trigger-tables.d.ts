/// <reference path="./tripline-trigger-types.d.ts" />
declare module 'tripline:trigger/tables@0.1.0' {
  /**
   * One result for each write, in order. Writes of one key are made in the order given, each after the one before has ended;
   * writes of different keys run at once, and one that fails stops no other.
   */
  export function write(table: string, writes: Array<TableWrite>): Array<Result<void, WriteError>>;
  /**
   * At most 100 writes, of tables of one region, account and endpoint: all are made, or none.
   * 
   * `change`: index of the change that it is made for. Where that is delivered again and the handler makes the same transaction again, DynamoDB
   * makes it once, for ten minutes after the first: so a transaction whose answer was lost is not made twice. After that its conditions must tell.
   */
  export function transact(change: number, writes: Array<TransactWrite>): void;
  /**
   * The items with these keys, in the order of the keys, none where there is none; as DynamoDB sends them. At most 1,000 keys, and 64 MiB of items.
   * `consistent`: sees every write that has ended before; costs twice as much.
   */
  export function get(table: string, keys: Array<ItemJson>, consistent: boolean): Array<ItemJson | undefined>;
  export type ItemJson = import('tripline:trigger/types@0.1.0').ItemJson;
  export type TableError = TableErrorAccessDenied;
  /**
   * The trigger is not granted this table.
   */
  export interface TableErrorAccessDenied {
    tag: 'access-denied',
    val: string,
  }
  export type WriteError = WriteErrorConditionFailed | WriteErrorInvalid | WriteErrorUnavailable;
  /**
   * The condition did not hold: nothing was written.
   */
  export interface WriteErrorConditionFailed {
    tag: 'condition-failed',
  }
  /**
   * Refused for good: too large, not an item of this table, an expression that does not parse.
   */
  export interface WriteErrorInvalid {
    tag: 'invalid',
    val: string,
  }
  /**
   * Throttled, unreachable, or failing: the same write may pass later.
   */
  export interface WriteErrorUnavailable {
    tag: 'unavailable',
    val: string,
  }
  export type TransactError = TransactErrorAccessDenied | TransactErrorCancelled | TransactErrorInvalid | TransactErrorUnavailable;
  /**
   * The trigger is not granted one of the tables.
   */
  export interface TransactErrorAccessDenied {
    tag: 'access-denied',
    val: string,
  }
  /**
   * Nothing was written. One for each write, in order: why it stopped the transaction, or none where it did not.
   */
  export interface TransactErrorCancelled {
    tag: 'cancelled',
    val: Array<WriteError | undefined>,
  }
  /**
   * Refused for good: too many writes, one item twice, tables of several regions, accounts or endpoints, or not a change of this batch.
   */
  export interface TransactErrorInvalid {
    tag: 'invalid',
    val: string,
  }
  /**
   * Throttled, unreachable, or failing: it may pass later, or may have been made. Made again for the same change, it is made once.
   */
  export interface TransactErrorUnavailable {
    tag: 'unavailable',
    val: string,
  }
  export type ReadError = ReadErrorAccessDenied | ReadErrorInvalid | ReadErrorUnavailable;
  /**
   * The trigger is not granted to read this table.
   */
  export interface ReadErrorAccessDenied {
    tag: 'access-denied',
    val: string,
  }
  /**
   * Refused for good: not a key of this table, too many keys, too large items.
   */
  export interface ReadErrorInvalid {
    tag: 'invalid',
    val: string,
  }
  /**
   * Throttled, unreachable, or failing: the same read may pass later.
   */
  export interface ReadErrorUnavailable {
    tag: 'unavailable',
    val: string,
  }
  /**
   * A DynamoDB condition expression with its placeholders.
   */
  export interface Condition {
    expression: string,
    /**
     * `#name` to attribute name.
     */
    names: Array<[string, string]>,
    /**
     * `:value` to attribute value, as DynamoDB JSON: `{":v":{"N":"1"}}`.
     */
    values?: ItemJson,
  }
  export interface Put {
    item: ItemJson,
    condition?: Condition,
  }
  export interface Delete {
    key: ItemJson,
    condition?: Condition,
  }
  /**
   * An update expression, and a condition expression with the same placeholders. Where there is no item with this key, it makes one.
   */
  export interface Update {
    key: ItemJson,
    expression: string,
    condition?: string,
    /**
     * As a condition's.
     */
    names: Array<[string, string]>,
    values?: ItemJson,
  }
  export type TableWrite = TableWritePut | TableWriteUpdate | TableWriteDelete;
  export interface TableWritePut {
    tag: 'put',
    val: Put,
  }
  export interface TableWriteUpdate {
    tag: 'update',
    val: Update,
  }
  export interface TableWriteDelete {
    tag: 'delete',
    val: Delete,
  }
  /**
   * Writes nothing: the condition must hold for the transaction to be made.
   */
  export interface Check {
    key: ItemJson,
    condition: Condition,
  }
  export type TransactAction = TransactActionPut | TransactActionUpdate | TransactActionDelete | TransactActionCheck;
  export interface TransactActionPut {
    tag: 'put',
    val: Put,
  }
  export interface TransactActionUpdate {
    tag: 'update',
    val: Update,
  }
  export interface TransactActionDelete {
    tag: 'delete',
    val: Delete,
  }
  export interface TransactActionCheck {
    tag: 'check',
    val: Check,
  }
  export interface TransactWrite {
    table: string,
    action: TransactAction,
  }
  export type Result<T, E> = { tag: 'ok', val: T } | { tag: 'err', val: E };
}
