"""Which functions are handlers, and which of them a component is made of."""

import functools
import sys
import tempfile
import unittest
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from tripline_sdk import Batch, Change, aws, on_batch, on_change
from tripline_sdk.handler import _made, exported
from tripline_sdk.testing import Host, insert, probe, run


async def awaited(_: Any) -> None:
    pass


def generator(_: Any) -> Any:
    yield


async def both(_: Any) -> Any:
    yield


class Awaiting:
    async def __call__(self, _: Any) -> None:
        pass


ASYNC: list[Callable[[Any], Any]] = [awaited, generator, both, Awaiting(), functools.partial(awaited)]


class Plain(unittest.TestCase):
    def test_what_nobody_would_await_is_refused_where_it_is_decorated(self) -> None:
        for function in ASYNC:
            for decorate in (on_change, on_batch, on_change(probe=function), on_batch(probe=function)):
                with self.assertRaisesRegex(TypeError, "is async or a generator: a handler is a plain function"):
                    decorate(function if decorate in (on_change, on_batch) else (lambda _: None))

    def test_what_only_looks_plain_fails_its_change(self) -> None:
        host = Host()
        functions: list[Callable[[Any], Any]] = [awaited, generator, both]
        for function in functions:

            @on_change
            def each(change: Change) -> None:
                return function(change)  # type: ignore[no-any-return]

            @on_batch
            def whole(batch: Batch) -> None:
                return function(batch)  # type: ignore[no-any-return]

            @on_change(probe=lambda origin: function(origin))
            def probed(change: Change) -> None:
                pass

            with warnings.catch_warnings():
                warnings.simplefilter("error")
                for handler in (each, whole):
                    (failed,) = run(handler, [insert({"id": "a"}, {})])
                    self.assertEqual((failed.kind, failed.reason[:34]), ("reject", "the handler is async or a generato"))
                self.assertRegex(str(probe(probed)), "^the handler is async or a generator")
        self.assertEqual(host.logs, [])

    def test_a_lambda_function_too(self) -> None:
        Host()

        async def function(event: Any, context: Any) -> None:
            pass

        before = sys.stdout, sys.stderr
        try:
            self.assertRegex(str(probe(aws.Plugin(lambda: function))), "is async or a generator")
            (failed,) = run(aws.Plugin(lambda: lambda event, context: function(event, context)), [insert({"id": "a"}, {})])
            self.assertRegex(failed.reason, "the handler is async or a generator, and has not run")
        finally:
            sys.stdout, sys.stderr = before


HANDLER = "from tripline_sdk import on_change\n\n@on_change\ndef {0}(change):\n    pass\n"

# Files, and the function that a component of `plugin.py` is, or why it is none.
FILES: list[tuple[dict[str, str], str]] = [
    ({"plugin": HANDLER.format("one")}, "one"),
    ({"plugin": "from helper import one\n", "helper": HANDLER.format("one")}, "one"),
    ({"plugin": HANDLER.format("mine") + "import helper\n", "helper": HANDLER.format("other")}, "mine"),
    # The decorator is another file's.
    (
        {
            "plugin": "from helper import traced\n\n@traced\ndef mine(change):\n    pass\n",
            "helper": "import functools\nfrom tripline_sdk import on_change\n\n"
            "def traced(f):\n    return on_change(functools.wraps(f)(lambda change: f(change)))\n",
        },
        "mine",
    ),
    (
        {"plugin": "import functools\nfrom tripline_sdk import on_change\n\ndef two(n, change):\n    pass\n\nhandle = on_change(functools.partial(two, 1))\n"},
        "two",
    ),
    ({"plugin": "from logging import Handler\n" + HANDLER.format("one")}, "one"),
    ({"plugin": HANDLER.format("one") + HANDLER.format("other")}, "these are 2: one of plugin.py, other of plugin.py"),
    ({"plugin": HANDLER.format("same") * 2}, "these are 2: same of plugin.py, same of plugin.py"),
    (
        {"plugin": "import helper, third\n", "helper": HANDLER.format("one"), "third": HANDLER.format("other")},
        "these are 2: one of helper.py, other of third.py",
    ),
    ({"plugin": "def handle(change):\n    pass\n"}, "plugin.py has no function with @on_change or @on_batch, and imports none; a Lambda function is built with `--lambda NAME`"),
    ({"plugin": "class Own:\n    pass\n\nHandler = Own\n"}, "Own"),
]


class Exported(unittest.TestCase):
    def test_a_component_is_the_function_of_its_file_or_the_one_that_it_imports(self) -> None:
        for files, expected in FILES:
            self.assertEqual(self.made(files), expected)

    def made(self, files: dict[str, str]) -> str:
        before = list(_made)
        _made.clear()
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                Path(folder, f"{name}.py").write_text(text)
            sys.path.insert(0, folder)
            try:
                plugin = exported(import_module("plugin"))
                function: Any = next((function for function, one in _made if one is plugin), plugin)
                return str(getattr(function, "func", function).__qualname__.rpartition(".")[2])
            except LookupError as error:
                return str(error).removeprefix("a plugin is one function with @on_change or @on_batch, and ")
            finally:
                sys.path.remove(folder)
                for name in files:
                    sys.modules.pop(name, None)
                _made[:] = before
