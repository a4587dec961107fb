/**
 * Where in the function's own files a place of the bundle is.
 *
 * What holds: `tripline-js` puts the bundle's source map behind the bundle (bin/lambda.js), and it is read at the first stack that is told; without one, as in Node, a
 * stack stays as it is.
 * @module
 */
export type SourceMap = {
    file: string;
    sources: string[];
    mappings: string;
};
export type Segment = [column: number, source: number, line: number, sourceColumn: number];
/** @typedef {{ file: string, sources: string[], mappings: string }} SourceMap the bundle's name, and a source map's fields; of the function's own files alone, and by lines */
/** @typedef {[column: number, source: number, line: number, sourceColumn: number]} Segment all from 0 */
/** Under which the map is kept. */
export declare const MAP = "tripline.sources";
/** Of base64. */
export declare const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/** @param {string} stack @returns {string} */
export declare function inSources(stack: string): string;
/** @param {string} mappings @returns {Segment[][]} */
export declare function decode(mappings: string): Segment[][];
