"""The command line. `wsol --help` lists the commands; each is one file beside this one.

Answers go to stdout, the story to stderr. Exit codes: 0 done, 1 a job failed or a number is outside its tolerance, 2
bad usage or configuration.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from wsol.errors import WsolError, unknown

COMMANDS = {  # name: (what it does, an example)
    "run": (
        "run an experiment and print its table",
        "wsol run dataset=shapes model=shapes_gap method=[gradcam,layercam]",
    ),
    "table": ("print the table of a run", "wsol table latest --format md"),
    "compare": ("compare two variants image by image", "wsol compare gradcam@stage5 layercam@stage5"),
    "reproduce": ("run a published table and compare", "wsol reproduce centre_baseline"),
    "report": ("write the page of a run, or its figures", "wsol report latest -o report.html"),
    "export": ("write rows for other tools", "wsol export latest --coco detections.json"),
    "explain": ("draw heat maps and boxes on images", "wsol explain photo.jpg --model resnet50 -o heat/"),
    "list": ("list methods, layers, models, datasets, protocols, metrics", "wsol list layers model=resnet50"),
    "score": ("score maps made by other tools", "wsol score --maps DIR --annotations PATH --protocol choe2020_v2"),
    "show": ("show one method, protocol, metric or data set", "wsol show method layercam"),
    "diff": ("print what two protocols have different", "wsol diff protocols choe2020_v1 choe2020_v2"),
    "parity": ("compare our methods with other libraries' own", "wsol parity model=shapes_vgg --images 8"),
    "new": ("write a starting file for your own method", "wsol new method my_cam"),
    "doctor": ("check the installation and the data", "wsol doctor dataset=shapes"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of the console script."""
    words = [*(sys.argv[1:] if argv is None else argv)]  # the name `list` is our own command here
    _tell_the_story()
    try:
        return _dispatch(words)
    except WsolError as error:
        print(f"wsol: {type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as error:
        print("wsol: stopped; what was done is kept, run the same command to resume", file=sys.stderr)
        return getattr(error, "exit_code", 130)
    except BrokenPipeError:  # `wsol table latest | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _dispatch(words: list[str]) -> int:
    if "COMP_LINE" in os.environ and words[:1] in (["-sc"], ["--shell-completion"]):
        from wsol.cli.completion import complete

        return complete(words)
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


def _tell_the_story() -> None:
    """Our own messages to stderr; other libraries keep theirs."""
    log = logging.getLogger("wsol")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.handlers[:] = [handler]  # made anew: stderr may be another one than at the last call
    log.setLevel(logging.INFO)
    log.propagate = False


def usage() -> str:
    """What `wsol --help` prints: one example a command."""
    lines = ["wsol: benchmark weakly supervised object localization", "", "usage: wsol COMMAND ...", ""]
    for name, (about, example) in COMMANDS.items():
        lines += [f"  {name:<10} {about}", f"  {'':<10}   {example}"]
    lines += ["", "`wsol COMMAND --help` says more. Answers are on stdout, messages on stderr."]
    lines += ["Exit codes: 0 done, 1 a job failed, 2 bad usage or configuration."]
    return "\n".join(lines)
