"""What Python imports of its own only when it is wanted: a component has no files, so it is loaded when the component is made.

What holds: `strptime`, the usual encodings and the pool of `concurrent.futures` are there in every component that could ask for them; so is every time zone,
where the package `tzdata` is found when the component is made.
"""

from __future__ import annotations

import codecs
import importlib
import sys
from typing import Any

ENCODINGS = ("ascii", "cp1252", "idna", "latin-1", "punycode", "unicode-escape", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig")
# Who has imported the one may come to want the others.
LATER = {
    "concurrent.futures": ("concurrent.futures.thread",),
    "email": ("email.parser", "email.generator", "email.policy"),
    "logging.config": ("logging.handlers",),
}

_zones: list[Any] = []
"""Python finds those that somebody holds."""


def load() -> None:
    # `datetime.strptime` and `time.strptime`.
    importlib.import_module("_strptime")
    for encoding in ENCODINGS:
        codecs.lookup(encoding)
    for wanting, names in LATER.items():
        if wanting in sys.modules:
            for name in names:
                importlib.import_module(name)
    if "zoneinfo" in sys.modules:
        import zoneinfo

        _zones.extend(zoneinfo.ZoneInfo(key) for key in zoneinfo.available_timezones())
