"""What stands in for the host in plain Python: it answers as the contract says, and keeps what it was asked.

What holds: what a change that failed, or is held back, has done to counters, state and mail is gone once its batch has ended, as in a host; what is done
outside of a batch stands. Bounds are the host's. One host at a time: the newest. No time passes in it: state does not expire.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import _bounds
from ._check import clean
from ._run import Run
from .failure import HostError
from .items import Item, item_json, parse_item

if TYPE_CHECKING:
    from .http import Request, Response

Labels = Mapping[str, str]
ALL_GRANTS = frozenset({"counters", "state", "tables", "mailers", "metrics", "http"})
_GRANT_LINES = {
    "counters": "counters = true",
    "state": "state = true",
    "tables": 'tables = ["its name in [targets]"]',
    "reads": 'reads = ["its name in [targets]"]',
    "mailers": 'mailers = ["its name in [mailers]"]',
    "metrics": "metrics = true",
    "http": 'http = ["https://…"]',
}
ALL_GRANTS = frozenset(_GRANT_LINES)
_KINDS = {"count": "counter", "gauge": "gauge", "histogram": "histogram"}


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
        self.held: list[int] = []
        """Changes of the last batch that did not fail and yet will be delivered again, by their places: what they did is taken back, too."""
        self._run = Run()
        self._before: dict[str, bytes] = {}
        _current = self

    def counter(self, name: str, labels: Labels | None = None) -> list[str]:
        """What was added to the counter of this name and these labels, in order."""
        return [one.delta for one in self.added if one.name == name and one.labels == dict(labels or {})]

    def state(self, key: str) -> str | None:
        """The text of an entry of the state."""
        value = self.entries.get(key)
        return None if value is None else value.decode()

    def wants(self, grant: str, what: str = "") -> None:
        if grant not in self.grants:
            reason = f"trigger `test` is not granted {grant}: add `grants = {{ {_GRANT_LINES[grant]} }}` to [triggers.test]"
            raise HostError(what or grant, "access-denied", reason)

    def begin(self, keys: Sequence[str]) -> None:
        """Begins a batch of changes with these keys. What was done outside of one stands."""
        self._stand()
        self.held = []
        self._run, self._before = Run(keys), dict(self.entries)

    def settle(self, failed: Mapping[int, str]) -> None:
        """Ends it: what the changes have done that failed or are held back is taken back. `failed`: retry or reject, by place."""
        run, self._run = self._run, Run()
        self.held = sorted(run.held_back(failed))
        undone = {*failed, *self.held}
        self.added = [one for one in self.added if one.place not in undone]
        self.mails = [one for one in self.mails if one.place not in undone]
        self._stand()
        # From the beginning: what a done change has written stands, whoever has written it before.
        self.entries.clear()
        self.entries.update(self._before)
        for place, key, value in run.written:
            if place not in undone:
                self._put(key, value)

    def _stand(self) -> None:
        all_of_them: list[Added | Mail] = [*self.added, *self.mails]
        for one in all_of_them:
            one.place = None

    def set_entry(self, place: int, key: str, value: bytes | None) -> None:
        what = f"state `{key}`"
        self.wants("state", what)
        _bounds.state_key(key)
        _bounds.state_value(key, value or b"")
        self._run.count(what, place, _bounds.size(key) + len(value or b""))
        self._run.write(place, key, value)
        self._put(key, value)

    def _put(self, key: str, value: bytes | None) -> None:
        if value is None:
            self.entries.pop(key, None)
        else:
            self.entries[key] = value

    def read_entries(self, reads: list[tuple[int, str]]) -> list[bytes | None]:
        self.wants("state")
        _bounds.state_reads([key for _, key in reads])
        for place, key in reads:
            self._run.read(place, key)
        found = [self.entries.get(key) for _, key in reads]
        _bounds.state_found(found)
        return found

    def send(self, place: int, mailer: str | None, message: dict[str, Any], key: str) -> None:
        self.wants("mailers", "mail")
        self._run.check_change("mail", place)
        _bounds.mail(message, key)
        texts = [*message["to"], message["subject"], *(message[name] or "" for name in ("text", "html", "reply_to"))]
        self._run.count("mail", place, sum(map(_bounds.size, texts)))
        if any(one.place == place and one.key == key for one in self.mails):
            # As the outbox has it: of one change and key it takes one.
            self.logs.append(("warn", f"mail not sent: the outbox has a mail of this change and key (`{key}`)"))
            return
        self.mails.append(Mail(place, mailer, **message, key=key))

    def add(self, place: int, name: str, labels: Labels, delta: str) -> None:
        what = f"counter `{name}`"
        self.wants("counters", what)
        _bounds.series("counter", name, labels)
        _bounds.delta(what, delta)
        self._run.count(what, place, _bounds.size(name) + sum(_bounds.size(label) + _bounds.size(value) for label, value in labels.items()))
        self.added.append(Added(place, name, dict(labels), delta))

    def sample(self, kind: str, name: str, labels: Labels, value: float) -> None:
        what = f"metric `{name}`"
        self.wants("metrics", what)
        _bounds.sample(name, labels, value)
        other = next((other for other, of, _, _ in self.samples if of == name and other != kind), None)
        if other is not None:
            raise HostError(what, "invalid", f"it is a {_KINDS[other]} already, and no {_KINDS[kind]}: give one of them another name")
        self.samples.append((kind, name, dict(labels), value))

    def check_change(self, what: str, place: int) -> None:
        self._run.check_change(what, place)

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
    return (place, kind, clean(reason))


class FailedBatch(Exception):
    """What a component raises as the error of the contract."""


def failed_batch(kind: str, reason: str) -> Exception:
    return FailedBatch(kind, clean(reason))


def log(level: str, message: str) -> None:
    current().logs.append((level, clean(message)))


def setting(key: str) -> str | None:
    value = current().settings.get(key)
    return value if value is None or isinstance(value, str) else json.dumps(value)


def settings() -> dict[str, str]:
    return {key: setting(key) or "" for key in current().settings}


def add(place: int, name: str, labels: Labels, delta: str) -> None:
    current().add(place, name, labels, delta)


def get_state(reads: list[tuple[int, str]]) -> list[bytes | None]:
    return current().read_entries(reads)


def set_state(place: int, key: str, value: bytes, expires_ms: int | None) -> None:
    current().set_entry(place, key, value)


def delete_state(place: int, key: str) -> None:
    current().set_entry(place, key, None)


def send(place: int, name: str | None, message: dict[str, Any], key: str) -> None:
    current().send(place, name, message, key)


def write(table: str, writes: list[Mapping[str, Any]]) -> list[HostError | None]:
    current().wants("tables", f"table `{table}`")
    return [current().make(table, one) for one in writes]


def transact(place: int, writes: list[tuple[str, Mapping[str, Any]]]) -> None:
    current().wants("tables", "transaction")
    current().check_change("transaction", place)
    _bounds.transaction(len(writes))
    before = len(current().writes)
    answers = [current().make(table, one) for table, one in writes]
    if any(answers):
        del current().writes[before:]
        raise HostError("transaction", "cancelled", detail=answers)


def get_items(table: str, keys: list[str], consistent: bool) -> list[str | None]:
    current().wants("reads", f"table `{table}`")
    _bounds.table_keys(table, len(keys))
    items = current().tables.get(table, [])

    def find(key: Item) -> str | None:
        return next((item_json(item) for item in items if all(item.get(name) == value for name, value in key.items())), None)

    return [find(parse_item(key)) for key in keys]


def count(name: str, labels: Labels, delta: int) -> None:
    current().sample("count", name, labels, delta)


def set_gauge(name: str, labels: Labels, value: float) -> None:
    current().sample("gauge", name, labels, value)


def observe(name: str, labels: Labels, value: float) -> None:
    current().sample("histogram", name, labels, value)


def exchange(request: Request) -> Response:
    from .http import Response

    host = current()
    host.wants("http")
    _bounds.request(request.method, request.url, request.headers, request.body)
    host.requests.append(request)
    return host.on_http(request) if host.on_http else Response(200)
