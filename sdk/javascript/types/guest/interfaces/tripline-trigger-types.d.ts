declare module 'tripline:trigger/types@0.1.0' {
  /**
   * A DynamoDB item, or the part of it that the view and the projection leave, as DynamoDB JSON in UTF-8:
   * `{"pk":{"S":"user#1"},"age":{"N":"42"}}`. Binary values are base64, as on the wire.
   * A string, not bytes: some engines have no text decoder.
   */
  export type ItemJson = string;
  /**
   * # Variants
   * 
   * ## `"keys-only"`
   * 
   * ## `"new-image"`
   * 
   * ## `"old-image"`
   * 
   * ## `"new-and-old-images"`
   */
  export type View = 'keys-only' | 'new-image' | 'old-image' | 'new-and-old-images';
  /**
   * # Variants
   * 
   * ## `"insert"`
   * 
   * ## `"modify"`
   * 
   * ## `"remove"`
   */
  export type EventName = 'insert' | 'modify' | 'remove';
  export interface Change {
    /**
     * Unique for each change of a stream: the idempotency key for effects outside the host.
     */
    eventId: string,
    eventName: EventName,
    /**
     * 21 to 40 decimal digits from AWS, fewer from emulators; compare as numbers.
     */
    sequenceNumber: string,
    /**
     * ApproximateCreationDateTime, in milliseconds since the Unix epoch; AWS cuts it to the second.
     */
    createdMs: bigint,
    /**
     * Keys and images together, as DynamoDB counts them.
     */
    sizeBytes: bigint,
    /**
     * Set when DynamoDB itself made the change, as TTL does: type and principal ID.
     */
    userIdentity?: [string, string],
    keys: ItemJson,
    /**
     * The item after the change, where the view has it and the change left an item.
     */
    newImage?: ItemJson,
    /**
     * The item before the change, where the view has it and there was one.
     */
    oldImage?: ItemJson,
  }
  export interface Batch {
    trigger: string,
    table: string,
    region: string,
    streamArn: string,
    /**
     * What the trigger may see; the stream itself may hold more.
     */
    view: View,
    shardId: string,
    /**
     * 1 for the first delivery of these changes.
     */
    attempt: number,
    /**
     * In stream order. Empty when the host probes a new version before it serves: then check the settings, touch nothing.
     */
    changes: Array<Change>,
  }
  export type Failure = FailureRetry | FailureReject;
  /**
   * Deliver again, as the trigger's retry policy says.
   */
  export interface FailureRetry {
    tag: 'retry',
    val: string,
  }
  /**
   * Never deliver again: to the dead letters at once.
   */
  export interface FailureReject {
    tag: 'reject',
    val: string,
  }
  export interface FailedChange {
    /**
     * Position in `batch.changes`. An index that is not there fails the batch.
     */
    index: number,
    failure: Failure,
  }
}
