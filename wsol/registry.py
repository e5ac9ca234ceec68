"""Names for everything that can be added as one file: methods, metrics, protocols, views, datasets, networks.

A component is a class (or a record) under a key. It gets in by one of three doors, and all are equal: a file in the
registry's folder whose stem is the key, an installed package with an entry point of that name in the group
`wsol.<kind>s`, or a file named with `--with my_cam.py`. Keys are known without importing what they stand for; a file
is imported when its key is asked for. Files that begin with an underscore hold no component.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from wsol.errors import ConfigError, WsolError, first_line, unknown

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

PACKAGE = Path(__file__).parent

T = TypeVar("T")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])


class Registry(Mapping[str, T], Generic[T]):
    """A mapping from key to component that imports its members when they are asked for.

    Parameters
    ----------
    kind : the word for one member in messages, for example ``"method"``; entry points are of its plural's group.
    package : the package whose files are the members, for example ``"wsol.methods"``.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._members: dict[str, T] = {}

    def add(self, key: str, member: T) -> T:
        """Register `member` as `key`; a second, different owner of a key is refused."""
        own = f"{self.package}.{key}"
        if key in self._files and key not in self._members and own not in sys.modules:
            importlib.import_module(own)  # the owner of the key comes first, so that the second is refused
        old = self._members.setdefault(key, member)
        if _origin(old) != _origin(member):
            raise ConfigError(f"two {self.kind}s are named {key!r}{_difference(old, member)}; rename one")
        self._members[key] = member
        return member

    def __getitem__(self, key: str) -> T:
        if key not in self._members and key in self._files:
            importlib.import_module(f"{self.package}.{key}")
        elif key not in self._members and key in self._entry_points:
            _load(self._entry_points[key])
        if key not in self._members and key in self._files:
            file = "/".join([*self.package.split("."), f"{key}.py"])
            raise ConfigError(f"{file} registers no {self.kind} called {key!r}; name the file after its {self.kind}")
        if key not in self._members:
            raise unknown(self.kind, key, set(self), see=f"wsol list {self.kind}s")
        return self._members[key]

    def __contains__(self, key: object) -> bool:
        return key in self._members or key in self._files or key in self._entry_points

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._members, *self._files, *self._entry_points}))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def packaged(self) -> dict[str, T]:
        """The components of the package's own files: those that every installation has."""
        return {key: self[key] for key in sorted(self._files)}

    def is_loaded(self, key: str) -> bool:
        """Whether the component is there already, from whichever door."""
        return key in self._members

    def file_of(self, key: str) -> Path | None:
        """The package's own file of this key; None for components of other packages and files."""
        return self._files.get(key)

    @cached_property
    def _files(self) -> dict[str, Path]:
        folders = map(Path, importlib.import_module(self.package).__path__)
        files = (path for folder in folders for path in folder.glob("*.py"))
        return {path.stem: path for path in files if not path.stem.startswith("_")}

    @cached_property
    def _entry_points(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in _offered(self.kind)}


def load_plugin(kind: str, key: str) -> None:
    """Import what an installed package offers under this key; nothing where none does."""
    for point in _offered(kind):
        if point.name == key:
            _load(point)


def _offered(kind: str) -> Iterable[EntryPoint]:
    """The entry points of installed packages for one kind of component."""
    from importlib.metadata import entry_points  # 30 ms that a command without a registry need not wait for

    return entry_points(group=f"wsol.{kind}s")


def _load(point: EntryPoint) -> None:
    """Import an entry point. Raises ConfigError for whatever its package raises."""
    try:
        point.load()
    except (Exception, SystemExit) as error:
        if isinstance(error, WsolError):
            raise
        package = point.dist.name if point.dist else point.module
        raise ConfigError(f"{package} offers {point.name}, which can't be imported: {first_line(error)}") from error


def load_file(path: str | Path) -> ModuleType:
    """Import a Python file outside the package so that what it registers is known (``--with my_cam.py``)."""
    path = Path(path).resolve()
    if not path.is_file():
        raise ConfigError(f"--with {path}: there is no such file")
    name = f"wsol_with_{path.stem}"
    if name in sys.modules and getattr(sys.modules[name], "__file__", None) == str(path):
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"--with {path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"--with {path}: {first_line(error)}") from error
    return module


