"""From nothing to a published table, as steps that can each be resumed: train, evaluate, compare."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from wsol.settings.words import Word

if TYPE_CHECKING:
    from wsol.published.beside import Published

WEIGHTS = "model.safetensors"  # what `wsol train` leaves in its folder
FOR_TRAINING = ("dataset", "paths", "engine")  # of the settings that say where things are, those that training takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step and the command that does it.

    Attributes
    ----------
    words : of the command, without ``wsol``. done : its result is there.
    of : of a training, the words by which its cells name it.
    """

    kind: Literal["train", "evaluate", "compare"]
    words: tuple[str, ...]
    done: bool = False
    of: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """As one types it."""
        return shlex.join(["wsol", *self.words])

    @property
    def folder(self) -> Path:
        """Where a training leaves its weights."""
        return Path(next(word.removeprefix("out=") for word in self.words if word.startswith("out=")))


def merged(words: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """A cell's words with those of the user's instead, where they set the same."""
    changed = {Word.of(word).key for word in overrides}
    return [word for word in words if Word.of(word).key not in changed] + list(overrides)


def trained_weights(cell: Published, runs: Path) -> Path | None:
    """Where the weights of a cell's network are, or will be, trained; None for networks that aren't trained here."""
    return training_folder(cell.train, runs) / WEIGHTS if cell.train else None


def training_folder(train: Sequence[str], runs: Path) -> Path:
    """The folder of a training beside the runs, named by what is trained: ``choe2020_cub-cub-resnet50_gap-has``."""
    values = [Word.of(word).value or "" for word in train]
    return runs / "training" / "-".join(re.sub(r"[^\w.]+", "_", value).strip("_") for value in values)


def steps(
    cells: Sequence[Published], name: str, overrides: Sequence[str], runs: Path, only: Sequence[str] = ()
) -> list[Step]:
    """What computes these cells, in order: each training once, each evaluation once, and the comparison.

    Parameters
    ----------
    overrides : the user's, for all steps as far as they take them; weights of the user's own leave no training to do.
    runs : where run folders are. only : the patterns by which these cells were chosen.
    """
    own = any(Word.of(word).key == "model.weights" for word in overrides)
    trained = {} if own else {cell.train: None for cell in cells if cell.train}
    of_training = [word for word in overrides if Word.of(word).group in FOR_TRAINING]
    made = []
    for train in trained:
        folder = training_folder(train, runs)
        words = ("train", *merged(train, of_training), f"out={folder}")
        made.append(Step(kind="train", words=words, done=(folder / WEIGHTS).is_file(), of=train))
    for cell in {cell.work: cell for cell in cells if cell.overrides}.values():
        weights = [] if own or not cell.train else [f"model.weights={trained_weights(cell, runs)}"]
        made.append(Step(kind="evaluate", words=("run", *merged(cell.overrides, [*overrides, *weights]))))
    chosen = [word for pattern in only for word in ("--only", pattern)]
    return [*made, Step(kind="compare", words=("reproduce", name, *chosen, *overrides))]


def as_text(found: Sequence[Step]) -> str:
    """One line per step, and how many of each kind there are."""
    counts: Mapping[str, int] = {kind: sum(s.kind == kind for s in found) for kind in ("train", "evaluate", "compare")}
    lines = [f"{step.kind:<8} {'done  ' if step.done else 'to do '} {step.command}" for step in found]
    done = sum(step.done for step in found)
    summary = ", ".join(f"{count} to {kind}" for kind, count in counts.items() if count)
    return "\n".join([*lines, f"{len(found)} steps: {summary}; {done} done. Each resumes after a stop."])
