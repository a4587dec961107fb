/** What `tripline-js` refuses before it builds anything. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { lacksBuffer, nameIn } from "../bin/lambda.js";
import { install, remedy } from "../bin/remedy.js";

const program = fileURLToPath(new URL("../bin/tripline-js.js", import.meta.url));

test("what could never serve is not built", () => {
  /** @type {[string[], RegExp][]} */
  const rows = [
    [["--lambda", "--engine", "quickjs"], /^error: a Lambda function needs promises, which QuickJS cannot wait for: leave out `--engine`\n$/],
    [["--fetch"], /^error: QuickJS has no fetch/],
    [["--handler", "main"], /^error: `--handler` names a Lambda function: add `--lambda`\n$/],
    [["--lambda"], /^error: there is no file .*index\.mjs\n$/],
    [["--engine", "v8"], /^error: there is no engine `v8`/],
  ];
  for (const [flags, expected] of rows) {
    const { status, stderr } = spawnSync(process.execPath, [program, "build", "index.mjs", ...flags], { encoding: "utf8" });
    assert.equal(status, 1);
    assert.match(stderr, expected);
  }
});

test("a function's name, with its file or without", () => {
  /** @type {[string, string, string][]} */
  const rows = [
    ["/x/app.mjs", "lambdaHandler", "lambdaHandler"],
    ["/x/app.mjs", "app.lambdaHandler", "lambdaHandler"],
    ["/x/index.js", "orders.handler", "orders.handler"],
  ];
  for (const [file, handler, expected] of rows) assert.equal(nameIn(file, handler), expected);
});

test("what is told of a build that failed", () => {
  /** @type {[any, boolean, RegExp][]} */
  const rows = [
    [{ errors: [{ text: 'Could not resolve "node:fs"' }] }, true, /above\. A component is no Node/],
    [{ errors: [{ text: 'Could not resolve "fs/promises"' }] }, true, /above\. A component is no Node/],
    [{ errors: [{ text: 'Could not resolve "./lib"' }] }, true, /above\.$/],
    [{ errors: [{ text: 'Expected "}"' }] }, true, /above\.$/],
    [new Error("ReferenceError: console is not defined"), false, /A Lambda function\? `--lambda`$/],
    [new Error("ReferenceError: console is not defined"), true, /^(?!.*--lambda)/s],
    [new Error("Cannot find package '@bytecodealliance/preview2-shim' imported from /x/a.js"), true, /0\.26\.0 beside it: `npm install .*componentize-js @bytecodealliance\/preview2-shim@0\.26\.0`$/],
    [new Error("reading file /x/node_modules/@tripline/sdk/wit"), true, /preview2-shim@0\.26\.0`$/],
    [new Error("other"), false, /^(?!.*--lambda)/s],
  ];
  for (const [error, lambda, expected] of rows) assert.match(remedy(error, lambda), expected);
});

test("the engine comes with what it needs, in the documents too", () => {
  const command = install("@bytecodealliance/componentize-js");
  assert.equal(install("esbuild"), "npm install --save-dev esbuild");
  for (const path of ["../README.md", "../../../examples/lambda-javascript/README.md"]) {
    const text = readFileSync(new URL(path, import.meta.url), "utf8");
    assert.ok(text.includes(`${command}\n`), path);
    assert.ok(!/npm install(?!.*preview2-shim).*componentize-js/.test(text), path);
  }
});

test("Buffer is wanted where the bundle has it", () => {
  const output = (/** @type {number} */ bytesInOutput) => ({ outputs: { "plugin.js": { inputs: { "a.js": { bytesInOutput: 9 }, "no-buffer:buffer": { bytesInOutput } } } } });
  assert.deepEqual([lacksBuffer(output(0)), lacksBuffer(output(5))], [false, true]);
});
