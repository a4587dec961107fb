"""What happened to an item, and the batch that it came in.

What holds: images are read when they are looked at, once. A change knows its place in the batch, and tells it to nobody but this SDK.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypedDict

from . import log
from .failure import Failure, of
from .items import Item, parse_item

EventName = Literal["INSERT", "MODIFY", "REMOVE"]
View = Literal["keys-only", "new-image", "old-image", "new-and-old-images"]


class UserIdentity(TypedDict):
    """Who made the change, where it was DynamoDB itself."""

    type: str
    principalId: str


class Difference(NamedTuple):
    """A top-level attribute in which the images differ. None too where it is not there: see `was_there`, `is_there`."""

    name: str
    before: Any
    after: Any
    was_there: bool
    is_there: bool


class Change:
    """One change of an item."""

    def __init__(self, wire: Any, place: int) -> None:
        self._place = place
        self.event_id: str = wire.event_id
        """Unique for each change: an idempotency key for effects elsewhere."""
        self.event_name: EventName = wire.event_name.name
        self.sequence_number: str = wire.sequence_number
        self.created_ms: int = wire.created_ms
        self.size_bytes: int = wire.size_bytes
        identity = wire.user_identity
        self.user_identity: UserIdentity | None = {"type": identity[0], "principalId": identity[1]} if identity else None
        self.keys_json: str = wire.keys
        self.new_image_json: str | None = wire.new_image
        self.old_image_json: str | None = wire.old_image

    @property
    def created(self) -> datetime:
        """When it was made; AWS cuts it to the second."""
        return datetime.fromtimestamp(self.created_ms / 1000, timezone.utc)

    @cached_property
    def keys(self) -> Item:
        return parse_item(self.keys_json)

    @cached_property
    def new_image(self) -> Item | None:
        """The item after the change, where the view has it and the change left an item."""
        return None if self.new_image_json is None else parse_item(self.new_image_json)

    @cached_property
    def old_image(self) -> Item | None:
        """The item before the change, where the view has it and there was one."""
        return None if self.old_image_json is None else parse_item(self.old_image_json)

    @property
    def is_expiry(self) -> bool:
        """Deleted by DynamoDB since its time to live had passed."""
        identity = self.user_identity
        return self.event_name == "REMOVE" and identity is not None and identity["principalId"] == "dynamodb.amazonaws.com"

    def differences(self) -> list[Difference]:
        """Top-level attributes in which the images differ, in order of their names. Wants both images."""
        old, new = self.old_image or {}, self.new_image or {}
        names = sorted(old.keys() | new.keys())
        all_of_them = [Difference(name, old.get(name), new.get(name), name in old, name in new) for name in names]
        return [one for one in all_of_them if one.was_there != one.is_there or not _same(one.before, one.after)]


def _same(one: Any, other: Any) -> bool:
    """Python takes True for 1, and DynamoDB does not."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    return type(one) is type(other) and bool(one == other)


class Origin:
    """Where changes come from."""

    def __init__(self, wire: Any) -> None:
        self.trigger: str = wire.trigger
        self.table: str = wire.table
        self.region: str = wire.region
        self.stream_arn: str = wire.stream_arn
        self.view: View = wire.view.name.lower().replace("_", "-")
        """What the trigger may see; the stream itself may hold more."""
        self.shard_id: str = wire.shard_id
        self.attempt: int = wire.attempt
        """1 for the first delivery of these changes."""


class Batch(Origin):
    """Changes of one shard, in stream order."""

    def __init__(self, wire: Any) -> None:
        super().__init__(wire)
        self.changes = [Change(change, place) for place, change in enumerate(wire.changes)]
        self._failed: dict[int, Failure] = {}

    def __iter__(self) -> Iterator[Change]:
        return iter(self.changes)

    def __len__(self) -> int:
        return len(self.changes)

    def fail(self, change: Change, error: BaseException) -> None:
        """This change failed, as if the error had been raised for it; others did not. Its first failure stands."""
        if change._place not in self._failed:
            log._bug(error)
            self._failed[change._place] = of(error)

    @property
    def failed(self) -> list[tuple[int, Failure]]:
        """By place."""
        return sorted(self._failed.items())
