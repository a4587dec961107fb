/**
 * An audit log: for each change of an order, one item in another table, with who did it and each attribute before and after.
 *
 * What holds: an entry is written once for each change, however often it is delivered; attributes in `secret` never reach the log.
 */

import { type Change, HostError, type Item, type Num, onChange, reject, settings, tables } from "@tripline/sdk";

interface Order {
  id: string;
  status: string;
  total: Num;
  changed_by?: string;
}

interface Options {
  table: string;
  secret: string[];
}

let options: Options | undefined;

function readOptions(): Options {
  return { table: settings.require("table"), secret: settings.getJson("secret") ?? [] };
}

function entry(change: Change<Order>, secret: string[]): Item {
  const values = change
    .differences()
    .filter(({ name }) => name !== "changed_by")
    .map(({ name, before, after }) => (secret.includes(name) ? { name, hidden: true } : { name, before, after }));
  return {
    order: change.keys.id,
    event: change.eventId,
    at: new Date(change.createdMs).toISOString(),
    action: change.isExpiry ? "EXPIRE" : change.eventName,
    by: change.newImage?.changed_by ?? "unknown",
    values,
  };
}

export default onChange<Order>(
  (change) => {
    options ??= readOptions();
    const item = entry(change, options.secret);
    if (change.eventName === "MODIFY" && item.values.length === 0) return;
    try {
      tables.put(options.table, item, { condition: { expression: "attribute_not_exists(event)" } });
    } catch (error) {
      // An earlier delivery of this very change wrote it.
      if (!(error instanceof HostError && error.code === "condition-failed")) throw error;
    }
  },
  {
    probe({ view }) {
      readOptions();
      if (view !== "new-and-old-images") throw reject('an audit log compares images: set `view = "new-and-old-images"`');
    },
  },
);
