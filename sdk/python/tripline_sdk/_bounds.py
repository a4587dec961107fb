"""What the host refuses for its shape or its size, as the recorder refuses it: those of `host/core/src/limits.rs`, and of the host's imports.

What holds: each check raises HostError `invalid`, with the reason that the host has; types were checked before. An address is looked at less closely than
in the host: one that is refused here is refused there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

from .failure import HostError

Labels = Mapping[str, str]

LABELS_MAX = 8
LABEL_VALUE_BYTES_MAX = 1024
NUMBER_TEXT_MAX = 320
NUMBER_SCALE_MAX = 130 + 38
NUMBER_DIGITS_MAX = 300
STATE_KEY_BYTES_MAX = 2 * 1024
STATE_VALUE_BYTES_MAX = 256 * 1024
STATE_READS_MAX = 100_000
STATE_READ_BYTES_MAX = 64 * 1024 * 1024
MAIL_RECIPIENTS_MAX = 50
MAIL_ADDRESS_BYTES_MAX = 998
MAIL_SUBJECT_BYTES_MAX = 998
MAIL_BODY_BYTES_MAX = 1024 * 1024
MAIL_KEY_BYTES_MAX = 1024
TRANSACTION_WRITES_MAX = 100
TABLE_KEYS_MAX = 1000
HTTP_BODY_BYTES_MAX = 8 * 1024 * 1024

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_METRIC_ENDINGS = ("_total", "_bucket", "_sum", "_count")
_BUCKET_LABEL = "le"

_ATOM = r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\u0080-\U0010ffff]+"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_LABEL = r"[A-Za-z0-9\u0080-\U0010ffff](?:[A-Za-z0-9\u0080-\U0010ffff-]*[A-Za-z0-9\u0080-\U0010ffff])?"
_MAILBOX = rf"(?:{_ATOM}(?:\.{_ATOM})*|{_QUOTED})@{_LABEL}(?:\.{_LABEL})*"
_ADDRESS = re.compile(rf"\s*(?:{_MAILBOX}|(?:[^<>@,;:()\[\]\\\"]|{_QUOTED})*<{_MAILBOX}>)\s*")

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HOSTS_OWN = frozenset(
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
"""Headers that the host writes itself."""


def size(text: str) -> int:
    return len(text.encode())


def _refuse(what: str, reason: str) -> HostError:
    return HostError(what, "invalid", reason)


def series(kind: str, name: str, labels: Labels) -> None:
    what = f"{kind} `{name}`"
    _check_name(what, f"the {kind}'s name", name)
    if len(labels) > LABELS_MAX:
        raise _refuse(what, f"{len(labels)} labels; at most {LABELS_MAX}")
    for label, value in labels.items():
        _check_name(what, "the label", label)
        if size(value) > LABEL_VALUE_BYTES_MAX:
            raise _refuse(what, f"the value of label `{label}` has {size(value)} bytes; at most {LABEL_VALUE_BYTES_MAX}")


def _check_name(what: str, which: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise _refuse(what, f"{which} `{name[:100]}`: use a to z, 0 to 9 and _, a letter first, at most 64")


def delta(what: str, text: str) -> None:
    try:
        _, digits, exponent = Decimal(text).as_tuple()
    except InvalidOperation:
        raise _refuse(what, f"`{text[:64]}` is not a decimal such as 1, -19.99 or 1E+3") from None
    if len(text) > NUMBER_TEXT_MAX:
        raise _refuse(what, f"`{text[:64]}` is not a decimal such as 1, -19.99 or 1E+3")
    if not isinstance(exponent, int) or abs(exponent) > NUMBER_SCALE_MAX or len(digits) > NUMBER_DIGITS_MAX:
        raise _refuse(what, f"`{text[:64]}` is outside what DynamoDB stores: 38 digits between 1E-130 and 9.9E+125")


def sample(name: str, labels: Labels, value: float) -> None:
    series("metric", name, labels)
    what = f"metric `{name}`"
    if not isfinite(value):
        raise _refuse(what, f"{value} is no finite number")
    for ending in _METRIC_ENDINGS:
        if name.endswith(ending):
            raise _refuse(what, f"leave out `{ending}`, which Prometheus adds where it belongs")
    if _BUCKET_LABEL in labels:
        raise _refuse(what, f"the label `{_BUCKET_LABEL}`: Prometheus keeps it for the buckets of histograms")


def state_key(key: str) -> None:
    if size(key) > STATE_KEY_BYTES_MAX:
        raise _refuse("state", f"a key of {size(key)} bytes; at most {STATE_KEY_BYTES_MAX}")


def state_value(key: str, value: bytes) -> None:
    if len(value) > STATE_VALUE_BYTES_MAX:
        raise _refuse(f"state `{key}`", f"the value has {len(value)} bytes: at most {STATE_VALUE_BYTES_MAX}")


def state_reads(keys: Sequence[str]) -> None:
    if len(keys) > STATE_READS_MAX:
        raise _refuse("state", f"{len(keys)} reads at once; at most {STATE_READS_MAX}")
    for key in keys:
        state_key(key)


def state_found(values: Sequence[bytes | None]) -> None:
    if sum(len(value or b"") for value in values) > STATE_READ_BYTES_MAX:
        raise _refuse("state", f"values of more than {STATE_READ_BYTES_MAX} bytes in one read: read fewer keys at once")


def mail(message: Mapping[str, Any], key: str) -> None:
    to: list[str] = message["to"]
    if not 1 <= len(to) <= MAIL_RECIPIENTS_MAX:
        raise _refuse("mail", f"{len(to)} recipients: a mail has one to {MAIL_RECIPIENTS_MAX}")
    for one in to:
        _check_address("to", one)
    if message["reply_to"] is not None:
        _check_address("reply-to", message["reply_to"])
    _check_line("subject", message["subject"], MAIL_SUBJECT_BYTES_MAX)
    if message["text"] is None and message["html"] is None:
        raise _refuse("mail", "no body: set text, html or both")
    for name, text, bytes_max in (
        ("text", message["text"], MAIL_BODY_BYTES_MAX),
        ("html", message["html"], MAIL_BODY_BYTES_MAX),
        ("key", key, MAIL_KEY_BYTES_MAX),
    ):
        if text is not None and size(text) > bytes_max:
            raise _refuse("mail", f"{name}: {size(text)} bytes; at most {bytes_max}")


def _check_address(field: str, text: str) -> None:
    _check_line(field, text, MAIL_ADDRESS_BYTES_MAX)
    if not _ADDRESS.fullmatch(text):
        raise _refuse("mail", f"{field}: not an address such as a@b.example or Name <a@b.example>")


def _check_line(field: str, text: str, bytes_max: int) -> None:
    control = next((character for character in text if unicodedata.category(character) == "Cc"), None)
    if control is not None:
        raise _refuse("mail", f"{field}: holds the control character {control!r}; headers are one line of text")
    if size(text) > bytes_max:
        raise _refuse("mail", f"{field}: {size(text)} bytes; at most {bytes_max}")


def transaction(writes: int) -> None:
    if writes > TRANSACTION_WRITES_MAX:
        raise _refuse("transaction", f"{writes} writes in one transaction; at most {TRANSACTION_WRITES_MAX}")


def table_keys(table: str, keys: int) -> None:
    if keys > TABLE_KEYS_MAX:
        raise _refuse(f"table `{table}`", f"{keys} keys in one read; at most {TABLE_KEYS_MAX}")


def request(method: str, url: str, headers: Sequence[tuple[str, bytes]], body: bytes) -> None:
    if not _TOKEN.fullmatch(method) or any(character <= " " or character == "\x7f" for character in url):
        raise _refuse("http", "a URL or method that is none")
    for name, value in headers:
        is_one = _TOKEN.fullmatch(name) and all(byte == 9 or (byte >= 32 and byte != 127) for byte in value)
        if not is_one or name.lower() in _HOSTS_OWN:
            raise _refuse("http", "a header that is none, or that the host writes itself")
    if len(body) > HTTP_BODY_BYTES_MAX:
        raise _refuse("http", f"a body of more than {HTTP_BODY_BYTES_MAX} bytes")
