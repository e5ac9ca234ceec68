"""Named evaluation rules. One file per paper; `_base` has the knobs."""

from wsol.protocols._base import Protocol, protocol, protocols

__all__ = ["Protocol", "protocol", "protocols"]
