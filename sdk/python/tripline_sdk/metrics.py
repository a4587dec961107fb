"""The plugin's own metrics, scraped as `tripline_custom_<name>`. What must be exact is a counter's business. Wants `grants = { metrics = true }`."""

from __future__ import annotations

from collections.abc import Mapping

from . import host


def count(name: str, labels: Mapping[str, str] | None = None, delta: int = 1) -> None:
    """`name` is without `_total`."""
    host.count(name, labels or {}, delta)


def set_gauge(name: str, value: float, labels: Mapping[str, str] | None = None) -> None:
    host.set_gauge(name, labels or {}, value)


def observe(name: str, value: float, labels: Mapping[str, str] | None = None) -> None:
    """Into a histogram: seconds, most of all."""
    host.observe(name, labels or {}, value)
