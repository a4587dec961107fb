"""A Lambda handler of DynamoDB events as a plugin: `handler(event, context)` runs as it is, `batchItemFailures` included.

What holds: the event is the one that Lambda makes of these changes; a batch counts as Lambda counts it: the lowest sequence number that is named fails
with all after it; an empty or unknown name, an exception, or an answer that is no JSON, fails all; an empty list or none, nothing. Nothing of the author's runs
before the first batch or the probe, when the environment is there.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import os
import random
import sys
import traceback
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from . import _check, _lambda_modules, host, settings
from . import handler as handlers
from ._lambda_event import TIMEOUT_MS, Context, Event, Record, StreamRecord, environment, request_id, to_event
from ._lambda_output import Output

__all__ = ["TIMEOUT_MS", "Context", "Event", "Handler", "Plugin", "Record", "StreamRecord", "failures", "plugin", "to_event"]

Handler = Callable[[Any, Any], Any]


class Plugin:
    """What the component exports, by the name `Handler`."""

    def __init__(self, load: Callable[[], Any], name: str = "") -> None:
        """`name`: as Lambda names a handler."""
        self._load = load
        self._name = name
        self._handler: Handler | None = None
        self._output: Output | None = None

    def __call__(self) -> Plugin:
        """componentize-py makes an instance of what it takes for a class."""
        return self

    def handle(self, batch: Any) -> Any:
        """Called by the host."""
        try:
            try:
                return self._answer(batch)
            finally:
                # What has no end of line is this batch's, too.
                if self._output is not None:
                    self._output.end()
        except BaseException as error:
            # `sys.exit` ends an invocation, and nothing else.
            host.log("error", "".join(traceback.format_exception(error)).rstrip())
            raise host.failed_batch("retry", f"{type(error).__name__}: {error}") from None

    def _answer(self, batch: Any) -> Any:
        if self._output is None or self._handler is None:
            self._output = self._surroundings(batch)
            loaded = self._load()
            if not callable(loaded):
                raise TypeError(f"`{self._name}` is {_check.kind(loaded)}, and no function")
            handlers.plain(loaded)
            self._handler = loaded
        # The host's probe: the module is loaded, and nothing is handled.
        if not batch.changes:
            return []
        self._output.begin(request_id(batch))
        os.environ["AWS_LAMBDA_LOG_STREAM_NAME"] = batch.shard_id
        result = handlers.sync(self._handler(to_event(batch), Context(batch)))
        return [host.failed_change(place, "retry", why) for place, why in failures(batch, result)]

    def _surroundings(self, batch: Any) -> Output:
        """The settings are the environment; `print` and `logging` are the host's log, at Lambda's level."""
        os.environ.update({**environment(batch), "_HANDLER": self._name, **settings.all()})
        # The state of the generator at build time is part of the component, the same in all instances.
        random.seed()
        return Output()


def plugin(name: str) -> Plugin:
    """Of `module.function`, as Lambda names a handler. The module is found as an import would find it."""
    module_name, _, function = name.rpartition(".")
    in_component = importlib.util.find_spec("wit_world") is not None
    if in_component:
        from . import _absent

        _absent.install()
    modules = _lambda_modules.Modules(module_name)
    if in_component:
        _absent.install_https()
    if in_component and "asyncio" in sys.modules:
        from . import _asyncio

        _asyncio.install()

    def load() -> Any:
        modules.install()
        module = importlib.import_module(module_name)
        if not hasattr(module, function):
            own = [key for key, value in vars(module).items() if getattr(value, "__module__", "") == module_name and callable(value)]
            raise AttributeError(f"`{module_name}` has no `{function}`: it has {', '.join(own) or 'no function'}")
        return getattr(module, function)

    return Plugin(load, name)


def failures(batch: Any, result: Any) -> list[tuple[int, str]]:
    """Places that are delivered again, each with the reason."""
    answer = _marshalled(result)
    named = answer.get("batchItemFailures") if isinstance(answer, Mapping) else None
    if named is None:
        return []
    if not isinstance(named, list):
        raise TypeError("batchItemFailures is no list")
    numbers = {change.sequence_number for change in batch.changes}
    names = [one.get("itemIdentifier") if isinstance(one, Mapping) else None for one in named]
    for name in names:
        if not isinstance(name, str) or name not in numbers:
            raise ValueError(f"batchItemFailures names `{name or ''}`, which is no sequence number of this batch")
    if not names:
        return []
    lowest = min(int(str(name)) for name in names)
    after = [(place, change.sequence_number) for place, change in enumerate(batch.changes) if int(change.sequence_number) >= lowest]
    why = {True: "named in batchItemFailures", False: "after one that is named in batchItemFailures"}
    return [(place, why[number in names]) for place, number in after]


def _marshalled(result: Any) -> Any:
    """As Lambda has it, which makes JSON of an answer: a tuple is a list there, and what no JSON can be of fails the invocation."""
    if isinstance(result, bytes):
        # Handed over as they are.
        try:
            return json.loads(result)
        except ValueError:
            return None
    try:
        return json.loads(json.dumps(result, default=_number, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"Unable to marshal response: {error}") from None


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return math.nan if value.is_nan() else float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