def _origin(member: object) -> str:
    owner = member if isinstance(member, type) else type(member)
    return f"{owner.__module__}.{getattr(member, '__qualname__', repr(member))}"


def _difference(old: object, new: object) -> str:
    """How two owners of a name are told apart: the fields in which records differ, or where each comes from."""
    if dataclasses.is_dataclass(old) and not isinstance(old, type) and type(old) is type(new):
        differing = [f.name for f in dataclasses.fields(old) if getattr(old, f.name) != getattr(new, f.name)]
        return f" and differ in {', '.join(differing)}"
    return f": {_origin(old)} and {_origin(new)}"


class Rules(Mapping[str, R], Generic[R]):
    """The rules that one knob of a record may name, for example the IoU conventions of a protocol.

    A rule is a record of facts and functions. It gets in by `put`, or a function becomes one as a decorator, wherever
    that is: in the module that has the built-in rules, or in the protocol file that uses it.

        @resize_rules.rule("lanczos")
        def lanczos(grid, size_wh): ...

    Parameters
    ----------
    kind : the word for one rule in messages, for example ``"IoU convention"``.
    record : makes a rule of a function and the facts given to `rule`.
    """

    def __init__(self, kind: str, record: Callable[..., R]) -> None:
        self.kind = kind
        self._record = record
        self._rules: dict[str, R] = {}
        self._spellings: dict[str, str] = {}

    def rule(self, name: str, **facts: Any) -> Callable[[F], F]:
        """Register the decorated function under `name`. Raises ConfigError where another rule has it."""

        def register(function: F) -> F:
            self.put(name, self._record(function, **facts))
            return function

        return register

    def put(self, name: str, rule: R) -> R:
        """Register a record under `name`. Raises ConfigError where another rule has it."""
        old = self._rules.get(name)
        if old is not None and _facts(old) != _facts(rule):
            raise ConfigError(f"there is already a rule {name!r} among the {self.kind}s; rename one of the two")
        self._rules[name] = rule
        return rule

    def alias(self, spelling: str, name: str) -> None:
        """Accept another spelling of a name."""
        self._spellings[spelling] = name

    def canonical(self, name: str) -> str:
        """The name that a spelling stands for; the name itself if it is none."""
        return self._spellings.get(name, name)

    def check(self, value: Any, where: str) -> None:
        """As an annotation: ``resize: Annotated[str, resize_rules]``. Raises ConfigError with the nearest name."""
        self[self.canonical(value)]

    def __getitem__(self, name: str) -> R:
        if name not in self._rules:
            raise unknown(self.kind, name, self._rules, error=ConfigError)
        return self._rules[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def __eq__(self, other: object) -> bool:
        return self is other  # by what it is and not by what it holds, so that a type may be a union with it

    def __hash__(self) -> int:
        return id(self)


def _facts(rule: object) -> object:
    """What must be equal when a file registers its rules a second time; functions by their place in it."""
    if callable(rule):
        return getattr(rule, "__module__", ""), getattr(rule, "__qualname__", repr(rule))
    if dataclasses.is_dataclass(rule):
        return [_facts(getattr(rule, field.name)) for field in dataclasses.fields(rule)]
    return rule


def source_digest(cls: type[Any] | Callable[..., Any]) -> str:
    """Eight digits of what decides a component from outside the package: its file, or its text in a notebook.

    Empty for the package's own. Rows of an edited component are not taken for those of the new one.
    """
    try:
        file = Path(inspect.getsourcefile(cls) or "")
        if file.is_relative_to(PACKAGE):
            return ""
        content = file.read_bytes() if file.is_file() else inspect.getsource(cls).encode()
    except (OSError, TypeError):  # typed where no text is kept: the compiled calls decide
        codes = [f.__code__ for f in vars(cls).values() if inspect.isfunction(f)]
        content = repr([(code.co_name, code.co_code, code.co_consts, code.co_names) for code in codes]).encode()
    return hashlib.sha256(content).hexdigest()[:8]
