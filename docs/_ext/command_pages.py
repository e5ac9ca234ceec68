"""The command line's own help, command by command."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import redirect_stdout
from unittest import mock

from wsol.cli import COMMANDS, main, usage

from .markdown import code_block, page

WIDTH = "100"  # columns of the help


def pages() -> Iterator[tuple[str, str]]:
    """The page of all commands."""
    yield (
        "parts/commands",
        page(
            code_block("text", usage()),
            *(
                page(f"## wsol {name}", f"{about[:1].upper()}{about[1:]}.", code_block("text", help_of(name)))
                for name, (about, _) in COMMANDS.items()
            ),
        ),
    )


def help_of(command: str) -> str:
    """What `wsol COMMAND --help` prints, `WIDTH` columns wide."""
    printed = io.StringIO()
    with mock.patch.dict(os.environ, {"COLUMNS": WIDTH}), redirect_stdout(printed):
        main([command, "--help"])
    return printed.getvalue()
