"""A function's own modules run when the environment is there; and how `--lambda` names it."""

import os
import sys
import tempfile
import unittest
from pathlib import Path

from tripline_sdk import aws
from tripline_sdk.build import _named
from tripline_sdk.testing import Host, insert, probe, run

FILES = {
    "lpy_app.py": "from lpy_own.settings import TABLE\nimport lpy_flat, lpy_mere.inner\nfrom lpy_installed import WHERE\nimport lpy_eager\n\n"
    "def handler(event, context):\n    import importlib\n    named = importlib.import_module('lpy_named')\n"
    "    print(TABLE, lpy_flat.NAME, lpy_mere.inner.ONE, WHERE, lpy_eager.LOADED, named.TWO)\n\n"
    "class Other: pass\nnumber = 42\n",
    "lpy_own/__init__.py": "import os\nREADY = os.environ['READY']\n",
    "lpy_own/settings.py": "from . import READY\nfrom .deeper import *\nimport os\nTABLE = READY + os.environ['TABLE']\n",
    "lpy_own/deeper.py": "",
    "lpy_own/handlers.py": "from .settings import TABLE\nfrom . import deeper\n\ndef handler(event, context):\n    print('in a package', TABLE)\n",
    "lpy_mere/inner.py": "ONE = 1\n",
    "lpy_flat.py": "import os\nNAME = os.environ.get('NAME', 'none')\n",
    "lpy_named.py": "TWO = 2\n",
    # What pip has installed is loaded at once, and when that fails, with the rest.
    "lpy_eager.py": "import os\nLOADED = os.environ.get('TABLE')\n",
    "lpy_eager-1.dist-info/RECORD": "lpy_eager.py,sha256=x,1\nlpy_eager-1.dist-info/RECORD,,\n",
    "lpy_installed/__init__.py": "import os\nfrom . import beside\nWHERE = os.environ['TABLE']\n",
    "lpy_installed/beside.py": "",
    "lpy_installed-1.dist-info/RECORD": "lpy_installed/__init__.py,,\n",
    "lpy_relative.py": "import os\nfrom . import shared\n",
    "lpy_tried.py": "try:\n    from . import shared\nexcept ImportError:\n    shared = None\n\ndef handler(event, context): pass\n",
}


class OwnModules(unittest.TestCase):
    def setUp(self) -> None:
        # The plugin makes the process its own.
        before = (sys.stdout, sys.stderr, dict(os.environ), list(sys.meta_path), list(sys.path))
        folder = tempfile.TemporaryDirectory()
        for name, text in FILES.items():
            Path(folder.name, name).parent.mkdir(exist_ok=True)
            Path(folder.name, name).write_text(text)
        sys.path.insert(0, folder.name)
        self.folder = folder.name

        def restore() -> None:
            folder.cleanup()
            sys.stdout, sys.stderr, environment, sys.meta_path[:], sys.path[:] = before
            os.environ.clear()
            os.environ.update(environment)
            for name in [name for name in sys.modules if name.startswith("lpy_")]:
                del sys.modules[name]

        self.addCleanup(restore)

    def said(self, name: str) -> list[tuple[str, str]]:
        plugin = aws.plugin(name)
        # The files are gone by then.
        sys.path.remove(self.folder)
        host = Host(settings={"READY": "the ", "TABLE": "copy", "NAME": "flat"})
        self.assertEqual((probe(plugin), run(plugin, [insert({"id": "a"}, {})])), (None, []))
        return host.logs

    def test_they_run_where_the_environment_is(self) -> None:
        self.assertEqual(self.said("lpy_app.handler"), [("info", "the copy flat 1 copy None 2")])

    def test_a_function_in_a_package(self) -> None:
        self.assertEqual(self.said("lpy_own.handlers.handler"), [("info", "in a package the copy")])

    def test_what_fails_is_said_by_the_probe(self) -> None:
        cases = [
            ("lpy_app.handler", {}, "KeyError: 'READY'"),
            ("lpy_app.lambda_handler", {"READY": "", "TABLE": ""}, "AttributeError: `lpy_app` has no `lambda_handler`: it has handler, Other"),
            ("lpy_app.number", {"READY": "", "TABLE": ""}, "TypeError: `lpy_app.number` is an int, and no function"),
        ]
        for name, settings, expected in cases:
            Host(settings=settings)
            os.environ.pop("READY", None)
            self.assertEqual(probe(aws.plugin(name)), expected)

    def test_a_package_is_said_where_its_own_module_is_wanted(self) -> None:
        with self.assertRaisesRegex(ImportError, r"lpy_relative.py:2: `from \. import shared`: the function is in a package.*--lambda src.app.handler"):
            aws.plugin("lpy_relative.handler")
        Host()
        self.assertIsNone(probe(aws.plugin("lpy_tried.handler")))
        with self.assertRaisesRegex(ModuleNotFoundError, "there is no module `lpy_nowhere`"):
            aws.plugin("lpy_nowhere.handler")

    def test_names(self) -> None:
        root = Path(self.folder).resolve()
        app, inner = root / "lpy_app.py", root / "lpy_own/handlers.py"
        cases: list[tuple[Path, str, tuple[Path, str, str]]] = [
            (app, "handler", (root, "lpy_app", "handler")),
            (app, "lpy_app.handler", (root, "lpy_app", "handler")),
            (root / "lpy_own/deeper.py", "handler", (root / "lpy_own", "deeper", "handler")),
            (inner, "lpy_own.handlers.handler", (root, "lpy_own.handlers", "handler")),
            (root, "lpy_own/handlers.handler", (root, "lpy_own.handlers", "handler")),
            (root, "lpy_app.handler", (root, "lpy_app", "handler")),
        ]
        for target, name, expected in cases:
            self.assertEqual(_named(target, name), expected)
        refused = [
            (app, "other.handler", "is no module `other`: write --lambda handler, or"),
            (root, "handler", "it is the module and the function"),
            (root, "lpy_own..handler", "it is the module and the function"),
            (root, "nowhere.handler", "there is no file .*nowhere.py"),
            (root / "lpy_relative.py", "handler", r"lpy_relative.py:2: `from \. import shared`: the function is in a package"),
            (root / "nowhere.py", "handler", "it is the module and the function|there is no file"),
        ]
        for target, name, said in refused:
            with self.assertRaisesRegex(SystemExit, said):
                _named(target, name)


if __name__ == "__main__":
    unittest.main()
