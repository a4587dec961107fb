"""Unit tests of a handler, in plain Python.

    host = Host(settings={"limit": 10})
    failed = run(on_change, [insert({"id": "o-1"}, {"total": 12})])
    assert host.counter("orders") == ["1"]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from types import SimpleNamespace
from typing import Any, NamedTuple

from ._recorder import FailedBatch, Host, current
from .items import item_json

__all__ = ["Failed", "Host", "batch", "expire", "insert", "modify", "probe", "remove", "run"]


class Failed(NamedTuple):
    """A change that failed, by its place in the batch."""

    place: int
    kind: str
    reason: str


_EVENTS = Enum("_EVENTS", ["INSERT", "MODIFY", "REMOVE"])
_VIEWS = Enum("_VIEWS", ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"])
_STREAM = "arn:aws:dynamodb:us-east-1:123456789012:table/test/stream/2026-01-01T00:00:00.000"


def _change(name: str, keys: Mapping[str, Any], new: Mapping[str, Any] | None = None, old: Mapping[str, Any] | None = None) -> SimpleNamespace:
    def image(item: Mapping[str, Any] | None) -> str | None:
        return None if item is None else item_json({**keys, **item})

    return SimpleNamespace(
        event_id="",
        event_name=_EVENTS[name],
        sequence_number="",
        created_ms=1_767_225_600_000,
        size_bytes=100,
        user_identity=None,
        keys=item_json(keys),
        new_image=image(new),
        old_image=image(old),
    )


def insert(keys: Mapping[str, Any], new: Mapping[str, Any]) -> SimpleNamespace:
    """Images have the keys added to them."""
    return _change("INSERT", keys, new=new)


def modify(keys: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]) -> SimpleNamespace:
    return _change("MODIFY", keys, new=new, old=old)


def remove(keys: Mapping[str, Any], old: Mapping[str, Any]) -> SimpleNamespace:
    return _change("REMOVE", keys, old=old)


def expire(keys: Mapping[str, Any], old: Mapping[str, Any]) -> SimpleNamespace:
    """As DynamoDB deletes what its time to live has passed."""
    change = remove(keys, old)
    change.user_identity = ("Service", "dynamodb.amazonaws.com")
    return change


def batch(changes: Sequence[SimpleNamespace], *, view: str = "new-and-old-images", **fields: Any) -> SimpleNamespace:
    """Event IDs and sequence numbers count from 1."""
    for place, change in enumerate(changes):
        change.event_id = change.event_id or f"event-{place + 1}"
        change.sequence_number = change.sequence_number or str(place + 1)
    origin = {"trigger": "test", "table": "test", "region": "us-east-1", "stream_arn": _STREAM, "shard_id": "shardId-1", "attempt": 1}
    return SimpleNamespace(**{**origin, "view": _VIEWS[view.upper().replace("-", "_")], **fields, "changes": list(changes)})


def _plugin(handler: Any) -> Any:
    return getattr(handler, "__tripline__", handler)


def run(handler: Callable[..., None] | Any, changes: Sequence[SimpleNamespace] | SimpleNamespace) -> list[Failed]:
    """Hands the changes to the decorated function as one batch: what failed, all of them where the batch failed as a whole."""
    wire = changes if isinstance(changes, SimpleNamespace) else batch(changes)
    host = current()
    host.begin([change.keys for change in wire.changes])
    try:
        failed = [Failed(*one) for one in _plugin(handler).handle(wire)]
    except FailedBatch as error:
        kind, reason = error.args
        failed = [Failed(place, kind, reason) for place in range(len(wire.changes))]
    host.settle({one.place: one.kind for one in failed})
    return failed


def probe(handler: Callable[..., None] | Any, **fields: Any) -> str | None:
    """Asks as the host does before a version serves: why it would not, or None."""
    try:
        _plugin(handler).handle(batch([], **fields))
    except FailedBatch as error:
        return str(error.args[1])
    return None
