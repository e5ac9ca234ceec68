"""`wsol.load_dataset`: what the command line's ``dataset=...`` gives, in Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import wsol
from tests.datasets import trees
from wsol.datasets.formats.shapes import Shapes
from wsol.errors import ConfigError, DataError, UnknownName
from wsol.evaluation.build import load_dataset
from wsol.settings import compose_settings


def test_a_registered_data_set_takes_its_options() -> None:
    data = wsol.load_dataset("shapes", n=50, split="val")
    assert isinstance(data, Shapes)
    assert data.fingerprint() == Shapes(n=50, split="val").fingerprint()


def test_a_choice_of_conf_is_what_the_command_line_makes_of_it(tmp_path: Path) -> None:
    trees.voc(tmp_path)
    data = wsol.load_dataset("voc", data=tmp_path, difficult=True)
    words = ["dataset=voc", "dataset.difficult=true", f"paths.data={tmp_path}"]
    assert data.fingerprint() == load_dataset(compose_settings(words)["dataset"]).fingerprint()
    assert len(data.samples()) == 3


@pytest.mark.parametrize("name", [str, Path])
def test_a_path_is_read_as_what_it_is(name: type, tmp_path: Path) -> None:
    trees.labelme(tmp_path / "mine")
    data = wsol.load_dataset(name(tmp_path / "mine"), limit=2)
    assert (data.key, len(data.samples())) == ("labelme", 2)


def test_options_may_be_paths(tmp_path: Path) -> None:
    trees.folder(tmp_path)
    data = wsol.load_dataset("folder", images=tmp_path / "images", annotations=tmp_path / "boxes.csv")
    assert data.image(data.samples()[0]).size == data.samples()[0].size_wh


def test_what_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="there is no dataset 'shapse'; nearest: 'shapes'"):
        wsol.load_dataset("shapse")
    with pytest.raises(ConfigError, match=r"no option 'dataset\.m'; nearest: 'dataset\.n'"):
        wsol.load_dataset("shapes", m=3)
    with pytest.raises(ConfigError, match=r"dataset\.annotations must be given"):
        wsol.load_dataset("folder", images=tmp_path)
    with pytest.raises(DataError, match="there is no folder for dataset"):
        wsol.load_dataset(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match="is of no format that is known"):
        wsol.load_dataset(tmp_path)


def test_evaluate_takes_names_of_conf_paths_and_a_limit_of_any(tmp_path: Path) -> None:
    from wsol.api.evaluate import _dataset

    trees.labelme(tmp_path / "mine")
    assert len(_dataset(str(tmp_path / "mine"), (), 2).samples()) == 2
    assert len(_dataset(Shapes(n=9), (), 4).samples()) == 4
    assert len(_dataset(Shapes(n=9), (), None).samples()) == 9
