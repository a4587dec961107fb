"""A function in a package, and what functions do that only a component shows: each record says what."""

import asyncio
import concurrent.futures
import email
import http.client
import importlib
import os
import socket
import sys
import threading
import urllib.request
import zoneinfo
from datetime import datetime

import greeting

from . import steps
from .table import TABLE

LOADED = datetime.now().year


def own_modules():
    named = importlib.import_module("src.steps.named")
    return TABLE, steps.WHERE, named.NAME, __name__, LOADED > 2000


def gathered():
    async def one(place):
        await asyncio.sleep(0.01 * place)
        return place

    async def main():
        async with asyncio.timeout(5):
            found = await asyncio.gather(*(one(place) for place in range(3)))
        try:
            await asyncio.wait_for(asyncio.Event().wait(), 0.05)
        except asyncio.TimeoutError:
            return found, await asyncio.to_thread(len, "abc")

    return asyncio.run(main())


def older_asyncio():
    return asyncio.get_event_loop().run_until_complete(asyncio.sleep(0, "done"))


def waits_for_ever():
    async def main():
        await asyncio.Event().wait()

    asyncio.run(main())


def threads():
    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        found = list(pool.map(str.upper, "abc"))
    try:
        threading.Thread(target=print).start()
    except RuntimeError as error:
        return found, str(error)


def sockets():
    said = [greeting.HAS_SOCKETS]
    for want in (
        lambda: socket.create_connection(("127.0.0.1", 80)),
        lambda: urllib.request.urlopen("http://api.example.com/"),
        lambda: urllib.request.urlopen("https://api.example.com/"),
        lambda: http.client.HTTPConnection("api.example.com").request("GET", "/"),
    ):
        try:
            want()
        except OSError as error:
            said.append("a component has no sockets: " in str(error))
    return said


def what_python_loads_late():
    day = datetime.strptime("2026-01-02", "%Y-%m-%d").date()
    return str(day), b"\xef\xbb\xbfx\x80".decode("utf-8-sig", "replace"), b"\x80".decode("cp1252"), email.message_from_string("a: b\n\n")["a"]


def files_and_zones():
    said = []
    for want in (lambda: open("/tmp/x", "w"), lambda: zoneinfo.ZoneInfo("Europe/Berlin")):
        try:
            want()
        except (OSError, zoneinfo.ZoneInfoNotFoundError) as error:
            said.append(type(error).__name__)
    return said


def exits():
    print("last words", end="")
    sys.exit(3)


def ends():
    raise KeyboardInterrupt


def no_json():
    return {"at": datetime.now()}


def lambda_handler(event, context):
    [record] = event["Records"]
    name = record["dynamodb"]["Keys"]["id"]["S"]
    result = globals()[name]()
    if name == "no_json":
        return result
    print(f"{context.identity.cognito_identity_id} {os.environ['_HANDLER']} {result}")


if os.environ.get("HANDLER") == "number":
    lambda_handler = 42
elif os.environ.get("HANDLER") == "gone":
    del lambda_handler
