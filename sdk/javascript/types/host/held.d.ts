/**
 * Which changes of a batch did not fail and yet are not done.
 *
 * What holds: the rule is the host's own (`held_back` in host/core/src/delivery/settle.rs): a later change of an item that is delivered again is delivered again with it,
 * and so is a change that has read what a change which is not done had written; to the end, since either may hold back more.
 * @module
 */
/**
 * @param {{ keys: string }[]} changes
 * @param {Map<number, "retry" | "reject">} failures by place
 * @param {{ reader: number, writer: number }[]} reads of one change's state by another
 * @returns {number[]} places, in order
 */
export declare function heldBack(changes: {
    keys: string;
}[], failures: Map<number, "retry" | "reject">, reads: {
    reader: number;
    writer: number;
}[]): number[];
