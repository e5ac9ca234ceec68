"""Import a heavy module when it is first used, not when it is named.

Listing methods or completing a command line imports every method file, and each of them says `import torch`. After
`lazily("torch")` that costs nothing until somebody touches torch.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any


class _Waiting(ModuleType):
    """Stands in `sys.modules` for a module until an attribute is asked for, and passes everything on from then.

    The standard library's `LazyLoader` does not serve: in Python 3.11 `import torch` itself asks the stand-in for
    `__spec__`, and so loads it.
    """

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__path__", "__version__"):  # asked by inspection, not by use
            raise AttributeError(name)
        own = self.__name__
        if sys.modules.get(own) is self:
            del sys.modules[own]
        return getattr(importlib.import_module(own), name)


def lazily(*names: str) -> None:
    """Put stand-ins for these modules in place; modules that are loaded already, or not installed, are left alone."""
    for name in names:
        if name in sys.modules:
            continue
        spec = importlib.util.find_spec(name)
        if spec is None:
            continue
        stand_in = _Waiting(name)
        stand_in.__spec__ = spec
        stand_in.__file__ = spec.origin
        sys.modules[name] = stand_in


def is_loaded(name: str) -> bool:
    """Whether a module is really there, not just a stand-in."""
    return name in sys.modules and not isinstance(sys.modules[name], _Waiting)
