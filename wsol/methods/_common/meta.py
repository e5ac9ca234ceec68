"""Methods that run another method: which ones they can run."""

from __future__ import annotations

from wsol.errors import ConfigError
from wsol.methods._base import Method, methods

LOOK = frozenset({"activations", "gradients"})


def base_method(key: str, *, of: str) -> Method:
    """The method `key` with its default options; a ConfigError where it needs more than activations and gradients.

    Parameters
    ----------
    of : the method that wants to run it, for the message.
    """
    cls = methods[key]
    if not _takes_one_look(cls):
        able = ", ".join(k for k, m in methods.items() if _takes_one_look(m))
        raise ConfigError(
            f"{of} can't run base={key!r}, which takes more than one look at a layer; choose one of {able}"
        )
    return cls()


def _takes_one_look(cls: type[Method]) -> bool:
    return bool(cls.info.needs) and cls.info.needs <= LOOK and cls.info.layers != "input" and not hasattr(cls, "joint")
