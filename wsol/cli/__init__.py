"""The command line. `wsol --help` lists the commands; each is one file beside this one.

Answers are on stdout, log messages on stderr. Exit codes: 0 done, 1 a job failed or a check found something, 2 bad
usage or configuration.
"""

from __future__ import annotations

import atexit
import errno
import gc
import io
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from importlib import import_module

from wsol.cli.options import Finished
from wsol.errors import WsolError, unknown
from wsol.evaluation.stopping import stop_on_signals

COMMANDS = {  # name: (what it does, an example)
    "run": (
        "run an experiment and print its table",
        "wsol run dataset=shapes model=shapes_gap method=[gradcam,layercam]",
    ),
    "status": ("say how far a run is", "wsol status latest --watch"),
    "table": ("print the table of a run", "wsol table latest --format md"),
    "compare": ("compare two variants image by image", "wsol compare gradcam@stage5 layercam@stage5"),
    "reproduce": ("run a published table and compare", "wsol reproduce centre_baseline"),
    "audit": ("find printed numbers that don't fit together", "wsol audit my_table.csv --n 5794"),
    "report": ("write the page of a run, or its figures", "wsol report latest -o report.html"),
    "export": ("write rows for other tools", "wsol export latest --coco detections.json"),
    "explain": ("draw heat maps and boxes on images", "wsol explain photo.jpg model=resnet50 -o heat/"),
    "list": (
        "list methods, layers, models, datasets, protocols, recipes, benchmarks ...",
        "wsol list layers model=resnet50",
    ),
    "score": ("score maps made by other tools", "wsol score --maps DIR --annotations PATH --protocol choe2020_v2"),
    "rescore": ("rank kept maps by other protocols", "wsol rescore latest protocol=[choe2020_v1,exact]"),
    "show": (
        "show one method, protocol, metric, dataset, recipe or technique",
        "wsol show protocol choe2020_v1 choe2020_v2",
    ),
    "train": (
        "train a classifier by a recipe",
        "wsol train recipe=finetune dataset=photos/ model=resnet50 out=runs/photos",
    ),
    "tune": (
        "search a recipe's values at random",
        "wsol tune recipe=shapes dataset=shapes model=shapes_vgg_gap out=runs/tuned",
    ),
    "parity": ("compare our methods with those of other libraries", "wsol parity model=shapes_vgg --images 8"),
    "new": ("write a starting file for a method, metric or protocol of your own", "wsol new method my_cam"),
    "data": ("unpack a dataset's archives into its folders", "wsol data prepare cub downloads/ data/CUB"),
    "doctor": ("check the installation and the data", "wsol doctor dataset=shapes"),
}


BRIEF = {"table", "compare"}  # commands that read, print and end with their process, and leave next to no garbage
SHOWN = 80  # characters of a path that fit into a sentence
NO_OUTPUT = {errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EBADF, errno.EDQUOT, errno.EFBIG}


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the console script."""
    words = [*(sys.argv[1:] if argv is None else argv)]  # the name `list` is our own command here
    configure_logging()
    _accept_any_letter()
    try:
        brief = argv is None and words[:1] and words[0] in BRIEF
        with stop_on_signals(), without_collection() if brief else nullcontext():
            code = _dispatch(words)
        sys.stdout.flush()
    except WsolError as error:
        print(f"wsol: {type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as error:
        print("wsol: stopped; run the same command to resume", file=sys.stderr)
        return getattr(error, "exit_code", 130)
    except Finished:
        return 0
    except SystemExit as error:  # of a plug-in, or of a library's
        print(f"wsol: {ended(error)}", file=sys.stderr)
        return 1
    except OSError as error:
        if is_of_stdout(error):
            return unwritten(error)
        if error.filename is None:
            raise
        print(f"wsol: {refused(error)}", file=sys.stderr)
        return 2
    return code


def ended(error: SystemExit) -> str:
    """The sentence for code that ends the process, which may not pass for success."""
    return f"a file or library of this command called sys.exit({error.code!r}) before the work was done; remove that"


def refused(error: OSError) -> str:
    """The sentence for a path that the system refuses: too long a name, no permission, a loop of links."""
    name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(error.filename)
    shown = name if len(name) <= SHOWN else f"{name[:SHOWN]}... ({len(name)} characters)"
    return f"{shown} can't be used: {error.strerror or type(error).__name__}; choose another path"


def _dispatch(words: list[str]) -> int:
    if "COMP_LINE" in os.environ and words[:1] in (["-sc"], ["--shell-completion"]):
        from wsol.cli.completion import candidates

        print("\n".join(candidates(os.environ["COMP_LINE"], COMMANDS)))
        return 0
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if words[0] == "--version":
        from wsol import __version__

        print(__version__)
        return 0
    name, rest = words[0], words[1:]
    if name not in COMMANDS:
        raise unknown("command", name, COMMANDS, see="wsol --help")
    module = import_module(f"wsol.cli.{name}")
    code: int = module.main(rest)
    return code


@contextmanager
def without_collection() -> Iterator[None]:
    """Look for no garbage meanwhile, nor when this process ends: a seventh of a table's time on 900 images."""
    gc.disable()
    atexit.register(gc.freeze)
    try:
        yield
    finally:
        gc.enable()


def configure_logging() -> None:
    """Our own log messages on stderr; other libraries keep theirs. Once per command, and in each job of a sweep."""
    log = logging.getLogger("wsol")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.handlers[:] = [handler]  # made anew: stderr may be another one than at the last call
    log.setLevel(logging.INFO)
    log.propagate = False


def _accept_any_letter() -> None:
    """Where stdout has no letter such as ±, print its code; where there is no stdout, print nothing."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def is_of_stdout(error: BaseException) -> bool:
    """Whether an error is that stdout takes no more: it has no name of a file, and our files are written elsewhere."""
    return isinstance(error, OSError) and error.filename is None and error.errno in NO_OUTPUT


def unwritten(error: BaseException) -> int:
    """The exit code where stdout takes no more, which is said."""
    _drop_output()
    if isinstance(error, BrokenPipeError):  # `wsol table latest | head`
        return 0
    reason = os.strerror(getattr(error, "errno", 0))
    print(f"wsol: can't write the answer to stdout: {reason}; send it to another place", file=sys.stderr)
    return 1


def _drop_output() -> None:
    """Let what is left to print go nowhere, so that leaving Python does not fail at it again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def usage() -> str:
    """What `wsol --help` prints: one example per command."""
    lines = ["wsol: benchmark weakly supervised object localization", "", "usage: wsol COMMAND ...", ""]
    for name, (about, example) in COMMANDS.items():
        lines += [f"  {name:<10} {about}", f"  {'':<10}   {example}"]
    lines += ["", "`wsol COMMAND --help` says more. Answers are on stdout, log messages on stderr."]
    lines += ["Exit codes: 0 done, 1 a job failed or a check found something, 2 bad usage or configuration."]
    lines += ['Completion: eval "$(wsol run -sc install=bash)"; zsh and fish too.']
    return "\n".join(lines)
