"""A fraud alert: a mail when one card pays more than a limit within an hour, and none again for that card for the next hour.

What holds: each payment is summed once, however often it is delivered or the host is killed; a card's payments are summed exactly. The
windows follow the times of the payments, not of their delivery, so that a replay says the same.
"""

from datetime import datetime, timedelta, timezone
from decimal import Decimal

from tripline_sdk import Change, Origin, Reject, counters, log, mailer, on_change, settings, state

WINDOW = timedelta(hours=1)
# Entries expire by the host's clock, and a payment may be handled a day after it was made, or be recorded for a test.
KEPT = WINDOW + timedelta(days=2)


def limit() -> Decimal:
    value = settings.get_json("limit")
    if not isinstance(value, int) or value <= 0:
        raise Reject("setting `limit`: how much a card may pay in an hour, an integer above 0")
    return Decimal(value)


def check(origin: Origin) -> None:
    limit()
    settings.require("to")
    if origin.view not in ("new-image", "new-and-old-images"):
        raise Reject('payments are read from their new image: set `view = "new-image"`')


def recent(change: Change, key: str, now: datetime) -> list[tuple[float, Decimal]]:
    """The card's payments of the window, oldest first."""
    kept = state.get_json(change, key) or []
    begins = (now - WINDOW).timestamp()
    return [(at, Decimal(amount)) for at, amount in kept if at > begins]


@on_change(probe=check)
def on_payment(change: Change) -> None:
    payment = change.new_image
    if change.event_name != "INSERT" or payment is None:
        return
    card, amount, now = payment["card"], payment["amount"], change.created
    if not isinstance(amount, Decimal):
        raise Reject(f"payment {change.keys['id']}: `amount` is no number")
    payments = [*recent(change, f"card/{card}", now), (now.timestamp(), amount)]
    kept = [(at, str(paid)) for at, paid in payments]
    state.set_json(change, f"card/{card}", kept, expires=now + KEPT)
    counters.add(change, "paid", delta=amount)
    total = sum(paid for _, paid in payments)
    if total > limit():
        alert(change, card, total, now)


def alert(change: Change, card: str, total: Decimal | int, now: datetime) -> None:
    silent_until = state.get_json(change, f"alerted/{card}") or 0
    if now.timestamp() < silent_until:
        log.info(f"{card} again: {total}")
        return
    until = now + WINDOW
    state.set_json(change, f"alerted/{card}", until.timestamp(), expires=now + KEPT)
    counters.add(change, "alerts")
    mailer.send(
        change,
        to=settings.require("to"),
        subject=f"Card {card} has paid {total} within an hour",
        text=f"Its last payment is {change.keys['id']}, at {now.astimezone(timezone.utc):%H:%M} UTC. The limit is {limit()}.\n",
    )
