"""A dataset of five images and one list, of which everything is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.datasets.prepare.archives import drawn
from wsol.datasets.prepare import Part, Preparation
from wsol.datasets.prepare._plan import plan
from wsol.datasets.prepare._summary import PartSummary, summary
from wsol.datasets.prepare._write import carry_out

DRAWN = Preparation(
    key="drawn",
    about="five drawn images and a list of them",
    parts=(
        Part(name="images", pattern=r"(images/\d\.jpg)", place=r"\g<1>", counts=(5,), archives="drawn.tar"),
        Part(name="list", pattern=r"list\.txt", place="lists/list.txt", counts=(1,), archives="list.zip"),
    ),
    skipped=r"train.*\.tar",
)
FILES = {**{f"images/{n}.jpg": drawn(n) for n in range(5)}, "list.txt": b"five\n", "images/readme.md": b"left out"}
PLACED = {**{f"images/{n}.jpg": drawn(n) for n in range(5)}, "lists/list.txt": b"five\n"}

Prepare = Callable[..., Sequence[PartSummary]]


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """Prepare the drawn dataset, or another, from a folder or an archive into ``dst``."""

    def prepared(source: Path, preparation: Preparation = DRAWN) -> Sequence[PartSummary]:
        planned = plan(preparation, source, tmp_path / "dst")
        carry_out(planned)
        return summary(planned)

    return prepared
