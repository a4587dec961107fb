"""asyncio where there are no sockets, threads or signals: timers and tasks, which is all that a function waits for there.

What holds: a loop that waits for what cannot come says so at once, and does not hang. Where the clock stands, as in `tripline test`, time passes all the same
for the loop, by what it has slept.
"""

from __future__ import annotations

import asyncio
import selectors
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from ._absent import Pool

with warnings.catch_warnings():
    # Policies are on their way out, and yet what `asyncio.run` itself asks.
    warnings.simplefilter("ignore")
    _Default: Any = asyncio.DefaultEventLoopPolicy


class _Sleep(selectors.BaseSelector):
    """Nothing is ever ready: it only lets time pass."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        raise OSError("a component has no sockets or pipes that an event loop could watch: use tripline_sdk.http")

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        raise KeyError(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return {}

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError("the event loop waits for what cannot come: no timer is set, and a component has no sockets, threads or signals")
        if timeout > 0:
            before = time.monotonic()
            time.sleep(timeout)
            self.ahead += max(0.0, timeout - (time.monotonic() - before))
        return []


class Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._slept = _Sleep()
        super().__init__(self._slept)

    def time(self) -> float:
        return super().time() + self._slept.ahead

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """`asyncio.to_thread`, too. A pool of the loop's own would want a thread to end it."""
        return asyncio.wrap_future((executor or Pool()).submit(func, *args), loop=self)

    # Through this pipe, threads and signals would wake it.
    def _make_self_pipe(self) -> None:
        self._ssock = self._csock = None

    def _close_self_pipe(self) -> None:
        pass

    def _write_to_self(self) -> None:
        pass


class Policy(_Default):  # type: ignore[misc]
    def new_event_loop(self) -> Loop:
        return Loop()

    def get_event_loop(self) -> asyncio.AbstractEventLoop:
        """Made where there is none, as up to Python 3.13: functions were written for that."""
        try:
            found: asyncio.AbstractEventLoop = super().get_event_loop()
        except RuntimeError:
            found = self.new_event_loop()
            self.set_event_loop(found)
        return found


def install() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asyncio.set_event_loop_policy(Policy())
