"""DynamoDB's typed JSON as Python values, and back.

What holds: nothing is lost on the way there and back. A number is a Decimal, which has all 38 digits; a float is refused, as boto3 refuses it.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Item = dict[str, Any]
"""Attributes by name: str, Decimal, bytes, bool, None, list, dict, and sets of str, Decimal or bytes. One that is written may have ints too."""


def parse_item(text: str) -> Item:
    """An item of DynamoDB JSON."""
    return {name: read_value(value) for name, value in json.loads(text).items()}


def item_json(item: Mapping[str, Any]) -> str:
    """DynamoDB JSON of an item."""
    return json.dumps({name: write_value(value, name) for name, value in item.items()}, separators=(",", ":"), ensure_ascii=False)


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
        return {"S": value}
    if isinstance(value, (int, Decimal, float)):
        return {"N": number_text(value, path)}
    if isinstance(value, (bytes, bytearray)):
        return {"B": base64.b64encode(value).decode()}
    if isinstance(value, (list, tuple)):
        return {"L": [write_value(element, f"{path}[{at}]") for at, element in enumerate(value)]}
    if isinstance(value, Mapping):
        return {"M": {name: write_value(inner, f"{path}.{name}") for name, inner in value.items()}}
    if isinstance(value, (set, frozenset)):
        return _write_set(list(value), path)
    raise TypeError(f"`{path}`: a {type(value).__name__} is no value of DynamoDB's")


def _write_set(elements: list[Any], path: str) -> dict[str, Any]:
    # Sorted, so that the same set is always the same text.
    if not elements:
        raise TypeError(f"`{path}`: a set of DynamoDB's has at least one element")
    if all(isinstance(element, str) for element in elements):
        return {"SS": sorted(elements)}
    if all(isinstance(element, bytes) for element in elements):
        return {"BS": [base64.b64encode(element).decode() for element in sorted(elements)]}
    return {"NS": [number_text(element, path) for element in sorted(elements)]}


def number_text(value: int | Decimal | float | str, path: str = "value") -> str:
    """A number as DynamoDB writes it."""
    if isinstance(value, float):
        raise TypeError(f"`{path}`: a float is not exact: write Decimal(\"{value}\")")
    if isinstance(value, bool) or not isinstance(value, (int, Decimal, str)):
        raise TypeError(f"`{path}`: a {type(value).__name__} is no number")
    number = Decimal(value)
    if not number.is_finite():
        raise TypeError(f"`{path}`: `{value}` is no number that DynamoDB could hold")
    return str(value)
