import assert from "node:assert/strict";
import { test } from "node:test";

import { Host, insert, run } from "@tripline/sdk/testing";
import plugin from "./plugin.js";

test("paid orders are revenue", async () => {
  const host = new Host({ grants: ["counters"] });
  const failed = await run(plugin, [insert({ id: "o-1" }, { status: "paid", total: 19.99 })]);
  assert.deepEqual(failed, []);
  assert.deepEqual(host.counter("orders", { status: "paid" }), ["1"]);
  assert.deepEqual(host.counter("revenue"), ["19.99"]);
});
