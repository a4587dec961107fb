"""What a plugin is: a function with `@on_change` or `@on_batch`, and which of them a component is.

What holds: a component is made of one such function, wherever it is written; a handler that would have to be awaited is none. An empty batch is the host's
probe and never reaches the handler; a change that fails stops no other, since the host itself delivers later changes of the same item again with it.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any, TypeVar, overload

from . import host, log
from .change import Batch, Change, Origin
from .failure import Reject, of

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
                    called(self._probe, Origin(wire))
                return []
            batch = Batch(wire)
            self._answer(batch)
            return [host.failed_change(place, failure.kind, failure.reason) for place, failure in batch.failed]
        except Exception as error:
            log._bug(error)
            failure = of(error)
            raise host.failed_batch(failure.kind, failure.reason) from None


def plain(function: Callable[..., Any]) -> None:
    """What nobody would await, or go through, would count as done without having run."""
    for one in (function, getattr(function, "__call__", None)):  # noqa: B004
        if inspect.iscoroutinefunction(one) or inspect.isgeneratorfunction(one) or inspect.isasyncgenfunction(one):
            raise TypeError(f"`{named(function)}` is async or a generator: a handler is a plain function, and so is a probe")


def called(function: Callable[[Any], Any], argument: Any) -> None:
    sync(function(argument))


def sync(result: Any) -> Any:
    """The answer of a function that only looks plain, as a decorated one may."""
    if result is not None and (inspect.isawaitable(result) or inspect.isgenerator(result) or inspect.isasyncgen(result)):
        # Python would warn that it never ran.
        close = getattr(result, "close", None)
        if close is not None:
            close()
        raise Reject("the handler is async or a generator, and has not run: make it a plain function")
    return result


def named(function: Callable[..., Any]) -> str:
    inner = function.func if isinstance(function, partial) else function
    return getattr(inner, "__qualname__", type(inner).__name__)


_made: list[tuple[Callable[..., Any], Plugin]] = []
"""All that was decorated in this process: a component has one, tests may have many."""


def _export(function: Callable[..., Any], plugin: Plugin) -> None:
    function.__tripline__ = plugin  # type: ignore[attr-defined]
    _made.append((function, plugin))


def exported(module: ModuleType) -> Plugin:
    """The plugin of the file that the component is made of: its own function, or the one that it imports."""
    found = [one for one in _made if _module(one[0]) == module.__name__] or _made
    if not found:
        # Made by hand, as by `aws.plugin`.
        own: Plugin | None = getattr(module, "Handler", None)
        if own is None:
            raise LookupError(f"{module.__name__}.py has no function with @on_change or @on_batch, and imports none; a Lambda function is built with `--lambda NAME`")
        return own
    if len(found) > 1:
        names = ", ".join(f"{named(function)} of {_module(function)}.py" for function, _ in found)
        raise LookupError(f"a plugin is one function with @on_change or @on_batch, and these are {len(found)}: {names}")
    return found[0][1]


def _module(function: Callable[..., Any]) -> str:
    inner = function.func if isinstance(function, partial) else function
    return getattr(inner, "__module__", "")


def _checked(function: Callable[..., Any], probe: Probe | None) -> None:
    plain(function)
    if probe is not None:
        plain(probe)


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
                    called(function, change)
                except Exception as error:
                    batch.fail(change, error)

        _checked(function, probe)
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
        _checked(function, probe)
        _export(function, Plugin(partial(called, function), probe))
        return function

    return decorate if function is None else decorate(function)
