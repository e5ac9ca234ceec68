"""SciPy's compiled functions without the packages around them, which take eight times as long to import as these.

They load all of NumPy, its test tools and compilers included: 0.14 s of a table's 0.6. The compiled modules are not
part of SciPy's public interface; where a version does not have them, the public packages serve.
"""

from __future__ import annotations

import importlib
import sys
from functools import lru_cache
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_lock = Lock()


@lru_cache(maxsize=1)
def special() -> Any:
    """What has the functions of `scipy.special` that are universal functions of NumPy."""
    return alone("scipy.special._ufuncs") or importlib.import_module("scipy.special")


def sparse_product(
    values: NDArray[Any], columns: NDArray[np.int32], ends: NDArray[np.int32], dense: NDArray[Any]
) -> NDArray[Any]:
    """(k, b): the product of a sparse (k, n) matrix and a dense (n, b) one of the same type.

    Parameters
    ----------
    values, columns : (e,) numbers, row by row, and the column of each. ends : (k + 1,) where rows begin, with the end.
    """
    k, (n, b) = len(ends) - 1, dense.shape
    tools = _tools()
    if tools is None:
        from scipy.sparse import csr_array

        return np.asarray(csr_array((values, columns, ends), shape=(k, n)) @ dense)
    product = np.zeros((k, b), dense.dtype)
    tools.csr_matvecs(k, n, b, ends, columns, values, np.ascontiguousarray(dense).ravel(), product.ravel())
    return product


@lru_cache(maxsize=1)
def _tools() -> Any:
    tools = alone("scipy.sparse._sparsetools")
    return tools if hasattr(tools, "csr_matvecs") else None


def alone(name: str) -> ModuleType | None:
    """A module of a package of SciPy, without running the package; None where there is none that loads so.

    The package itself can be imported later, and then has the same module.
    """
    package = name.rpartition(".")[0]
    with _lock:
        there = package in sys.modules
        try:
            if not there:
                import scipy

                empty = ModuleType(package)
                empty.__path__ = [str(Path(scipy.__file__).parent / package.rpartition(".")[2])]
                sys.modules[package] = empty
            return importlib.import_module(name)
        except (ImportError, AttributeError):
            return None
        finally:
            if not there:
                sys.modules.pop(package, None)
