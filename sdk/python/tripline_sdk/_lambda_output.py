"""What a Lambda function writes, as lines of the host's log: standard output and `logging`.

What holds: what has no end of line is a line when its batch ends.
"""

from __future__ import annotations

import codecs
import io
import logging
import sys
import time
from typing import Any

from . import host

LEVELS = {logging.DEBUG: "debug", logging.INFO: "info", logging.WARNING: "warn"}


class Lines(io.TextIOBase):
    """A text file as any other, to be written."""

    encoding = "utf-8"
    errors = "replace"
    line_buffering = True
    write_through = True

    def __init__(self, level: str, name: str) -> None:
        self._level = level
        self._rest = ""
        self.name = name
        self.mode = "w"
        self.buffer = _Bytes(self)

    def writable(self) -> bool:
        return True

    def reconfigure(self, **_: Any) -> None:
        """Nothing of it would be seen in the log."""

    def write(self, text: str) -> int:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            host.log(self._level, line)
        return len(text)

    def flush(self) -> None:
        """A line of what there is: who asks for it may trap next."""
        if self._rest:
            host.log(self._level, self._rest)
        self._rest = ""

    def end(self) -> None:
        """Of the batch."""
        self.buffer.end()
        self.flush()


class _Bytes(io.RawIOBase):
    """What `sys.stdout.buffer` is."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        # A character may come in two pieces.
        self._lines.write(self._decoder.decode(bytes(data)))
        return len(data)

    def end(self) -> None:
        self._lines.write(self._decoder.decode(b"", final=True))


class ToHost(logging.Handler):
    """Of the root logger. Formats may ask for `aws_request_id`, as in Lambda."""

    request_id = ""

    def filter(self, record: logging.LogRecord) -> Any:
        record.aws_request_id = self.request_id
        record.tenant_id = None
        return super().filter(record)

    def emit(self, record: logging.LogRecord) -> None:
        level = next((name for bound, name in LEVELS.items() if record.levelno <= bound), "error")
        host.log(level, self.format(record))


class Output:
    """Of one instance: the process's from now on."""

    def __init__(self) -> None:
        self._files = Lines("info", "<stdout>"), Lines("error", "<stderr>")
        self._logging = ToHost()
        sys.stdout, sys.stderr = self._files
        logging.Formatter.converter = time.gmtime
        logging.getLogger().handlers = [self._logging]

    def begin(self, request_id: str) -> None:
        self._logging.request_id = request_id

    def end(self) -> None:
        for one in self._files:
            one.end()
