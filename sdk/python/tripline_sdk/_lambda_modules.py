"""A function's own modules: compiled when the component is made, and run when they are first imported, as the environment is there then.

What holds: what lies beside the function, or below, is its own, but for what pip has put there; all else that any of it imports is loaded when the component is
made. What cannot be loaded then, for want of the environment, is served as the function's own modules are.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import resolve_name
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple

IN_A_PACKAGE = "the function is in a package: say from which folder that is seen, as `tripline-py build . --lambda src.app.handler`"


class _Own(NamedTuple):
    code: CodeType
    path: Path
    is_package: bool


class Modules(MetaPathFinder, InspectLoader):
    """Finds and loads them."""

    def __init__(self, name: str) -> None:
        """All that the module of this name imports."""
        self._root = next((root for root in _roots() if _file(root, name)), None)
        if self._root is None:
            raise ModuleNotFoundError(f"there is no module `{name}`")
        self._installed = _installed(self._root)
        self._late: dict[str, Path] = {}
        self._own: dict[str, _Own] = {}
        self._function = name
        wanted = [name]
        for one in wanted:
            wanted += self._take(one)

    def install(self) -> None:
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def _take(self, name: str) -> list[str]:
        """What else it wants."""
        if not name or name in self._own:
            return []
        found = self._find(name)
        if found is None:
            return self._load(name)
        path, is_package = found
        parent = name.rpartition(".")[0]
        source = path.read_bytes() if path.is_file() else b""
        tree = ast.parse(source, str(path))
        self._own[name] = _Own(compile(tree, str(path), "exec"), path, is_package)
        package = name if is_package else parent
        if name == self._function and not package:
            check_absolute(tree, path)
        return [parent, *_imports(tree, package)]

    def _find(self, name: str) -> tuple[Path, bool] | None:
        top = name.partition(".")[0]
        if top in self._late:
            return _file(self._late[top], name)
        if top in self._installed or top in sys.builtin_module_names or top in sys.modules or self._root is None:
            return None
        found = _file(self._root, name)
        # A mere folder, as `email/` with templates, hides nothing of Python's.
        return None if found and found[0].is_dir() and top in sys.stdlib_module_names else found

    def _load(self, name: str) -> list[str]:
        """At once. `from a import b` names no module by `a.b` most of the time; what is really missing says so when it is wanted."""
        try:
            importlib.import_module(name)
        except ImportError:
            pass
        except Exception:
            top = name.partition(".")[0]
            root = next((root for root in _roots() if _file(root, top)), None)
            if root is None or top in sys.stdlib_module_names or top in self._late:
                return []
            self._late[top] = root
            for loaded in [one for one in sys.modules if one.partition(".")[0] == top]:
                del sys.modules[loaded]
            return [name]
        return []

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        own = self._own.get(fullname)
        if own is None:
            return None
        spec = ModuleSpec(fullname, self, origin=str(own.path), is_package=own.is_package)
        spec.has_location = own.path.name.endswith(".py")
        if own.is_package:
            spec.submodule_search_locations = [str(own.path.parent if spec.has_location else own.path)]
        return spec

    def get_code(self, fullname: str) -> CodeType:
        return self._own[fullname].code

    def get_source(self, fullname: str) -> None:
        return None

    def is_package(self, fullname: str) -> bool:
        return self._own[fullname].is_package


def _roots() -> list[Path]:
    return [Path(entry or ".") for entry in sys.path]


def _file(root: Path, name: str) -> tuple[Path, bool] | None:
    """Of a module, and whether it is a package. A folder without `__init__.py` is one, too."""
    base = root.joinpath(*name.split("."))
    package, module = base / "__init__.py", base.with_name(f"{base.name}.py")
    if package.is_file():
        return package, True
    if module.is_file():
        return module, False
    return (base, True) if base.is_dir() and base.name.isidentifier() else None


def _installed(root: Path) -> set[str]:
    """Names of what `pip install -t` has put beside the function: nobody wrote it for this environment, and it is large."""
    names = set()
    for record in root.glob("*.dist-info/RECORD"):
        for line in record.read_text().splitlines():
            first = line.split(",")[0].split("/")[0]
            names.add(first.removesuffix(".py"))
    return names


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Whether it is there or not."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            try:
                base = resolve_name("." * node.level + (node.module or ""), package)
            except ImportError:
                continue
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")
        elif isinstance(node, ast.Call) and node.args:
            named = getattr(node.args[0], "value", None)
            called = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
            if called in ("import_module", "__import__") and isinstance(named, str) and not named.startswith("."):
                yield named


def check_absolute(tree: ast.Module, path: Path) -> None:
    """Of a module that is in no package. In a `try`, an import may be meant for elsewhere."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.level:
            raise ImportError(f"{path}:{node.lineno}: `{ast.unparse(node)}`: {IN_A_PACKAGE}")


