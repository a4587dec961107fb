"""Requests over http, to the places that the operator grants: `grants = { http = ["https://api.example.com"] }`.

    answer = http.post("https://api.example.com/orders", json={"id": 1}, headers={"Idempotency-Key": change.event_id})
    answer.ok()

What holds: a request happens at once, whatever becomes of the change later, and a change that is delivered again sends it again. Tokens stand in the operator's
config and are added by the host. Redirects come back as they are; a whole answer is read, 8 MiB at most. A plugin that does not import this has no http.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from json import loads
from typing import Any

from . import _check, _json, _web
from .failure import HostError, Reject, Retry, Unfit

Headers = Mapping[str, str] | Iterable[tuple[str, str | bytes]]

_HEADERS_BYTES_MAX = 16 * 1024
"""What the host keeps of all headers, roughly, with something for each of them."""


@dataclass(repr=False)
class Request:
    """As the host gets it."""

    method: str
    url: str
    scheme: str
    authority: str
    path: str
    headers: list[tuple[str, bytes]]
    body: bytes
    connect_timeout: float | None
    answer_timeout: float | None

    def __repr__(self) -> str:
        # Without what may be a secret or a customer's.
        return f"Request({self.method})"


@dataclass(repr=False)
class Response:
    """An answer of whatever status. Names of headers are in lower case."""

    status: int
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Response({self.status})"

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """The first of this name."""
        return next((value.decode(errors="replace") for other, value in self.headers if other.lower() == name.lower()), None)

    def text(self) -> str:
        """The body as text, whatever is no UTF-8 replaced."""
        return self.body.decode(errors="replace")

    def json(self) -> Any:
        """The body's JSON; rejects the change where it is none."""
        try:
            return loads(self.body)
        except ValueError as error:
            raise Reject(f"the answer's body is not the JSON that was expected: {error}") from None

    def ok(self) -> Response:
        """Itself where its status is 2xx. Else a failure: to be tried again for 408, 425, 429 and 5xx, for good otherwise."""
        if self.is_success:
            return self
        reason = f"the server answers {self.status}"
        raise Retry(reason) if self.status in (408, 425, 429) or 500 <= self.status < 600 else Reject(reason)


_NONE: Any = object()


def request(
    method: str,
    url: str,
    *,
    headers: Headers = (),
    body: str | bytes = b"",
    json: Any = _NONE,
    connect_timeout: float | None = None,
    answer_timeout: float | None = None,
) -> Response:
    """Sends it and waits for the whole answer, whatever its status.

    Raises HostError where there is none: "access-denied", "invalid", or "unavailable", which is tried again; the request may have arrived then.
    `json`: a body of JSON, with its Content-Type unless `headers` has one; a Decimal is written as a number, all of its digits. Timeouts in seconds: `connect_timeout` until the connection is
    ready, 10 at most; `answer_timeout` from then until the answer begins: without it the trigger's time limit holds, which fails the whole batch.
    """
    wire = _fields(headers)
    if json is not _NONE:
        body = _written(json)
        if not any(name.lower() == "content-type" for name, _ in wire):
            wire.append(("Content-Type", b"application/json"))
    if sum(len(name) + len(value) + 32 for name, value in wire) > _HEADERS_BYTES_MAX:
        raise HostError("http", "invalid", f"headers of more than {_HEADERS_BYTES_MAX} bytes")
    url = _check.key(url, "http: the URL")
    timeouts = _check.seconds(connect_timeout, "http: `connect_timeout`"), _check.seconds(answer_timeout, "http: `answer_timeout`")
    asked = Request(_check.text(method, "http: the method"), url, *_parts(url), wire, _check.raw(body, "http: the body"), *timeouts)
    return _web.exchange(asked)


def get(url: str, **options: Any) -> Response:
    return request("GET", url, **options)


def post(url: str, **options: Any) -> Response:
    return request("POST", url, **options)


def put(url: str, **options: Any) -> Response:
    return request("PUT", url, **options)


def patch(url: str, **options: Any) -> Response:
    return request("PATCH", url, **options)


def delete(url: str, **options: Any) -> Response:
    return request("DELETE", url, **options)


def _written(value: Any) -> str:
    try:
        return _json.written(value, _json.COMPACT, "the body")
    except Unfit as error:
        raise HostError("http", "invalid", str(error)) from None


def _fields(headers: Headers) -> list[tuple[str, bytes]]:
    wire = []
    for pair in headers.items() if isinstance(headers, Mapping) else headers:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise Unfit("http: `headers` is a dict, or a list of pairs of a name and a value")
        name, value = pair
        wire.append((_check.text(name, "http: a header's name"), _check.raw(value, f"http: header `{name}`")))
    return wire


def _parts(url: str) -> tuple[str, str, str]:
    """Scheme, authority, and path with query; a fragment is the reader's own."""
    found = re.match(r"(https?)://([^/?#]+)([^#]*)", url)
    if found is None:
        raise HostError("http", "invalid", "a URL is https://HOST/PATH, or http://")
    return found[1], found[2], found[3] or "/"
