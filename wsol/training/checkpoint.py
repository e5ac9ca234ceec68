"""A training at rest: what is in its folder, and whether it is this training's.

``training.json`` says which training the folder belongs to, and its result; ``checkpoint.pt`` holds the weights, the
optimizer's state and the log up to a step, ``best.pt`` the best weights so far. No random state is kept: every number
is drawn from the seed and the step.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from wsol.errors import OutputError
from wsol.runs.write import write_text, write_whole

if TYPE_CHECKING:
    from torch import Tensor, nn

RECORD, CHECKPOINT, BEST, LOG = "training.json", "checkpoint.pt", "best.pt", "log.csv"
ELSEWHERE = "choose another folder with out=DIR"
VERSION = 1


@dataclass
class State:
    """Where a training is.

    Attributes
    ----------
    step : steps that are done. history : a row per epoch, as in the log.
    loss_sum, loss_count : of the epoch that has begun.
    best : the highest accuracy so far, in percent, and best_epoch, from 1; 0 for none.
    """

    step: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    best: float = -1.0
    best_epoch: int = 0
    history: list[dict[str, float | int | None]] = field(default_factory=list)


class TrainingFolder:
    """The folder of one training.

    Parameters
    ----------
    identity : everything that decides the weights; plain values.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self.path, self.identity = path, json.loads(json.dumps(identity, default=str))

    def claim(self) -> bool:
        """Make the folder this training's; returns whether it belonged to none before.

        Raises OutputError where it holds another one's, and says what differs.
        """
        file = self.path / RECORD
        if not file.is_file():
            foreign = [name for name in (CHECKPOINT, "model.safetensors") if (self.path / name).exists()]
            if foreign:
                raise OutputError(f"out={self.path} holds {foreign[0]} of something else; {ELSEWHERE}")
            self._write({"identity": self.identity})
            return True
        theirs = self._read().get("identity") or {}
        if difference := _difference(theirs, self.identity):
            raise OutputError(f"out={self.path} holds the training of another run ({difference}); {ELSEWHERE}")
        return False

    def release(self) -> None:
        """Leave the folder to another training, where nothing of this one is in it yet."""
        if not (self.path / CHECKPOINT).exists():
            (self.path / RECORD).unlink(missing_ok=True)

    @property
    def result(self) -> dict[str, Any] | None:
        """The result of the training; None while it is not finished."""
        file = self.path / RECORD
        result = self._read().get("result") if file.is_file() else None
        return result if isinstance(result, dict) else None

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write down the result, and remove what only an unfinished training needs."""
        self._write({"identity": self.identity, "result": dict(result)})
        for name in (CHECKPOINT, BEST):
            (self.path / name).unlink(missing_ok=True)

    def save(self, state: State, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Write a checkpoint, whole or not at all. Raises OutputError."""
        content = {
            "version": VERSION,
            "state": {**vars(state)},
            "network": network.state_dict(),
            "optimizer": optimizer.state_dict(),
        }
        write_whole(self.path / CHECKPOINT, lambda beside: torch.save(content, beside), otherwise=ELSEWHERE)

    def resume(self, network: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device) -> State:
        """Fill network and optimizer from the checkpoint, if there is one; where it is. Raises OutputError."""
        content = self._load(CHECKPOINT, device)
        if content is None:
            return State()
        network.load_state_dict(content["network"])
        optimizer.load_state_dict(content["optimizer"])
        return State(**content["state"])

    def save_best(self, network: nn.Module) -> None:
        """Keep the weights as the best so far."""
        state = network.state_dict()
        write_whole(self.path / BEST, lambda beside: torch.save(state, beside), otherwise=ELSEWHERE)

    def best(self, device: torch.device) -> dict[str, Tensor] | None:
        """The best weights so far."""
        state: dict[str, Tensor] | None = self._load(BEST, device)
        return state

    def write_log(self, history: list[dict[str, float | int | None]]) -> None:
        """The log as CSV, a row per epoch."""
        if not history:
            return
        lines = [",".join(history[0]), *(",".join(_text(value) for value in row.values()) for row in history)]
        write_text(self.path / LOG, "\n".join(lines) + "\n", otherwise=ELSEWHERE)

    def _load(self, name: str, device: torch.device) -> Any:
        file = self.path / name
        if not file.is_file():
            return None
        try:
            return torch.load(file, map_location=device, weights_only=True)
        except (RuntimeError, EOFError, pickle.UnpicklingError, OSError, ValueError) as error:
            raise OutputError(f"{file} can't be read; remove it to train from the beginning, or {ELSEWHERE}") from error

    def _read(self) -> dict[str, Any]:
        file = self.path / RECORD
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise OutputError(f"{file} can't be read; {ELSEWHERE}") from error
        return content if isinstance(content, dict) else {}

    def _write(self, content: Mapping[str, Any]) -> None:
        write_text(self.path / RECORD, json.dumps(content, indent=1) + "\n", otherwise=ELSEWHERE)


def _difference(theirs: Mapping[str, Any], ours: Mapping[str, Any], prefix: str = "") -> str:
    """The first entry in which two identities differ, in words; empty where they are equal."""
    for key in {**ours, **theirs}:
        if key not in theirs or key not in ours:
            return f"{prefix}{key} is set only {'here' if key in ours else 'there'}"
        if isinstance(theirs[key], dict) and isinstance(ours[key], dict):
            if inner := _difference(theirs[key], ours[key], f"{key}."):
                return inner
        elif theirs[key] != ours[key]:
            return f"{prefix}{key} is {theirs[key]} there, {ours[key]} here"
    return ""


def _text(value: float | int | None) -> str:
    return "" if value is None else f"{value:.8g}" if isinstance(value, float) else str(value)
