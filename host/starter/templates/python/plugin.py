"""Counts orders by status, and sums what is paid."""

from tripline_sdk import Change, counters, log, on_change


@on_change
def handle(change: Change) -> None:
    order = change.new_image
    if order is None:
        return
    log.info(f"order {order['id']} is {order['status']}")
    counters.add(change, "orders", {"status": order["status"]})
    if order["status"] == "paid":
        counters.add(change, "revenue", delta=order["total"])  # a Decimal: exact
