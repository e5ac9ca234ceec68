"""`wsol list`: every kind of thing that an error message may send people to."""

from __future__ import annotations

import json

import pytest

from wsol.cli import main
from wsol.cli.list import KINDS


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "layers"])
def test_every_kind_has_names(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", kind, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    names = [row[kind.removesuffix("s")] for row in rows]
    assert len(set(names)) == len(names) > 0


def test_data_sets_are_the_readers_and_the_choices_in_conf(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "datasets", "--json"]) == 0
    rows = {row["dataset"]: row for row in json.loads(capsys.readouterr().out)}
    assert {"shapes", "folder", "coco", "wsolevaluation", "ilsvrc", "cub", "openimages"} <= rows.keys()
    assert "background_correlation" in rows["shapes"]["options"]
    assert all(row["about"] for row in rows.values())


def test_choices_say_what_their_file_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "views"]) == 0
    assert "| squash_centre | squash to 256/224 of the input, center crop " in capsys.readouterr().out
