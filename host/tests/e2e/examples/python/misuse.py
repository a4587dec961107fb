"""What a handler may hand to the SDK by mistake: each change's key says which. None of them may cost its neighbours anything."""

from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from tripline_sdk import Change, counters, http, log, mailer, metrics, on_change, settings, state, tables


def send(change: Change, **other: Any) -> None:
    mailer.send(change, **{"to": "a@b.example", "subject": "s", "text": "t", **other})


CALLS: dict[str, Callable[[Change], Any]] = {
    "sound": lambda c: counters.add(c, "sound", {"by": "its neighbours"}),
    "label that is a number": lambda c: counters.add(c, "n", {"year": Decimal(2026)}),
    "label that is none": lambda c: counters.add(c, "n", {"year": None}),
    "name that is a number": lambda c: counters.add(c, 5),
    "delta that is no number": lambda c: counters.add(c, "n", delta=""),
    "subject": lambda c: send(c, subject=5),
    "recipients": lambda c: send(c, to=[5]),
    "key of a mail": lambda c: send(c, key=5),
    "bytearray": lambda c: (state.set(c, "k", bytearray(b"ab")), log.info(state.get_text(c, "k"))),
    "value that is a number": lambda c: state.set(c, "k", 5),
    "key that is a number": lambda c: state.get(c, 5),
    "half of a pair as key": lambda c: state.set(c, "\ud83d", b""),
    "before 1970": lambda c: state.set(c, "k", b"", expires=datetime(1969, 1, 1, tzinfo=timezone.utc)),
    "count below 0": lambda c: metrics.count("n", delta=-1),
    "count of a half": lambda c: metrics.count("n", delta=1.5),
    "gauge of a text": lambda c: metrics.set_gauge("g", "5"),
    "timeout below 0": lambda c: http.get("https://h.example", answer_timeout=-1),
    "header that is a number": lambda c: http.get("https://h.example", headers={"X": 5}),
    "setting": lambda c: settings.get(5),
    "table": lambda c: tables.put(5, {"id": "a"}),
    "placeholder": lambda c: tables.update("copy", tables.Update({"id": "a"}, "SET #a = :a", names={"#a": 5}, values={":a": 1})),
    "check in a write": lambda c: tables.write("copy", [tables.Check({"id": "a"}, tables.Condition("attribute_exists(id)"))]),
    "half of a pair in a log": lambda c: log.info("half: \ud83d"),
    "half of a pair in an item": lambda c: tables.put("copy", {"id": "\ud83d"}),
    "half of a pair in a reason": lambda c: (_ for _ in ()).throw(ValueError("half: \ud83d")),
}


@on_change
def handle(change: Change) -> None:
    CALLS[change.keys["id"]](change)
