"""`tripline-py build plugin.py -o plugin.wasm`: makes a component of a plugin, with componentize-py.

What holds: the tool is the environment's own, nothing is fetched; what is left behind is the component alone.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

WORLD = "tripline:trigger/plugin"
APP = "tripline_app"


def main() -> int:
    args = _arguments()
    if importlib.util.find_spec("componentize_py") is None:
        print("error: componentize-py is not installed: `pip install 'tripline-sdk[build]'`", file=sys.stderr)
        return 1
    began = time.monotonic()
    output = args.output.resolve()
    with tempfile.TemporaryDirectory(prefix="tripline-py-") as scratch:
        folder, app = _app(args.target, args.handler, Path(scratch))
        done = subprocess.run(_command(folder, app, Path(scratch), args.path, output), capture_output=True, text=True)
    if done.returncode != 0:
        print(f"{done.stdout}{done.stderr}error: componentize-py could not make {output}; what it says is above", file=sys.stderr)
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
    return parser.parse_args()


def _app(target: Path, handler: str | None, scratch: Path) -> tuple[Path, str]:
    """Where the module is whose `Handler` becomes the component, and its name."""
    if not target.is_file():
        raise SystemExit(f"error: there is no file {target}")
    if handler is not None:
        (scratch / f"{APP}.py").write_text(f"from tripline_sdk import aws\n\nHandler = aws.plugin({f'{target.stem}.{handler}'!r})\n")
        return _sources(target.parent.resolve(), scratch), APP
    return _sources(target.parent.resolve(), scratch), target.stem


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


def _command(folder: Path, app: str, scratch: Path, paths: list[Path], output: Path) -> list[str]:
    program = shutil.which("componentize-py", path=sysconfig.get_path("scripts")) or "componentize-py"
    # A folder of its own for the SDK: what lies beside it in an environment is not the plugin's.
    sdk = scratch / "sdk"
    shutil.copytree(Path(__file__).parent, sdk / "tripline_sdk", ignore=shutil.ignore_patterns("__pycache__"))
    # No -s: it would stub logging and settings too, which are WASI's by name.
    command = [program, "-q", "-w", WORLD, "componentize", app, "-o", str(output)]
    for path in [scratch, folder, sdk, *paths]:
        command += ["-p", str(path)]
    return command


if __name__ == "__main__":
    sys.exit(main())
