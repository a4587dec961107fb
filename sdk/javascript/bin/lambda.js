/**
 * What a Lambda function needs of the build: an entry that loads it at its first batch, what Node has in every module, and a way from the bundle back to its sources.
 *
 * What holds: what a function does not use is not in its component; `Buffer` is the package `buffer` of the project's own.
 * @module
 */

import { appendFileSync, readFileSync } from "node:fs";
import { basename, dirname, extname, join, relative, resolve } from "node:path";

import { DIGITS, MAP, decode } from "../src/lambda/sources.js";

/** The bundle's first module, which is none of the function's. */
export const ENTRY = "tripline-entry.js";
const NO_BUFFER = "no-buffer";

/** As in Lambda's configuration, `index.lambdaHandler`, or without the file. @param {string} file @param {string} handler */
export function nameIn(file, handler) {
  const stem = `${basename(file, extname(file))}.`;
  return handler.startsWith(stem) ? handler.slice(stem.length) : handler;
}

/** @param {{ file: string, handler: string }} options @returns {string} */
export function lambdaEntry({ file, handler }) {
  const name = nameIn(file, handler);
  const full = `${basename(file, extname(file))}.${name}`;
  // Loaded at the first batch: esbuild keeps a module that is imported so for then.
  const load = `() => import(${JSON.stringify(file)}).then((module) => exported(module, ${JSON.stringify(name)}))`;
  return `import { exported, lambda } from "@tripline/sdk/lambda";\nexport const handler = lambda(${load}, { name: ${JSON.stringify(full)} });\n`;
}

/** @param {{ sdk: string, find: (name: string) => string | undefined }} where the SDK is, and a package's entry @returns {any} options of esbuild */
export function lambdaOptions({ sdk, find }) {
  const buffer = find("buffer");
  return {
    define: { global: "globalThis" },
    inject: [join(sdk, "bin/buffer.js")],
    sourcemap: "external",
    sourcesContent: false,
    plugins: [
      {
        name: "buffer",
        /** @param {any} build */
        setup(build) {
          build.onResolve({ filter: /^(node:)?buffer\/?$/ }, () => (buffer ? { path: buffer, sideEffects: false } : { path: "buffer", namespace: NO_BUFFER, sideEffects: false }));
          build.onLoad({ filter: /.*/, namespace: NO_BUFFER }, () => ({ contents: "export const Buffer = undefined;" }));
        },
      },
    ],
  };
}

/** Whether it uses `Buffer`, and there is none. @param {any} metafile */
export function lacksBuffer(metafile) {
  const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
  return inputs.some(([path, { bytesInOutput }]) => path.startsWith(`${NO_BUFFER}:`) && bytesInOutput > 0);
}

/**
 * Puts behind the bundle, whose lines stay where they are, where they come from: lines alone, of the function's own files alone, since all of it is in the component.
 * @param {string} bundle @param {string} sdk where the SDK is, whose own frames nobody needs
 */
export function appendMap(bundle, sdk) {
  const { sources, mappings } = JSON.parse(readFileSync(`${bundle}.map`, "utf8"));
  const paths = sources.map((/** @type {string} */ source) => resolve(dirname(bundle), source));
  const isOwn = paths.map((/** @type {string} */ path) => !path.startsWith(sdk) && basename(path) !== ENTRY);
  // As whoever builds it would name them.
  const map = { file: basename(bundle), sources: paths.map((/** @type {string} */ path, /** @type {number} */ at) => (isOwn[at] ? relative(process.cwd(), path) : "")), mappings: lineMap(mappings, isOwn) };
  appendFileSync(bundle, `\nglobalThis[Symbol.for(${JSON.stringify(MAP)})] = ${JSON.stringify(map)};\n`);
}

/** @param {string} mappings of a source map @param {boolean[]} isOwn of each source @returns {string} the same with what begins another line of an own source */
function lineMap(mappings, isOwn) {
  let [source, line] = [0, 0];
  const lines = decode(mappings).map((segments) => {
    let column = 0;
    const own = segments.filter((segment) => isOwn[segment[1]]);
    const begins = own.filter((segment, at) => at === 0 || segment[1] !== own[at - 1][1] || segment[2] !== own[at - 1][2]);
    return begins.map((segment) => {
      const fields = [segment[0] - column, segment[1] - source, segment[2] - line, 0];
      [column, source, line] = segment;
      return fields.map(vlq).join("");
    });
  });
  return lines.join(";");
}

/** @param {number} number */
function vlq(number) {
  let text = "";
  for (let rest = number < 0 ? -number * 2 + 1 : number * 2; ; rest = Math.floor(rest / 32)) {
    text += DIGITS[(rest % 32) + (rest >= 32 ? 32 : 0)];
    if (rest < 32) return text;
  }
}
