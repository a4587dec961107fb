// The node contestant: a loop over GetRecords on the AWS SDK v3's typed output. Usage: node consumer.mjs ENDPOINT REGION CHANGES
// Prints what it used between the first call and the last change, as JSON.

import { DynamoDBStreamsClient, GetRecordsCommand, GetShardIteratorCommand } from "@aws-sdk/client-dynamodb-streams";

const [endpoint, region, wanted] = process.argv.slice(2);
const credentials = { accessKeyId: "local", secretAccessKey: "local" };
const client = new DynamoDBStreamsClient({ endpoint, region, credentials, maxAttempts: 1 });

const SUSPICIOUS = 1e9;

function isFraud(record) {
  const image = record.dynamodb.NewImage;
  return image.status.S === "fraud" && Number(image.total.N) > SUSPICIOUS;
}

const cpu = process.cpuUsage();
const began = process.hrtime.bigint();
const first = new GetShardIteratorCommand({ StreamArn: "arn:any-stream-that-is-long-enough-to-be-valid", ShardId: "shardId-00000000000000000001", ShardIteratorType: "TRIM_HORIZON" });
let { ShardIterator: iterator } = await client.send(first);
let changes = 0;
let frauds = 0;
while (iterator) {
  const page = await client.send(new GetRecordsCommand({ ShardIterator: iterator }));
  for (const record of page.Records) {
    if (isFraud(record)) frauds += 1;
    changes += 1;
  }
  iterator = page.NextShardIterator;
}
const used = process.cpuUsage(cpu);
const wall = Number(process.hrtime.bigint() - began) / 1e9;
if (changes !== Number(wanted) || frauds !== 0) throw new Error(`${changes} changes were read, and there are ${wanted}`);
console.log(JSON.stringify({ changes, cpu_seconds: (used.user + used.system) / 1e6, wall_seconds: wall }));
