"""A Lambda handler of DynamoDB events as a plugin: `handler(event, context)` runs as it is, `batchItemFailures` included.

What holds: the event is the one that Lambda makes of these changes; a batch counts as Lambda counts it: the lowest sequence number that is named fails
with all after it; an empty or unknown name, or an exception, fails all; an empty list or none, nothing. The module is compiled at build
time, when what it imports is loaded, and runs at the first batch, when its environment is there.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import io
import json
import logging
import os
import random
import sys
import time
import traceback
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypedDict

from . import handler as handlers
from . import host, settings

TIMEOUT_MS = 10_000
"""The host's own default for a call. A trigger with another limit says so in the setting `timeout_ms`."""

LEVELS = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warn"}

Handler = Callable[[Any, Any], Any]


class StreamRecord(TypedDict, total=False):
    """`dynamodb` of a record."""

    ApproximateCreationDateTime: float
    Keys: dict[str, Any]
    NewImage: dict[str, Any]
    OldImage: dict[str, Any]
    SequenceNumber: str
    SizeBytes: int
    StreamViewType: str


class Record(TypedDict, total=False):
    eventID: str
    eventName: str
    eventVersion: str
    eventSource: str
    awsRegion: str
    dynamodb: StreamRecord
    userIdentity: dict[str, str]
    eventSourceARN: str


class Event(TypedDict):
    """What Lambda hands to a function."""

    Records: list[Record]


class Context:
    """What a function may ask of its invocation."""

    def __init__(self, batch: Any) -> None:
        self._began = time.monotonic()
        self._timeout_ms = int(settings.get("timeout_ms") or TIMEOUT_MS)
        self.function_name: str = batch.trigger
        self.function_version = "$LATEST"
        self.invoked_function_arn = f"arn:aws:lambda:{batch.region}:000000000000:function:{batch.trigger}"
        self.memory_limit_in_mb = "128"
        self.aws_request_id = f"{batch.changes[0].event_id}-{batch.attempt}"
        self.log_group_name = f"/aws/lambda/{batch.trigger}"
        self.log_stream_name: str = batch.shard_id
        self.identity = None
        self.client_context = None

    def get_remaining_time_in_millis(self) -> int:
        return max(0, self._timeout_ms - int((time.monotonic() - self._began) * 1000))


class Plugin:
    """What the component exports, by the name `Handler`."""

    def __init__(self, load: Callable[[], Handler]) -> None:
        self._load = load
        self._handler: Handler | None = None
        self._output: tuple[_Lines, ...] = ()

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
                for lines in self._output:
                    lines.flush()
        except Exception as error:
            host.log("error", "".join(traceback.format_exception(error)).rstrip())
            raise host.failed_batch("retry", f"{type(error).__name__}: {error}") from None

    def _answer(self, batch: Any) -> Any:
        if self._handler is None:
            self._output = _surroundings(batch)
            loaded = self._load()
            handlers.plain(loaded)
            self._handler = loaded
        # The host's probe: the module is loaded, and nothing is handled.
        if not batch.changes:
            return []
        result = handlers.sync(self._handler(to_event(batch), Context(batch)))
        return [host.failed_change(place, "retry", why) for place, why in failures(batch, result)]


def plugin(name: str) -> Plugin:
    """Of `module.function`, as Lambda names a handler. The module is found as an import would find it."""
    module_name, _, function = name.rpartition(".")
    spec = importlib.util.find_spec(module_name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"there is no module `{module_name}` for the handler `{name}`")
    origin = spec.origin
    source = Path(origin).read_text()
    tree = ast.parse(source, origin)
    _import_all(tree, spec.parent or "")
    code = compile(tree, origin, "exec")

    def load() -> Handler:
        module = types.ModuleType(module_name)
        module.__file__ = origin
        module.__package__ = spec.parent
        sys.modules[module_name] = module
        exec(code, module.__dict__)
        handler: Handler = getattr(module, function)
        return handler

    return Plugin(load)


