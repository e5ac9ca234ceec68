"""Methods that run another method: which ones they can run."""

from wsol.errors import ConfigError
from wsol.methods._base import Method, methods

BASE = "the method it runs: any that needs nothing but activations and gradients of one layer"


def base_method(key: str, *, of: str) -> Method:
    """The method `key` with its default options; a ConfigError where it needs more than the shared pass.

    Parameters
    ----------
    of : the method that wants to run it, for the message.
    """
    if not _runs(key):
        able = ", ".join(k for k in methods if _runs(k))
        raise ConfigError(
            f"{of} cannot run base={key}, which takes more than one pass over a layer; choose one of {able}"
        )
    return methods[key]()


def _runs(key: str) -> bool:
    info = methods[key].info
    return info.one_pass and not info.joint
