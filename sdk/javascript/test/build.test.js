/** What `tripline-js` refuses before it builds anything. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../bin/tripline-js.js", import.meta.url));

test("what could never serve is not built", () => {
  /** @type {[string[], RegExp][]} */
  const rows = [
    [["--lambda", "--engine", "quickjs"], /^error: a Lambda function needs promises, which QuickJS cannot wait for: leave out `--engine`\n$/],
    [["--fetch"], /^error: QuickJS has no fetch/],
    [["--engine", "v8"], /^error: there is no engine `v8`/],
  ];
  for (const [flags, expected] of rows) {
    const { status, stderr } = spawnSync(process.execPath, [program, "build", "index.mjs", ...flags], { encoding: "utf8" });
    assert.equal(status, 1);
    assert.match(stderr, expected);
  }
});
