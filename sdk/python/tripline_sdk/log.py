"""Lines in the host's log, under the trigger's name."""

from __future__ import annotations

from . import host


def trace(message: object) -> None:
    host.log("trace", str(message))


def debug(message: object) -> None:
    host.log("debug", str(message))


def info(message: object) -> None:
    host.log("info", str(message))


def warn(message: object) -> None:
    host.log("warn", str(message))


def error(message: object) -> None:
    host.log("error", str(message))
