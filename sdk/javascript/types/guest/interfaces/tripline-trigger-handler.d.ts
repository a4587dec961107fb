/// <reference path="./tripline-trigger-types.d.ts" />
declare module 'tripline:trigger/handler@0.1.0' {
  /**
   * Ok names the changes that failed (none: all done). Err fails the whole batch.
   * 
   * A change that is later in the batch than a failed change of the same item counts as failed with it, at no cost in
   * attempts, so that one item's changes stay in order.
   */
  export function handle(batch: Batch): Array<FailedChange>;
  export type Batch = import('tripline:trigger/types@0.1.0').Batch;
  export type FailedChange = import('tripline:trigger/types@0.1.0').FailedChange;
  export type Failure = import('tripline:trigger/types@0.1.0').Failure;
}