def _import_all(tree: ast.AST, package: str) -> None:
    """A component has no files: what is not imported at build time cannot be imported at all."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            names = [base, *(f"{base}.{alias.name}" for alias in node.names if not base.endswith("."))]
        else:
            continue
        for name in names:
            try:
                importlib.import_module(name, package)
            except ImportError:
                # `from a import b` names no module by `a.b` most of the time; what is really missing says so when it is wanted.
                continue


class _Lines(io.TextIOBase):
    """Standard output as lines of the host's log: a text file as any other, to be written."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, level: str) -> None:
        self._level = level
        self._rest = ""
        self.buffer = _Bytes(self)

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            host.log(self._level, line)
        return len(text)

    def flush(self) -> None:
        if self._rest:
            host.log(self._level, self._rest)
        self._rest = ""


class _Bytes(io.RawIOBase):
    """What `sys.stdout.buffer` is."""

    def __init__(self, lines: _Lines) -> None:
        self._lines = lines

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        text = bytes(data).decode(errors="replace")
        self._lines.write(text)
        return len(data)


class _ToHost(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        level = next((name for bound, name in LEVELS.items() if record.levelno <= bound), "error")
        host.log(level, self.format(record))


def _surroundings(batch: Any) -> tuple[_Lines, ...]:
    """The settings are the environment; `print` and `logging` are the host's log, at Lambda's level."""
    own = {"AWS_REGION": batch.region, "AWS_DEFAULT_REGION": batch.region, "AWS_LAMBDA_FUNCTION_NAME": batch.trigger}
    fixed = {"AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_EXECUTION_ENV": "tripline", "LAMBDA_TASK_ROOT": "/", "TZ": ":UTC"}
    os.environ.update({**fixed, **own, **settings.all()})
    output = _Lines("info"), _Lines("error")
    sys.stdout, sys.stderr = output
    root = logging.getLogger()
    root.handlers = [_ToHost()]
    # The state of the generator at build time is part of the component, the same in all instances.
    random.seed()
    return output


def to_event(batch: Any) -> Event:
    """As Lambda hands these changes to a function."""
    return {"Records": [_record(batch, change) for change in batch.changes]}


def _record(batch: Any, change: Any) -> Record:
    seconds, rest = divmod(change.created_ms, 1000)
    stream: StreamRecord = {
        "ApproximateCreationDateTime": seconds + rest / 1000 if rest else float(seconds),
        "Keys": json.loads(change.keys),
    }
    if change.new_image is not None:
        stream["NewImage"] = json.loads(change.new_image)
    if change.old_image is not None:
        stream["OldImage"] = json.loads(change.old_image)
    stream["SequenceNumber"] = change.sequence_number
    stream["SizeBytes"] = change.size_bytes
    stream["StreamViewType"] = batch.view.name
    record: Record = {
        "eventID": change.event_id,
        "eventName": change.event_name.name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": batch.region,
        "dynamodb": stream,
    }
    if change.user_identity:
        record["userIdentity"] = {"type": change.user_identity[0], "principalId": change.user_identity[1]}
    record["eventSourceARN"] = batch.stream_arn
    return record


def failures(batch: Any, result: Any) -> list[tuple[int, str]]:
    """Places that are delivered again, each with the reason."""
    named = result.get("batchItemFailures") if isinstance(result, Mapping) else None
    if named is None:
        return []
    # A tuple is a list in the JSON that Lambda makes of the answer.
    if not isinstance(named, (list, tuple)):
        raise TypeError("batchItemFailures is no list")
    numbers = {change.sequence_number for change in batch.changes}
    names = [one.get("itemIdentifier") if isinstance(one, Mapping) else None for one in named]
    for name in names:
        if name not in numbers:
            raise ValueError(f"batchItemFailures names `{name or ''}`, which is no sequence number of this batch")
    if not names:
        return []
    lowest = min(int(str(name)) for name in names)
    after = [(place, change.sequence_number) for place, change in enumerate(batch.changes) if int(change.sequence_number) >= lowest]
    why = {True: "named in batchItemFailures", False: "after one that is named in batchItemFailures"}
    return [(place, why[number in names]) for place, number in after]
