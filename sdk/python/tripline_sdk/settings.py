"""The trigger's `[settings]`. A TOML string arrives as it is, anything else as JSON.

Not there while a module is loaded at build time: read them in the handler or the probe.
"""

from __future__ import annotations

import json
from typing import Any

from . import _check, host
from .failure import Reject


def get(key: str) -> str | None:
    return host.setting(_check.text(key, "the name of a setting"))


def require(key: str) -> str:
    """Rejects the change where there is none."""
    text = get(key)
    if text is None:
        raise Reject(f"setting `{key}` is missing: add it to the trigger's settings")
    return text


def get_json(key: str) -> Any:
    """A setting that is no string: a number, a list, a table. None where there is none."""
    text = get(key)
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        raise Reject(f"setting `{key}` is a string, and a number, a list, a table or a boolean is wanted") from None


def all() -> dict[str, str]:
    return host.settings()
