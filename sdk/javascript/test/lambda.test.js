/** Lambda's event, and its rule for what failed. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { lambda, toEvent } from "../src/lambda.js";
import { Host, batch, expire, insert, modify, run } from "../src/testing.js";

const three = () => batch([insert({ id: "a" }, {}), insert({ id: "b" }, {}), insert({ id: "c" }, {})].map((one, place) => ({ ...one, sequenceNumber: ["9", "10", "11"][place] })));
const named = (...names) => ({ batchItemFailures: names.map((itemIdentifier) => ({ itemIdentifier })) });

/** What a handler answers, and the places that are delivered again. */
const RULE = [
  [undefined, []],
  [null, []],
  ["Successfully processed 3 records.", []],
  [{}, []],
  [{ batchItemFailures: null }, []],
  [named(), []],
  [named("10"), [1, 2]],
  [named("11", "9"), [0, 1, 2]],
  [named("11"), [2]],
  [named(""), [0, 1, 2]],
  [named("12"), [0, 1, 2]],
  [named("11", "nobody"), [0, 1, 2]],
  [{ batchItemFailures: [{}] }, [0, 1, 2]],
  [{ batchItemFailures: [null] }, [0, 1, 2]],
  [{ batchItemFailures: "11" }, [0, 1, 2]],
];

test("Lambda's rule", async () => {
  new Host();
  for (const [answer, again] of RULE) {
    const failed = await run(lambda(() => async () => answer), three());
    assert.deepEqual(failed.map(({ index }) => index), again, JSON.stringify(answer));
    assert.ok(failed.every((one) => "retry" in one));
  }
});

test("a throw, a rejection, a callback's error: all of it again", async () => {
  const host = new Host();
  const handlers = [
    () => {
      throw new Error("x");
    },
    async () => {
      throw new Error("x");
    },
    (_event, _context, callback) => callback(new Error("x")),
  ];
  for (const handler of handlers) {
    assert.deepEqual(await run(lambda(() => handler), three()), [0, 1, 2].map((index) => ({ index, retry: "Error: x" })));
  }
  assert.ok(host.logs.every(({ level, message }) => level === "error" && message.includes("Error: x")));
  const callback = (_event, _context, done) => done(null, named("11"));
  assert.equal((await run(lambda(() => callback), three())).length, 1);
});

test("the event is Lambda's", () => {
  const fields = { region: "eu-west-1", view: /** @type {const} */ ("new-and-old-images") };
  const [first, second] = toEvent(batch([modify({ id: "a" }, { n: 1 }, { n: 2 }), expire({ id: "b" }, {})], fields)).Records;
  assert.deepEqual(first, {
    eventID: "event-1",
    eventName: "MODIFY",
    eventVersion: "1.1",
    eventSource: "aws:dynamodb",
    awsRegion: "eu-west-1",
    dynamodb: {
      ApproximateCreationDateTime: 1767225600,
      Keys: { id: { S: "a" } },
      NewImage: { id: { S: "a" }, n: { N: "2" } },
      OldImage: { id: { S: "a" }, n: { N: "1" } },
      SequenceNumber: "1",
      SizeBytes: 100,
      StreamViewType: "NEW_AND_OLD_IMAGES",
    },
    eventSourceARN: "arn:aws:dynamodb:us-east-1:123456789012:table/test/stream/2026-01-01T00:00:00.000",
  });
  assert.deepEqual(second.userIdentity, { type: "Service", principalId: "dynamodb.amazonaws.com" });
  assert.ok(!("NewImage" in second.dynamodb));
});

test("settings are the environment, there before the module is loaded", async () => {
  new Host({ settings: { TABLE: "copy", LIMIT: 3 } });
  const seen = [];
  const load = async () => {
    seen.push(process.env.TABLE, process.env.LIMIT, process.env.AWS_REGION);
    return (_event, context) => seen.push(context.functionName, context.awsRequestId, context.getRemainingTimeInMillis() > 0);
  };
  await run(lambda(load), three());
  assert.deepEqual(seen, ["copy", "3", "us-east-1", "test", "event-1-1", true]);
});
