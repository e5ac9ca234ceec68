"""`wsol doctor`: the installation and the data. A method of one's own: test_plugins.py."""

from __future__ import annotations

import pytest

from wsol.cli import main


def test_the_installation_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "dataset=shapes", "dataset.n=20", "model=shapes_gap"]) == 0
    out = capsys.readouterr().out
    assert "ok   torch and torchvision fit each other" in out
    assert "20 samples, 10 classes" in out
    assert "model shapes_gap: 10 classes" in out


def test_what_is_bad_is_said_and_ends_with_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "model=shapes_gap", "model.weights=nowhere.pth"]) == 1
    assert "bad  " in capsys.readouterr().out
