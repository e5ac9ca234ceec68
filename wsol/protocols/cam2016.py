"""The short name of `cam2016_text`."""

from wsol.protocols._base import alias
from wsol.protocols.cam2016_text import TEXT

alias("cam2016", TEXT)
