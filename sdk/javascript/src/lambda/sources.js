/**
 * Where in the function's own files a place of the bundle is.
 *
 * What holds: `tripline-js` puts the bundle's source map behind the bundle (bin/lambda.js), and it is read at the first stack that is told; without one, as in Node, a
 * stack stays as it is.
 * @module
 */

/** @typedef {{ file: string, sources: string[], mappings: string }} SourceMap the bundle's name, and a source map's fields; of the function's own files alone, and by lines */
/** @typedef {[column: number, source: number, line: number, sourceColumn: number]} Segment all from 0 */

/** Under which the map is kept. */
export const MAP = "tripline.sources";

/** Of base64. */
export const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** @type {Segment[][] | undefined} of each line of the bundle */
let lines;

/** @param {string} stack @returns {string} */
export function inSources(stack) {
  const map = /** @type {SourceMap | undefined} */ (/** @type {any} */ (globalThis)[Symbol.for(MAP)]);
  if (!map) return stack;
  const read = (lines ??= decode(map.mappings));
  return stack
    .split("\n")
    .map((text) => frame(text, map, read))
    .filter((text) => text !== undefined)
    .join("\n");
}

/** @param {string} text @param {SourceMap} map @param {Segment[][]} read @returns {string | undefined} undefined for a frame of the SDK's or the engine's */
function frame(text, map, read) {
  // `name@plugin.js:45:25`; a message may have such words as well.
  const [, name, file, line, column] = /^([^\s]*@)([^\s]*):(\d+):(\d+)$/.exec(text) ?? [];
  if (file === undefined) return text;
  if (file.endsWith("/initializer.js")) return undefined;
  if (file.slice(file.lastIndexOf("/") + 1) !== map.file) return text;
  const segments = read[Number(line) - 1] ?? [];
  const found = segments.findLast((segment) => segment[0] < Number(column)) ?? segments[0];
  return found && `${name}${map.sources[found[1]]}:${found[2] + 1}`;
}

/** @param {string} mappings @returns {Segment[][]} */
export function decode(mappings) {
  let [source, line, sourceColumn] = [0, 0, 0];
  return mappings.split(";").map((text) => {
    let column = 0;
    const segments = [];
    for (const segment of text.split(",").filter(Boolean)) {
      const fields = numbers(segment);
      column += fields[0];
      if (fields.length < 4) continue;
      source += fields[1];
      line += fields[2];
      sourceColumn += fields[3];
      segments.push(/** @type {Segment} */ ([column, source, line, sourceColumn]));
    }
    return segments;
  });
}

/** Base64 VLQ: five bits in a digit, the lowest of a number is its sign. @param {string} segment @returns {number[]} */
function numbers(segment) {
  const all = [];
  let [value, shift] = [0, 0];
  for (const digit of segment) {
    const bits = DIGITS.indexOf(digit);
    value += (bits & 31) * 2 ** shift;
    shift += 5;
    if (bits & 32) continue;
    all.push(value % 2 === 1 ? -(value - 1) / 2 : value / 2);
    [value, shift] = [0, 0];
  }
  return all;
}
