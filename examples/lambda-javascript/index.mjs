// A function as it runs in AWS Lambda, line for line: it logs what orders are worth, and reports those that it could not read.

// Read when the module is loaded, as functions do.
const currency = process.env.CURRENCY;
if (!currency) throw new Error("CURRENCY is not set");

export const handler = async (event, context) => {
  console.log(`${context.functionName}: ${event.Records.length} records`);
  const settled = await Promise.allSettled(event.Records.map(handle));
  const failed = event.Records.filter((record, at) => settled[at].status === "rejected");
  failed.forEach((record) => console.error(record.eventID, "failed"));
  return { batchItemFailures: failed.map((record) => ({ itemIdentifier: record.dynamodb.SequenceNumber })) };
};

async function handle({ eventName, dynamodb: { Keys, NewImage, OldImage }, userIdentity }) {
  // Whatever is asynchronous: StarlingMonkey has timers, promises, URL, fetch and crypto.
  await new Promise((resolve) => setTimeout(resolve, 1));
  if (NewImage && NewImage.total.N === undefined) throw new TypeError("total is no number");
  const worth = Number(NewImage?.total.N ?? 0) - Number(OldImage?.total.N ?? 0);
  const page = new URL(`/orders/${encodeURIComponent(Keys.id.S)}`, "https://shop.example.com");
  console.info(eventName, page.href, worth.toFixed(2), currency, "by", userIdentity?.principalId ?? "a user");
}
