"""Shell completion: commands here, everything behind `wsol run` by Hydra.

eval "$(wsol run -sc install=bash)"
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from wsol.cli import COMMANDS


def complete(words: Sequence[str]) -> int:
    """Answer one request of the shell: candidates on stdout, a line each."""
    line = os.environ["COMP_LINE"]
    parts = line.split()
    if len(parts) < 2 or (len(parts) == 2 and not line.endswith(" ")):
        start = parts[1] if len(parts) == 2 else ""
        print("\n".join(name for name in COMMANDS if name.startswith(start)))
        return 0
    if parts[1] != "run":
        return 0
    from wsol.cli.run import main

    # Hydra completes `PROGRAM overrides`: the word `run` would be an override to it.
    shorter = line.replace(f"{parts[0]} run", parts[0], 1)
    os.environ["COMP_LINE"] = shorter
    os.environ["COMP_POINT"] = str(len(shorter))
    return main(words, typed=line)
