"""Lines in the host's log, under the trigger's name."""

from __future__ import annotations

import traceback

from . import host
from .failure import Failure, Unfit


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


def _bug(error: BaseException) -> None:
    """Where a bug is, the dead letter has no room for."""
    if not isinstance(error, Failure) or isinstance(error, Unfit):
        host.log("error", "".join(traceback.format_exception(error)).rstrip())
