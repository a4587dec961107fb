/** As host/bench/plugin does in Rust: reads two attributes of the new image, and decides by them. */

import { type Change, type Item, onChange, reject } from "@tripline/sdk";

interface Order {
  status: string;
  total: number;
}

export default onChange((change: Change) => {
  const order = change.newImage as (Item & Order) | undefined;
  if (order !== undefined && order.status === "fraud" && Number(order.total) > 1e9) throw reject("a fraud");
});
