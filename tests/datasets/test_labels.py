"""Classes known by name get the network's numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from wsol.datasets.formats.folder import Folder
from wsol.datasets.labels import match_class_indices
from wsol.errors import DataError

NETWORK = ("tench", "goldfish", "great white shark", "crane", "cock", "crane")


@pytest.fixture
def write(tmp_path: Path):  # type: ignore[no-untyped-def]
    def make(*labels: object) -> Folder:
        lines = ["image_id,label,x0,y0,x1,y1"]
        for n, label in enumerate(labels):
            PIL.Image.new("RGB", (8, 6)).save(tmp_path / f"{n}.png")
            lines.append(f"{n}.png,{label},1,2,3,4")
        (tmp_path / "boxes.csv").write_text("\n".join(lines))
        return Folder(images=str(tmp_path), annotations=str(tmp_path / "boxes.csv"))

    return make


def test_names_of_the_network_get_its_numbers(write, caplog: pytest.LogCaptureFixture) -> None:  # type: ignore[no-untyped-def]
    data = write("Goldfish", "cock", "great_white_shark")
    assert [s.label for s in data.samples()] == [0, 1, 2]
    found = match_class_indices(data, NETWORK, 6)
    assert [s.label for s in found.samples()] == [1, 4, 2]
    assert [s.boxes_xyxy.tolist() for s in found.samples()] == [[[1, 2, 3, 4]]] * 3
    assert (found.key, tuple(found.class_names)) == ("folder", NETWORK)
    assert found.fingerprint() != data.fingerprint()
    assert np.asarray(found.image(found.samples()[0])).shape == (6, 8, 3)
    assert found.mask(found.samples()[0]) is None
    assert caplog.text == ""


@pytest.mark.parametrize(("labels", "count"), [(("cock", "wug"), 1), (("cock", "crane"), 1), (("blick", "wug"), 2)])
def test_names_that_the_network_lacks_or_has_twice_are_refused(  # type: ignore[no-untyped-def]
    labels: tuple[str, ...], count: int, write
) -> None:
    said = f"{count} of 2 classes of the annotations are not known to the network by name.*model.classes=FILE"
    with pytest.raises(DataError, match=said):
        match_class_indices(write(*labels), NETWORK, 6)


def test_fewer_names_than_a_network_without_names_has_classes_are_refused(write) -> None:  # type: ignore[no-untyped-def]
    data = write("cat", "dog", "zebra")
    said = "the annotations name 3 classes, first 'cat', and the network has 4, .* model.classes=FILE"
    with pytest.raises(DataError, match=said):
        match_class_indices(data, (), 4)
    found = match_class_indices(data, ("bird", "cat", "dog", "zebra"), 4)
    assert [s.label for s in found.samples()] == [1, 2, 3]


def test_wordnet_ids_are_known_to_networks_of_imagenet(write) -> None:  # type: ignore[no-untyped-def]
    data = write("n01917289", "n04554684", "n01440764")
    assert [s.label for s in match_class_indices(data, (), 1000).samples()] == [109, 897, 0]
    assert match_class_indices(data, (), 3) is data  # trained on a folder of these three
    with pytest.raises(DataError, match=r"model.classes=FILE"):
        match_class_indices(data, (), 200)


def test_whole_numbers_as_pandas_writes_them_are_numbers(write) -> None:  # type: ignore[no-untyped-def]
    data = write("109.0", "897.0", "0.0")
    assert not data.numbers_names
    assert [s.label for s in data.samples()] == [109, 897, 0]


@pytest.mark.parametrize("label", ["-", "1.5", "nan", "None", "1e400", "9" * 5000, "?"])
def test_labels_that_are_neither_numbers_nor_names_are_refused(write, label: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match="neither a whole number nor a name") as caught:
        write(label, "3").samples()
    assert len(str(caught.value)) < 400


def test_numbers_stay_as_they_are(write, caplog: pytest.LogCaptureFixture) -> None:  # type: ignore[no-untyped-def]
    numbered = write(3, 0)
    assert match_class_indices(numbered, NETWORK, 6) is numbered
    named = write("cock", "crane")
    assert match_class_indices(named, (), 2) is named
    assert match_class_indices(named, ("cock", "crane"), 2) is named
    assert caplog.text == ""
