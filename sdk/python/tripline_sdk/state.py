"""The trigger's own key-value state: writes commit with the change that they belong to, or not at all. Wants `grants = { state = true }`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from . import host
from .change import Change


def get(change: Change, key: str) -> bytes | None:
    return get_many([(change, key)])[0]


def get_many(reads: Iterable[tuple[Change, str]]) -> list[bytes | None]:
    """Many at once, which is quicker; in their order."""
    return host.get_state([(change._place, key) for change, key in reads])


def get_text(change: Change, key: str) -> str | None:
    value = get(change, key)
    return None if value is None else value.decode()


def get_json(change: Change, key: str) -> Any:
    """What `set_json` was given, or None."""
    value = get(change, key)
    return None if value is None else json.loads(value)


def set(change: Change, key: str, value: bytes | str, *, expires: datetime | None = None) -> None:
    """`key`: at most 2 KiB. `value`: at most 256 KiB. `expires`: after which the entry is as good as deleted."""
    data = value.encode() if isinstance(value, str) else value
    host.set_state(change._place, key, data, None if expires is None else int(expires.timestamp() * 1000))


def set_json(change: Change, key: str, value: Any, *, expires: datetime | None = None) -> None:
    set(change, key, json.dumps(value), expires=expires)


def delete(change: Change, key: str) -> None:
    host.delete_state(change._place, key)
