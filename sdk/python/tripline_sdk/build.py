"""`tripline-py build plugin.py -o plugin.wasm`: makes a component of a plugin, with componentize-py.

What holds: the tool is the environment's own, nothing is fetched; what is left behind is the component alone.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import modulefinder
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from . import _lambda_modules

WORLD = "tripline:trigger/plugin"
WORLD_WITH_HTTP = "tripline:trigger/plugin-with-http"
HTTP = "tripline_sdk.http"
RECORDER = "tripline_sdk._recorder"
"""Answers http in tests, and is in no component."""
APP = "_tripline_app"


def main() -> int:
    args = _arguments()
    if importlib.util.find_spec("componentize_py") is None:
        print("error: componentize-py is not installed: `pip install 'tripline-sdk[build]'`", file=sys.stderr)
        return 1
    began = time.monotonic()
    output = args.output.resolve()
    with tempfile.TemporaryDirectory(prefix="tripline-py-") as scratch:
        root, module, function = _named(args.target, args.handler)
        _app(module, function, Path(scratch))
        sources = [Path(scratch), _sources(root.resolve(), Path(scratch)), _sdk(Path(scratch)), *args.path]
        # The rest has no http: what the component does not ask for, nobody needs to grant.
        world = WORLD_WITH_HTTP if args.http or _uses_http(root / f"{module}.py", sources, module) else WORLD
        done = subprocess.run(_command(world, sources, output), capture_output=True, text=True)
    if done.returncode != 0:
        # Its own stack says nothing about the plugin.
        said = done.stdout + done.stderr.partition("\nStack backtrace:")[0]
        print(f"{said.rstrip()}\nerror: componentize-py could not make {output}; what it says is above", file=sys.stderr)
        return 1
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB in {time.monotonic() - began:.1f} s", file=sys.stderr)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tripline-py", description="Make a Tripline plugin of Python.")
    commands = parser.add_subparsers(required=True, metavar="build")
    build = commands.add_parser("build", help="make the component")
    build.add_argument("target", type=Path, help="the plugin's file; with --lambda, that of the function, or the folder from which it is seen")
    build.add_argument("-o", "--output", type=Path, default=Path("plugin.wasm"))
    build.add_argument("--lambda", dest="handler", metavar="NAME", help="the function that takes (event, context), as lambda_handler, or src.app.handler")
    build.add_argument("-p", "--path", type=Path, action="append", default=[], help="a folder with packages that it imports; several")
    build.add_argument("--http", action="store_true", help="it uses tripline_sdk.http in a way that cannot be seen, as importlib does")
    return parser.parse_args()


def _named(target: Path, handler: str | None) -> tuple[Path, str, str | None]:
    """The folder from which the module is imported, the module, and the function of a Lambda handler."""
    if handler is None or target.is_file() and not re.search("[./]", handler):
        if not target.is_file():
            raise SystemExit(f"error: there is no file {target}")
        if handler is not None:
            _check_absolute(target)
        return target.parent, target.stem, handler
    # As the console writes it: `src/app.handler`.
    module, _, function = handler.replace("/", ".").rpartition(".")
    if not all([*module.split("."), function]):
        raise SystemExit(f"error: --lambda {handler}: with a folder, it is the module and the function, as src.app.handler")
    parts = module.split(".")
    root = target.resolve().parents[len(parts) - 1] if target.is_file() else target
    files = [root.joinpath(*parts[:-1], f"{parts[-1]}.py"), root.joinpath(*parts, "__init__.py")]
    if target.is_file() and target.resolve() != files[0]:
        said = f"--lambda {function}, or `tripline-py build FOLDER --lambda {handler}` with the folder from which `{module}` is imported"
        raise SystemExit(f"error: {target} is no module `{module}`: write {said}")
    if not any(path.is_file() for path in files):
        raise SystemExit(f"error: --lambda {handler}: there is no file {files[0]}")
    return root, module, function


def _check_absolute(target: Path) -> None:
    try:
        _lambda_modules.check_absolute(ast.parse(target.read_bytes()), target)
    except SyntaxError:
        # componentize-py says where.
        return
    except ImportError as error:
        raise SystemExit(f"error: {error}") from None


def _app(module: str, function: str | None, scratch: Path) -> None:
    """Writes the module whose `Handler` becomes the component."""
    if function is not None:
        app = f"from tripline_sdk import _late, aws\n\nHandler = aws.plugin({f'{module}.{function}'!r})\n"
    else:
        # Wherever the function is that it decorates. A file's name may be none that `import` takes.
        app = "import importlib\n\nfrom tripline_sdk import _late\nfrom tripline_sdk.handler import exported\n\n"
        app += f"Handler = exported(importlib.import_module({module!r}))\n"
    (scratch / f"{APP}.py").write_text(f"{app}_late.load()\n")


def _sources(folder: Path, scratch: Path) -> Path:
    """The plugin's folder without what is none of it: componentize-py looks through all of it for SDKs, those of environments and of projects too."""
    sources = scratch / "sources"
    sources.mkdir()
    for path in folder.iterdir():
        # What pip has put there, and left a list of.
        is_code = path.name.isidentifier() or path.suffix == ".dist-info"
        if path.is_file() and path.suffix != ".wasm" and not path.name.startswith("."):
            shutil.copy2(path, sources)
        elif path.is_dir() and is_code and not _is_foreign(path):
            shutil.copytree(path, sources / path.name, ignore=shutil.ignore_patterns("__pycache__"))
    return sources


def _is_foreign(folder: Path) -> bool:
    return folder.name in ("__pycache__", "node_modules") or any((folder / name).exists() for name in ("pyvenv.cfg", "CACHEDIR.TAG"))


def _sdk(scratch: Path) -> Path:
    """A folder of its own for the SDK: what lies beside it in an environment is not the plugin's."""
    sdk = scratch / "sdk"
    shutil.copytree(Path(__file__).parent, sdk / "tripline_sdk", ignore=shutil.ignore_patterns("__pycache__"))
    return sdk


def _uses_http(target: Path, sources: list[Path], module: str = "") -> bool:
    """Whether the plugin, or what it imports of its own, imports the SDK's http. Python's own library does not, and is left out."""
    finder = modulefinder.ModuleFinder(path=[str(path) for path in sources], excludes=[RECORDER])
    try:
        if "." in module:
            finder.import_hook(module)
        else:
            finder.run_script(str(target))
    except (SyntaxError, ImportError):
        # componentize-py says where.
        return False
    return HTTP in finder.modules


def _command(world: str, sources: list[Path], output: Path) -> list[str]:
    program = shutil.which("componentize-py", path=sysconfig.get_path("scripts")) or "componentize-py"
    # No -s: it would stub logging and settings too, which are WASI's by name.
    command = [program, "-q", "-w", world, "componentize", APP, "-o", str(output)]
    for path in sources:
        command += ["-p", str(path)]
    return command


if __name__ == "__main__":
    sys.exit(main())
