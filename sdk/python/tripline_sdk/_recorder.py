"""What stands in for the host in plain Python: it answers as the contract says, and keeps what it was asked.

What holds: what a failed change has done to counters, state and mail is gone once its run has ended, as in a host. One host at a time: the newest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .failure import HostError
from .items import Item, item_json, parse_item

if TYPE_CHECKING:
    from .http import Request, Response

Labels = Mapping[str, str]
ALL_GRANTS = frozenset({"counters", "state", "tables", "mailers", "metrics", "http"})
BODY_BYTES_MAX = 8 * 1024 * 1024
OWN_HEADERS = frozenset(
    {
        "connection",
        "host",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
    }
)
"""What the host writes itself."""


@dataclass
class Added:
    place: int | None
    name: str
    labels: dict[str, str]
    delta: str


@dataclass
class Mail:
    place: int | None
    mailer: str | None
    to: list[str]
    subject: str
    text: str | None
    html: str | None
    reply_to: str | None
    key: str


@dataclass
class MadeWrite:
    table: str
    kind: str
    item: Item
    expression: str | None
    condition: Any
    values: Item | None


class Host:
    """A host of nothing but memory. Making one makes it the one that the SDK talks to. All is granted where `grants` is left out."""

    def __init__(self, *, settings: Mapping[str, Any] | None = None, grants: set[str] | None = None) -> None:
        global _current
        self.settings = dict(settings or {})
        self.grants = ALL_GRANTS if grants is None else frozenset(grants)
        self.added: list[Added] = []
        self.entries: dict[str, bytes] = {}
        self.mails: list[Mail] = []
        self.writes: list[MadeWrite] = []
        self.tables: dict[str, list[Item]] = {}
        self.samples: list[tuple[str, str, dict[str, str], float]] = []
        self.requests: list[Request] = []
        """Those of changes that failed too: they were sent."""
        self.logs: list[tuple[str, str]] = []
        self.on_write: Callable[[MadeWrite], HostError | None] = lambda _: None
        """Answers a write with an error, or lets it be made."""
        self.on_http: Callable[[Request], Response] | None = None
        """Answers a request, or raises a HostError. An empty 200, where it is not set."""
        self._undo: list[tuple[int, str, bytes | None]] = []
        _current = self

    def counter(self, name: str, labels: Labels | None = None) -> list[str]:
        """What was added to the counter of this name and these labels, in order."""
        return [one.delta for one in self.added if one.name == name and one.labels == dict(labels or {})]

    def state(self, key: str) -> str | None:
        """The text of an entry of the state."""
        value = self.entries.get(key)
        return None if value is None else value.decode()

    def wants(self, grant: str) -> None:
        if grant not in self.grants:
            raise HostError(grant, "access-denied", f"trigger `test` is not granted {grant}")

    def set_entry(self, place: int, key: str, value: bytes | None) -> None:
        self.wants("state")
        self._undo.append((place, key, self.entries.get(key)))
        if value is None:
            self.entries.pop(key, None)
        else:
            self.entries[key] = value

    def settle(self, failed: set[int]) -> None:
        """Ends a run: what the failed changes have done is taken back."""
        self.added = [one for one in self.added if one.place not in failed]
        self.mails = [one for one in self.mails if one.place not in failed]
        settled: list[Added | Mail] = [*self.added, *self.mails]
        for one in settled:
            one.place = None
        for place, key, before in reversed(self._undo):
            if place in failed and before is None:
                self.entries.pop(key, None)
            elif place in failed and before is not None:
                self.entries[key] = before
        self._undo = []

    def make(self, table: str, one: Mapping[str, Any]) -> HostError | None:
        values = one.get("values") or (one.get("condition") or {}).get("values")
        made = MadeWrite(table, one["kind"], parse_item(one["item"]), one.get("expression"), one.get("condition"), values and parse_item(values))
        refused = self.on_write(made)
        if refused is None:
            self.writes.append(made)
        return refused


_current: Host | None = None


def current() -> Host:
    """The newest host; one that grants all, where a test has made none."""
    return _current or Host()


def failed_change(place: int, kind: str, reason: str) -> tuple[int, str, str]:
    return (place, kind, reason)


class FailedBatch(Exception):
    """What a component raises as the error of the contract."""


def failed_batch(kind: str, reason: str) -> Exception:
    return FailedBatch(kind, reason)


def log(level: str, message: str) -> None:
    current().logs.append((level, message))


def setting(key: str) -> str | None:
    value = current().settings.get(key)
    return value if value is None or isinstance(value, str) else json.dumps(value)


def settings() -> dict[str, str]:
    return {key: setting(key) or "" for key in current().settings}


def add(place: int, name: str, labels: Labels, delta: str) -> None:
    current().wants("counters")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name):
        raise HostError(f"counter `{name}`", "invalid", "use a to z, 0 to 9 and _, a letter first, at most 64")
    current().added.append(Added(place, name, dict(labels), delta))


def get_state(reads: list[tuple[int, str]]) -> list[bytes | None]:
    current().wants("state")
    return [current().entries.get(key) for _, key in reads]


def set_state(place: int, key: str, value: bytes, expires_ms: int | None) -> None:
    if len(value) > 256 * 1024:
        raise HostError(f"state `{key}`", "invalid", f"the value has {len(value)} bytes: at most 262144")
    current().set_entry(place, key, value)


def delete_state(place: int, key: str) -> None:
    current().set_entry(place, key, None)


def send(place: int, name: str | None, message: dict[str, Any], key: str) -> None:
    current().wants("mailers")
    if not message["to"] or (message["text"] is None and message["html"] is None):
        raise HostError("mail", "invalid", "no recipient, or neither text nor html")
    current().mails.append(Mail(place, name, **message, key=key))


def write(table: str, writes: list[Mapping[str, Any]]) -> list[HostError | None]:
    current().wants("tables")
    return [current().make(table, one) for one in writes]


def transact(place: int, writes: list[tuple[str, Mapping[str, Any]]]) -> None:
    current().wants("tables")
    before = len(current().writes)
    answers = [current().make(table, one) for table, one in writes]
    if any(answers):
        del current().writes[before:]
        raise HostError("transaction", "cancelled", detail=answers)


def get_items(table: str, keys: list[str], consistent: bool) -> list[str | None]:
    current().wants("tables")
    items = current().tables.get(table, [])

    def find(key: Item) -> str | None:
        return next((item_json(item) for item in items if all(item.get(name) == value for name, value in key.items())), None)

    return [find(parse_item(key)) for key in keys]


def count(name: str, labels: Labels, delta: int) -> None:
    _sample("count", name, labels, delta)


def set_gauge(name: str, labels: Labels, value: float) -> None:
    _sample("gauge", name, labels, value)


def observe(name: str, labels: Labels, value: float) -> None:
    _sample("histogram", name, labels, value)


def _sample(kind: str, name: str, labels: Labels, value: float) -> None:
    current().wants("metrics")
    current().samples.append((kind, name, dict(labels), value))


def exchange(request: Request) -> Response:
    from .http import Response

    host = current()
    host.wants("http")
    for name, value in request.headers:
        is_one = re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", name) and all(byte == 9 or (byte >= 32 and byte != 127) for byte in value)
        if not is_one or name.lower() in OWN_HEADERS:
            raise HostError("http", "invalid", "a header that is none, or that the host writes itself")
    if len(request.body) > BODY_BYTES_MAX:
        raise HostError("http", "invalid", f"a body of more than {BODY_BYTES_MAX} bytes")
    host.requests.append(request)
    return host.on_http(request) if host.on_http else Response(200)
