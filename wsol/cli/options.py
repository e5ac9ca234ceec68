"""Options that several commands have, each defined once."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn, get_args

from wsol.errors import ConfigError, quoted
from wsol.options import OutOfRange, Range, fit, in_words
from wsol.settings import choices

Resamples = Annotated[int, Range(1, 100_000)]  # of 50,000 images, a hundred thousand take an hour
RUNS = "WSOL_RUNS"  # the variable that changes where run folders are
RUNS_DEFAULT = "results/runs"


class Finished(SystemExit):
    """A command has printed what was asked for. Any other `SystemExit` is somebody's code that ends the process."""


def number(hint: Any) -> Callable[[str], Any]:
    """A type for `add_argument`: a number of a command's option, in the range that `hint` has."""
    plain = next(kind for kind in (int, float) if kind in (hint, *get_args(hint)))

    def read(text: str) -> Any:
        try:
            return fit(plain(text), hint, where="")
        except OutOfRange as error:
            raise argparse.ArgumentTypeError(str(error).lstrip("=")) from error
        except (ValueError, ConfigError) as error:
            raise argparse.ArgumentTypeError(f"{quoted(text)} is not valid; expected {in_words(hint)}") from error

    return read


class Command(argparse.ArgumentParser):
    """The parser of one command, with ``--with`` and ``--config-dir``.

    Parameters
    ----------
    reads : for commands that read runs: ``--runs``; ``paths.runs=DIR``, as `wsol run` has it, is the same.
    overrides : for commands that compose settings: ``--runs`` is ``paths.runs=`` there.
    own_help : leave ``--help`` to the command.
    """

    def __init__(
        self, name: str, description: str, *, reads: bool = False, overrides: bool = False, own_help: bool = False
    ) -> None:
        super().__init__(
            prog=f"wsol {name}",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
            add_help=not own_help,
        )
        self.reads, self.overrides = reads, overrides
        common = self.add_argument_group("everywhere")
        common.add_argument(
            "--with", dest="files", action="append", default=[], metavar="FILE", help="a Python file of your components"
        )
        common.add_argument(
            "--config-dir", dest="folders", action="append", default=[], metavar="DIR", help="a folder like conf/"
        )
        if reads or overrides:
            default = os.environ.get(RUNS, RUNS_DEFAULT)
            about = f"where run folders are, as paths.runs=DIR (default: the variable {RUNS}, else {RUNS_DEFAULT})"
            common.add_argument("--runs", type=Path, default=Path(default) if reads else None, help=about)

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        """Leave behind ``--help``."""
        raise Finished(status)

    def error(self, message: str) -> NoReturn:
        """What argparse refuses, as one sentence. Raises ConfigError."""
        raise ConfigError(f"{message}; see {self.prog} --help")

    def with_format(self) -> Command:
        """Add ``--format``, and ``--json`` as short for ``--format json``."""
        self.add_argument("--format", dest="style", default="auto", help="auto, md, csv, tex, html or json")
        self.add_argument("--json", dest="style", action="store_const", const="json", help="same as --format json")
        return self

    def with_intervals(self) -> Command:
        """Add how numbers are drawn from rows."""
        self.add_argument(
            "--resamples", type=number(Resamples), default=1000, help="bootstrap replicates (default: 1000)"
        )
        return self

    def with_failed(self) -> Command:
        """Add what is done with failed images."""
        self.add_argument("--skip-failed", action="store_true", help="leave failed images out, not as worst values")
        return self

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """The options given, ``--runs`` among the overrides; imports the files of ``--with``. Raises WsolError."""
        prefix = "paths.runs="
        if self.reads:
            words = [f"--runs={word.removeprefix(prefix)}" if word.startswith(prefix) else word for word in words]
        given = self.parse_intermixed_args(list(words))
        choices.use(given.files, given.folders)
        if self.overrides and given.runs is not None:
            given.overrides = [*given.overrides, f"{prefix}{given.runs}"]
        return given
