/**
 * How a plugin on QuickJS gets `wasi:http`.
 *
 * componentize-qjs runs a component's top level while it makes it, in a wasmtime of its own that has `wasi:io` and `wasi:clocks`, and no `wasi:http`: it puts traps in
 * its place, whose streams are then other resources than those of `wasi:io` ("mismatched resource types", componentize-qjs 0.4.5). So while a component is made, http
 * and all that it refers to stand under names that nobody knows, of the same length; the finished component's imports get their own names back. Their version
 * is one behind that of the engine's own imports, since no name may be imported twice; a host gives both the same.
 *
 * What holds: the component's size and code are as they were made; a component with no such import is none of this file's.
 * @module
 */

import { cpSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [REAL, STAND_IN] = ["wasi:", "wasx:"];
const OLDER = "@0.2.10";
const NAMES_IN_SOURCE = /^wasi:(http|io|clocks)\//;
const NAMES = /wasi:((?:http|io|clocks)(?:\/[a-z-]+)?)@0\.2\.12/g;
/** Of a component's section with its imports. */
const IMPORTS = 10;
const PREAMBLE_BYTES = 8;

/** An import that wants the world with http. */
export const IS_HTTP = /^was[ix]:http\//;

/** @param {string} text */
const standIn = (text) => text.replace(NAMES, `${STAND_IN}$1${OLDER}`);

/** For esbuild: what a plugin imports of http, under the name that it has while the component is made. */
export const standIns = {
  name: "http-stand-ins",
  /** @param {any} build */
  setup(build) {
    build.onResolve({ filter: NAMES_IN_SOURCE }, (/** @type {{ path: string }} */ { path }) => ({ path: standIn(path), external: true, sideEffects: false }));
  },
};

/** Copies the contract with the names that stand in. @param {string} wit @param {string} folder @returns {string} the folder */
export function witWithStandIns(wit, folder) {
  cpSync(wit, folder, { recursive: true, dereference: true });
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".wit"))) {
    const path = join(folder, file);
    writeFileSync(path, standIn(readFileSync(path, "utf8")));
  }
  return folder;
}

/** @param {Buffer} component @returns {Buffer} itself */
export function withRealNames(component) {
  let renamed = 0;
  for (let at = PREAMBLE_BYTES; at < component.length; ) {
    const [size, body] = length(component, at + 1);
    if (component[at] === IMPORTS) {
      // Such a section holds names, and numbers of types: no five of those read so.
      for (let place = body; (place = component.indexOf(STAND_IN, place)) >= 0 && place < body + size; place += REAL.length) {
        component.write(REAL, place);
        renamed++;
      }
    }
    at = body + size;
  }
  if (renamed === 0) throw new Error(`the component has no import ${STAND_IN}http/…${OLDER}: is this componentize-qjs 0.4?`);
  return component;
}

/** Of an unsigned LEB128: its value, and where it ends. @param {Buffer} bytes @param {number} at @returns {[number, number]} */
function length(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined) throw new Error("the component ends within a section: is this componentize-qjs 0.4?");
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, at];
  }
}
