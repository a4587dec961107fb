"""Exact counters and sums, committed with the change that they belong to, or not at all. Wants `grants = { counters = true }`."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from . import _check, host
from .change import Change
from .items import number_text


def add(change: Change, name: str, labels: Mapping[str, str] | None = None, delta: int | Decimal | str = 1) -> None:
    """`name`: `[a-z][a-z0-9_]*`, at most 64 characters; at most 8 labels."""
    name = _check.text(name, "the name of a counter")
    host.add(change._place, name, _check.pairs(labels, f"counter `{name}`", "label"), number_text(delta, f"delta of {name}"))
