#!/usr/bin/env node
/**
 * `tripline-js build plugin.ts -o plugin.wasm`: bundles a plugin with esbuild and makes a component of it.
 *
 * What holds: the tools are the project's own, found from where the plugin is; nothing is fetched. What is left behind is the component alone.
 */

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import { IS_HTTP, standIns, withRealNames, witWithStandIns } from "./http-world.js";
import { ENTRY, appendMap, lacksBuffer, lambdaEntry, lambdaOptions } from "./lambda.js";
import { install, remedy } from "./remedy.js";

const USAGE = `\
usage: tripline-js build FILE [-o plugin.wasm] [--engine quickjs|starlingmonkey] [--lambda] [--handler NAME] [--fetch] [--tools FOLDER]

FILE             TypeScript or JavaScript with \`export default onChange(…)\`
-o, --output     where the component goes; plugin.wasm
--engine         quickjs: small, quick, no await. starlingmonkey: Firefox's engine, with await, URL, crypto; starlingmonkey with --lambda
--lambda         FILE exports a Lambda handler: \`handler(event, context[, callback])\`
--handler        the handler's name where it is another: \`lambdaHandler\`, or as Lambda has it, \`app.lambdaHandler\`
--fetch          StarlingMonkey with fetch, which asks the host for wasi:http
--tools          a folder with node_modules, where the tools are not the plugin's own
`;

const sdk = fileURLToPath(new URL("..", import.meta.url));

/** @param {string} message @returns {never} */
function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}

function options() {
  const names = { output: { type: "string", short: "o" }, engine: { type: "string" }, lambda: { type: "boolean" }, handler: { type: "string" }, fetch: { type: "boolean" }, tools: { type: "string" }, help: { type: "boolean" } };
  let parsed;
  try {
    parsed = parseArgs({ options: /** @type {any} */ (names), allowPositionals: true });
  } catch (error) {
    fail(`${/** @type {Error} */ (error).message}\n\n${USAGE}`);
  }
  const { values, positionals } = /** @type {{ values: any, positionals: string[] }} */ (parsed);
  if (values.help || positionals.length !== 2 || positionals[0] !== "build") {
    console.error(USAGE);
    process.exit(values.help ? 0 : 2);
  }
  const engine = values.engine ?? (values.lambda ? "starlingmonkey" : "quickjs");
  if (engine !== "quickjs" && engine !== "starlingmonkey") fail(`there is no engine \`${engine}\`: quickjs or starlingmonkey`);
  if (values.lambda && engine === "quickjs") fail("a Lambda function needs promises, which QuickJS cannot wait for: leave out `--engine`");
  if (values.handler !== undefined && !values.lambda) fail("`--handler` names a Lambda function: add `--lambda`");
  if (values.fetch && engine === "quickjs") fail("QuickJS has no fetch: build with `--engine starlingmonkey`");
  const file = resolve(positionals[1]);
  if (read(file) === undefined) fail(`there is no file ${file}`);
  const flags = { lambda: Boolean(values.lambda), handler: values.handler ?? "handler", fetch: Boolean(values.fetch) };
  return { file, engine, output: resolve(values.output ?? "plugin.wasm"), ...flags, tools: resolve(values.tools ?? dirname(file)) };
}

/** The package's entry as Node finds it from `folder`. @param {string} folder @param {string} name @returns {string | undefined} */
function find(folder, name) {
  for (let at = folder; ; at = dirname(at)) {
    const home = join(at, "node_modules", name);
    const about = read(join(home, "package.json"));
    if (about) {
      // Not by require.resolve: one of them is for `import` alone.
      const { exports: entry, main } = JSON.parse(about);
      return join(home, entry?.import ?? main);
    }
    if (dirname(at) === at) return undefined;
  }
}

/** @param {string} folder @param {string} name @returns {Promise<any>} */
async function tool(folder, name) {
  const found = find(folder, name) ?? fail(`${name} is not installed: \`${install(name)}\` in ${folder}`);
  return import(pathToFileURL(found).href);
}

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

/** What the component's one export is made of. @param {ReturnType<typeof options>} options */
function entry(options) {
  if (options.lambda) return lambdaEntry(options);
  const remedy = "it needs `export default onChange(…)`. A Lambda function? `--lambda`";
  // Runs while the component is made, and ends that with its words.
  const check = `if (typeof handler?.handle !== "function") throw new Error("the file exports no plugin: ${remedy}");\n`;
  return `import * as plugin from ${JSON.stringify(options.file)};\nexport const handler = plugin.default ?? plugin.handler;\n${check}`;
}

/** @param {ReturnType<typeof options>} options @param {string} bundle */
async function bundle(options, bundle) {
  const esbuild = await tool(options.tools, "esbuild");
  const own = options.lambda ? lambdaOptions({ sdk, find: (name) => find(options.tools, name) }) : {};
  const { metafile } = await esbuild.build({
    ...own,
    stdin: { contents: entry(options), resolveDir: dirname(options.file), sourcefile: ENTRY },
    bundle: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    conditions: options.engine === "starlingmonkey" ? ["starlingmonkey", "import"] : ["import"],
    target: "es2022",
    external: ["tripline:*", "wasi:*"],
    // The SDK that this program belongs to, wherever the plugin is.
    alias: { "@tripline/sdk": join(sdk, "src/index.js"), "@tripline/sdk/lambda": join(sdk, "src/lambda.js") },
    outfile: bundle,
    metafile: true,
    plugins: [...(own.plugins ?? []), ...(options.engine === "quickjs" ? [standIns] : [])],
    logLevel: "warning",
    logOverride: { "import-is-undefined": "silent" },
  });
  if (options.lambda && lacksBuffer(metafile)) fail(`\`Buffer\` is the package \`buffer\` here: \`npm install --save-dev buffer\` in ${options.tools}`);
  if (options.lambda) appendMap(bundle, sdk);
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
  return { usesHttp: imports.some((path) => IS_HTTP.test(path)) };
}

/** @param {ReturnType<typeof options>} options @param {{ bundle: string, usesHttp: boolean, scratch: string }} made */
async function componentize(options, { bundle, usesHttp, scratch }) {
  const wit = join(sdk, "wit");
  const worldName = usesHttp ? "plugin-with-http" : "plugin";
  if (options.engine === "starlingmonkey") {
    const { componentize } = await tool(options.tools, "@bytecodealliance/componentize-js");
    const disableFeatures = options.fetch ? ["fetch-event"] : ["http", "fetch-event"];
    const { component } = await componentize({ sourcePath: bundle, witPath: wit, worldName, disableFeatures });
    writeFileSync(options.output, component);
    return;
  }
  const { componentize } = await tool(options.tools, "componentize-qjs");
  const witPath = usesHttp ? witWithStandIns(wit, join(scratch, "wit")) : wit;
  const { component } = await componentize({ witPath, jsSource: readFileSync(bundle, "utf8"), world: worldName, sync: true, optSize: true });
  writeFileSync(options.output, usesHttp ? withRealNames(component) : component);
}

const chosen = options();
const scratch = mkdtempSync(join(tmpdir(), "tripline-js-"));
try {
  const began = Date.now();
  const made = join(scratch, "plugin.js");
  const { usesHttp } = await bundle(chosen, made);
  await componentize(chosen, { bundle: made, usesHttp, scratch });
  console.error(`${chosen.output}: ${(statSync(chosen.output).size / 1e6).toFixed(1)} MB, ${chosen.engine}, in ${((Date.now() - began) / 1000).toFixed(1)} s`);
} catch (error) {
  fail(remedy(error, chosen.lambda));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
