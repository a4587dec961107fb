"""`wasi:http` as one call: a request out, its whole answer in.

What holds: every failure is a HostError; no resource outlives its call, and a child ends before its parent, since the host traps otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from componentize_py_types import Err
from wit_world.imports import outgoing_handler, streams
from wit_world.imports import wasi_http_types as types

from .failure import HostError

if TYPE_CHECKING:
    from .http import Request, Response

_READ_BYTES = 64 * 1024
_NANOS = 1_000_000_000
_METHODS: dict[str, types.Method] = {
    "GET": types.Method_Get(),
    "HEAD": types.Method_Head(),
    "POST": types.Method_Post(),
    "PUT": types.Method_Put(),
    "DELETE": types.Method_Delete(),
    "CONNECT": types.Method_Connect(),
    "OPTIONS": types.Method_Options(),
    "TRACE": types.Method_Trace(),
    "PATCH": types.Method_Patch(),
}


def exchange(request: Request) -> Response:
    from .http import Response

    try:
        outgoing = _outgoing(request)
        body = outgoing.body()
    except Err:
        reason = "a header that is none, that the host writes itself or that is too large (the plugin's log says so then), or a URL or method that is none"
        raise HostError("http", "invalid", reason) from None
    try:
        pending = outgoing_handler.handle(outgoing, _options(request))
        _write(body, request.body)
        with pending:
            return Response(*_read(_wait(pending)))
    except Err as error:
        raise _coded(error.value) from None


def _outgoing(request: Request) -> types.OutgoingRequest:
    outgoing = types.OutgoingRequest(types.Fields.from_list(request.headers))
    outgoing.set_method(_METHODS.get(request.method) or types.Method_Other(request.method))
    outgoing.set_scheme(types.Scheme_Http() if request.scheme == "http" else types.Scheme_Https())
    outgoing.set_authority(request.authority)
    outgoing.set_path_with_query(request.path)
    return outgoing


def _options(request: Request) -> types.RequestOptions:
    options = types.RequestOptions()
    if request.connect_timeout is not None:
        options.set_connect_timeout(int(request.connect_timeout * _NANOS))
    if request.answer_timeout is not None:
        options.set_first_byte_timeout(int(request.answer_timeout * _NANOS))
    return options


def _write(body: types.OutgoingBody, data: bytes) -> None:
    """As much as the host takes: where it stops, the answer says why."""
    try:
        with body.write() as stream, stream.subscribe() as ready:
            at = 0
            while at < len(data):
                room = stream.check_write()
                if room == 0:
                    ready.block()
                    continue
                stream.write(data[at : at + room])
                at += room
    except Err:
        pass
    try:
        types.OutgoingBody.finish(body, None)
    except Err:
        pass


def _wait(pending: types.FutureIncomingResponse) -> types.IncomingResponse:
    with pending.subscribe() as ready:
        while (answer := pending.get()) is None:
            ready.block()
    if isinstance(answer, Err):
        raise HostError("http", "unavailable", "the answer was taken before")
    if isinstance(answer.value, Err):
        raise answer.value
    return answer.value.value


def _read(answer: types.IncomingResponse) -> tuple[int, list[tuple[str, bytes]], bytes]:
    with answer:
        status = answer.status()
        with answer.headers() as fields:
            headers = fields.entries()
        incoming = answer.consume()
        try:
            with incoming.stream() as stream:
                body = _read_all(stream)
        finally:
            types.IncomingBody.finish(incoming).__exit__(None, None, None)
        return status, headers, body


def _read_all(stream: streams.InputStream) -> bytes:
    parts = []
    while True:
        try:
            parts.append(stream.blocking_read(_READ_BYTES))
        except Err as error:
            if isinstance(error.value, streams.StreamError_Closed):
                return b"".join(parts)
            raise HostError("http", "unavailable", "the answer ends too early") from None


def _coded(code: Any) -> HostError:
    match code:
        case types.ErrorCode_HttpRequestDenied():
            return HostError("http", "access-denied", "the host denies the request: its log says why")
        case types.ErrorCode_DestinationIpProhibited():
            return HostError("http", "access-denied", "the host denies the address that the name leads to: its log says why")
        case types.ErrorCode_HttpRequestUriInvalid():
            return HostError("http", "invalid", "the URL is none that the host takes: its log says why")
        case types.ErrorCode_HttpRequestBodySize():
            length = "the request's body is not as long as its Content-Length says, or too large"
            return HostError("http", "invalid", length if code.value is None else f"a body of more than {code.value} bytes")
        case types.ErrorCode_HttpRequestHeaderSectionSize() | types.ErrorCode_HttpRequestHeaderSize():
            return HostError("http", "invalid", "the request's headers are too large")
        case types.ErrorCode_HttpResponseBodySize():
            return HostError("http", "invalid", "the answer is too large" if code.value is None else f"an answer of more than {code.value} bytes")
        # Larger than the host takes them, and so the next time.
        case types.ErrorCode_HttpResponseHeaderSectionSize():
            large = "an answer whose headers are too large"
            return HostError("http", "invalid", large if code.value is None else f"an answer whose headers have more than {code.value} bytes")
        case types.ErrorCode_HttpResponseHeaderSize():
            return HostError("http", "invalid", "an answer with a header that is too large")
        case types.ErrorCode_HttpRequestMethodInvalid():
            return HostError("http", "invalid", "no method")
        case _:
            return HostError("http", "unavailable", f"no answer: {type(code).__name__.removeprefix('ErrorCode_')}")
