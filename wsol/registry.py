"""Names for everything that can be added as one file: methods, metrics, protocols, datasets, models.

A component is a class (or a record) under a name. It gets in by one of three doors, and all are equal:
a file in the package's own folder, an installed package with an entry point in the group `wsol.<kind>s`,
or a file named with `--with my_cam.py`.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Generic, TypeVar

from wsol.errors import ConfigError, unknown

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """A mapping from name to component that finds its members when first asked.

    Parameters
    ----------
    kind : the word for one member in messages, for example ``"method"``.
    package : the package whose modules register members when imported, for example ``"wsol.methods"``.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._members: dict[str, T] = {}
        self._loaded = False

    def add(self, name: str, member: T) -> T:
        """Register `member` as `name`; a second, different owner of a name is refused."""
        old = self._members.get(name)
        if old is not None and _origin(old) != _origin(member):
            raise ConfigError(f"two {self.kind}s are named {name!r}: {_origin(old)} and {_origin(member)}; rename one")
        self._members[name] = member
        return member

    def load(self) -> None:
        """Import every module of the package and every entry point, once."""
        if self._loaded:
            return
        self._loaded = True
        folder = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(folder.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
        for point in entry_points(group=f"wsol.{self.kind}s"):
            point.load()

    def __getitem__(self, name: str) -> T:
        self.load()
        if name not in self._members:
            raise unknown(self.kind, name, self._members, see=f"wsol list {self.kind}s")
        return self._members[name]

    def __contains__(self, name: object) -> bool:
        self.load()
        return name in self._members

    def __iter__(self) -> Iterator[str]:
        self.load()
        return iter(sorted(self._members))

    def __len__(self) -> int:
        self.load()
        return len(self._members)


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
