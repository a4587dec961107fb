"""DynamoDB tables that the trigger is granted: `grants = { tables = ["orders-copy"] }` to write, `reads` to read.

What holds: writes happen at once, whatever becomes of the change; make them such that a second time does no harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import _check, host
from .change import Change
from .failure import HostError, Unfit
from .items import Item, item_json, parse_item


@dataclass(frozen=True)
class Condition:
    """A condition expression and its placeholders: `Condition("#v < :v", {"#v": "version"}, {":v": 2})`."""

    expression: str
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] | None = None

    def _wire(self) -> dict[str, Any]:
        expression = _check.text(self.expression, "a condition's expression")
        return {"expression": expression, "names": _check.pairs(self.names, "a condition", "name"), "values": _json(self.values)}


def _condition(condition: Condition | None) -> dict[str, Any] | None:
    if condition is not None and not isinstance(condition, Condition):
        raise Unfit(f"a condition is {_check.kind(condition)}: write tables.Condition(…)")
    return None if condition is None else condition._wire()


def _json(item: Mapping[str, Any] | None) -> str | None:
    return None if item is None else item_json(item)


@dataclass(frozen=True)
class Put:
    item: Mapping[str, Any]
    condition: Condition | None = None

    def _wire(self) -> dict[str, Any]:
        return {"kind": "put", "item": item_json(self.item), "condition": _condition(self.condition)}


@dataclass(frozen=True)
class Delete:
    key: Mapping[str, Any]
    condition: Condition | None = None

    def _wire(self) -> dict[str, Any]:
        return {"kind": "delete", "item": item_json(self.key), "condition": _condition(self.condition)}


@dataclass(frozen=True)
class Check:
    """Writes nothing: the condition must hold for the transaction to be made."""

    key: Mapping[str, Any]
    condition: Condition

    def _wire(self) -> dict[str, Any]:
        if self.condition is None:
            raise Unfit("a Check is its condition: write tables.Condition(…)")
        return {"kind": "check", "item": item_json(self.key), "condition": _condition(self.condition)}


@dataclass(frozen=True)
class Update:
    """Makes the item where there is none. The expressions share the placeholders."""

    key: Mapping[str, Any]
    expression: str
    condition: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] | None = None

    def _wire(self) -> dict[str, Any]:
        wire = {
            "expression": _check.text(self.expression, "an update's expression"),
            "update_condition": _check.optional_text(self.condition, "an update's condition"),
            "names": _check.pairs(self.names, "an update", "name"),
            "values": _json(self.values),
        }
        return {"kind": "update", "item": item_json(self.key), **wire}


Write = Put | Update | Delete


def write(table: str, writes: Iterable[Write]) -> list[HostError | None]:
    """Many writes at once; one that fails stops no other. For each, in order, why it was not made."""
    return host.write(_table(table), [_wire(one, (Put, Update, Delete)) for one in writes])


def _table(table: str) -> str:
    return _check.text(table, "the name of a table")


def _wire(one: Write | Check, kinds: tuple[type, ...]) -> dict[str, Any]:
    if isinstance(one, Check) and Check not in kinds:
        raise Unfit("a Check writes nothing: it belongs into a transaction, `tables.transact`")
    if not isinstance(one, kinds):
        raise Unfit(f"{_check.kind(one)} is no write: use Put, Update or Delete of tripline_sdk.tables")
    return one._wire()


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
    host.transact(change._place, [(_table(table), _wire(one, (Put, Update, Delete, Check))) for table, one in writes])


def get_many(table: str, keys: Iterable[Mapping[str, Any]], *, consistent: bool = False) -> list[Item | None]:
    """The items with these keys, in their order."""
    found = host.get_items(_table(table), [item_json(key) for key in keys], bool(consistent))
    return [None if item is None else parse_item(item) for item in found]


def get(table: str, key: Mapping[str, Any], *, consistent: bool = False) -> Item | None:
    return get_many(table, [key], consistent=consistent)[0]
