/** Counts orders by status, and sums what is paid. */

import { type Num, counters, log, onChange } from "@tripline/sdk";

interface Order {
  id: string;
  status: string;
  total: Num; // exact: DynamoDB's numbers have 38 digits
}

export default onChange<Order>((change) => {
  const order = change.newImage;
  if (!order) return;
  log.info(`order ${order.id} is ${order.status}`);
  counters.add(change, "orders", { status: order.status });
  if (order.status === "paid") counters.add(change, "revenue", {}, order.total);
});
