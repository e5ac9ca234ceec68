"""wsol: a benchmark suite for weakly supervised object localization.

>>> import wsol
>>> rows = wsol.load("latest")          # doctest: +SKIP
"""

from wsol.version import __version__

__all__ = ["__version__"]
