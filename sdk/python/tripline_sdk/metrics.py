"""The plugin's own metrics, scraped as `tripline_custom_<name>`. What must be exact is a counter's business. Wants `grants = { metrics = true }`."""

from __future__ import annotations

from collections.abc import Mapping

from . import _check, host


def count(name: str, labels: Mapping[str, str] | None = None, delta: int = 1) -> None:
    """`name` is without `_total`."""
    name, what = _named(name)
    host.count(name, _check.pairs(labels, what, "label"), _check.u64(delta, f"{what}: `delta`"))


def set_gauge(name: str, value: float, labels: Mapping[str, str] | None = None) -> None:
    name, what = _named(name)
    host.set_gauge(name, _check.pairs(labels, what, "label"), _check.number(value, f"{what}: `value`"))


def observe(name: str, value: float, labels: Mapping[str, str] | None = None) -> None:
    """Into a histogram: seconds, most of all."""
    name, what = _named(name)
    host.observe(name, _check.pairs(labels, what, "label"), _check.number(value, f"{what}: `value`"))


def _named(name: str) -> tuple[str, str]:
    name = _check.text(name, "the name of a metric")
    return name, f"metric `{name}`"
