"""Write Tripline plugins in Python.

What holds: nothing is ambient. Whatever changes state in the host takes the change that it belongs to.
"""

from . import counters, log, mailer, metrics, settings, state, tables
from .change import Batch, Change, Difference, EventName, Origin, UserIdentity, View
from .failure import Failure, HostError, Reject, Retry
from .handler import on_batch, on_change
from .items import Item, item_json, parse_item

__all__ = [
    "Batch",
    "Change",
    "Difference",
    "EventName",
    "Failure",
    "HostError",
    "Item",
    "Origin",
    "Reject",
    "Retry",
    "UserIdentity",
    "View",
    "counters",
    "item_json",
    "log",
    "mailer",
    "metrics",
    "on_batch",
    "on_change",
    "parse_item",
    "settings",
    "state",
    "tables",
]
