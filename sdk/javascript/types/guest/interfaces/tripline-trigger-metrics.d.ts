declare module 'tripline:trigger/metrics@0.1.0' {
  /**
   * Adds to the counter `tripline_custom_<name>_total`.
   */
  export function count(name: string, labels: Array<[string, string]>, delta: bigint): void;
  /**
   * Sets a gauge.
   */
  export function setGauge(name: string, labels: Array<[string, string]>, value: number): void;
  /**
   * Adds to a histogram with the buckets 0.001, 0.0025, 0.005, 0.01, 0.025, and so on up to 1000: for seconds, most of all.
   */
  export function observe(name: string, labels: Array<[string, string]>, value: number): void;
  export type MetricError = MetricErrorAccessDenied | MetricErrorInvalid;
  /**
   * The trigger is not granted `metrics`.
   */
  export interface MetricErrorAccessDenied {
    tag: 'access-denied',
    val: string,
  }
  /**
   * Not a name, not a label, not a finite number, or a name that is another kind of metric already.
   */
  export interface MetricErrorInvalid {
    tag: 'invalid',
    val: string,
  }
}
