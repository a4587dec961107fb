"""One batch of a recorder's, while it runs: what its changes leave behind together, and which of them are held back when it has ended.

What holds: what `host/core/src/delivery/settle.rs` holds back is held back here, and what one batch may write there it may write here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from .failure import HostError

EFFECTS_MAX = 100_000
EFFECT_BYTES_MAX = 32 * 1024 * 1024
OVERHEAD_BYTES = 64


class Run:
    """Of changes with these keys, as DynamoDB JSON; none, outside of any batch."""

    def __init__(self, keys: Sequence[str] | None = None) -> None:
        self._items = None if keys is None else [json.dumps(json.loads(key), sort_keys=True) for key in keys]
        self._effects = 0
        self._bytes = 0
        self._writers: dict[str, int] = {}
        self._reads: set[tuple[int, int]] = set()
        self.written: list[tuple[int, str, bytes | None]] = []
        """Into the state: place, key, value."""

    def check_change(self, what: str, place: int) -> None:
        if self._items is not None and place >= len(self._items):
            raise HostError(what, "invalid", f"change {place} is not in this batch of {len(self._items)}")

    def count(self, what: str, place: int, texts: int) -> None:
        """One effect more."""
        self.check_change(what, place)
        if self._items is None:
            return
        if self._effects >= EFFECTS_MAX:
            raise HostError(what, "invalid", f"more than {EFFECTS_MAX} writes in one batch: make the trigger's batches smaller")
        if self._bytes + OVERHEAD_BYTES + texts > EFFECT_BYTES_MAX:
            raise HostError(what, "invalid", f"more than {EFFECT_BYTES_MAX} bytes of writes in one batch: make the trigger's batches smaller")
        self._effects += 1
        self._bytes += OVERHEAD_BYTES + texts

    def write(self, place: int, key: str, value: bytes | None) -> None:
        self._writers[key] = place
        self.written.append((place, key, value))

    def read(self, place: int, key: str) -> None:
        """From now on the reader depends on who has written it."""
        self.check_change("state", place)
        writer = self._writers.get(key)
        if writer is not None and writer != place:
            self._reads.add((place, writer))

    def held_back(self, failed: Mapping[int, str]) -> set[int]:
        """Places of changes that did not fail and yet are not done: later changes of a retried item, and readers of what is undone.

        `failed`: retry or reject, by place. A handler may go through its batch in any order, so passes repeat until nothing more is held.
        """
        held: set[int] = set()
        if not failed:
            return held
        retried = {place for place, kind in failed.items() if kind == "retry"}
        while True:
            before = len(held)
            held |= {reader for reader, writer in self._reads if writer in failed or writer in held}
            waiting: set[str] = set()
            for place, item in enumerate(self._items or ()):
                if place in retried or place in held:
                    waiting.add(item)
                elif item in waiting:
                    held.add(place)
            held -= failed.keys()
            if len(held) == before:
                return held
