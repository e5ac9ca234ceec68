"""`wsol diff protocols A B`."""

from __future__ import annotations

import json

import pytest

from wsol.cli import main
from wsol.protocols._base import protocols


def test_what_differs_is_printed_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "protocols", "choe2020_v1", "choe2020_v2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {
        "a": "choe2020_v1",
        "b": "choe2020_v2",
        "knobs": {
            "component": {"a": "largest_polygon", "b": "all_with_holes"},
            "headline": {"a": "at_50", "b": "mean_over_deltas"},
        },
    }


@pytest.mark.parametrize("other", sorted(protocols))
def test_the_knobs_of_both_sides_rebuild_the_other(other: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "protocols", "exact", other, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["knobs"]
    rebuilt = protocols["exact"].derive({k: v["b"] for k, v in found.items()})
    assert rebuilt.knobs == protocols[other].knobs


def test_derived_names_are_understood(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "protocols", "choe2020_v2", "choe2020_v2[normalise=max]"]) == 0
    text = capsys.readouterr().out
    assert [line.split("|")[1].strip() for line in text.splitlines()[2:]] == ["normalise"]


def test_a_protocol_and_itself_have_no_difference(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", "protocols", "cam2016", "cam2016_text"]) == 0
    assert "have the same knobs" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["protocols", "exact", "exat"], ["methods", "cam", "gradcam"]])
def test_wrong_names_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diff", *words]) == 2
    assert "nearest" in capsys.readouterr().err
