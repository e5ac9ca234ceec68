"""A run folder as it was at one moment: its files of rows are listed once, whoever asks about how many shards."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from wsol.runs.folder import RunFolder
from wsol.runs.row_files import RowFile, row_files

NAME = re.compile(r"shard-(\d+)-")


class Snapshot(RunFolder):
    """For looking at every shard of a run: each look into the folder would list all of its files again.

    Parameters
    ----------
    path : the run folder.

    Raises OutputError for rows of an older schema.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._all = row_files(path / "rows")
        self._of_shard: dict[int, list[RowFile]] = defaultdict(list)
        for file in self._all:
            if match := NAME.match(file.path.name):
                self._of_shard[int(match[1])].append(file)

    def files(self, index: int | None = None) -> list[RowFile]:
        """All files that were there, or those of one shard."""
        return list(self._all if index is None else self._of_shard.get(index, ()))
