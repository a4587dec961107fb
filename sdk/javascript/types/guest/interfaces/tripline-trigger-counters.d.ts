declare module 'tripline:trigger/counters@0.1.0' {
  /**
   * Adds `delta` to the counter `name` with these labels.
   * 
   * `change`: index of the change in the batch. `name`: `[a-z][a-z0-9_]*`, at most 64 characters. `labels`: name and value, at most 8,
   * values at most 1 KiB; their order does not matter. `delta`: a decimal such as `1`, `-19.99` or `1E+3`, exact at any length that DynamoDB has.
   */
  export function add(change: number, name: string, labels: Array<[string, string]>, delta: string): void;
  export type CounterError = CounterErrorAccessDenied | CounterErrorInvalid;
  /**
   * The trigger is not granted `counters`.
   */
  export interface CounterErrorAccessDenied {
    tag: 'access-denied',
    val: string,
  }
  /**
   * Not a name, not a label, not a decimal, or not a change of this batch.
   */
  export interface CounterErrorInvalid {
    tag: 'invalid',
    val: string,
  }
}
