"""The device that a run is on: as asked for, the CPU where that can't compute, or one sentence."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.evaluation.small import made, ran
from wsol.errors import ConfigError
from wsol.evaluation.device import engine_of, usable_device


def test_a_device_without_float64_falls_back_to_the_cpu_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = torch.zeros

    def zeros(*size: int, device: Any = None, dtype: Any = None) -> torch.Tensor:
        if device == "mps" and dtype == torch.float64:  # what torch raises on a Mac
            raise TypeError(
                "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64."
            )
        return made(*size, dtype=dtype)

    monkeypatch.setattr(torch, "zeros", zeros)
    with caplog.at_level(logging.WARNING, logger="wsol"):
        assert engine_of({"engine": {"device": "mps"}}).device == "cpu"
    assert [record.getMessage() for record in caplog.records] == [
        "engine.device=mps has no float64, which methods and metrics need; running on cpu instead"
    ]


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this machine has the device")
def test_a_device_that_is_not_here_is_reported_in_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"^engine\.device=mps can't be used: .*'MPS' backend; try") as raised:
        usable_device("mps")
    assert len(str(raised.value)) < 200


def test_a_run_on_the_cpu_keeps_freed_memory_until_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    @contextmanager
    def recorded() -> Iterator[None]:
        seen.append("kept")
        yield
        seen.append("given back")

    monkeypatch.setattr("wsol.evaluation.shard.freed_memory_kept", recorded)
    ran(made("dataset=shapes", "model=shapes_gap", "dataset.limit=2", "method=[cam]", "engine.device=cpu"), tmp_path)
    assert seen == ["kept", "given back"]


def test_the_cpu_is_used_as_it_is() -> None:
    assert usable_device("cpu") == "cpu"
