"""What a plugin is: a function with `@on_change` or `@on_batch`.

What holds: an empty batch is the host's probe and never reaches the handler; a change that fails stops no other, since the host itself
delivers later changes of the same item again with it.
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable
from typing import Any, TypeVar, overload

from . import host, log
from .change import Batch, Change, Origin
from .failure import Failure, of

OnChange = TypeVar("OnChange", bound=Callable[[Change], None])
OnBatch = TypeVar("OnBatch", bound=Callable[[Batch], None])
Probe = Callable[[Origin], None]


class Plugin:
    """What the component exports, by the name `Handler`."""

    def __init__(self, answer: Callable[[Batch], None], probe: Probe | None) -> None:
        self._answer = answer
        self._probe = probe
        self._is_fresh = True

    def __call__(self) -> Plugin:
        """componentize-py makes an instance of what it takes for a class."""
        return self

    def handle(self, wire: Any) -> Any:
        """Called by the host."""
        if self._is_fresh:
            # The state of the generator at build time is part of the component, the same in all instances.
            random.seed()
            self._is_fresh = False
        try:
            if not wire.changes:
                if self._probe:
                    self._probe(Origin(wire))
                return []
            batch = Batch(wire)
            self._answer(batch)
            return [host.failed_change(place, failure.kind, failure.reason) for place, failure in batch.failed]
        except Exception as error:
            _tell(error)
            failure = of(error)
            raise host.failed_batch(failure.kind, failure.reason) from None


def _tell(error: Exception) -> None:
    """Where a bug is, the dead letter has no room for."""
    if not isinstance(error, Failure):
        log.error("".join(traceback.format_exception(error)).rstrip())


def _export(function: Callable[..., Any], plugin: Plugin) -> None:
    function.__globals__["Handler"] = plugin
    function.__tripline__ = plugin  # type: ignore[attr-defined]


@overload
def on_change(function: OnChange) -> OnChange: ...
@overload
def on_change(*, probe: Probe | None = None) -> Callable[[OnChange], OnChange]: ...
def on_change(function: Any = None, *, probe: Probe | None = None) -> Any:
    """A handler of one change at a time, in order. What it raises fails the change.

    `probe` is asked before a new version serves: it raises where that cannot, as with wrong settings.
    """

    def decorate(function: Callable[[Change], None]) -> Callable[[Change], None]:
        def answer(batch: Batch) -> None:
            for change in batch:
                try:
                    function(change)
                except Exception as error:
                    _tell(error)
                    batch.fail(change, error)

        _export(function, Plugin(answer, probe))
        return function

    return decorate if function is None else decorate(function)


@overload
def on_batch(function: OnBatch) -> OnBatch: ...
@overload
def on_batch(*, probe: Probe | None = None) -> Callable[[OnBatch], OnBatch]: ...
def on_batch(function: Any = None, *, probe: Probe | None = None) -> Any:
    """A handler of whole batches. `batch.fail(change, error)` fails one change; what it raises fails all of them."""

    def decorate(function: Callable[[Batch], None]) -> Callable[[Batch], None]:
        _export(function, Plugin(function, probe))
        return function

    return decorate if function is None else decorate(function)
