"""What a component has not, for functions that expect it: sockets, and threads.

What holds: a socket is refused where it is made, with the remedy: without this the call ends in a trap that no `except` sees. A pool of threads does its work
where it is handed over: in order, and done when `submit` returns.
"""

from __future__ import annotations

import concurrent.futures
import concurrent.futures.thread
import socket
import sys
from collections.abc import Callable
from typing import Any

NO_SOCKETS = "a component has no sockets: other places are reached by tripline_sdk.http, tables by tripline_sdk.tables"
NAMES = ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo")


class _NoSocket(socket.socket):
    def __init__(self, *_: Any, **__: Any) -> None:
        raise OSError(NO_SOCKETS)


def _no_name(*_: Any, **__: Any) -> Any:
    raise OSError(NO_SOCKETS)


class Pool(concurrent.futures.Executor):
    """In place of ThreadPoolExecutor."""

    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        **_: Any,
    ) -> None:
        if max_workers is not None and max_workers <= 0:
            raise ValueError("max_workers must be greater than 0")
        self._initializer = initializer
        self._initargs = initargs
        self._is_shut = False

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[Any]:
        if self._is_shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if self._initializer is not None:
            initializer, self._initializer = self._initializer, None
            initializer(*self._initargs)
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(function(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._is_shut = True


def install() -> None:
    """Before anything is imported that could ask: urllib3 tries a socket when it is loaded."""
    setattr(socket, "socket", _NoSocket)
    for name in NAMES:
        setattr(socket, name, _no_name)
    setattr(concurrent.futures, "ThreadPoolExecutor", Pool)
    setattr(concurrent.futures.thread, "ThreadPoolExecutor", Pool)


def install_https() -> None:
    """After all that is imported: `urllib` would know no https, since there is no `ssl`."""
    if "urllib.request" not in sys.modules:
        return
    import urllib.error
    import urllib.request

    class NoHttps(urllib.request.BaseHandler):
        def https_open(self, _: urllib.request.Request) -> Any:
            raise urllib.error.URLError(OSError(NO_SOCKETS))

    urllib.request.install_opener(urllib.request.build_opener(NoHttps))
