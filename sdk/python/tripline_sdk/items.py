"""DynamoDB's typed JSON as Python values, and back.

What holds: nothing is lost on the way there and back. A number is a Decimal, which has all 38 digits; a float is refused, as boto3 refuses it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from . import _check
from .failure import Unfit

Item = dict[str, Any]
"""Attributes by name: str, Decimal, bytes, bool, None, list, dict, and sets of str, Decimal or bytes. One that is written may have ints too."""

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def parse_item(text: str) -> Item:
    """An item of DynamoDB JSON."""
    return {name: read_value(value) for name, value in json.loads(text).items()}


def item_json(item: Mapping[str, Any]) -> str:
    """DynamoDB JSON of an item."""
    if not isinstance(item, Mapping):
        raise Unfit(f"an item is {_check.kind(item)}, and a dict is wanted")
    return json.dumps(_members(item, ""), separators=(",", ":"), ensure_ascii=False)


def read_value(wire: Mapping[str, Any]) -> Any:
    """What `{"S": …}` and the like hold."""
    ((kind, inner),) = wire.items()
    match kind:
        case "S" | "BOOL":
            return inner
        case "N":
            return Decimal(inner)
        case "NULL":
            return None
        case "B":
            return base64.b64decode(inner)
        case "L":
            return [read_value(element) for element in inner]
        case "M":
            return {name: read_value(value) for name, value in inner.items()}
        case "SS":
            return set(inner)
        case "NS":
            return {Decimal(element) for element in inner}
        case "BS":
            return {base64.b64decode(element) for element in inner}
        case _:
            raise TypeError(f"`{kind}` is no type of DynamoDB's")


def write_value(value: Any, path: str = "value") -> dict[str, Any]:
    """`{"S": …}` and the like; `path` is for messages."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": _check.key(value, f"`{path}`")}
    if isinstance(value, (int, Decimal, float)):
        return {"N": number_text(value, path)}
    if isinstance(value, (bytes, bytearray)):
        return {"B": base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple)):
        return {"L": [write_value(element, f"{path}[{at}]") for at, element in enumerate(value)]}
    if isinstance(value, Mapping):
        return {"M": _members(value, f"{path}.")}
    if isinstance(value, (set, frozenset)):
        return _write_set(list(value), path)
    raise Unfit(f"`{path}`: a {type(value).__name__} is no value of DynamoDB's")


def _members(value: Mapping[str, Any], before: str) -> dict[str, Any]:
    return {_check.key(name, f"a name in `{before}{name}`"): write_value(inner, f"{before}{name}") for name, inner in value.items()}


def _write_set(elements: list[Any], path: str) -> dict[str, Any]:
    # Sorted, so that the same set is always the same text.
    if not elements:
        raise Unfit(f"`{path}`: a set of DynamoDB's has at least one element")
    kinds = {str: "str", bytes: "bytes"}
    found = {next((name for kind, name in kinds.items() if isinstance(element, kind)), "number") for element in elements}
    if found == {"str"}:
        return {"SS": sorted(_check.key(element, f"`{path}`") for element in elements)}
    if found == {"bytes"}:
        return {"BS": [base64.b64encode(element).decode() for element in sorted(elements)]}
    if len(found) > 1:
        raise Unfit(f"`{path}`: a set of {' and '.join(sorted(found))}: DynamoDB's are of one type")
    # Each is looked at before they are compared.
    texts = {element: number_text(element, path) for element in elements}
    return {"NS": [texts[element] for element in sorted(elements)]}


def number_text(value: int | Decimal | float | str, path: str = "value") -> str:
    """A number as DynamoDB writes it."""
    if isinstance(value, float):
        raise Unfit(f"`{path}`: a float is not exact: write Decimal(\"{value}\")")
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, str)):
        raise Unfit(f"`{path}`: a {type(value).__name__} is no number")
    try:
        text = _check.clean(value) if isinstance(value, str) else str(value)
    except ValueError:
        raise Unfit(f"`{path}`: an int of thousands of digits is no number that DynamoDB could hold") from None
    # Decimal reads more than the host does, as spaces, `1_000` and digits of other scripts.
    if not _NUMBER.fullmatch(text):
        raise Unfit(f"`{path}`: `{text[:64]}` is no number that DynamoDB could hold: write it as 1, -19.99 or 1E+3")
    return text
