declare module 'tripline:trigger/state@0.1.0' {
  /**
   * Values in the order of the reads, none where there is none. Sees what this batch has written so far; of all else, a key that is read again
   * answers the same. One batch: at most 100,000 keys, and 64 MiB of them and their values.
   */
  export function get(reads: Array<Read>): Array<Uint8Array | undefined>;
  /**
   * `key`: at most 2 KiB. `value`: at most 256 KiB. `expires-ms`: Unix time in milliseconds after which the entry is as good as deleted.
   */
  export function set(change: number, key: string, value: Uint8Array, expiresMs: bigint | undefined): void;
  export { _delete as delete };
  function _delete(change: number, key: string): void;
  export type StateError = StateErrorAccessDenied | StateErrorInvalid | StateErrorUnavailable;
  /**
   * The trigger is not granted `state`.
   */
  export interface StateErrorAccessDenied {
    tag: 'access-denied',
    val: string,
  }
  /**
   * A key or value that is too large, or not a change of this batch.
   */
  export interface StateErrorInvalid {
    tag: 'invalid',
    val: string,
  }
  /**
   * The host could not read just now: retry the change.
   */
  export interface StateErrorUnavailable {
    tag: 'unavailable',
    val: string,
  }
  export interface Read {
    /**
     * Index of the change that wants to know: it fails with the change whose write it read.
     */
    change: number,
    key: string,
  }
}
