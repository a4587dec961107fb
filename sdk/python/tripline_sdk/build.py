"""`tripline-py build plugin.py -o plugin.wasm`: makes a component of a plugin, with componentize-py.

What holds: the tool is the environment's own, nothing is fetched; what is left behind is the component alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import modulefinder
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

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
        folder = _app(args.target, args.handler, Path(scratch))
        sources = [Path(scratch), folder, _sdk(Path(scratch)), *args.path]
        # The rest has no http: what the component does not ask for, nobody needs to grant.
        world = WORLD_WITH_HTTP if args.http or _uses_http(args.target, sources) else WORLD
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
    build.add_argument("target", type=Path, help="the plugin's file; with --lambda, that of the function")
    build.add_argument("-o", "--output", type=Path, default=Path("plugin.wasm"))
    build.add_argument("--lambda", dest="handler", metavar="NAME", help="the function in it that takes (event, context), as lambda_handler")
    build.add_argument("-p", "--path", type=Path, action="append", default=[], help="a folder with packages that it imports; several")
    build.add_argument("--http", action="store_true", help="it uses tripline_sdk.http in a way that cannot be seen, as importlib does")
    return parser.parse_args()


def _app(target: Path, handler: str | None, scratch: Path) -> Path:
    """Writes the module whose `Handler` becomes the component; where what it imports is."""
    if not target.is_file():
        raise SystemExit(f"error: there is no file {target}")
    if handler is not None:
        app = f"from tripline_sdk import aws\n\nHandler = aws.plugin({f'{target.stem}.{handler}'!r})\n"
    else:
        # Wherever the function is that it decorates. A file's name may be none that `import` takes.
        app = "import importlib\n\nfrom tripline_sdk.handler import exported\n\n"
        app += f"Handler = exported(importlib.import_module({target.stem!r}))\n"
    (scratch / f"{APP}.py").write_text(app)
    return _sources(target.parent.resolve(), scratch)


def _sources(folder: Path, scratch: Path) -> Path:
    """The plugin's folder without what is none of it: componentize-py looks through all of it for SDKs, those of environments and of projects too."""
    sources = scratch / "sources"
    sources.mkdir()
    for path in folder.iterdir():
        if path.is_file() and path.suffix != ".wasm" and not path.name.startswith("."):
            shutil.copy2(path, sources)
        elif path.is_dir() and path.name.isidentifier() and not (path / "pyvenv.cfg").exists():
            shutil.copytree(path, sources / path.name, ignore=shutil.ignore_patterns("__pycache__"))
    return sources


def _sdk(scratch: Path) -> Path:
    """A folder of its own for the SDK: what lies beside it in an environment is not the plugin's."""
    sdk = scratch / "sdk"
    shutil.copytree(Path(__file__).parent, sdk / "tripline_sdk", ignore=shutil.ignore_patterns("__pycache__"))
    return sdk


def _uses_http(target: Path, sources: list[Path]) -> bool:
    """Whether the plugin, or what it imports of its own, imports the SDK's http. Python's own library does not, and is left out."""
    finder = modulefinder.ModuleFinder(path=[str(path) for path in sources], excludes=[RECORDER])
    try:
        finder.run_script(str(target))
    except SyntaxError:
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
