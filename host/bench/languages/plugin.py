"""As host/bench/plugin does in Rust: reads two attributes of the new image, and decides by them."""

from tripline_sdk import Change, Reject, on_change


@on_change
def decide(change: Change) -> None:
    order = change.new_image
    if order is not None and order["status"] == "fraud" and order["total"] > 1e9:
        raise Reject("a fraud")
