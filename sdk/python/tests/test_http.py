"""Requests over http, against the recorder: what is asked, what is answered, and what becomes of the change."""

import sys
import unittest
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tripline_sdk import Change, HostError, http, on_change
from tripline_sdk.build import _uses_http
from tripline_sdk.testing import Host, insert, run


def outcome(act: Callable[[], Any]) -> str:
    """What a handler that does this makes of one change."""

    @on_change
    def handle(change: Change) -> None:
        act()

    return next((f"{failed.kind} {failed.reason}" for failed in run(handle, [insert({"id": "a"}, {})])), "ok")


def _component_half() -> tuple[Callable[[Any], HostError], Any]:
    """What a component makes errors of, with the contract's bindings, which no other test may find."""
    before, bindings = set(sys.modules), str(Path(__file__).parents[1] / "bindings")
    sys.path.insert(0, bindings)
    try:
        from tripline_sdk._wasi_http import _coded
        from wit_world.imports import wasi_http_types as types

        return _coded, types
    finally:
        sys.path.remove(bindings)
        for name in set(sys.modules) - before:
            del sys.modules[name]


class Http(unittest.TestCase):
    def test_a_request_is_recorded_and_answered_as_the_test_says(self) -> None:
        host = Host()
        host.on_http = lambda _: http.Response(201, [("X-From", "tést".encode())], b'{"id":7}')
        answers = []

        @on_change
        def handle(change: Change) -> None:
            body = {"id": change.keys["id"], "n": Decimal("1.500000000000000000000000000001"), "list": (True, None)}
            answers.append(http.post("https://api.example.com/orders?x=1#there", json=body, headers={"Idempotency-Key": change.event_id}))

        self.assertEqual(run(handle, [insert({"id": "a"}, {})]), [])
        (answer,) = answers
        self.assertEqual((answer.status, answer.is_success, answer.header("x-from"), answer.json()), (201, True, "tést", {"id": 7}))
        (asked,) = host.requests
        self.assertEqual((asked.method, asked.authority, asked.path), ("POST", "api.example.com", "/orders?x=1"))
        self.assertEqual(asked.body, b'{"id":"a","n":1.500000000000000000000000000001,"list":[true,null]}')
        self.assertEqual(asked.headers, [("Idempotency-Key", b"event-1"), ("Content-Type", b"application/json")])
        self.assertNotIn("example", f"{asked} {answer}")

    def test_a_body_of_json_has_one_content_type_the_plugins_own_where_there_is_one(self) -> None:
        host = Host()
        rows: list[tuple[http.Headers, list[tuple[str, bytes]]]] = [
            ({}, [("Content-Type", b"application/json")]),
            ({"content-type": "application/vnd.api+json"}, [("content-type", b"application/vnd.api+json")]),
            ([("A", "b"), ("CONTENT-TYPE", b"x")], [("A", b"b"), ("CONTENT-TYPE", b"x")]),
        ]
        for headers, expected in rows:
            http.post("https://h.example", json=1, headers=headers)
            self.assertEqual(host.requests[-1].headers, expected)

    def test_what_would_be_the_same_again_is_invalid(self) -> None:
        coded, types = _component_half()
        length = "the request's body is not as long as its Content-Length says, or too large"
        rows = [
            (types.ErrorCode_HttpRequestBodySize(8_388_608), "invalid http: a body of more than 8388608 bytes"),
            (types.ErrorCode_HttpRequestBodySize(None), f"invalid http: {length}"),
            (types.ErrorCode_HttpRequestHeaderSectionSize(None), "invalid http: the request's headers are too large"),
            (types.ErrorCode_HttpRequestHeaderSize(None), "invalid http: the request's headers are too large"),
            (types.ErrorCode_HttpResponseBodySize(None), "invalid http: the answer is too large"),
            (types.ErrorCode_HttpResponseHeaderSectionSize(65_536), "invalid http: an answer whose headers have more than 65536 bytes"),
            (types.ErrorCode_HttpResponseHeaderSectionSize(None), "invalid http: an answer whose headers are too large"),
            (types.ErrorCode_HttpResponseHeaderSize(types.FieldSizePayload(None, None)), "invalid http: an answer with a header that is too large"),
            (types.ErrorCode_HttpResponseTimeout(), "unavailable http: no answer: HttpResponseTimeout"),
        ]
        for code, expected in rows:
            error = coded(code)
            self.assertEqual(f"{error.code} {error}", expected)

    def test_an_answers_status_says_whether_to_try_again(self) -> None:
        host = Host()
        rows = {200: "ok", 204: "ok", 301: "reject", 400: "reject", 404: "reject", 408: "retry", 425: "retry", 429: "retry", 500: "retry", 503: "retry"}
        rows |= {599: "retry", 600: "reject", 999: "reject"}
        for status, expected in rows.items():
            host.on_http = lambda _, status=status: http.Response(status)
            said = outcome(lambda: http.get("https://h.example").ok())
            self.assertEqual(said, "ok" if expected == "ok" else f"{expected} the server answers {status}")
        host.on_http = lambda _: http.Response(200, body=b"<html>")
        self.assertRegex(outcome(lambda: http.get("https://h.example").json()), "^reject the answer's body is not the JSON that was expected")

    def test_what_is_no_request_is_rejected_and_what_has_no_answer_is_tried_again(self) -> None:
        host = Host()
        rows: list[tuple[Callable[[], Any], str]] = [
            (lambda: http.get("h.example"), "^reject http: a URL is https://HOST"),
            (lambda: http.get("ftp://h.example"), "^reject http: a URL is"),
            (lambda: http.get("https://h", headers={"Bad Name": ""}), "^reject http: a header that is none"),
            (lambda: http.get("https://h", headers={"Host": "x"}), "^reject http: a header"),
            (lambda: http.get("https://h", headers=[("X", b"a\nb")]), "^reject http: a header"),
            (lambda: http.get("https://h", headers={"x": "y" * 20_000}), "^reject http: headers of more than 16384 bytes"),
            (lambda: http.put("https://h", body=bytes(8 * 1024 * 1024 + 1)), "^reject http: a body of more than"),
            (lambda: http.patch("https://h", json=object()), "^reject http: the body cannot be written as JSON"),
            (lambda: http.patch("https://h", json=Decimal("NaN")), "^reject http: the body cannot be written as JSON"),
        ]
        for act, expected in rows:
            self.assertRegex(outcome(act), expected)
        self.assertEqual(host.requests, [])

        def away(_: http.Request) -> http.Response:
            raise HostError("http", "unavailable", "the server is away")

        host.on_http = away
        self.assertEqual(outcome(lambda: http.delete("https://h")), "retry http: the server is away")
        self.assertEqual(len(host.requests), 1)
        Host(grants=set())
        self.assertRegex(outcome(lambda: http.get("https://h")), "^reject http: trigger `test` is not granted http")


class Build(unittest.TestCase):
    def test_http_is_asked_for_where_it_is_imported(self) -> None:
        rows = {
            "from tripline_sdk import on_change": False,
            "from tripline_sdk import http, on_change": True,
            "import tripline_sdk.http": True,
            "def later():\n    from tripline_sdk.http import get": True,
            "import own": True,
            "from tripline_sdk import testing": False,
            "import http, urllib.request": False,
            "def broken(": False,
        }
        sdk = Path(__file__).parent.parent
        with TemporaryDirectory() as folder:
            (Path(folder) / "own.py").write_text("from tripline_sdk import http\n")
            plugin = Path(folder) / "plugin.py"
            for text, expected in rows.items():
                plugin.write_text(text + "\n")
                self.assertEqual(_uses_http(plugin, [Path(folder), sdk]), expected, text)
