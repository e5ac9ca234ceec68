"""Names for everything that can be added as one file: methods, metrics, protocols, datasets, models.

A component is a class (or a record) under a name. It gets in by one of three doors, and all are equal:
a file in the package's own folder, an installed package with an entry point in the group `wsol.<kind>s`,
or a file named with `--with my_cam.py`. Names are known without importing what they stand for: files are read for
their decorators, and a file is imported when one of its names is asked for.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Generic, TypeVar

from wsol.errors import ConfigError, unknown

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """A mapping from name to component that imports its members when they are asked for.

    Parameters
    ----------
    kind : the word for one member in messages, for example ``"method"``; also what the decorator is called.
    package : the package whose modules register members when imported, for example ``"wsol.methods"``.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._members: dict[str, T] = {}
        self._files: _Files | None = None
        self._searched = False

    def add(self, name: str, member: T) -> T:
        """Register `member` as `name`; a second, different owner of a name is refused."""
        old = self._members.get(name)
        if old is not None and _origin(old) != _origin(member):
            raise ConfigError(f"two {self.kind}s are named {name!r}: {_origin(old)} and {_origin(member)}; rename one")
        module = self._module_of(name)
        if old is None and module and getattr(member, "__module__", module) != module:
            importlib.import_module(module)  # the owner of the name comes first, so that the second is refused
            return self.add(name, member)
        self._members[name] = member
        return member

    def __getitem__(self, name: str) -> T:
        if name not in self._members and (module := self._module_of(name)):
            importlib.import_module(module)
        if name not in self._members:
            self._search()
        if name not in self._members:
            raise unknown(self.kind, name, self._names(), see=f"wsol list {self.kind}s")
        return self._members[name]

    def __contains__(self, name: object) -> bool:
        return name in self._members or name in self._names()

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names()))

    def __len__(self) -> int:
        return len(self._names())

    def _names(self) -> set[str]:
        self._search()
        return {*self._members, *self._scanned.modules}

    @property
    def _scanned(self) -> _Files:
        if self._files is None:
            folder = importlib.import_module(self.package).__path__[0]
            self._files = _read(self.kind, Path(folder))
        return self._files

    def _module_of(self, name: str) -> str:
        stem = self._scanned.modules.get(name)
        return f"{self.package}.{stem}" if stem else ""

    def _search(self) -> None:
        """Import what can't be read without that: entry points, and files that register by a call. Once."""
        if self._searched:
            return
        self._searched = True
        for stem in self._scanned.opaque:
            importlib.import_module(f"{self.package}.{stem}")
        for point in entry_points(group=f"wsol.{self.kind}s"):
            point.load()


@dataclass(frozen=True, slots=True)
class _Files:
    """What the files of a package define: by name the file, and the files that only importing can tell of."""

    modules: dict[str, str] = field(default_factory=dict)
    opaque: list[str] = field(default_factory=list)


def _read(kind: str, folder: Path) -> _Files:
    """Read each file of a package for ``@kind("name", ...)`` in front of a class, and for other calls of `kind`."""
    found = _Files()
    for path in sorted(folder.glob("*.py")):
        text = path.read_text(encoding="utf-8")
        if f"{kind}(" not in text:
            continue
        tree = ast.parse(text)
        plain = 0
        for node in tree.body:
            for mark in node.decorator_list if isinstance(node, ast.ClassDef) else ():
                if _calls(mark, kind) and isinstance(mark, ast.Call) and mark.args:
                    name = mark.args[0]
                    if isinstance(name, ast.Constant) and isinstance(name.value, str):
                        found.modules[name.value] = path.stem
                        plain += 1
        imported = any(
            isinstance(node, ast.ImportFrom) and any(alias.name == kind for alias in node.names) for node in tree.body
        )
        if imported and sum(_calls(node, kind) for node in ast.walk(tree)) > plain:
            found.opaque.append(path.stem)
    return found


def _calls(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def load_file(path: str | Path) -> None:
    """Import a Python file outside the package so that what it registers is known (``--with my_cam.py``)."""
    path = Path(path).resolve()
    if not path.is_file():
        raise ConfigError(f"--with {path}: there is no such file")
    name = f"wsol_with_{path.stem}"
    if name in sys.modules and getattr(sys.modules[name], "__file__", None) == str(path):
        return
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"--with {path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"--with {path}: {type(error).__name__}: {error}") from error


def _origin(member: object) -> str:
    owner = member if isinstance(member, type) else type(member)
    return f"{owner.__module__}.{getattr(member, '__qualname__', repr(member))}"
