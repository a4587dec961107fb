/** The event that Lambda makes of a batch. @module */

/** @typedef {import("../change.js").WireBatch} WireBatch */
/** @typedef {import("../change.js").WireChange} WireChange */

/** @param {WireBatch} batch @returns {{ Records: any[] }} as Lambda hands it to a function */
export function toEvent(batch) {
  return { Records: batch.changes.map((change) => record(batch, change)) };
}

/** @param {WireBatch} batch @param {WireChange} change */
function record(batch, change) {
  const [type, principalId] = change.userIdentity ?? [];
  return {
    eventID: change.eventId,
    eventName: change.eventName.toUpperCase(),
    eventVersion: "1.1",
    eventSource: "aws:dynamodb",
    awsRegion: batch.region,
    dynamodb: {
      ApproximateCreationDateTime: Number(change.createdMs) / 1000,
      Keys: JSON.parse(change.keys),
      ...(change.newImage != null && { NewImage: JSON.parse(change.newImage) }),
      ...(change.oldImage != null && { OldImage: JSON.parse(change.oldImage) }),
      SequenceNumber: change.sequenceNumber,
      SizeBytes: Number(change.sizeBytes),
      StreamViewType: batch.view.toUpperCase().replaceAll("-", "_"),
    },
    ...(type !== undefined && { userIdentity: { type, principalId } }),
    eventSourceARN: batch.streamArn,
  };
}
