"""Classes known by name get the network's numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from wsol.datasets.formats.folder import Folder
from wsol.datasets.labels import match_class_indices

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
    found = match_class_indices(data, NETWORK)
    assert [s.label for s in found.samples()] == [1, 4, 2]
    assert [s.boxes_xyxy.tolist() for s in found.samples()] == [[[1, 2, 3, 4]]] * 3
    assert (found.key, tuple(found.class_names)) == ("folder", NETWORK)
    assert found.fingerprint() != data.fingerprint()
    assert np.asarray(found.image(found.samples()[0])).shape == (6, 8, 3)
    assert found.mask(found.samples()[0]) is None
    assert caplog.text == ""


@pytest.mark.parametrize(("labels", "count"), [(("cock", "wug"), 1), (("cock", "crane"), 1), (("blick", "wug"), 2)])
def test_names_that_the_network_lacks_or_has_twice_are_told_of(  # type: ignore[no-untyped-def]
    labels: tuple[str, ...], count: int, write, caplog: pytest.LogCaptureFixture
) -> None:
    data = write(*labels)
    assert match_class_indices(data, NETWORK) is data
    assert f"{count} of 2 classes of the annotations are not known to the network by name" in caplog.text


def test_numbers_stay_as_they_are(write, caplog: pytest.LogCaptureFixture) -> None:  # type: ignore[no-untyped-def]
    numbered = write(3, 0)
    assert match_class_indices(numbered, NETWORK) is numbered
    named = write("cock", "crane")
    assert match_class_indices(named, ()) is named
    assert match_class_indices(named, ("cock", "crane")) is named
    assert caplog.text == ""
