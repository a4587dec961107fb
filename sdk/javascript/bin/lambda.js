/**
 * What a Lambda function needs of the build: an entry that loads it at its first batch, what Node has in every module, and a way from the bundle back to its sources.
 *
 * What holds: what a function does not use is not in its component; `Buffer` is the package `buffer` of the project's own.
 * @module
 */

import { appendFileSync, readFileSync } from "node:fs";
import { basename, dirname, extname, join, relative, resolve } from "node:path";

/** As src/lambda/sources.js has it. */
const MAP = "tripline.sources";

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

/** Puts the source map behind the bundle, whose lines stay where they are. @param {string} bundle @param {string} sdk where the SDK is, whose own frames nobody needs */
export function appendMap(bundle, sdk) {
  const { sources, mappings } = JSON.parse(readFileSync(`${bundle}.map`, "utf8"));
  // As whoever builds it would name them.
  const named = sources.map((/** @type {string} */ source) => {
    const path = resolve(dirname(bundle), source);
    return path.startsWith(sdk) || source.endsWith("entry.js") ? "" : relative(process.cwd(), path);
  });
  const map = { file: basename(bundle), sources: named, mappings };
  appendFileSync(bundle, `\nglobalThis[Symbol.for(${JSON.stringify(MAP)})] = ${JSON.stringify(map)};\n`);
}
