"""What a handler hands over, one checker for each kind: the component and the recorder are given the same.

What holds: what has passed is of the very type that the contract's bindings take, since on any other they trap, which fails the whole batch. What has
not is `Unfit`: a TypeError of the handler's that rejects its change alone, and says what to write.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from .failure import Unfit

U64_MAX = 2**64 - 1


def clean(words: str) -> str:
    """As UTF-8 has it: half of a surrogate pair becomes `?`."""
    if type(words) is str and words.isascii():
        return words
    return words.encode("utf-8", "replace").decode()


def text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise Unfit(f"{what} is {kind(value)}: write {'a str' if value is None else 'str(…)'}")
    return clean(value)


def optional_text(value: Any, what: str) -> str | None:
    return None if value is None else text(value, what)


def key(value: Any, what: str) -> str:
    """Text that tells one thing from another: nothing of it is replaced."""
    found = text(value, what)
    if found != value:
        raise Unfit(f"{what} has half of a surrogate pair, which no UTF-8 has")
    return found


def pairs(values: Any, what: str, one: str) -> dict[str, str]:
    """Labels, or an expression's names."""
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise Unfit(f"{what}: the {one}s are {kind(values)}, and a dict is wanted")
    return {text(name, f"{what}: a {one}'s name"): text(value, f"{what}: {one} `{name}`") for name, value in values.items()}


def texts(values: Any, what: str) -> list[str]:
    if not isinstance(values, Iterable) or isinstance(values, (bytes, bytearray, Mapping)):
        raise Unfit(f"{what} is {kind(values)}: write a str or a list of them")
    return [text(value, what) for value in values]


def raw(value: Any, what: str) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise Unfit(f"{what} is {kind(value)}: write bytes or a str")


def u64(value: Any, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unfit(f"{what} is {kind(value)}: write an int")
    if not 0 <= value <= U64_MAX:
        raise Unfit(f"{what} is {value if value < 0 else 'above 2^64'}: write an int from 0")
    return int(value)


def number(value: Any, what: str) -> float:
    """Whatever is finite is the host's to judge; a float has no place for more."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise Unfit(f"{what} is {kind(value)}: write a float")
    try:
        return float(value)
    except (OverflowError, ValueError):
        raise Unfit(f"{what} is none that a float could hold") from None


def seconds(value: Any, what: str) -> float | None:
    if value is None:
        return None
    found = number(value, what)
    if not (math.isfinite(found) and 0 <= found < U64_MAX // 10**9):
        raise Unfit(f"{what} is {found}: write seconds from 0")
    return found


def kind(value: Any) -> str:
    """`a Decimal`, for messages."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
