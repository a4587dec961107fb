// Functions in each of the styles that Lambda has had; which one, the item's key says. None of them knows Tripline.
const { setTimeout: later } = globalThis;
const sequence = ({ Records }) => Records[0].dynamodb.SequenceNumber;
/** Delivered a second time, it is done. */
const once = (event, context) => ({ batchItemFailures: context.awsRequestId.endsWith("-1") ? [{ itemIdentifier: sequence(event) }] : [] });
const callback = (event, context, done) => void later(() => done(null, once(event, context)), 5);

const STYLES = {
  callback,
  applied() {
    return callback.apply(this, arguments);
  },
  "callback-never": (event, context, done) => console.log("not yet", typeof done),
  "callback-and-on": (event, context, done) => {
    done(null, once(event, context));
    setTimeout(() => console.log("after the callback"), 5);
  },
  "callback-at-once": (event, context, done) => {
    context.callbackWaitsForEmptyEventLoop = false;
    setTimeout(() => console.log("never told"), 5);
    done(null);
  },
  timers: () => {
    setTimeout(() => setImmediate(() => setTimeout(console.log, 3, "third")), 5);
    const again = setInterval(() => (console.log("twice"), clearInterval(again)), 1);
  },
  "timer-throws": () => void setTimeout(() => missing(), 1),
  succeed: (event, context) => void setTimeout(() => context.succeed(once(event, context)), 5),
  fail: (event, context) => void setTimeout(() => context.fail(), 5),
  done: (event, context) => context.done(new Error("done with an error")),
  returned: (event, context) => once(event, context),
  promised: (event, context) => new Promise((resolve) => setTimeout(resolve, 5, once(event, context))),
  never: async () => new Promise(() => {}),
  denied: async () => {
    try {
      await fetch("https://api.example.com/orders", { method: "POST", body: "x".repeat(200_000) });
    } catch (error) {
      console.log("caught", error.name);
    }
  },
  "denied-then": () => void fetch("https://api.example.com/orders", { method: "POST", body: "x" }).catch((error) => console.log("caught", error.name)),
  object: async () => Promise.reject({ code: 7 }),
  nothing: async () => Promise.reject(),
  bigint: async () => ({ n: 1n }),
  stack: async () => {
    throw new RangeError("here", { cause: new Error("there") });
  },
  exit: async () => process.exit(3),
  console: async (event) => {
    console.log("Record: %j, %s has %d", event.Records[0].dynamodb.Keys, "it", 7, "more", "100%");
    const self = { map: new Map([["a", new Set([1n])]]) };
    self.self = self;
    console.dir(self);
    console.table([{ a: 1, b: "x" }, { a: 22 }]);
    console.group("group");
    console.count();
    console.groupEnd();
    console.assert(1 > 2, "no %s", "way");
    process.stdout.write("written\n");
  },
  node: async (event) => {
    const bytes = Buffer.from(event.Records[0].dynamodb.NewImage.bytes.B, "base64");
    const ticked = await new Promise((resolve) => process.nextTick(resolve, "ticked"));
    console.log(bytes.toString(), global === globalThis, ticked, typeof process.hrtime.bigint());
  },
  environment: async (event, { memoryLimitInMB, logStreamName }) => {
    const { _HANDLER, AWS_LAMBDA_FUNCTION_MEMORY_SIZE, AWS_LAMBDA_LOG_GROUP_NAME } = process.env;
    console.log(_HANDLER, AWS_LAMBDA_FUNCTION_MEMORY_SIZE, memoryLimitInMB, AWS_LAMBDA_LOG_GROUP_NAME, logStreamName === process.env.AWS_LAMBDA_LOG_STREAM_NAME);
  },
};

exports.lambdaHandler = function (event) {
  return STYLES[event.Records[0].dynamodb.Keys.id.S].apply(this, arguments);
};
