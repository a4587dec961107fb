"""The trigger's own key-value state: writes commit with the change that they belong to, or not at all. Wants `grants = { state = true }`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from . import _check, _json, host
from .change import Change
from .failure import Unfit


def get(change: Change, key: str) -> bytes | None:
    return get_many([(change, key)])[0]


def get_many(reads: Iterable[tuple[Change, str]]) -> list[bytes | None]:
    """Many at once, which is quicker; in their order."""
    return host.get_state([(change._place, _key(key)) for change, key in reads])


def get_text(change: Change, key: str) -> str | None:
    value = get(change, key)
    return None if value is None else value.decode()


def get_json(change: Change, key: str, *, parse_float: Callable[[str], Any] = float) -> Any:
    """What `set_json` was given, or None; but a Decimal comes back as an int, or as a float where it has a fraction: `parse_float=Decimal` keeps its digits."""
    value = get(change, key)
    return None if value is None else json.loads(value, parse_float=parse_float)


def set(change: Change, key: str, value: bytes | bytearray | str, *, expires: datetime | None = None) -> None:
    """`key`: at most 2 KiB. `value`: at most 256 KiB. `expires`: after which the entry is as good as deleted."""
    key = _key(key)
    what = f"state `{key}`"
    host.set_state(change._place, key, _check.raw(value, f"{what}: the value"), _expires_ms(expires, what))


def set_json(change: Change, key: str, value: Any, *, expires: datetime | None = None) -> None:
    """A Decimal, as a number of an item's is one, is written as a number with all of its digits."""
    set(change, key, _json.written(value, _json.PYTHONS, f"state `{_key(key)}`: the value"), expires=expires)


def delete(change: Change, key: str) -> None:
    host.delete_state(change._place, _key(key))


def _key(key: str) -> str:
    return _check.key(key, "a key of the state")


def _expires_ms(expires: datetime | None, what: str) -> int | None:
    if expires is None:
        return None
    if not isinstance(expires, datetime):
        raise Unfit(f"{what}: `expires` is {_check.kind(expires)}: write a datetime")
    return _check.u64(int(expires.timestamp() * 1000), f"{what}: `expires`, in milliseconds since 1970,")
