"""DynamoDB tables that the trigger is granted: `grants = { tables = ["orders-copy"] }` to write, `reads` to read.

What holds: writes happen at once, whatever becomes of the change; make them such that a second time does no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import host
from .change import Change
from .failure import HostError
from .items import Item, item_json, parse_item


@dataclass(frozen=True)
class Condition:
    """A condition expression and its placeholders: `Condition("#v < :v", {"#v": "version"}, {":v": 2})`."""

    expression: str
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] | None = None

    def _wire(self) -> dict[str, Any]:
        return {"expression": self.expression, "names": self.names, "values": _json(self.values)}


def _json(item: Mapping[str, Any] | None) -> str | None:
    return None if item is None else item_json(item)


@dataclass(frozen=True)
class Put:
    item: Mapping[str, Any]
    condition: Condition | None = None

    def _wire(self) -> dict[str, Any]:
        return {"kind": "put", "item": item_json(self.item), "condition": self.condition and self.condition._wire()}


@dataclass(frozen=True)
class Delete:
    key: Mapping[str, Any]
    condition: Condition | None = None

    def _wire(self) -> dict[str, Any]:
        return {"kind": "delete", "item": item_json(self.key), "condition": self.condition and self.condition._wire()}


@dataclass(frozen=True)
class Check:
    """Writes nothing: the condition must hold for the transaction to be made."""

    key: Mapping[str, Any]
    condition: Condition

    def _wire(self) -> dict[str, Any]:
        return {"kind": "check", "item": item_json(self.key), "condition": self.condition._wire()}


@dataclass(frozen=True)
class Update:
    """Makes the item where there is none. The expressions share the placeholders."""

    key: Mapping[str, Any]
    expression: str
    condition: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] | None = None

    def _wire(self) -> dict[str, Any]:
        wire = {"expression": self.expression, "update_condition": self.condition, "names": self.names, "values": _json(self.values)}
        return {"kind": "update", "item": item_json(self.key), **wire}


Write = Put | Update | Delete


def write(table: str, writes: Iterable[Write]) -> list[HostError | None]:
    """Many writes at once; one that fails stops no other. For each, in order, why it was not made."""
    return host.write(table, [one._wire() for one in writes])


def _write_one(table: str, one: Write) -> None:
    (error,) = write(table, [one])
    if error:
        raise error


def put(table: str, item: Mapping[str, Any], condition: Condition | None = None) -> None:
    """Raises HostError; its `code` is "condition-failed" where the condition did not hold."""
    _write_one(table, Put(item, condition))


def update(table: str, how: Update) -> None:
    _write_one(table, how)


def delete(table: str, key: Mapping[str, Any], condition: Condition | None = None) -> None:
    _write_one(table, Delete(key, condition))


def transact(change: Change, writes: Iterable[tuple[str, Write | Check]]) -> None:
    """All of at most 100 writes, each with its table, or none. Made again for the same change within ten minutes, it is made once."""
    host.transact(change._place, [(table, one._wire()) for table, one in writes])


def get_many(table: str, keys: Iterable[Mapping[str, Any]], *, consistent: bool = False) -> list[Item | None]:
    """The items with these keys, in their order."""
    found = host.get_items(table, [item_json(key) for key in keys], consistent)
    return [None if item is None else parse_item(item) for item in found]


def get(table: str, key: Mapping[str, Any], *, consistent: bool = False) -> Item | None:
    return get_many(table, [key], consistent=consistent)[0]
