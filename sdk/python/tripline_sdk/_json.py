"""JSON as `json.dumps` writes it, but for decimals, which keep their digits.

What holds: what cannot be written is a reject that says where it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from json import dumps
from typing import Any

from .failure import Unfit


@dataclass(frozen=True)
class Style:
    comma: str
    colon: str
    ascii_only: bool
    """Else text goes as it is, and what is no number of JSON's, as NaN, is refused."""

    def plain(self, value: Any) -> str:
        return dumps(value, allow_nan=self.ascii_only, ensure_ascii=self.ascii_only)


COMPACT = Style(",", ":", ascii_only=False)
PYTHONS = Style(", ", ": ", ascii_only=True)
"""That of `json.dumps` where nothing is said."""


def written(value: Any, style: Style, what: str) -> str:
    try:
        return _written(value, style, what)
    except RecursionError:
        raise Unfit(f"{what} cannot be written as JSON: it is in itself, or too deep") from None


def _written(value: Any, style: Style, path: str) -> str:
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    if isinstance(value, Mapping):
        members = (f"{_name(name, style, path)}{style.colon}{_written(one, style, f'{path}.{name}')}" for name, one in value.items())
        return "{" + style.comma.join(members) + "}"
    if isinstance(value, list | tuple):
        return "[" + style.comma.join(_written(one, style, f"{path}[{at}]") for at, one in enumerate(value)) + "]"
    try:
        return style.plain(value)
    except (TypeError, ValueError) as error:
        raise Unfit(f"{path} cannot be written as JSON: {error}") from None


def _name(name: Any, style: Style, path: str) -> str:
    if isinstance(name, str):
        return style.plain(name)
    if isinstance(name, Decimal):
        return f'"{name}"'
    if name is None or isinstance(name, (bool, int, float)):
        return f'"{style.plain(name)}"'
    raise Unfit(f"{path} cannot be written as JSON: a {type(name).__name__} names a member")
